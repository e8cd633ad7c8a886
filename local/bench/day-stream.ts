import type { Clock } from '../../shared/clock.ts';
import type { Broker, OffsetsRead, PartitionOffsets, ReadPartition } from '../../shared/sources/broker.ts';
import type { KafkaRecord, OffsetRange } from '../../shared/sources/record.ts';
import { EventRandom } from '../producer/random.ts';

const TOPIC_ID = '00000000-0000-4000-8000-00000000da70';
const TYPES = ['click', 'view', 'view', 'purchase'];
const [REPLACES, IS_REJECTED] = [0.02, 0.01];

/** A clock that goes when it is told to. */
export class DayClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  readonly #random: EventRandom;
  #drawn = 0;

  constructor(startMs: number, seed: number) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
    this.#random = new EventRandom(seed);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  sleep(ms: number): Promise<void> {
    this.#nowMs += ms;
    return Promise.resolve();
  }

  random(): number {
    return this.#random.at(this.#drawn++).next();
  }

  uuid(): string {
    return uuidOf(this.#random.at(this.#drawn++));
  }

  setTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }
}

export interface DayStreamOptions {
  readonly startMs: number;
  readonly everyMs: number;
  readonly batchRows: number;
  readonly seed: number;
}

/** One partition of which every record is a function of its offset; it is its own broker. 2 % replace an earlier event, 1 % break a rule. */
export class DayStream implements Broker {
  readonly #options: DayStreamOptions;
  readonly #random: EventRandom;
  #end = 0;

  constructor(options: DayStreamOptions) {
    this.#options = options;
    this.#random = new EventRandom(options.seed);
  }

  /** The next batch. */
  take(): KafkaRecord[] {
    const from = this.#end;
    this.#end += this.#options.batchRows;
    return Array.from({ length: this.#options.batchRows }, (_value, i) => this.#record(from + i));
  }

  topicId(): Promise<string> {
    return Promise.resolve(TOPIC_ID);
  }

  offsets(): Promise<PartitionOffsets[]> {
    return Promise.resolve([{ partition: 0, earliest: 0n, latest: BigInt(this.#end) }]);
  }

  offsetForTime(): Promise<Map<number, bigint>> {
    return Promise.resolve(new Map());
  }

  committed(): Promise<Map<number, bigint>> {
    return Promise.resolve(new Map());
  }

  read(_from: ReadPartition, ranges: readonly OffsetRange[]): Promise<OffsetsRead> {
    const records = ranges.flatMap(({ firstOffset, lastOffset }) => Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_value, i) => this.#record(Number(firstOffset) + i)));
    return Promise.resolve({ records, missing: [], bytes: records.length, next: ranges.at(-1)!.lastOffset + 1n });
  }

  #record(offset: number): KafkaRecord {
    const { startMs, everyMs, batchRows } = this.#options;
    const timestampMs = startMs + Math.floor((offset / batchRows) * everyMs);
    const random = this.#random.at(2 * offset);
    const [fate, of] = [random.next(), random.below(Math.max(1, offset))];
    const value = fate < REPLACES + IS_REJECTED && fate >= REPLACES ? 'x' : String(Math.round(5_000 + 1_500 * random.normal()) / 100);
    const eventType = random.of(TYPES);
    const id = uuidOf(this.#random.at(2 * (fate < REPLACES ? of : offset) + 1));
    const text = JSON.stringify({ event_id: id, event_type: eventType, timestamp: new Date(timestampMs - 2_000).toISOString(), value });
    return { topic: 'events', partition: 0, offset: BigInt(offset), timestampMs, timestampType: null, key: null, value: Buffer.from(text), headers: [] };
  }
}

function uuidOf(random: EventRandom): string {
  const hex = Array.from({ length: 4 }, () => Math.floor(random.next() * 2 ** 32).toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}
