import { FILE, ROW } from '../columnar/relation.ts';
import type { RelationSession } from '../columnar/relation.ts';
import type { AddFile } from '../delta/actions.ts';
import { changeRows, sortedUnique } from '../delta/operations/change-rows.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { scanFiles, scanLive } from '../delta/operations/scan.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { compareStanding } from './standing.ts';
import type { Standing } from './standing.ts';
import { isAllDays, isInDays, placeOf } from './backfill-bronze.ts';
import type { DayRange } from './backfill-bronze.ts';
import { LaneChange, isInPart } from './backfill-counts.ts';
import type { Part } from './backfill-counts.ts';
import type { Shares } from './backfill-shares.ts';
import type { Tally } from './counts.ts';
import type { Pipeline } from './definition.ts';
import { RefineBatch, silverColumns } from './refine-batch.ts';
import type { Candidate } from './refine-batch.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { SILVER, SOURCE_COLUMNS } from './tables.ts';
import { lateness } from './timestamp.ts';
import type { ColumnValue } from './verdict.ts';

export interface SilverChange {
  readonly replaced: number;
  readonly inserted: number;
  readonly deleted: number;
  readonly unchanged: number;
}

export interface KeysChange extends SilverChange {
  /** Places of the records that lost their row. */
  readonly displaced: readonly string[];
}

/** Which keys: those with a row of these days in Bronze, as valid now, or in Silver. `lostBeforeUs`: Bronze has nothing of before; null: it has all. */
export interface KeyRange {
  readonly days: DayRange;
  readonly lostBeforeUs: bigint | null;
  readonly shares: Shares;
}

interface Sources {
  readonly bronze: Snapshot;
  readonly snapshot: Snapshot;
}

interface Planned extends KeysChange {
  readonly write: readonly Candidate[];
  readonly remove: ReadonlyMap<AddFile, BigInt64Array>;
  readonly tally: Tally;
}

/** The winners of these keys out of all of Bronze, instead of what Silver has of them: one commit. Null: overtaken. */
export async function backfillKeys(part: Part, { bronze, snapshot }: Sources, options: RoutedRefineOptions & KeyRange & { isDryRun: boolean }): Promise<KeysChange | null> {
  const { pipeline, lake, lateAfterMs } = options;
  const { batch, keys } = await candidates(part, { bronze, snapshot }, options);
  const planned = await plan({ part, keys }, batch, snapshot, options);
  if (options.isDryRun || (planned.write.length === 0 && planned.remove.size === 0)) return planned;
  const table = await lake.table(SILVER);
  const nowMs = options.clock.nowMs();
  const done = options.observe('silver_write');
  const change = await lake.engine.session(async (session) => {
    const add = planned.write.length === 0 ? null : await session.values(silverColumns(planned.write, { pipeline, lateAfterMs, processedUs: BigInt(nowMs) * 1000n }).slice(1));
    return { ...await changeRows(session, table, snapshot, { remove: planned.remove, add }), remove: planned.remove, found: { key: pipeline.key } };
  });
  const outcome = await table.delta.commit(snapshot, transactionOf(table, snapshot, change, {
    operation: 'MERGE',
    operationParameters: { predicate: JSON.stringify(`backfill: keys ${part.index + 1} of ${part.of}`) },
    operationMetrics: { numTargetRowsInserted: String(planned.inserted), numTargetRowsUpdated: String(planned.replaced), numTargetRowsDeleted: String(planned.deleted) },
    removalIntent: 'replace',
    actions: planned.tally.txns(snapshot, nowMs),
  }));
  if (outcome.kind === 'clash') return null;
  done({ rows: planned.write.length, adds: change.adds });
  return planned;
}

/** The keys of a share that are in range; null: all. */
export async function keysInRange(part: Part, sources: Sources, options: RoutedRefineOptions & KeyRange): Promise<ReadonlySet<string> | null> {
  return isAllDays(options.days) ? null : (await candidates(part, sources, options)).keys;
}

/** The best of each key of this share out of Bronze, as valid now; and which keys are in range. */
async function candidates(part: Part, { bronze, snapshot }: Sources, options: RoutedRefineOptions & KeyRange): Promise<{ batch: RefineBatch; keys: Set<string> | null }> {
  const { judge, pipeline, lake, days, shares } = options;
  const batch = new RefineBatch(pipeline, judge);
  const keys = isAllDays(days) ? null : new Set<string>();
  await shares.accepted(bronze, part.index, (row, payload) => {
    const verdict = judge({ ...payload, topic: row.topic, kafkaTimestampMs: row.kafkaTimestampMs });
    if (verdict.kind !== 'accepted') return;
    if (isInDays(row.ingestedUs, days)) keys?.add(batch.keyOf(verdict.values));
    batch.add(row, payload);
    // Who lost is not needed, and may be many.
    batch.losers.length = 0;
  });
  if (keys === null) return { batch, keys };
  const [table, names] = [await lake.table(SILVER), pipeline.columns.map(({ name }) => name)];
  if (snapshot.files.size > 0) await lake.engine.session(async (session) => {
    for await (const chunk of session.chunks(await scanLive(session, table, snapshot), [...names, 'ingested_at'])) {
      for (let i = 0; i < chunk.rows; i++) {
        const stored = chunk.columns.map((column) => column[i]);
        const key = batch.keyOf(stored as ColumnValue[]);
        if (isInPart(key, part) && isInDays(stored[names.length] as bigint | null, days)) keys.add(key);
      }
    }
  });
  for (const key of batch.best.keys()) if (!keys.has(key)) batch.best.delete(key);
  return { batch, keys };
}

