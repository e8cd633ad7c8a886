import type { MissingCause, OffsetsRead, ReadLimits } from './broker.ts';
import { batchesOf, kafkaRecord, offsetOf } from './committed-records.ts';
import type { FetchedBatch, FetchedPartition } from './committed-records.ts';
import type { KafkaRecord, OffsetRange } from './record.ts';

/** For the object around a record's bytes. */
const RECORD_BYTES = 200;

/** Takes answers of the broker and keeps what was asked for: records, and why other offsets have none. Goes forward only. No I/O. */
export class OffsetCollector {
  readonly #ranges: readonly OffsetRange[];
  readonly #limits: ReadLimits;
  readonly #records: KafkaRecord[] = [];
  readonly #missing: { firstOffset: bigint; lastOffset: bigint; cause: MissingCause }[] = [];
  /** Of the range that is being read. */
  #index = 0;
  #position: bigint;
  #bytes = 0;

  constructor(ranges: readonly OffsetRange[], limits: ReadLimits) {
    this.#ranges = ranges;
    this.#limits = limits;
    this.#position = ranges[0].firstOffset;
  }

  /** The next offset that is wanted; past the last range where all is done. */
  get position(): bigint {
    return this.#position;
  }

  /** True: all is done, or a limit is reached. */
  get isFinished(): boolean {
    return this.#index === this.#ranges.length || this.#isFull;
  }

  get result(): OffsetsRead {
    return { records: this.#records, missing: this.#missing, bytes: this.#bytes, next: this.#position };
  }

  /** How many offsets lie between the position and the end of the last range before the next space of more than `apartMax` offsets. */
  span(apartMax: bigint): bigint {
    let last = this.#ranges[this.#index].lastOffset;
    for (let i = this.#index + 1; i < this.#ranges.length && this.#ranges[i].firstOffset - last <= apartMax; i++) last = this.#ranges[i].lastOffset;
    return last - this.#position + 1n;
  }

  /** Everything wanted below `offset` has no record, for this cause. */
  miss(offset: bigint, cause: MissingCause): void {
    while (this.#position < offset && !this.isFinished) {
      const { lastOffset } = this.#ranges[this.#index];
      const end = lastOffset < offset ? lastOffset : offset - 1n;
      this.#note(this.#position, end, cause);
      this.#moveTo(end + 1n);
    }
  }

  /** The rest of the range that is being read. */
  missRange(cause: MissingCause): void {
    if (this.#index < this.#ranges.length) this.miss(this.#ranges[this.#index].lastOffset + 1n, cause);
  }

  missAll(cause: MissingCause): void {
    this.miss(this.#ranges.at(-1)!.lastOffset + 1n, cause);
  }

  /** An answer that was asked for from the position on: what lies between its batches was compacted away. */
  take(fetched: FetchedPartition, topic: string): void {
    for (const { batch, kind, lastOffset } of batchesOf(fetched)) {
      this.miss(batch.firstOffset, 'compacted');
      if (kind === 'transaction_marker') this.miss(lastOffset + 1n, kind);
      else this.#takeBatch(batch, { topic, partition: fetched.partitionIndex, isAborted: kind === 'aborted' });
      this.miss(lastOffset + 1n, 'compacted');
      if (this.isFinished) return;
    }
  }

  #takeBatch(batch: FetchedBatch, { topic, partition, isAborted }: { topic: string; partition: number; isAborted: boolean }): void {
    for (const record of batch.records) {
      const offset = offsetOf(batch, record);
      if (offset < this.#position) continue;
      this.miss(offset, 'compacted');
      if (this.isFinished) return;
      if (offset !== this.#position) continue;
      if (isAborted) this.#note(offset, offset, 'aborted');
      else this.#keep(kafkaRecord(batch, record, { topic, partition }));
      this.#moveTo(offset + 1n);
      if (this.isFinished) return;
    }
  }

  get #isFull(): boolean {
    return this.#records.length + this.#missing.length >= this.#limits.recordsMax || this.#bytes >= this.#limits.bytesMax;
  }

  #keep(record: KafkaRecord): void {
    const copied = copyOf(record);
    this.#records.push(copied);
    this.#bytes += RECORD_BYTES + sizeOf(copied.key) + sizeOf(copied.value) + copied.headers.reduce((sum, { key, value }) => sum + key.length + sizeOf(value), 0);
  }

  #note(firstOffset: bigint, lastOffset: bigint, cause: MissingCause): void {
    const before = this.#missing.at(-1);
    if (before?.cause === cause && before.lastOffset + 1n === firstOffset) before.lastOffset = lastOffset;
    else this.#missing.push({ firstOffset, lastOffset, cause });
  }

  /** Over the end of a range to the start of the next. */
  #moveTo(offset: bigint): void {
    this.#position = offset;
    while (this.#index < this.#ranges.length && this.#ranges[this.#index].lastOffset < this.#position) this.#index++;
    if (this.#index < this.#ranges.length && this.#ranges[this.#index].firstOffset > this.#position) this.#position = this.#ranges[this.#index].firstOffset;
  }
}

function copyOf({ key, value, headers, ...record }: KafkaRecord): KafkaRecord {
  return { ...record, key: copy(key), value: copy(value), headers: headers.length === 0 ? headers : headers.map((header) => ({ key: header.key, value: copy(header.value) })) };
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function sizeOf(bytes: Uint8Array | null): number {
  return bytes?.byteLength ?? 0;
}
