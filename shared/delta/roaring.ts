import { TableError } from '../errors.ts';

/**
 * 64-bit Roaring bitmaps in the portable form (github.com/RoaringBitmap/RoaringFormatSpec): a count of buckets, then for each the high
 * 32 bits and a standard 32-bit bitmap, whose containers hold the low 16 bits as an array, a bitmap or runs. Pure.
 */
const NO_RUNS = 12_346;
const WITH_RUNS = 12_347;
/** Bitmaps with runs leave the offsets of the containers out below this many. */
const OFFSETS_FROM = 4;
const ARRAY_MAX = 4_096;
const BITMAP_BYTES = 8_192;
const CONTAINER_VALUES = 0x1_0000n;

/** A container as it lies in the bytes: still encoded, its size and kind known. */
interface Container {
  /** The lowest value that it can hold. */
  readonly base: bigint;
  readonly cardinality: number;
  readonly kind: 'array' | 'bitmap' | 'runs';
  readonly at: number;
  readonly runs: number;
}

/** The values, ascending. Failures: TableError `delta/roaring-damaged`. */
export function decodeRoaring64(bytes: Uint8Array): BigInt64Array {
  const reader = new Reader(bytes);
  const buckets = reader.uint64();
  const containers: Container[] = [];
  let last = -1;
  for (let bucket = 0n; bucket < buckets; bucket++) {
    const high = reader.uint32();
    if (high <= last || high > 0x7fff_ffff) throw damaged(`bucket ${high} comes after ${last}`);
    last = high;
    containers.push(...readContainers(reader, BigInt(high) << 32n));
  }
  const values = new BigInt64Array(containers.reduce((sum, { cardinality }) => sum + cardinality, 0));
  let filled = 0;
  for (const container of containers) {
    fill(container, reader, values.subarray(filled, filled + container.cardinality));
    filled += container.cardinality;
  }
  return values;
}

/** The containers of one 32-bit bitmap; the reader stands behind it afterwards. */
function readContainers(reader: Reader, high: bigint): Container[] {
  const cookie = reader.uint32();
  const hasRuns = (cookie & 0xffff) === WITH_RUNS;
  if (!hasRuns && cookie !== NO_RUNS) throw damaged(`cookie ${cookie} is neither ${NO_RUNS} nor ${WITH_RUNS}`);
  const size = hasRuns ? (cookie >>> 16) + 1 : reader.uint32();
  if (size > 0x1_0000) throw damaged(`${size} containers in one bitmap`);
  const runFlags = hasRuns ? reader.skip(Math.ceil(size / 8)) : 0;
  const isRun = (i: number) => hasRuns && (reader.byteAt(runFlags + (i >> 3)) & (1 << (i & 7))) !== 0;
  const header = reader.skip(4 * size);
  if (!hasRuns || size >= OFFSETS_FROM) reader.skip(4 * size);
  const containers: Container[] = [];
  let last = -1;
  for (let i = 0; i < size; i++) {
    const key = reader.uint16At(header + 4 * i);
    if (key <= last) throw damaged(`container ${key} comes after ${last}`);
    last = key;
    const cardinality = reader.uint16At(header + 4 * i + 2) + 1;
    const kind = isRun(i) ? 'runs' : cardinality <= ARRAY_MAX ? 'array' : 'bitmap';
    const runs = kind === 'runs' ? reader.uint16() : 0;
    const at = reader.skip(kind === 'runs' ? 4 * runs : kind === 'array' ? 2 * cardinality : BITMAP_BYTES);
    containers.push({ base: high + BigInt(key) * CONTAINER_VALUES, cardinality, kind, at, runs });
  }
  return containers;
}

function fill(container: Container, reader: Reader, into: BigInt64Array): void {
  let count = 0;
  let last = -1;
  for (const value of lowValues(container, reader)) {
    if (value <= last || value > 0xffff) throw damaged(`value ${value} comes after ${last}`);
    // Past its end a typed array takes nothing; the count below tells.
    into[count++] = container.base + BigInt(value);
    last = value;
  }
  if (count !== into.length) throw damaged(`a container of ${into.length} values holds ${count}`);
}

function* lowValues({ kind, at, cardinality, runs }: Container, reader: Reader): Iterable<number> {
  if (kind === 'array') {
    for (let i = 0; i < cardinality; i++) yield reader.uint16At(at + 2 * i);
  } else if (kind === 'runs') {
    for (let run = 0; run < runs; run++) {
      const start = reader.uint16At(at + 4 * run);
      const more = reader.uint16At(at + 4 * run + 2);
      for (let i = 0; i <= more; i++) yield start + i;
    }
  } else {
    for (let byte = 0; byte < BITMAP_BYTES; byte++) {
      for (let bits = reader.byteAt(at + byte); bits !== 0; bits &= bits - 1) yield 8 * byte + 31 - Math.clz32(bits & -bits);
    }
  }
}

class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Passes over `length` bytes, which must be there; returns where they begin. */
  skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#view.byteLength) throw damaged(`${length} bytes wanted at ${at} of ${this.#view.byteLength}`);
    this.#at += length;
    return at;
  }

  uint16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.skip(8), true);
  }

  byteAt(at: number): number {
    return this.#view.getUint8(at);
  }

  uint16At(at: number): number {
    return this.#view.getUint16(at, true);
  }
}

function damaged(what: string): TableError {
  return new TableError('delta/roaring-damaged', `a Roaring bitmap is damaged: ${what}; restore the file it stands in`);
}
