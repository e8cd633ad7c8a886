import { and, compare } from '../columnar/predicate.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { KafkaRecord, OffsetRange } from '../sources/record.ts';
import type { Lane } from './bronze-plan.ts';

/** Whether two records are one: by time, key and value, which no two lives of a topic have alike at one offset. */

/** What Bronze has of a record. */
export interface StoredRecord {
  readonly offset: bigint;
  readonly timeUs: bigint | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** The trigger can't tell a tombstone from an empty payload, so neither do we. A negative time is none. */
export function sameRecord(a: KafkaRecord, b: KafkaRecord): boolean {
  return Math.max(a.timestampMs, -1) === Math.max(b.timestampMs, -1) && sameBytes(a.key, b.key) && sameBytes(a.value, b.value);
}

export function samePair(stored: StoredRecord, record: KafkaRecord): boolean {
  const sameTime = stored.timeUs === null || stored.timeUs === BigInt(record.timestampMs) * 1000n;
  return sameTime && sameBytes(stored.key, record.key) && sameBytes(stored.value, record.value);
}

/** Bronze's rows of a partition inside the range, by offset. Reads data, of the files that may hold some. */
export async function readStored(bronze: RowTable, snapshot: Snapshot, { topic, incarnation, partition }: Lane, { firstOffset, lastOffset }: OffsetRange): Promise<StoredRecord[]> {
  const where = and(
    compare('topic', '=', topic), compare('incarnation', '=', incarnation), compare('partition', '=', partition),
    compare('offset', '>=', firstOffset), compare('offset', '<=', lastOffset),
  );
  return bronze.engine.session(async (session) => {
    const found = await findWhere(session, bronze, snapshot, where);
    if (found === null) return [];
    const rows = await session.rows(session.select(found.rows, ['offset', 'kafka_timestamp', 'key', 'key_bytes', 'value', 'value_bytes']));
    return rows.map((row): StoredRecord => ({
      offset: row['offset'] as bigint, timeUs: row['kafka_timestamp'] as bigint | null,
      key: bytesOf(row['key'], row['key_bytes']), value: bytesOf(row['value'], row['value_bytes']),
    })).sort((a, b) => (a.offset < b.offset ? -1 : 1));
  });
}

/** 1 for `none`, 2 for `none-2`, …; 0 for a topic id. */
export function noneNumber(incarnation: string): number {
  const match = /^none(?:-([1-9]\d*))?$/.exec(incarnation);
  return match ? Number(match[1] ?? 1) : 0;
}

export function noneName(number: number): string {
  return number === 1 ? 'none' : `none-${number}`;
}

function bytesOf(text: unknown, bytes: unknown): Uint8Array | null {
  if (typeof text === 'string') return Buffer.from(text);
  return bytes instanceof Uint8Array ? bytes : null;
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return Buffer.compare(a ?? NOTHING, b ?? NOTHING) === 0;
}

const NOTHING = new Uint8Array();
