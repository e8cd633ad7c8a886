import { GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { observePipeline } from '../../shared/pipeline/monitor.ts';
import { systemClock } from '../../shared/clock.ts';
import { withTables } from '../../shared/pipeline/lake-sql.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import type { Verdict } from '../../shared/monitoring/balance.ts';

/** What stands in the lake after a run. */
export interface LakeSummary {
  readonly bronze: number;
  readonly quarantined: Readonly<Record<string, number>>;
  readonly silver: number;
  readonly late: number;
  readonly duplicates: number;
  readonly superseded: number;
  readonly gold: number;
  readonly anomalies: number;
  readonly gaps: number;
  readonly model: string | null;
  readonly verdict: Verdict;
  /** Equations that do not hold or cannot be told, with their numbers. */
  readonly problems: readonly string[];
}

export async function summarise(opened: OpenLake): Promise<LakeSummary> {
  const { lake, pipeline } = opened;
  const { balance, facts } = await observePipeline({
    lake, pipeline, topics: [], broker: null, clock: systemClock, runId: 'summary', targetS: 60, checkpointInterval: 10n,
  });
  const counts = await withTables(lake, [SILVER, QUARANTINE, GOLD, 'model_history'], async (session) => {
    const [silver] = await session.rows(`SELECT count(*) AS rows, count(*) FILTER (WHERE is_late) AS late FROM ${SILVER}`);
    const [gold] = await session.rows(`SELECT count(*) AS rows, count(*) FILTER (WHERE anomaly_flag = -1) AS anomalies FROM ${GOLD}`);
    const reasons = await session.rows(`SELECT reason, count(*) AS n FROM ${QUARANTINE} WHERE resolved_at IS NULL GROUP BY ALL ORDER BY n DESC, reason`);
    const [model] = await session.rows('SELECT model_name, version FROM model_history ORDER BY "at" DESC LIMIT 1');
    return { silver, gold, reasons, model };
  });
  const total = (term: 'duplicate' | 'superseded') => facts.partitions.reduce((sum, { counted }) => sum + Number(counted[term] ?? 0n), 0);
  return {
    bronze: facts.partitions.reduce((sum, { bronzeRows }) => sum + Number(bronzeRows ?? 0n), 0),
    quarantined: Object.fromEntries(counts.reasons.map((row) => [row['reason'] as string, Number(row['n'])])),
    silver: Number(counts.silver['rows']), late: Number(counts.silver['late']),
    duplicates: total('duplicate'), superseded: total('superseded'),
    gold: Number(counts.gold['rows']), anomalies: Number(counts.gold['anomalies']),
    gaps: facts.partitions.reduce((sum, { gapOffsets }) => sum + Number(gapOffsets ?? 0n), 0),
    model: counts.model === undefined ? null : `${counts.model['model_name'] as string} version ${String(counts.model['version'])}`,
    verdict: balance.verdict,
    problems: balance.equations.filter(({ verdict }) => verdict !== 'ok').map(({ text }) => text),
  };
}

export function printSummary(summary: LakeSummary): string {
  const quarantined = Object.values(summary.quarantined).reduce((sum, count) => sum + count, 0);
  const reasons = Object.entries(summary.quarantined).map(([reason, count]) => `${reason} ${count}`).join(', ');
  return [
    `Bronze      ${count(summary.bronze)} rows${summary.gaps > 0 ? `, ${count(summary.gaps)} offsets missing (offset_gaps)` : ''}`,
    `Quarantine  ${count(quarantined)} rows${reasons === '' ? '' : `: ${reasons}`}`,
    `Silver      ${count(summary.silver)} rows, ${count(summary.late)} late; ${count(summary.duplicates)} duplicates and ${count(summary.superseded)} superseded left out`,
    `Gold        ${count(summary.gold)} rows, ${count(summary.anomalies)} anomalies${summary.model === null ? '' : ` by ${summary.model}`}`,
    `Balance     ${summary.verdict}`,
    ...summary.problems.map((problem) => `            ${problem}`),
  ].join('\n');
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}