async function plan({ part, keys }: { part: Part; keys: ReadonlySet<string> | null }, batch: RefineBatch, snapshot: Snapshot, { lake, pipeline, lateAfterMs, lostBeforeUs }: RoutedRefineOptions & KeyRange): Promise<Planned> {
  const table = await lake.table(SILVER);
  const names = pipeline.columns.map(({ name }) => name);
  const columns = [...names, 'rescued', 'rule_flags', 'is_late', 'late_by_ms', ...SOURCE_COLUMNS, FILE, ROW, 'kafka_timestamp', 'ingested_at'];
  const eventTime = names.indexOf(pipeline.eventTime);
  const displaced: string[] = [];
  const removed = new Map<AddFile, bigint[]>();
  const change = new LaneChange();
  const left = new Map(batch.best);
  const write: Candidate[] = [];
  const counts = { replaced: 0, deleted: 0, unchanged: 0 };
  if (snapshot.files.size > 0) await lake.engine.session(async (session) => {
    const rows = await rowsOfPart(session, table, snapshot, { part, keys, pipeline, keyOf: (values) => batch.keyOf(values) });
    if (rows.length === 0) return;
    for await (const chunk of session.chunks(await scanFiles(session, table, snapshot, rows), columns)) {
      for (let i = 0; i < chunk.rows; i++) {
        const stored = chunk.columns.map((column) => column[i]);
        const key = batch.keyOf(stored.slice(0, names.length) as ColumnValue[]);
        const winner = left.get(key);
        left.delete(key);
        const [topic, incarnation, partition, offset, file, at, kafkaTimestampUs, ingestedUs] = stored.slice(names.length + 4) as [string, string, number, bigint, number, bigint, bigint | null, bigint | null];
        const standing: Standing = { timestampUs: stored[eventTime] as bigint, kafkaTimestampUs, topic, incarnation, partition, offset };
        // A record that Bronze has lost can't be judged again: it stays unless a better one is there.
        const isLost = lostBeforeUs !== null && (ingestedUs === null || ingestedUs < lostBeforeUs);
        if ((winner && isAsStored(winner, stored, lateAfterMs)) || (isLost && (!winner || compareStanding(winner, standing) > 0))) {
          counts.unchanged++;
          continue;
        }
        const from = rows[file].file;
        const positions = removed.get(from);
        if (positions) positions.push(at);
        else removed.set(from, [at]);
        if (!winner || compareStanding(winner, standing) !== 0) displaced.push(placeOf(standing));
        change.add({ topic, incarnation, partition }, -1);
        if (winner) {
          write.push(winner);
          change.add(winner, 1);
          counts.replaced++;
        } else {
          counts.deleted++;
        }
      }
    }
  });
  const inserted = left.size;
  for (const winner of left.values()) {
    write.push(winner);
    change.add(winner, 1);
  }
  const remove = new Map([...removed].map(([file, rows]) => [file, sortedUnique(rows)]));
  return { ...counts, inserted, displaced, write, remove, tally: change.tally('silver', snapshot) };
}

interface PartOfSilver {
  readonly part: Part;
  readonly keys: ReadonlySet<string> | null;
  readonly pipeline: Pipeline;
  readonly keyOf: (values: readonly ColumnValue[]) => string;
}

/** Where the rows of a share are, by the columns of the key alone: the others are read of these rows only. */
async function rowsOfPart(session: RelationSession, table: RowTable, snapshot: Snapshot, { part, keys, pipeline, keyOf }: PartOfSilver): Promise<{ file: AddFile; only: BigInt64Array }[]> {
  const files = [...snapshot.files.values()];
  const places = pipeline.key.map((name) => pipeline.columns.findIndex((column) => column.name === name));
  const found = new Map<AddFile, bigint[]>();
  const values: ColumnValue[] = pipeline.columns.map(() => null);
  for await (const { rows, columns } of session.chunks(await scanLive(session, table, snapshot, files), [...pipeline.key, FILE, ROW])) {
    const [fileOf, rowOf] = columns.slice(places.length) as [ArrayLike<number>, ArrayLike<bigint>];
    for (let i = 0; i < rows; i++) {
      for (const [k, place] of places.entries()) values[place] = columns[k][i] as ColumnValue;
      const key = keyOf(values);
      if (!isInPart(key, part) || (keys !== null && !keys.has(key))) continue;
      const file = files[fileOf[i]];
      const positions = found.get(file);
      if (positions) positions.push(rowOf[i]);
      else found.set(file, [rowOf[i]]);
    }
  }
  return [...found].map(([file, positions]) => ({ file, only: sortedUnique(positions) }));
}

function isAsStored(winner: Candidate, stored: readonly unknown[], lateAfterMs: number): boolean {
  const { isLate, lateByMs } = lateness(winner.timestampUs, winner.row.kafkaTimestampMs, lateAfterMs);
  const flags = winner.flags.length === 0 ? null : winner.flags.join(',');
  const now = [...winner.values, winner.rescued, flags, isLate, lateByMs, winner.topic, winner.incarnation, winner.partition, winner.offset];
  // -0 and 0 are one value; NaN can't come out of a payload.
  return now.every((value, i) => value === stored[i]);
}
