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
