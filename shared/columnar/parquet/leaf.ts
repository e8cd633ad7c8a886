import type { ColumnKind } from '../load-column.ts';
import { boundsOf, comesBefore, joinBounds } from './bound.ts';
import type { Bounds } from './bound.ts';
import { bitWidth, hybrid, levelBytes, packBits, repeated } from './hybrid.ts';

/**
 * Rows of one leaf column as uncompressed pages (parquet-format, "Data Pages" and Encodings.md): data pages of version 1, PLAIN, or indexes into a
 * dictionary. Nothing here that a reader of 2015 does not know. Pure.
 */
export interface Leaf {
  readonly dictionary: Page | null;
  readonly pages: readonly Page[];
  /** Entries without a value. */
  readonly nulls: number;
  /** Null without a value, with a NaN, and for kinds that have no order. */
  readonly bounds: Bounds | null;
  readonly hasNaN?: boolean;
}

export interface Page {
  /** Nulls too. */
  readonly values: number;
  readonly body: Buffer;
}

/** Rows from `from`, included, to `to`, not. */
export interface Range { readonly from: number; readonly to: number }

/** A page of bytes ends with the value that passes this: what compresses well, and what a reader holds at a time. */
const PAGE_BYTES = 1024 * 1024;

type Bytes = Uint8Array | null | undefined;

/** Nothing but nulls. */
export function nullLeaf(rows: number): Leaf {
  return { dictionary: null, pages: [{ values: rows, body: levelBytes(repeated(0, rows, 1)) }], nulls: rows, bounds: null };
}

/** Of each value; -1 where there is none, or fewer bytes than `least`. */
export function lengthsOf(values: ArrayLike<Bytes>, least: number): Int32Array {
  const lengths = new Int32Array(values.length);
  for (let i = 0; i < lengths.length; i++) {
    const value = values[i];
    const length = value === null || value === undefined ? -1 : value.length;
    lengths[i] = length < least ? -1 : length;
  }
  return lengths;
}

/** Each value behind its length. `ordered`: bounds are wanted. */
export function bytesLeaf(values: ArrayLike<Bytes>, lengths: Int32Array, { from, to, ordered }: Range & { readonly ordered: boolean }): Leaf {
  const pages: Page[] = [];
  let [bounds, nullsOfAll]: [Bounds | null, number] = [null, 0];
  for (let start = from; start < to;) {
    let [end, size, nulls] = [start, 0, 0];
    while (end < to && size < PAGE_BYTES) {
      const length = lengths[end++];
      if (length < 0) nulls++;
      else size += 4 + length;
    }
    const rows = end - start;
    const levels = nulls === 0 ? allThere(rows) : levelsOfLengths(lengths.subarray(start, end));
    const body = Buffer.allocUnsafeSlow(levels.length + size);
    body.set(levels);
    const found = fillBytes(values, lengths, { from: start, to: end, body, at: levels.length, ordered });
    pages.push({ values: rows, body });
    bounds = joinBounds(bounds, found);
    nullsOfAll += nulls;
    start = end;
  }
  return { dictionary: null, pages, nulls: nullsOfAll, bounds };
}

function fillBytes(values: ArrayLike<Bytes>, lengths: Int32Array, { from, to, body, at: start, ordered }: Range & { body: Buffer; at: number; ordered: boolean }): Bounds | null {
  // Plain variables here and below: this runs once a record and column.
  let at = start;
  let minAt = -1;
  let minLength = 0;
  let maxAt = -1;
  let maxLength = 0;
  for (let i = from; i < to; i++) {
    const length = lengths[i];
    if (length < 0) continue;
    body[at] = length & 0xff;
    body[at + 1] = (length >>> 8) & 0xff;
    body[at + 2] = (length >>> 16) & 0xff;
    body[at + 3] = length >>> 24;
    at += 4;
    body.set(values[i]!, at);
    if (ordered && (minAt < 0 || comesBefore(body, at, length, minAt, minLength))) {
      minAt = at;
      minLength = length;
    }
    // Only the first can be both.
    if (ordered && (maxAt < 0 || (minAt !== at && comesBefore(body, maxAt, maxLength, at, length)))) {
      maxAt = at;
      maxLength = length;
    }
    at += length;
  }
  // Copies: the page goes when it is compressed.
  return minAt < 0 ? null : { min: Buffer.from(body.subarray(minAt, minAt + minLength)), max: Buffer.from(body.subarray(maxAt, maxAt + maxLength)) };
}

type Numbers = Int32Array | BigInt64Array | Float64Array;
const ARRAYS = { integer: Int32Array, date: Int32Array, long: BigInt64Array, timestamp: BigInt64Array, double: Float64Array } as const;

