import { assert } from '../../errors.ts';
import type { LoadColumn } from '../load-column.ts';
import type { Bounds } from './bound.ts';
import { headerSizes, headersLeaves } from './headers.ts';
import { booleansLeaf, bytesLeaf, codesLeaf, constantLeaf, lengthsOf, numbersLeaf } from './leaf.ts';
import type { Leaf, Range } from './leaf.ts';

/** Rows of one column, encoded. */
export interface EncodedColumn {
  readonly leaves: readonly Leaf[];
  /** Rows without a value. */
  readonly nulls: number;
  readonly bounds: Bounds | null;
  readonly hasNaN: boolean;
}

/** A column on its way into a file. `undefined` counts as null. */
export interface ColumnEncoder {
  /** Bytes that each row takes, -1 or 0 where it has none, so that row groups can be bounded; null where they are a few. */
  readonly sizes: Int32Array | null;
  readonly encode: (range: Range) => EncodedColumn;
}

/** Pure. */
export function encoderOf(column: LoadColumn): ColumnEncoder {
  if ('constant' in column) return { sizes: null, encode: ({ from, to }) => constantColumn(column, to - from) };
  if ('codes' in column) return { sizes: null, encode: (range) => whole(codesLeaf(column.codes, column.texts, range)) };
  const { values, kind, emptyIsNull } = column;
  if (kind === 'headers') return { sizes: headerSizes(values), encode: (range) => headersColumn(values, range) };
  if (kind === 'boolean') return { sizes: null, encode: (range) => whole(booleansLeaf(values, range)) };
  if (kind !== 'text' && kind !== 'utf8' && kind !== 'blob') return { sizes: null, encode: (range) => whole(numbersLeaf(values, range, kind)) };
  const bytes = kind === 'text' ? textBytes(values) : values as ArrayLike<Uint8Array | null>;
  const sizes = lengthsOf(bytes, emptyIsNull ? 1 : 0);
  return { sizes, encode: (range) => whole(bytesLeaf(bytes, sizes, { ...range, ordered: kind !== 'blob' })) };
}

function constantColumn({ constant, kind }: Extract<LoadColumn, { constant: unknown }>, rows: number): EncodedColumn {
  if (kind !== 'headers') return whole(constantLeaf(constant, kind, rows));
  assert(constant === null, 'headers are no constant');
  return headersColumn([], { from: 0, to: rows });
}

function headersColumn(values: ArrayLike<unknown>, range: Range): EncodedColumn {
  const { key, value, nulls } = headersLeaves(values, range);
  return { leaves: [key, value], nulls, bounds: null, hasNaN: false };
}

function whole(leaf: Leaf): EncodedColumn {
  return { leaves: [leaf], nulls: leaf.nulls, bounds: leaf.bounds, hasNaN: leaf.hasNaN ?? false };
}

function textBytes(values: ArrayLike<unknown>): (Buffer | null)[] {
  return Array.from(values, (value) => (typeof value === 'string' ? Buffer.from(value) : null));
}
