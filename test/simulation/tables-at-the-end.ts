import { scanLive } from '../../shared/delta/operations/scan.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import type { Lake } from '../../shared/pipeline/lake.ts';
import { BRONZE, GOLD, OFFSET_GAPS, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { bronzeLine, expectationOf, line } from './expectation.ts';
import { offsetsAtTheEnd } from './offsets-at-the-end.ts';
import type { Site } from './worker.ts';

type Fields = Readonly<Record<string, unknown>>;

const PLACE = ['topic', 'incarnation', 'partition', 'offset', 'kafka_timestamp'];
const SILVER_COLUMNS = ['event_id', 'event_type', 'timestamp', 'value', 'event_date', 'is_late', 'late_by_ms', 'rescued', 'rule_flags', ...PLACE];
const GOLD_COLUMNS = ['event_id', 'event_type', 'timestamp', 'value', 'anomaly_score', 'anomaly_flag', 'model_name', 'model_version'];

/** How the tables differ from what they must be; empty where they do not. */
export async function differences(lake: Lake, { topic, champion }: Pick<Site, 'topic' | 'champion'>): Promise<string[]> {
  const read = async (name: string): Promise<Fields[]> => {
    const table = await lake.table(name);
    const snapshot = await table.delta.refresh();
    return table.engine.session(async (session) => session.rows(await scanLive(session, table, snapshot)));
  };
  const [bronze, silver, quarantine, gold, gaps] = [await read(BRONZE), await read(SILVER), await read(QUARANTINE), await read(GOLD), await read(OFFSET_GAPS)];
  const { landed, found } = offsetsAtTheEnd(topic, { bronze: (await lake.table(BRONZE)).delta.snapshot, rows: bronze, gaps });
  const expected = expectationOf(landed);
  const { scorer, manifest } = champion;
  const { decision, label } = await scorer.score([Float64Array.from(silver, (row) => row['value'] as number)], silver.length);
  const scored = silver.map((row, i) => ({ ...row, anomaly_score: decision[i], anomaly_flag: label[i], model_name: manifest.name, model_version: BigInt(manifest.version) }));
  const facts = balance(await readBalanceFacts(lake));
  return [
    ...found,
    ...differ(BRONZE, lines(bronze, [...PLACE, 'key', 'value', 'value_bytes']), landed.map(bronzeLine)),
    ...differ(SILVER, lines(silver, SILVER_COLUMNS), expected.silver),
    ...differ(QUARANTINE, lines(quarantine, [...PLACE, 'value', 'value_bytes', 'reason', 'resolved_at']), expected.quarantine),
    ...differ(GOLD, lines(gold, GOLD_COLUMNS), lines(scored, GOLD_COLUMNS)),
    ...(facts.verdict === 'ok' ? [] : [`the balance is ${facts.verdict}: ${facts.equations.filter(({ verdict }) => verdict !== 'ok').map(({ text }) => text).join('; ')}`]),
  ];
}

function lines(rows: readonly Fields[], columns: readonly string[]): string[] {
  return rows.map((row) => line(Object.fromEntries(columns.map((name) => [name, row[name]])))).sort();
}

/** As multisets: what is there too often, or not often enough. */
function differ(table: string, actual: readonly string[], expected: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const each of actual) counts.set(each, (counts.get(each) ?? 0) + 1);
  for (const each of expected) counts.set(each, (counts.get(each) ?? 0) - 1);
  return [...counts].flatMap(([each, count]) => (count === 0 ? [] : [`${table} has ${count > 0 ? `${count} too many` : `${-count} too few`} of ${each}`]));
}
