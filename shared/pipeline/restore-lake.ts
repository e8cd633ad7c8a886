import type { Clock } from '../clock.ts';
import { and, compare } from '../columnar/predicate.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import { planRestore, restore } from '../delta/operations/restore.ts';
import type { ProgressChange, RestoreOptions } from '../delta/operations/restore.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import { deleteWhere } from '../delta/operations/upsert.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { DeltaTable } from '../delta/table.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { laneStartAppId, parseLaneAppId } from './bronze-plan.ts';
import { parseCountAppId } from './counts.ts';
import type { Lake } from './lake.ts';
import { reopenGaps } from './offset-gaps.ts';
import { REFINE } from './refine.ts';
import { checkNoneExpired, checkReadable, consumerAt } from './restore-checks.ts';
import { SCORE } from './score.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from './tables.ts';

/**
 * A table of the lake as it was, with the progress of the table and of its consumers (semantics.md, section 6): what a stage had consumed
 * since is consumed again, and no worker believes that it has been.
 *
 * - Gold, Silver: their own progress, and counts, go back; the stage reads its source again from there. Silver's changes reach Gold as any.
 * - Bronze: the lanes' progress goes back, a lane that was not there then to its start. Silver goes back to when it had consumed just that
 *   version, and passes over the restore; quarantine loses what it got since. The broker is not asked: offsets that it does not deliver
 *   again become gaps.
 * - Any other table has neither source nor consumer.
 *
 * Workers may go on meanwhile; a refine that was in the middle of a slice may leave rows in quarantine that a restored Bronze no longer has.
 * A repeat does what an interrupted run left. Failures: those of `restore`, and TableError `pipeline/restore` before anything is committed.
 */
export interface LakeRestoreOptions {
  readonly lake: Lake;
  /** Every lake that refines this one's Bronze, itself among them; default: it alone. */
  readonly readers?: readonly Lake[];
  readonly table: string;
  readonly version: bigint;
  readonly clock: Clock;
  /** Plan alone. */
  readonly isDryRun: boolean;
}

/** What is, or would be, done to one table. */
export interface TableRestored {
  readonly table: string;
  /** Which version it is like from now on; null: rows went, no more. */
  readonly likeVersion: bigint | null;
  /** Null: a dry run, or nothing to do. */
  readonly committedAs: bigint | null;
  readonly filesRestored: number;
  readonly filesRemoved: number;
  readonly rowsRemoved: number | null;
  readonly progress: readonly ProgressChange[];
}

export async function restoreLake(options: LakeRestoreOptions): Promise<TableRestored[]> {
  switch (options.table) {
    case BRONZE: return restoreBronze(options);
    case SILVER: return restoreStage(options, { stage: REFINE, source: BRONZE });
    case GOLD: return restoreStage(options, { stage: SCORE, source: SILVER });
    default: return [await restoreTable(options, options.table, { version: options.version })];
  }
}

async function restoreStage(options: LakeRestoreOptions, { stage, source: sourceName }: { stage: string; source: string }): Promise<TableRestored[]> {
  const { lake, table, version, isDryRun } = options;
  const [source, consumer] = [(await lake.table(sourceName)).delta, (await lake.table(table)).delta];
  const from = progressOf(await consumer.at(version), stageAppId(stage, source.id)) ?? -1n;
  await checkReadable(source, from, { stage, mayRemove: stage === SCORE });
  if (stage === REFINE) await checkNoneExpired(lake, consumer, { version, refineAppId: stageAppId(REFINE, source.id) });
  const restored = await restoreTable(options, table, { version });
  if (!isDryRun) await wake(source, { consumer, version });
  return [restored];
}

async function restoreBronze(options: LakeRestoreOptions): Promise<TableRestored[]> {
  const { lake, readers = [lake], version, isDryRun } = options;
  const bronze = (await lake.table(BRONZE)).delta;
  const appId = stageAppId(REFINE, bronze.id);
  const followers: { reader: Lake; likeVersion: bigint }[] = [];
  for (const reader of readers) {
    const silver = (await reader.table(SILVER)).delta;
    const likeVersion = await consumerAt(silver, { appId, source: bronze, upTo: version });
    await checkNoneExpired(reader, silver, { version: likeVersion, refineAppId: appId });
    followers.push({ reader, likeVersion });
  }
  const rows = await restoreTable(options, BRONZE, { version });
  // What refine is never to see: the versions that are no longer true, and the one that takes them away.
  const passed = rows.committedAs ?? (isDryRun ? bronze.snapshot.version + 1n : bronze.snapshot.version);
  const done = [rows];
  for (const { reader, likeVersion } of followers) {
    const own = { ...options, lake: reader };
    done.push(await restoreTable(own, SILVER, { version: likeVersion, otherProgress: new Map([[appId, passed]]) }), await clearQuarantine(own, { above: version, upTo: passed }));
  }
  if (!isDryRun) await reopenGaps(lake);
  return done;
}

