import { assert } from '../errors.ts';

/**
 * The other direction of roaring.ts: 64-bit Roaring bitmaps in the portable form. Each container has the smallest of its three forms, as
 * `runOptimize` of the Roaring libraries chooses it (github.com/RoaringBitmap/RoaringFormatSpec). Pure.
 */
const NO_RUNS = 12_346;
const WITH_RUNS = 12_347;
/** Bitmaps with runs leave the offsets of the containers out below this many. */
const OFFSETS_FROM = 4;
const ARRAY_MAX = 4_096;
const BITMAP_BYTES = 8_192;

/** Values with the same upper 48 bits: `start` to `end` of the input. */
interface Container {
  readonly high: number;
  readonly key: number;
  readonly start: number;
  end: number;
  runs: number;
}

/** The values ascending, none negative, none twice. */
export function encodeRoaring64(values: BigInt64Array): Uint8Array {
  const low = lowWords(values);
  const buckets = split(values, low);
  const body = new Writer(8 + buckets.reduce((sum, containers) => sum + 4 + bitmapBytes(containers), 0));
  body.uint32(buckets.length);
  body.uint32(0);
  for (const containers of buckets) {
    body.uint32(containers[0].high);
    writeBitmap(body, containers, low);
  }
  return body.bytes;
}

/** Of each value the lower 32 bits, at twice its index: numbers where bigints would be slow. */
function lowWords({ buffer, byteOffset, length }: BigInt64Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, 2 * length);
}

/** The containers of each bucket. Every machine that Node runs DuckDB on is little-endian, so the high word comes second. */
function split(values: BigInt64Array, words: Uint32Array): Container[][] {
  const buckets: Container[][] = [];
  let container: Container | undefined;
  let last = -1;
  for (let i = 0; i < values.length; i++) {
    const [low, high] = [words[2 * i], words[2 * i + 1]];
    const key = low >>> 16;
    if (container?.high === high && container.key === key) {
      if (low <= last) assertAscending(values, i);
      container.end = i + 1;
      if (low !== last + 1) container.runs++;
    } else {
      assertAscending(values, i);
      const inBucket = container?.high === high;
      container = { high, key, start: i, end: i + 1, runs: 1 };
      if (inBucket) buckets.at(-1)!.push(container);
      else buckets.push([container]);
    }
    last = low;
  }
  return buckets;
}

function assertAscending(values: BigInt64Array, i: number): void {
  const last = i === 0 ? -1n : values[i - 1];
  assert(values[i] > last, `a bitmap's values must ascend from 0: ${values[i]} comes after ${last}`);
}

const sizeOf = ({ start, end }: Container): number => end - start;
const runBytes = ({ runs }: Container): number => 2 + 4 * runs;
const plainBytes = (container: Container): number => Math.min(2 * sizeOf(container), BITMAP_BYTES);
const asRuns = (container: Container): boolean => runBytes(container) < plainBytes(container);
const bytesOf = (container: Container): number => Math.min(runBytes(container), plainBytes(container));

/** Cookie, count or flags, keys with counts, offsets. */
function headerBytes(containers: readonly Container[]): number {
  const size = containers.length;
  const hasRuns = containers.some(asRuns);
  return (hasRuns ? 4 + Math.ceil(size / 8) : 8) + 4 * size + (hasRuns && size < OFFSETS_FROM ? 0 : 4 * size);
}

function bitmapBytes(containers: readonly Container[]): number {
  return containers.reduce((sum, container) => sum + bytesOf(container), headerBytes(containers));
}

function writeBitmap(writer: Writer, containers: readonly Container[], words: Uint32Array): void {
  const size = containers.length;
  const hasRuns = containers.some(asRuns);
  if (hasRuns) {
    writer.uint32(WITH_RUNS | ((size - 1) << 16));
    const flags = new Uint8Array(Math.ceil(size / 8));
    for (const [i, container] of containers.entries()) if (asRuns(container)) flags[i >> 3] |= 1 << (i & 7);
    writer.copy(flags);
  } else {
    writer.uint32(NO_RUNS);
    writer.uint32(size);
  }
  for (const container of containers) {
    writer.uint16(container.key);
    writer.uint16(sizeOf(container) - 1);
  }
  if (!hasRuns || size >= OFFSETS_FROM) {
    let offset = headerBytes(containers);
    for (const container of containers) {
      writer.uint32(offset);
      offset += bytesOf(container);
    }
  }
  for (const container of containers) {
    if (asRuns(container)) writeRuns(writer, container, words);
    else if (sizeOf(container) <= ARRAY_MAX) for (let i = container.start; i < container.end; i++) writer.uint16(words[2 * i] & 0xffff);
    else writer.copy(bitsOf(container, words));
  }
}

function writeRuns(writer: Writer, { start, end, runs }: Container, words: Uint32Array): void {
  writer.uint16(runs);
  for (let from = start, i = start + 1; i <= end; i++) {
    if (i < end && words[2 * i] === words[2 * i - 2] + 1) continue;
    writer.uint16(words[2 * from] & 0xffff);
    writer.uint16(i - 1 - from);
    from = i;
  }
}

function bitsOf({ start, end }: Container, words: Uint32Array): Uint8Array {
  const bits = new Uint8Array(BITMAP_BYTES);
  for (let i = start; i < end; i++) {
    const value = words[2 * i] & 0xffff;
    bits[value >> 3] |= 1 << (value & 7);
  }
  return bits;
}

/** Little-endian, into bytes of a known number. */
class Writer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  uint16(value: number): void {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  copy(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }
}
