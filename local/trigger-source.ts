import type { KafkaRecord } from '../shared/sources/record.ts';

/** What the local Kafka trigger reads from: the embedded event log or a real broker. One consumer group member. */
export interface TriggerSource {
  /**
   * Up to `recordsMax` records past the position, mixed partitions, order kept inside each. Returns when that many are there, or when
   * `windowMs` have passed since the call and there is at least one, or with none when `windowMs` have passed. Moves the position.
   */
  poll(options: { recordsMax: number; windowMs: number; signal: AbortSignal }): Promise<KafkaRecord[]>;
  /** Stores the group's offsets: `next` is the offset after the last processed one. */
  commit(offsets: readonly { topic: string; partition: number; next: bigint }[]): Promise<void>;
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