async function restoreTable({ lake, clock, isDryRun }: LakeRestoreOptions, name: string, to: Pick<RestoreOptions, 'version' | 'otherProgress'>): Promise<TableRestored> {
  const { delta } = await lake.table(name);
  const how: RestoreOptions = { ...to, nowMs: clock.nowMs(), initialProgress };
  const [done, planned] = isDryRun ? [null, await planRestore(delta, how)] : [await restore(delta, how), null];
  const { restored = [], removed = [], progress = [] } = done ?? planned ?? {};
  return {
    table: name, likeVersion: to.version, committedAs: done?.snapshot.version ?? null,
    filesRestored: restored.length, filesRemoved: removed.length, rowsRemoved: null, progress,
  };
}

/** Of applications that were not yet known to the version: a lane is at its start, nothing is counted, nothing consumed. */
function initialProgress(appId: string, current: Snapshot): bigint {
  const lane = parseLaneAppId(appId);
  if (lane) return progressOf(current, laneStartAppId(lane)) ?? -1n;
  if (parseCountAppId(appId)) return 0n;
  // Where a lane starts is fixed for good, and so is the name of a topic's life.
  return appId.startsWith('bronze-start/') || appId.startsWith('incarnation/') ? progressOf(current, appId)! : -1n;
}

/** Rows that were judged of Bronze versions which are no longer true: else they were counted as open. */
async function clearQuarantine({ lake, isDryRun }: LakeRestoreOptions, { above, upTo }: { above: bigint; upTo: bigint }): Promise<TableRestored> {
  const table = await lake.table(QUARANTINE);
  const where = and(compare('bronze_version', '>', above), compare('bronze_version', '<=', upTo));
  const cleared = { table: QUARANTINE, likeVersion: null, committedAs: null, filesRestored: 0, filesRemoved: 0, progress: [] };
  return untilSettled(`clearing quarantine of Bronze versions ${above + 1n} to ${upTo}`, async () => {
    const snapshot = await table.delta.refresh();
    if (isDryRun) {
      return table.engine.session(async (session) => {
        const found = await findWhere(session, table, snapshot, where);
        return { ...cleared, rowsRemoved: found === null ? 0 : await session.count(found.rows) };
      });
    }
    const change = await table.engine.session((session) => deleteWhere(session, table, snapshot, where));
    if (change.rowsRemoved === 0) return { ...cleared, rowsRemoved: 0 };
    const outcome = await table.delta.commit(snapshot, transactionOf(table, snapshot, change, {
      operation: 'DELETE', operationParameters: { predicate: JSON.stringify(`bronze_version > ${above} AND bronze_version <= ${upTo}`) }, removalIntent: 'replace',
    }));
    return outcome.kind === 'clash' ? null : { ...cleared, committedAs: outcome.snapshot.version, filesRemoved: change.emptied.length + change.rewritten.length, rowsRemoved: change.rowsRemoved };
  });
}

/**
 * A version of the source without rows. A worker that has been running takes the consumer's progress for what it last saw while its source
 * stands still; a newer source has it look again. Also in a repeat: the run before may have got no further than the restore.
 */
async function wake(source: DeltaTable, { consumer, version }: { consumer: DeltaTable; version: bigint }): Promise<void> {
  const operationParameters = { table: JSON.stringify(consumer.source.table), version: JSON.stringify(String(version)) };
  await untilSettled(`telling workers on ${source.source.table} of a restore`, async () => {
    const outcome = await source.commit(await source.refresh(), { operation: 'CONSUMER RESTORED', operationParameters, actions: [], reads: 'nothing' });
    return outcome.kind === 'committed' ? true : null;
  });
}
