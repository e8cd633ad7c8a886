import { changedVersion } from '../delta/operations/changes.ts';
import { oldestCommit } from '../delta/operations/history.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { DeltaTable } from '../delta/table.ts';
import { TableError } from '../errors.ts';
import { expiredUntilMs } from './expired.ts';
import type { Lake } from './lake.ts';
import { isRemoving } from './slice.ts';
import { QUARANTINE } from './tables.ts';

/** Whether a restored table and its consumers fit together, asked before anything is committed. */

/**
 * A consumer that goes back reads every version of its source again: they must be in the log, and, where it stops at removals, have none.
 * Failures: TableError `pipeline/restore`, `delta/version-gone`.
 */
export async function checkReadable(source: DeltaTable, from: bigint, { stage, mayRemove }: { stage: string; mayRemove: boolean }): Promise<void> {
  const { version: newest } = await source.refresh();
  for await (const { version, actions } of source.versions(from + 1n, newest)) {
    if (mayRemove || !isRemoving(changedVersion(version, actions))) continue;
    throw new TableError('pipeline/restore', `at that version ${stage} had consumed ${source.source.table} up to ${from}, but version ${version} of ${source.source.table} takes rows away, and ${stage} can't pass it again; choose a version after it, or restore ${source.source.table} too`);
  }
}

/**
 * Records that refine would judge again must not be those whose rows have expired from quarantine: they would be counted as expired and as open. The
 * retention keeps rows longer than the log, but a log that is not cleaned, or has few versions, goes further back. TableError `pipeline/restore`.
 */
export async function checkNoneExpired(lake: Lake, silver: DeltaTable, { version, refineAppId }: { version: bigint; refineAppId: string }): Promise<void> {
  const quarantine = await lake.table(QUARANTINE);
  const untilMs = expiredUntilMs(await quarantine.delta.refresh());
  if (untilMs === null) return;
  const judgedMs = (await silver.at(version)).txns.get(refineAppId)?.lastUpdated ?? -1;
  if (judgedMs >= untilMs) return;
  const day = new Date(Number(untilMs)).toISOString();
  throw new TableError('pipeline/restore', `at version ${version} of ${silver.source.table} refine had yet to judge records whose rows have expired from ${QUARANTINE} since (all of before ${day} may have), and would count them twice; choose a version of after ${day}`);
}

/**
 * The newest version of a consumer at which it had consumed its source up to `upTo`, as far as rows go: versions without any do not count.
 * Failures: TableError `pipeline/restore` where it has not come so far, or never stood there.
 */
export async function consumerAt(consumer: DeltaTable, { appId, source, upTo }: { appId: string; source: DeltaTable; upTo: bigint }): Promise<bigint> {
  await source.refresh();
  const least = await lastWithRows(source, upTo);
  const { version: newest, ...current } = await consumer.refresh();
  const oldest = await oldestCommit(consumer, newest);
  let [progress, found]: [bigint | null, bigint | null] = [oldest === 0n ? -1n : null, null];
  const stops = new Set<bigint>();
  for await (const { version, actions } of consumer.versions(oldest, newest)) {
    progress = actions.find(({ txn }) => txn?.appId === appId)?.txn?.version ?? progress;
    if (progress === null) continue;
    stops.add(progress);
    if (progress >= least && progress <= upTo) found = version;
  }
  if (found !== null) return found;
  const [name, consumed] = [source.source.table, progressOf({ version: newest, ...current }, appId) ?? -1n];
  if (consumed < least) throw new TableError('pipeline/restore', `${consumer.source.table} has consumed ${name} up to version ${consumed}, not up to ${upTo}: drain first ("assay run"), so that nothing of it is passed over`);
  const near = [...stops].filter((stop) => stop >= 0n).sort((a, b) => Number(distance(a, upTo) - distance(b, upTo))).slice(0, 4);
  throw new TableError('pipeline/restore', `${consumer.source.table} never stood at version ${upTo} of ${name}, so it can't go back with it; it stood at ${near.join(', ')}: choose one of these`);
}

/** The newest version up to this one that changed rows; −1 where none did. */
async function lastWithRows(table: DeltaTable, upTo: bigint): Promise<bigint> {
  for (let last = upTo; last >= 0n; last--) {
    for await (const { version, actions } of table.versions(last, last)) {
      const { adds, removes } = changedVersion(version, actions);
      if (adds.length + removes.length > 0) return version;
    }
  }
  return -1n;
}

function distance(a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b;
}
