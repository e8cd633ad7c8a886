import { assert } from '../errors.ts';

/**
 * Z-order by quantiles: each column's values fall into ranks of about equally many rows, and the bits of the ranks are interleaved (Morton,
 * 1966). Ranks, not values, so that skew and far values cost nothing. Both engines share these numbers, and so give the same order.
 */
export const Z_COLUMNS_MAX = 4;
/** 256 ranks a column: with one column more rows share a rank, and those keep the order they came in. */
export const RANK_BITS = 8;
export const RANKS = 2 ** RANK_BITS;
/** Ranks are told by every n-th row, so many at most: 256 for each rank. */
export const SAMPLE_ROWS_MAX = 65_536;

export function sampleStep(rows: number): number {
  return Math.max(1, Math.ceil(rows / SAMPLE_ROWS_MAX));
}

/** Which of `count` sorted values begins rank `rank` (from 1). */
export function boundaryIndex(rank: number, count: number): number {
  return Math.floor((rank * count) / RANKS);
}

/** The part of one column in a row's place on the curve: bits of its rank among `boundaries + 1`, spread over those of all columns. */
export function curvePart(rank: number, { boundaries, column, columns }: { boundaries: number; column: number; columns: number }): number {
  // Few ranks take the upper bits, as many do.
  const scaled = boundaries === 0 ? 0 : Math.floor((rank * (RANKS - 1)) / boundaries);
  let part = 0;
  for (let bit = 0; bit < RANK_BITS; bit++) if ((scaled >> bit) & 1) part += 2 ** (bit * columns + columns - 1 - column);
  return part;
}

export function checkZColumns(by: readonly string[]): void {
  assert(by.length >= 1 && by.length <= Z_COLUMNS_MAX && new Set(by).size === by.length, `Z-order takes 1 to ${Z_COLUMNS_MAX} different columns, not ${by.join(', ') || 'none'}`);
}
