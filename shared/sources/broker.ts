import type { KafkaRecord, OffsetRange } from './record.ts';

export interface PartitionOffsets {
  readonly partition: number;
  /** The log start offset: the first that can still be read. */
  readonly earliest: bigint;
  /** The last stable offset: a read_committed reader gets no further. Without open transactions, the offset of the next record. */
  readonly latest: bigint;
}

/**
 * Why an offset has no record to read.
 * - `aborted`: its record is one of an aborted transaction. `transaction_marker`: it is a control record.
 * - `compacted`: no batch has it any more, or its batch lacks it. `expired`: it lies below the log start offset.
 * - `unavailable`: the broker answers but does not give it, or the topic was deleted and made again.
 */
export type MissingCause = 'aborted' | 'transaction_marker' | 'compacted' | 'expired' | 'unavailable';

export interface Missing extends OffsetRange {
  readonly cause: MissingCause;
}

export interface ReadPartition {
  readonly topic: string;
  /** As `topicId` told it: the life of the topic that the offsets belong to. `none` asks by name. */
  readonly topicId: string;
  readonly partition: number;
}

export interface ReadLimits {
  /** Records and missing ranges together. */
  readonly recordsMax: number;
  /** Of keys, values and headers. The last record taken may go beyond it. */
  readonly bytesMax: number;
}

export interface OffsetsRead {
  /** In offset order. Their bytes are copies: a few records do not hold a whole answer of the broker in memory. */
  readonly records: readonly KafkaRecord[];
  /** Ascending; no two of one cause touch. */
  readonly missing: readonly Missing[];
  /** Of the records, as `bytesMax` counts them. */
  readonly bytes: number;
  /** Records and missing ranges cover all that was asked for below it. Past the last range: all of it. */
  readonly next: bigint;
}

/** What ingest and maintain ask of the broker beside the trigger (`kafka-broker.ts` answers). Failures are TransientErrors. */
export interface Broker {
  /** The topic's id; 'none' only where the broker's Metadata has no ids. */
  topicId(topic: string): Promise<string>;
  offsets(topic: string): Promise<readonly PartitionOffsets[]>;
  offsetForTime(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  committed(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
  /**
   * The committed records with these offsets (ranges ascending, apart, not empty), and why others have none; never past the last stable
   * offset. TransientError: the broker, or the partition's leader, does not answer, or the topic is not there at all.
   */
  read(from: ReadPartition, ranges: readonly OffsetRange[], limits: ReadLimits): Promise<OffsetsRead>;
}
