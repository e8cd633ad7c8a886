import { compare } from '../columnar/predicate.ts';
import { FILE, ROW } from '../columnar/relation.ts';
import type { AddFile } from '../delta/actions.ts';
import { changeRows, positionsOf, sortedUnique } from '../delta/operations/change-rows.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { isInDays, placeOf } from './backfill-bronze.ts';
import type { DayRange } from './backfill-bronze.ts';
import { LaneChange } from './backfill-counts.ts';
import type { Part } from './backfill-counts.ts';
import type { Shares } from './backfill-shares.ts';
import { REPLAY, hasUncounted, nextReplayMs, opensUs, settledBy } from './quarantine-rows.ts';
import { quarantineColumns } from './refine-batch.ts';
import type { RejectedRow } from './refine-batch.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { stageAppId } from './stage.ts';
import { QUARANTINE, SILVER, SOURCE_COLUMNS } from './tables.ts';

export interface QuarantineChange {
  readonly opened: readonly RejectedRow[];
  readonly changed: readonly RejectedRow[];
}

/** Which records: those of these days, and those that lost their row of Silver now. */
export interface PlaceRange {
  readonly days: DayRange;
  readonly displaced: ReadonlySet<string>;
  readonly shares: Shares;
}

interface Places {
  readonly bronze: Snapshot;
  readonly silver: Snapshot;
  readonly quarantine: Snapshot;
}

/**
 * What the rules of now reject of these places and quarantine does not have open, or for another reason. First quarantine gets the rows, opening
 * with a time T; then Silver counts them and names T (`quarantine-rows.ts`); `settleOpened` then says null. Null: overtaken.
 */
export async function backfillRejected(part: Part, at: Places, options: RoutedRefineOptions & PlaceRange & { isDryRun: boolean }): Promise<QuarantineChange | null> {
  const { lake, clock, pipeline } = options;
  const [table, silver] = await Promise.all([lake.table(QUARANTINE), lake.table(SILVER)]);
  const settled = await settledBy(lake, at.silver);
  const plan = await planRejected(part, at, options);
  const rows = [...plan.opened, ...plan.changed];
  if (options.isDryRun || rows.length === 0) return plan;
  const openMs = nextReplayMs(clock.nowMs(), settled, at.quarantine, silver.delta.id);
  const nowUs = BigInt(clock.nowMs()) * 1000n;
  const change = await lake.engine.session(async (session) => {
    const resolved = { name: 'resolved_at', kind: 'timestamp' as const, values: rows.map((_row, i) => (i < plan.opened.length ? opensUs(openMs) : null)) };
    const add = await session.values(quarantineColumns(rows, { pipeline, nowUs }).map((column) => (column.name === 'resolved_at' ? resolved : column)));
    return { ...await changeRows(session, table, at.quarantine, { remove: plan.remove, add }), remove: plan.remove, found: { key: SOURCE_COLUMNS } };
  });
  const txn = (id: string) => ({ txn: { appId: stageAppId(REPLAY, id), version: openMs, lastUpdated: clock.nowMs() } });
  const written = await table.delta.commit(at.quarantine, transactionOf(table, at.quarantine, change, {
    operation: 'MERGE', operationMetrics: { numOutputRows: String(rows.length) }, removalIntent: 'replace', actions: [txn(silver.delta.id)],
  }));
  if (written.kind === 'clash') return null;
  if (plan.opened.length === 0) return plan;
  const lanes = new LaneChange();
  for (const { row } of plan.opened) lanes.add(row, 1);
  const counted = await silver.delta.commit(at.silver, {
    operation: 'WRITE', actions: [txn(table.delta.id), ...lanes.tally('quarantine', at.silver).txns(at.silver, clock.nowMs())], reads: 'table',
  });
  return counted.kind === 'clash' ? null : plan;
}

