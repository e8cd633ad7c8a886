import type { KafkaRecord } from '../../shared/sources/record.ts';

/** One assigned partition: where it stands, and what was fetched and not yet delivered. */
export class PartitionFeed {
  readonly partition: number;
  /** Where this member's reading began. */
  readonly start: bigint;
  /** The next offset to ask the broker for. */
  fetchOffset: bigint;
  /** The offset after the last delivered record, or where the reading began. */
  #deliveredTo: bigint;
  #records: readonly KafkaRecord[] = [];
  #head = 0;

  constructor(partition: number, start: bigint) {
    this.partition = partition;
    this.start = start;
    this.fetchOffset = start;
    this.#deliveredTo = start;
  }

  /** Records fetched and not delivered. */
  get waiting(): number {
    return this.#records.length - this.#head;
  }

  /** Everything before it is delivered or holds no record. */
  get position(): bigint {
    return this.waiting > 0 ? this.#records[this.#head].offset : this.fetchOffset;
  }

  /** `committed` moved past trailing offsets without a record, where all that was delivered is committed. */
  settled(committed: bigint): bigint {
    return committed === this.#deliveredTo ? this.position : committed;
  }

  add(records: readonly KafkaRecord[], fetchOffset: bigint): void {
    this.#records = this.waiting === 0 ? records : [...this.#records.slice(this.#head), ...records];
    this.#head = 0;
    this.fetchOffset = fetchOffset;
  }

  /** Moves at most `recordsMax` records over. Returns how many. */
  take(into: KafkaRecord[], recordsMax: number): number {
    const count = Math.min(this.waiting, recordsMax);
    for (let i = 0; i < count; i++) into.push(this.#records[this.#head + i]);
    this.#head += count;
    if (count > 0) this.#deliveredTo = into[into.length - 1].offset + 1n;
    if (this.waiting === 0) {
      this.#records = [];
      this.#head = 0;
    }
    return count;
  }
}
