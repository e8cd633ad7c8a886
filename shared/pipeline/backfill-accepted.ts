import { or } from '../columnar/predicate.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { LaneChange, isInPart } from './backfill-counts.ts';
import type { Part } from './backfill-counts.ts';
import { REPLAY, hasUncounted, isOpened, isPending, isUnresolved, nextReplayMs, quarantinedRows, rawOf, replayMsOf, settledBy } from './quarantine-rows.ts';
import { RefineBatch } from './refine-batch.ts';
import { resolve } from './replay-mark.ts';
import type { Marked, ReplayTools } from './replay-mark.ts';
import { stageAppId } from './stage.ts';
import { QUARANTINE, SILVER, SOURCE_COLUMNS } from './tables.ts';

export interface Tables {
  readonly silver: Snapshot;
  readonly quarantine: Snapshot;
}

/**
 * Open rows of quarantine that are valid now, with a key of this share (and among `keys`): they get `resolved_at`, as by a replay, and
 * `countResolved` takes them among the losers; whether one wins is decided by who recomputes Silver. How many; null: overtaken.
 */
export async function resolveAccepted(part: Part, { silver, quarantine }: Tables, { keys, isDryRun, ...options }: ReplayTools & { keys: ReadonlySet<string> | null; isDryRun: boolean }): Promise<number | null> {
  const { lake, judge, pipeline, clock } = options;
  const table = await lake.table(QUARANTINE);
  const settled = await settledBy(lake, silver);
  const { keyOf } = keysOf(pipeline, judge);
  const marked: Marked[] = [];
  await lake.engine.session(async (session) => {
    const found = await findWhere(session, table, quarantine, or(isUnresolved(settled), isOpened(settled)));
    if (found === null) return;
    for await (const each of quarantinedRows(session, found.rows, judge)) {
      const verdict = judge(rawOf(each));
      if (verdict.kind !== 'accepted') continue;
      const key = keyOf(verdict.values);
      if (isInPart(key, part) && (keys === null || keys.has(key))) marked.push({ file: found.files[each.file], at: each.at, row: each.row });
    }
  });
  if (isDryRun || marked.length === 0) return marked.length;
  const resolvedAt = nextReplayMs(clock.nowMs(), settled, quarantine, (await lake.table(SILVER)).delta.id);
  return (await resolve({ snapshot: quarantine, marked, resolvedAt }, options)) ? marked.length : null;
}

function keysOf(pipeline: ReplayTools['pipeline'], judge: ReplayTools['judge']): { keyOf: RefineBatch['keyOf'] } {
  const batch = new RefineBatch(pipeline, judge);
  return { keyOf: (values) => batch.keyOf(values) };
}

/** Silver counts what quarantine has resolved among the losers, without taking it in: a commit of counts alone. How many rows; null: overtaken. */
export async function countResolved({ silver, quarantine }: Tables, { lake, clock, isDryRun }: Pick<ReplayTools, 'lake' | 'clock'> & { isDryRun: boolean }): Promise<number | null> {
  const [table, target] = await Promise.all([lake.table(QUARANTINE), lake.table(SILVER)]);
  const settled = await settledBy(lake, silver);
  if (!isDryRun && (await hasUncounted(table, quarantine, settled.replayedMs))) return null;
  const lanes = new LaneChange();
  let [rows, lastUs] = [0, -1n];
  await lake.engine.session(async (session) => {
    const found = await findWhere(session, table, quarantine, isPending(settled));
    if (found === null) return;
    for await (const chunk of session.chunks(found.rows, [...SOURCE_COLUMNS, 'resolved_at'])) {
      const [topic, incarnation, partition, , resolved] = chunk.columns as unknown as [string[], string[], number[], bigint[], bigint[]];
      for (let i = 0; i < chunk.rows; i++) {
        lanes.add({ topic: topic[i], incarnation: incarnation[i], partition: partition[i] }, -1);
        if (resolved[i] > lastUs) lastUs = resolved[i];
      }
      rows += chunk.rows;
    }
  });
  if (isDryRun || rows === 0) return rows;
  const nowMs = clock.nowMs();
  const progress = { txn: { appId: stageAppId(REPLAY, table.delta.id), version: replayMsOf(lastUs), lastUpdated: nowMs } };
  const outcome = await target.delta.commit(silver, { operation: 'WRITE', actions: [progress, ...lanes.tally('quarantine', silver).txns(silver, nowMs)], reads: 'table' });
  return outcome.kind === 'clash' ? null : rows;
}
