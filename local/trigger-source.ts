import type { KafkaRecord } from '../shared/sources/record.ts';

/** `next` is the offset after the last processed one. */
export interface TopicOffset {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

/** What the local Kafka trigger reads from: the embedded event log or a real broker. One consumer group member. */
export interface TriggerSource {
  /**
   * Up to `recordsMax` records past the position, mixed partitions, order kept inside each. Returns when that many are there, or when
   * `windowMs` have passed since the call and there is at least one, or with none when `windowMs` have passed. Moves the position.
   */
  poll(options: { recordsMax: number; windowMs: number; signal: AbortSignal }): Promise<KafkaRecord[]>;
  /**
   * Keeps the offsets to be committed soon, in their order. Throws a TransientError at the first whose partition is not this member's any
   * more: that one and those after it are not kept.
   */
  store(offsets: readonly TopicOffset[]): void;
  /** Stores and commits at once. */
  commit(offsets: readonly TopicOffset[]): Promise<void>;
  /** Records between the group's committed offsets and the end offsets. */
  lag(): Promise<bigint>;
  close(): Promise<void>;
}

/** A source that `run` and `--once` can drain: what was there at the start is the work, what comes later is not. */
export interface DrainableSource extends TriggerSource {
  /** Partition → end offset now: no record at or past it counts. For a read_committed reader, the last stable offset. */
  endOffsets(): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Whether the position stands at or past `ends` in every partition. The position also passes offsets that hold no record
   * (transaction markers, compacted ones), so it gets there where the last record's offset does not.
   */
  reached(ends: ReadonlyMap<number, bigint>): boolean;
}
