import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { NewRecord } from './record-codec.ts';
import { Segment } from './segment.ts';
import type { ReadLimits } from './segment.ts';

const SEGMENT_NAME = /^(\d{20})\.log$/;

/** The segments of one partition, in offset order; the last one is written. */
export class PartitionLog {
  readonly #topic: string;
  readonly #partition: number;
  readonly #dir: string;
  readonly #segmentBytesMax: number;
  readonly #segments: Segment[];
  /** Bytes of the half-written record that opening cut off; 0 after a clean end. */
  readonly bytesCut: number;

  private constructor(at: Place, segments: Segment[], bytesCut: number) {
    this.#topic = at.topic;
    this.#partition = at.partition;
    this.#dir = at.dir;
    this.#segmentBytesMax = at.segmentBytesMax;
    this.#segments = segments;
    this.bytesCut = bytesCut;
  }

  /** Reads the last segment only: the others' record counts follow from their names. */
  static open(at: Place): PartitionLog {
    mkdirSync(at.dir, { recursive: true });
    const bases = readdirSync(at.dir)
      .map((name) => SEGMENT_NAME.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(BigInt)
      .sort((a, b) => (a < b ? -1 : 1));
    if (bases.length === 0) return new PartitionLog(at, [Segment.create(segmentPath(at.dir, 0n), 0n)], 0);
    const last = Segment.recover(segmentPath(at.dir, bases.at(-1)!), bases.at(-1)!);
    const closed = bases.slice(0, -1).map((base, i) => Segment.openClosed(segmentPath(at.dir, base), base, Number(bases[i + 1] - base)));
    return new PartitionLog(at, [...closed, last.segment], last.bytesCut);
  }

  /** The offset the next record gets. */
  get end(): bigint {
    return this.#segments.at(-1)!.end;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  append(records: readonly NewRecord[]): void {
    if (records.length === 0) return;
    let active = this.#segments.at(-1)!;
    if (active.bytes >= this.#segmentBytesMax) {
      active = Segment.create(segmentPath(this.#dir, active.end), active.end);
      this.#segments.push(active);
    }
    active.append(records);
  }

  /** From `from`, which is in [0, end], to the limits or the segment's end; empty only at the end of the log. */
  read(from: bigint, limits: ReadLimits): KafkaRecord[] {
    assert(from >= 0n && from <= this.end, `offset ${from} of ${this.#topic}/${this.#partition} is outside [0, ${this.end}]`);
    if (from === this.end || limits.recordsMax <= 0) return [];
    return this.#segmentOf(from).read(this.#topic, this.#partition, from, limits);
  }

  /** The first offset with a timestamp at or after `timestampMs`, as ListOffsets answers it; null where there is none. */
  offsetAtTime(timestampMs: number): { offset: bigint; timestampMs: number } | null {
    for (const segment of this.#segments) {
      const found = segment.offsetAtTime(timestampMs);
      if (found !== null) return found;
    }
    return null;
  }

  close(): void {
    for (const segment of this.#segments) segment.close();
  }

  #segmentOf(offset: bigint): Segment {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#segments[middle].base <= offset) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low];
  }
}

export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly dir: string;
  readonly segmentBytesMax: number;
}

function segmentPath(dir: string, base: bigint): string {
  return join(dir, `${base.toString().padStart(20, '0')}.log`);
}
