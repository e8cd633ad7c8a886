import type { Clock } from '../clock.ts';
import { and, compare, or } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { fileKey } from '../delta/actions.ts';
import type { AddFile } from '../delta/actions.ts';
import { logRetentionMs } from '../delta/interval.ts';
import { expire, oldFiles } from '../delta/operations/expire.ts';
import type { Expired } from '../delta/operations/expire.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { parseTimestampUs } from '../delta/partition-values.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';
import { TableError } from '../errors.ts';
import { consumedOf } from './consumers.ts';
import { expiredBeforeTxn, expiredRowsTxn, expiredUntilTxn } from './expired.ts';
import type { Lake } from './lake.ts';
import { settleExpiring } from './offset-gaps.ts';
import { isUnresolved, settledBy } from './quarantine-rows.ts';
import type { Settled } from './quarantine-rows.ts';
import { isRereading } from './reread.ts';
import { BRONZE, OFFSET_GAPS, QUARANTINE, SILVER } from './tables.ts';

/** How many days rows stay; null: for ever. */
export interface RetentionDays {
  readonly bronze: number | null;
  readonly quarantine: number | null;
  readonly logs: number | null;
}

export interface RetentionOptions {
  readonly lake: Lake;
  /** Every lake that refines this one's Bronze, itself among them; default: it alone. */
  readonly readers?: readonly Lake[];
  readonly clock: Clock;
  readonly days: RetentionDays;
  /** For people: what has to stay longer than it should. */
  readonly say?: (line: string) => void;
}

export const KEEP_ALL: RetentionDays = { bronze: null, quarantine: null, logs: null };

const DAY_MS = 86_400_000;
const US_PER_MS = 1_000n;
const NOTHING: Expired = { rows: 0n, files: 0, version: null, more: false };
/** The time of a log table's rows. */
const LOG_TIMES: Readonly<Record<string, string | undefined>> = {
  monitor_logs: 'run_time', cluster_logs: 'end_time', benchmark_logs: 'run_time', pipeline_runs: 'start_time',
};
/** Of a file with younger rows, the old ones are taken out once they are about so many: a row is then written anew a few times in its life. */
const OLD_SHARE_MIN = 0.25;

/**
 * Takes the rows of one table away that are older than they are kept: of Bronze whole days, of quarantine and of the logs by time. Other tables keep
 * theirs. Never what a stage has yet to read. One bounded commit; `more`: run again. A restore must not bring rows back of which others believe that
 * they expired, so rows of Bronze and quarantine stay two days longer than the log, whatever the setting says.
 */
export async function retain(name: string, options: RetentionOptions): Promise<Expired> {
  const { days: { bronze, quarantine, logs }, lake } = options;
  if (name === BRONZE) return bronze === null ? NOTHING : retainBronze(bronze, options);
  if (name === QUARANTINE) return quarantine === null ? NOTHING : retainQuarantine(quarantine, options);
  const time = LOG_TIMES[name];
  if (time === undefined || logs === null) return NOTHING;
  const us = cutoffUs(logs, options.clock);
  return expire(await lake.table(name), { where: compare(time, '<', us), isWorth: (file) => shareBefore(file, time, us) >= OLD_SHARE_MIN });
}

/** How long a table's rows stay; null: for ever. */
export function retentionDaysOf(name: string, { bronze, quarantine, logs }: RetentionDays): number | null {
  if (name === BRONZE) return bronze;
  if (name === QUARANTINE) return quarantine;
  return LOG_TIMES[name] === undefined ? null : logs;
}

function cutoffUs(days: number, clock: Clock): bigint {
  return BigInt(clock.nowMs() - days * DAY_MS) * US_PER_MS;
}

function beyondLog(days: number, { metaData }: Snapshot): number {
  return Math.max(days, Math.ceil(logRetentionMs(metaData) / DAY_MS) + 2);
}