/** Numbers of a fixed width. Little-endian, as every machine that Node runs on. */
export function numbersLeaf(values: ArrayLike<unknown>, range: Range, kind: keyof typeof ARRAYS): Leaf {
  const rows = range.to - range.from;
  const present = presentNumbers(values, range, kind);
  const levels = present.length === rows ? allThere(rows) : levelsOf(rows, (i) => isThere(values[range.from + i]));
  const bounds = present.length === 0 ? null : boundsOf(present);
  const body = Buffer.concat([levels, bytesOf(present)]);
  return { dictionary: null, pages: [{ values: rows, body }], nulls: rows - present.length, bounds, hasNaN: present.length > 0 && bounds === null };
}

function presentNumbers(values: ArrayLike<unknown>, { from, to }: Range, kind: keyof typeof ARRAYS): Numbers {
  if (values instanceof ARRAYS[kind]) return values.subarray(from, to);
  const kept: unknown[] = [];
  for (let i = from; i < to; i++) if (isThere(values[i])) kept.push(values[i]);
  return (ARRAYS[kind] as { from(items: readonly unknown[]): Numbers }).from(kept);
}

export function booleansLeaf(values: ArrayLike<unknown>, { from, to }: Range): Leaf {
  const rows = to - from;
  const present: number[] = [];
  for (let i = from; i < to; i++) if (isThere(values[i])) present.push(values[i] ? 1 : 0);
  const bits = Buffer.alloc(Math.ceil(present.length / 8));
  packBits(present, 1, bits, 0);
  const levels = present.length === rows ? allThere(rows) : levelsOf(rows, (i) => isThere(values[from + i]));
  return { dictionary: null, pages: [{ values: rows, body: Buffer.concat([levels, bits]) }], nulls: rows - present.length, bounds: null };
}

/** Codes into few texts; a code without a text is null. */
export function codesLeaf(codes: Int32Array, texts: readonly string[], { from, to }: Range): Leaf {
  const rows = to - from;
  const own = codes.subarray(from, to);
  if (own.every((code) => code === own[0])) return constantLeaf(texts[own[0]] ?? null, 'text', rows);
  const words = texts.map((text) => Buffer.from(text));
  const present = own.filter((code) => code >= 0 && code < words.length);
  const used = new Set(present);
  let bounds: Bounds | null = null;
  for (const code of used) bounds = joinBounds(bounds, { min: words[code], max: words[code] });
  const levels = present.length === rows ? allThere(rows) : levelsOf(rows, (i) => own[i] >= 0 && own[i] < words.length);
  return { dictionary: dictionaryOf(words.map(plainBytes)), pages: [indexPage(rows, levels, hybrid(present, bitWidth(words.length - 1)), bitWidth(words.length - 1))], nulls: rows - present.length, bounds };
}

/** One value in every row. */
export function constantLeaf(value: string | number | bigint | boolean | null, kind: ColumnKind, rows: number): Leaf {
  if (value === null) return nullLeaf(rows);
  if (kind === 'boolean') return { dictionary: null, pages: [{ values: rows, body: Buffer.concat([allThere(rows), Buffer.alloc(Math.ceil(rows / 8), value ? 0xff : 0)]) }], nulls: 0, bounds: null };
  const bound = constantBound(value, kind);
  const isNaN = Number.isNaN(bound);
  return {
    dictionary: dictionaryOf([bound instanceof Uint8Array ? plainBytes(bound) : plainNumber(bound, kind)]),
    pages: [indexPage(rows, allThere(rows), repeated(0, rows, 1), 1)], nulls: 0, bounds: isNaN ? null : { min: bound, max: bound }, hasNaN: isNaN,
  };
}

function constantBound(value: string | number | bigint | boolean, kind: ColumnKind): Uint8Array | bigint | number {
  if (kind === 'long' || kind === 'timestamp') return BigInt(value);
  return kind in ARRAYS ? value as number : Buffer.from(value as string);
}

export function plainNumber(value: bigint | number, kind: ColumnKind): Buffer {
  const array = ARRAYS[kind as keyof typeof ARRAYS] as { of(item: bigint | number): Numbers };
  return bytesOf(array.of(value));
}

function plainBytes(value: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return Buffer.concat([length, value]);
}

function dictionaryOf(values: readonly Buffer[]): Page {
  return { values: values.length, body: Buffer.concat(values) };
}

function indexPage(rows: number, levels: Buffer, indexes: Buffer, width: number): Page {
  return { values: rows, body: Buffer.concat([levels, Buffer.of(width), indexes]) };
}

function allThere(rows: number): Buffer {
  return levelBytes(repeated(1, rows, 1));
}

function levelsOfLengths(lengths: Int32Array): Buffer {
  const levels = new Uint8Array(lengths.length);
  for (let i = 0; i < levels.length; i++) levels[i] = lengths[i] < 0 ? 0 : 1;
  return levelBytes(hybrid(levels, 1));
}

function levelsOf(rows: number, isPresent: (row: number) => boolean): Buffer {
  const levels = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) levels[i] = isPresent(i) ? 1 : 0;
  return levelBytes(hybrid(levels, 1));
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function bytesOf(values: Numbers): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