async function planRejected(part: Part, { bronze, silver, quarantine }: Places, options: RoutedRefineOptions & PlaceRange): Promise<QuarantineChange & { remove: ReadonlyMap<AddFile, BigInt64Array> }> {
  const { judge, lake, days, displaced, shares } = options;
  const firstOpenUs = opensUs((await settledBy(lake, silver)).replayedMs);
  const rejected = new Map<string, RejectedRow>();
  await shares.rejected(bronze, part.index, (row, payload) => {
    const place = placeOf(row);
    if (!isInDays(row.ingestedUs, days) && !displaced.has(place)) return;
    const verdict = judge({ ...payload, topic: row.topic, kafkaTimestampMs: row.kafkaTimestampMs });
    if (verdict.kind === 'rejected') rejected.set(place, { row: { ...row, ...payload }, reason: verdict.reason, detail: verdict.detail });
  });
  const table = await lake.table(QUARANTINE);
  const removed = new Map<AddFile, bigint[]>();
  const changed: RejectedRow[] = [];
  await lake.engine.session(async (session) => {
    const found = await findWhere(session, table, quarantine, compare('bronze_version', '<=', bronze.version));
    if (found === null) return;
    for await (const { rows, columns } of session.chunks(found.rows, [...SOURCE_COLUMNS, 'reason', 'detail', 'resolved_at', FILE, ROW])) {
      const [topic, incarnation, partition, offset, reason, detail, resolved, file, at] = columns as unknown as [string[], string[], number[], bigint[], string[], string[], (bigint | null)[], number[], bigint[]];
      for (let i = 0; i < rows; i++) {
        const place = placeOf({ topic: topic[i], incarnation: incarnation[i], partition: partition[i], offset: offset[i] });
        const now = rejected.get(place);
        if (!now) continue;
        const resolvedUs = resolved[i];
        const isOpen = resolvedUs === null || (resolvedUs < 0n && resolvedUs >= firstOpenUs);
        if (isOpen) rejected.delete(place);
        if (isOpen && now.reason === reason[i] && now.detail === detail[i]) continue;
        if (isOpen) changed.push(now);
        const positions = removed.get(found.files[file[i]]);
        if (positions) positions.push(at[i]);
        else removed.set(found.files[file[i]], [at[i]]);
      }
    }
  });
  return { opened: [...rejected.values()], changed, remove: new Map([...removed].map(([file, rows]) => [file, sortedUnique(rows)])) };
}

/** Rows that Silver has counted are open for good; those that an interrupted backfill left uncounted go, for it finds them again in Bronze. False: overtaken. */
export async function settleOpened(silver: Snapshot, quarantine: Snapshot, { lake, clock }: Pick<RoutedRefineOptions, 'lake' | 'clock'>): Promise<boolean> {
  const table = await lake.table(QUARANTINE);
  const { replayedMs } = await settledBy(lake, silver);
  if (await hasUncounted(table, quarantine, replayedMs)) {
    // Its own progress again: who opened them, and still lives, then clashes instead of counting rows that are gone.
    const fence = { txn: { appId: stageAppId(REPLAY, table.delta.id), version: replayedMs, lastUpdated: clock.nowMs() } };
    const fenced = await (await lake.table(SILVER)).delta.commit(silver, { operation: 'WRITE', actions: [fence], reads: 'table' });
    if (fenced.kind === 'clash') return false;
  }
  const change = await lake.engine.session(async (session) => {
    const found = await findWhere(session, table, quarantine, compare('resolved_at', '<', 0n));
    if (found === null) return null;
    const positions = await positionsOf(session, found.rows, found.files);
    if (positions.size === 0) return null;
    const names = quarantine.schema.fields.map(({ name }) => name).filter((name) => name !== 'resolved_at');
    const counted = session.select(session.where(found.rows, compare('resolved_at', '>=', opensUs(replayedMs))), names);
    const add = (await session.count(counted)) === 0 ? null : counted;
    return { ...await changeRows(session, table, quarantine, { remove: positions, add }), remove: positions, found: { key: SOURCE_COLUMNS } };
  });
  if (change === null) return true;
  const outcome = await table.delta.commit(quarantine, transactionOf(table, quarantine, change, { operation: 'UPDATE', removalIntent: 'replace' }));
  return outcome.kind !== 'clash';
}