async function retainBronze(days: number, { lake, readers, clock, say }: RetentionOptions): Promise<Expired> {
  const table = await lake.table(BRONZE);
  const snapshot = await table.delta.refresh();
  const day = Math.floor(clock.nowMs() / DAY_MS) - beyondLog(days, snapshot);
  const where = compare('ingest_date', '<', day);
  const [old] = oldFiles(snapshot, where);
  if (old.length === 0) return NOTHING;
  const consumed = await consumedOf(BRONZE, lake, readers);
  const isConsumed = await consumedTest(table, snapshot, consumed!.version);
  const going = old.filter(isConsumed);
  if (going.length < old.length) {
    say?.(`${BRONZE}: ${old.length - going.length} files are older than ${days} days, and stay: ${consumed!.stage} has read up to version ${consumed!.version} only; look why ${consumed!.stage} is behind`);
  }
  if (going.length === 0) return NOTHING;
  // What is listed as missing and is there all the same would be missing once it is gone.
  if (lake.names.includes(OFFSET_GAPS)) await settleExpiring(lake, table, { ...snapshot, files: new Map(going.map((file) => [fileKey(file), file])) });
  return expire(table, { where, mayGo: isConsumed, txns: (now) => [expiredBeforeTxn(now, day, clock.nowMs())] });
}

/** Whether a file was there, as it is, when the slowest reader last looked. Where the log does not tell any more, none was. */
async function consumedTest({ delta }: RowTable, snapshot: Snapshot, version: bigint): Promise<(file: AddFile) => boolean> {
  if (version >= snapshot.version) return (file) => snapshot.files.has(fileKey(file));
  if (version < 0n) return () => false;
  try {
    const { files } = await delta.at(version);
    return (file) => files.has(fileKey(file));
  } catch (error) {
    if (error instanceof TableError && error.code === 'delta/no-such-version') return () => false;
    throw error;
  }
}

async function retainQuarantine(days: number, { lake, clock }: RetentionOptions): Promise<Expired> {
  // Silver first: what it has taken in by then stays so.
  const silver = await (await lake.table(SILVER)).delta.refresh();
  const settled = await settledBy(lake, silver);
  // Who reads Bronze whole counts at the end what has expired by then, and what of it was judged again.
  if (isRereading({ silver, from: settled.refined }, (await lake.table(BRONZE)).delta.id)) return NOTHING;
  const us = cutoffUs(beyondLog(days, silver), clock);
  return expire(await lake.table(QUARANTINE), {
    where: expirable(settled, us), counted: isUnresolved(settled),
    isWorth: (file) => shareBefore(file, 'quarantined_at', us) >= OLD_SHARE_MIN,
    txns: (now, open) => [expiredRowsTxn(now, open, clock.nowMs()), expiredUntilTxn(now, us / US_PER_MS, clock.nowMs())],
  });
}

/** Rows that nobody is about to move: neither provisional, nor on their way to or from Silver. Resolved ones are as old as that. */
function expirable(settled: Settled, us: bigint): Predicate {
  const replayedUs = settled.replayedMs * US_PER_MS;
  const isSettled = and(compare('resolved_at', '>=', 0n), compare('resolved_at', '<=', replayedUs), compare('resolved_at', '<', us));
  return and(compare('quarantined_at', '<', us), compare('bronze_version', '<=', settled.refined), or(isUnresolved(settled), isSettled));
}

/** About how many of a file's rows lie before a time, as if they came evenly; 0 without statistics. */
export function shareBefore(file: Pick<AddFile, 'stats'>, column: string, us: bigint): number {
  const stats = parseStats(file.stats);
  const [min, max] = [stats?.minValues[column], stats?.maxValues[column]].map((bound) => (typeof bound === 'string' ? parseTimestampUs(bound)?.us : undefined));
  if (min === undefined || max === undefined || us <= min) return 0;
  return us > max ? 1 : Number(us - min) / Math.max(1, Number(max - min));
}
