import type { KafkaHeader } from '../../shared/sources/record.ts';

/** A record on its way in: the log gives it its offset. */
export interface ProducedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly KafkaHeader[];
  /** CreateTime, milliseconds since the epoch; −1 where the record has none. */
  readonly timestampMs: number;
}

/** Partition → its records, in order. */
export type RecordsByPartition = ReadonlyMap<number, readonly ProducedRecord[]>;

/** Where a producer writes: the embedded log, a Kafka topic, an event hub. */
export interface ProduceTarget {
  readonly partitions: number;
  /** Resolves when all of it is acknowledged. On failure each partition holds a prefix of its list, so the caller goes on from `counts`. */
  append(records: RecordsByPartition): Promise<void>;
  /** Records ever appended, per partition; null where the target places records itself and so cannot tell what it lacks. */
  counts(): Promise<readonly bigint[] | null>;
  /** Bytes on disk where the target can tell, else payload bytes appended since it was opened. */
  bytes(): Promise<number>;
  close(): Promise<void>;
}

/** Bytes of key, value and headers: what a target is charged for a record, framing apart. */
export function recordBytes(record: ProducedRecord): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) bytes += Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  return bytes;
}
