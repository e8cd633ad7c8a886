import { TableError } from '../shared/errors.ts';
import type { KafkaRecord } from '../shared/sources/record.ts';
import type { EventLog } from './event-log/event-log.ts';
import type { DrainableSource, TopicOffset } from './trigger-source.ts';

/** Records of one partition in a row, as a broker's fetch answers them: batches mix partitions. */
const SLICE_RECORDS = 500;
const SLICE_BYTES = 1 << 20;

/** Reads one topic of the embedded event log as the only member of a consumer group; a group without offsets starts at 0. */
export class LogSource implements DrainableSource {
  readonly #log: EventLog;
  readonly #topic: string;
  readonly #group: string;
  readonly #positions: bigint[];
  #turn = 0;

  /** @throws {ConfigError} the topic does not exist. @throws {TableError} the group has committed past the end of the log. */
  constructor(options: { log: EventLog; topic: string; group: string }) {
    this.#log = options.log;
    this.#topic = options.topic;
    this.#group = options.group;
    const committed = options.log.committed(options.group, options.topic);
    this.#positions = options.log.ends(options.topic).map((end, partition) => startPosition(options, partition, committed.get(partition) ?? 0n, end));
  }

  async poll(options: { recordsMax: number; windowMs: number; signal: AbortSignal }): Promise<KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    this.#take(records, options.recordsMax);
    const deadlineMs = performance.now() + options.windowMs;
    while (records.length < options.recordsMax && !options.signal.aborted) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) break;
      await this.#appendOr(leftMs, options.signal);
      this.#take(records, options.recordsMax);
    }
    return records;
  }

  /** The only member owns every partition, and a commit is a write to a file: it is made at once. */
  store(offsets: readonly TopicOffset[]): void {
    this.#log.commit(this.#group, offsets);
  }

  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    this.store(offsets);
  }

  async lag(): Promise<bigint> {
    const committed = this.#log.committed(this.#group, this.#topic);
    return this.#log.ends(this.#topic).reduce((sum, end, partition) => sum + end - (committed.get(partition) ?? 0n), 0n);
  }

  async endOffsets(): Promise<ReadonlyMap<number, bigint>> {
    return new Map(this.#log.ends(this.#topic).entries());
  }

  reached(ends: ReadonlyMap<number, bigint>): boolean {
    return [...ends].every(([partition, end]) => this.#positions[partition] >= end);
  }

  /** Leaves the log open: it is its opener's. */
  async close(): Promise<void> {}

  /** Slices from partition after partition, going on where the last call stopped, until `recordsMax` or nothing is left. */
  #take(into: KafkaRecord[], recordsMax: number): void {
    let empty = 0;
    while (into.length < recordsMax && empty < this.#positions.length) {
      const partition = this.#turn;
      this.#turn = (this.#turn + 1) % this.#positions.length;
      const recordsLeft = Math.min(SLICE_RECORDS, recordsMax - into.length);
      const slice = this.#log.read(this.#topic, partition, this.#positions[partition], { recordsMax: recordsLeft, bytesMax: SLICE_BYTES });
      for (const record of slice) into.push(record);
      this.#positions[partition] += BigInt(slice.length);
      empty = slice.length === 0 ? empty + 1 : 0;
    }
  }

  /** Resolves at the next append to the topic, after `waitMs`, or when `signal` aborts, whatever comes first. */
  #appendOr(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stopListening();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      const stopListening = this.#log.onAppend((topic) => {
        if (topic === this.#topic) done();
      });
      signal.addEventListener('abort', done);
    });
  }
}

function startPosition(at: { topic: string; group: string }, partition: number, committed: bigint, end: bigint): bigint {
  if (committed <= end) return committed;
  throw new TableError(
    'event-log/records-lost',
    `reading '${at.topic}' partition ${partition} as group '${at.group}': the group committed offset ${committed}, the log ends at ${end}. The log lost records (a power failure, a restored copy): remove it and produce again.`,
    { facts: { topic: at.topic, partition, committed, end } },
  );
}
