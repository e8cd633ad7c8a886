import { and, compare, isNull, or } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { FILE, ROW } from '../columnar/relation.ts';
import type { Relation, RelationSession } from '../columnar/relation.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { BronzePlace, Payload } from './refine-batch.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, QUARANTINE } from './tables.ts';
import type { Lake } from './lake.ts';
import type { Judge, RawRow } from './verdict.ts';

/**
 * What of quarantine is open (semantics.md, section 8). A replay resolves rows in quarantine first and takes them into Silver afterwards, and
 * no transaction spans both. So both commits name one time T: the rows' `resolved_at`, and Silver's txn `replay/<id of quarantine>`, in
 * milliseconds. Rows resolved later than that txn are not in Silver yet: they count as open, as rows above Silver's version of Bronze count as
 * not there. So the balance holds at every moment, also after a crash between the two, or after a restore of Silver.
 */
export const REPLAY = 'replay';

const US_PER_MS = 1000n;

/** How far Silver is: the version of Bronze that it has consumed, and the last replay that it has taken in. −1: none. */
export interface Settled {
  readonly refined: bigint;
  readonly replayedMs: bigint;
}

export async function settledBy(lake: Lake, silver: Snapshot): Promise<Settled> {
  const [bronze, quarantine] = await Promise.all([lake.table(BRONZE), lake.table(QUARANTINE)]);
  return {
    refined: progressOf(silver, stageAppId('refine', bronze.delta.id)) ?? -1n,
    replayedMs: progressOf(silver, stageAppId(REPLAY, quarantine.delta.id)) ?? -1n,
  };
}

/** Rows that a replay has resolved and Silver has not taken in. */
export function isPending({ refined, replayedMs }: Settled): Predicate {
  return and(compare('bronze_version', '<=', refined), compare('resolved_at', '>', replayedMs * US_PER_MS));
}

/** Rows that nobody has touched since refine rejected them. */
export function isUnresolved({ refined }: Pick<Settled, 'refined'>): Predicate {
  return and(compare('bronze_version', '<=', refined), isNull('resolved_at'));
}

/**
 * A backfill's row, rejected now though it was valid, has minus its time T for a moment: it is not there until Silver has counted it and names T,
 * then it is open, and soon null.
 */
export function opensUs(openMs: bigint): bigint {
  return -openMs * US_PER_MS;
}

/** Opened by a backfill, and counted. */
export function isOpened({ refined, replayedMs }: Settled): Predicate {
  return and(compare('bronze_version', '<=', refined), compare('resolved_at', '<', 0n), compare('resolved_at', '>=', opensUs(replayedMs)));
}

export function isOpen(settled: Settled): Predicate {
  return or(isUnresolved(settled), isPending(settled), isOpened(settled));
}

/** Rows of this replay. */
export function isOfReplay({ refined }: Settled, replayMs: bigint): Predicate {
  return and(compare('bronze_version', '<=', refined), compare('resolved_at', '=', replayMs * US_PER_MS));
}

/** Which rows are asked for. Times are microseconds since the epoch. */
export interface QuarantineFilter {
  readonly reason?: string;
  readonly topic?: string;
  readonly sinceUs?: bigint;
}

export function filterOf({ reason, topic, sinceUs }: QuarantineFilter): Predicate[] {
  return [
    ...(reason === undefined ? [] : [compare('reason', '=', reason)]),
    ...(topic === undefined ? [] : [compare('topic', '=', topic)]),
    ...(sinceUs === undefined ? [] : [compare('quarantined_at', '>=', sinceUs)]),
  ];
}

/** For replay times: each is later than any before, whatever the clock says. */
export function nextReplayMs(nowMs: number, { replayedMs }: Settled, quarantine: Snapshot, silverId: string): bigint {
  const before = [replayedMs, progressOf(quarantine, stageAppId(REPLAY, silverId)) ?? -1n];
  return [BigInt(nowMs), ...before.map((ms) => ms + 1n)].reduce((a, b) => (a > b ? a : b));
}

export function resolvedUs(replayMs: bigint): bigint {
  return replayMs * US_PER_MS;
}

export function replayMsOf(us: bigint): bigint {
  return us / US_PER_MS;
}

/** A row of quarantine: where it comes from, its payload, why it is there, and its place (index of the scan's file, row in it). */
export interface QuarantinedRow {
  readonly row: BronzePlace;
  readonly payload: Payload;
  readonly reason: string;
  readonly file: number;
  readonly at: bigint;
}

const COLUMNS = ['topic', 'incarnation', 'partition', 'offset', 'kafka_timestamp', 'bronze_version', 'value', 'value_bytes', 'reason', FILE, ROW] as const;
type ColumnsOfChunk = [string[], string[], number[], bigint[], (bigint | null)[], bigint[], (string | null)[], (Uint8Array | null)[], string[], number[], bigint[]];

/** One after the other, ready for this judge: payloads may be large. The relation is one of `findWhere` on quarantine. Failures: those of `Judge.prepare`. */
export async function* quarantinedRows(session: RelationSession, found: Relation, judge: Judge): AsyncGenerator<QuarantinedRow> {
  for await (const chunk of session.chunks(session.select(found, COLUMNS), COLUMNS)) {
    const rows = rowsOfChunk(chunk.columns as unknown as ColumnsOfChunk, chunk.rows);
    await judge.prepare?.(rows.map(rawOf));
    yield* rows;
  }
}

/** What a judge is asked about it. */
export function rawOf({ row: { topic, kafkaTimestampMs }, payload }: QuarantinedRow): RawRow {
  return { ...payload, topic, kafkaTimestampMs };
}

function rowsOfChunk([topic, incarnation, partition, offset, kafka, version, value, bytes, reason, file, at]: ColumnsOfChunk, rows: number): QuarantinedRow[] {
  return Array.from({ length: rows }, (_row, i) => {
    const kafkaTimestampUs = kafka[i];
    const row: BronzePlace = {
      topic: topic[i], incarnation: incarnation[i], partition: partition[i], offset: offset[i], bronzeVersion: version[i], ingestedUs: null,
      kafkaTimestampUs, kafkaTimestampMs: kafkaTimestampUs === null ? null : Number(kafkaTimestampUs / US_PER_MS),
    };
    return { row, payload: { value: value[i], valueBytes: bytes[i] }, reason: reason[i], file: file[i], at: at[i] };
  });
}

/** Whether quarantine has rows of a backfill that Silver has not counted. */
export async function hasUncounted(table: RowTable, quarantine: Snapshot, replayedMs: bigint): Promise<boolean> {
  const where = and(compare('resolved_at', '<', 0n), compare('resolved_at', '<', opensUs(replayedMs)));
  return table.engine.session(async (session) => {
    const found = await findWhere(session, table, quarantine, where);
    return found !== null && (await session.count(found.rows)) > 0;
  });
}
