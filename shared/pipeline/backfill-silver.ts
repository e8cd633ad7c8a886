import { FILE, ROW } from '../columnar/relation.ts';
import type { AddFile } from '../delta/actions.ts';
import { changeRows, sortedUnique } from '../delta/operations/change-rows.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { eachBronzeRow } from './backfill-bronze.ts';
import { laneName } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';
import { Tally, countAppId } from './counts.ts';
import { RefineBatch, silverColumns } from './refine-batch.ts';
import type { Candidate } from './refine-batch.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { SILVER, SOURCE_COLUMNS } from './tables.ts';
import { lateness } from './timestamp.ts';
import type { ColumnValue } from './verdict.ts';

/** A share of all keys, or of all places: those whose hash is `index` modulo `of`. */
export interface Part {
  readonly index: number;
  readonly of: number;
}

export function isInPart(text: string, { index, of }: Part): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % of === index;
}

export interface SilverChange {
  readonly replaced: number;
  readonly inserted: number;
  readonly deleted: number;
  readonly unchanged: number;
}

interface Planned extends SilverChange {
  readonly write: readonly Candidate[];
  readonly remove: ReadonlyMap<AddFile, BigInt64Array>;
  readonly tally: Tally;
}

/** The winners of these keys out of all of Bronze, instead of what Silver has of them: one commit. Null: overtaken. */
export async function backfillKeys(part: Part, { bronze, snapshot }: { bronze: Snapshot; snapshot: Snapshot }, options: RoutedRefineOptions & { isDryRun: boolean }): Promise<SilverChange | null> {
  const { pipeline, lake, judge, lateAfterMs } = options;
  const batch = new RefineBatch(pipeline, judge);
  await eachBronzeRow(options, bronze, (row, payload) => {
    const verdict = judge({ ...payload, topic: row.topic, kafkaTimestampMs: row.kafkaTimestampMs });
    if (verdict.kind !== 'accepted' || !isInPart(batch.keyOf(verdict.values), part)) return;
    batch.add(row, payload);
    // Who lost is not needed, and may be many.
    batch.losers.length = 0;
  });
  const planned = await plan(part, batch, snapshot, options);
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

async function plan(part: Part, batch: RefineBatch, snapshot: Snapshot, { lake, pipeline, lateAfterMs }: RoutedRefineOptions): Promise<Planned> {
  const table = await lake.table(SILVER);
  const names = pipeline.columns.map(({ name }) => name);
  const columns = [...names, 'rescued', 'rule_flags', 'is_late', 'late_by_ms', ...SOURCE_COLUMNS, FILE, ROW];
  const files = [...snapshot.files.values()];
  const removed = new Map<AddFile, bigint[]>();
  const change = new LaneChange();
  const left = new Map(batch.best);
  const write: Candidate[] = [];
  const counts = { replaced: 0, deleted: 0, unchanged: 0 };
  if (files.length > 0) await lake.engine.session(async (session) => {
    for await (const chunk of session.chunks(await scanLive(session, table, snapshot, files), columns)) {
      for (let i = 0; i < chunk.rows; i++) {
        const stored = chunk.columns.map((column) => column[i]);
        const key = batch.keyOf(stored.slice(0, names.length) as ColumnValue[]);
        if (!isInPart(key, part)) continue;
        const winner = left.get(key);
        left.delete(key);
        if (winner && isAsStored(winner, stored, lateAfterMs)) {
          counts.unchanged++;
          continue;
        }
        const [topic, incarnation, partition, , file, at] = stored.slice(names.length + 4) as [string, string, number, bigint, number, bigint];
        removed.set(files[file], [...removed.get(files[file]) ?? [], at]);
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
  return { ...counts, inserted, write, remove, tally: change.tally('silver', snapshot) };
}

function isAsStored(winner: Candidate, stored: readonly unknown[], lateAfterMs: number): boolean {
  const { isLate, lateByMs } = lateness(winner.timestampUs, winner.row.kafkaTimestampMs, lateAfterMs);
  const flags = winner.flags.length === 0 ? null : winner.flags.join(',');
  const now = [...winner.values, winner.rescued, flags, isLate, lateByMs, winner.topic, winner.incarnation, winner.partition, winner.offset];
  // -0 and 0 are one value; NaN can't come out of a payload.
  return now.every((value, i) => value === stored[i]);
}

/** Rows that a term gains, by lane. */
export class LaneChange {
  readonly #lanes = new Map<string, { lane: Lane; rows: number }>();

  add({ topic, incarnation, partition }: Lane, rows: number): void {
    const lane = { topic, incarnation, partition };
    const entry = this.#lanes.get(laneName(lane));
    if (entry) entry.rows += rows;
    else this.#lanes.set(laneName(lane), { lane, rows });
  }

  /** What the term gains, the losers lose: superseded first, then duplicates. Only their sum says anything (semantics.md, section 5). */
  tally(term: 'silver' | 'quarantine', snapshot: Snapshot): Tally {
    const tally = new Tally();
    for (const { lane, rows } of this.#lanes.values()) {
      if (rows === 0) continue;
      const superseded = Number(progressOf(snapshot, countAppId('superseded', lane)) ?? 0n);
      const taken = Math.min(rows, superseded);
      tally.add(term, lane, rows);
      tally.add('superseded', lane, -taken);
      tally.add('duplicate', lane, taken - rows);
    }
    return tally;
  }
}

