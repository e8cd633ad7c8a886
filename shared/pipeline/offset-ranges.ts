import type { OffsetRange } from '../sources/record.ts';

export type { OffsetRange } from '../sources/record.ts';

/** Sets of offsets as ranges. Pure. */

/** The same offsets in as few ranges as hold them, ascending: no two overlap or touch. */
export function mergeRanges(ranges: Iterable<OffsetRange>): OffsetRange[] {
  const sorted = [...ranges].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0));
  const merged: { firstOffset: bigint; lastOffset: bigint }[] = [];
  for (const { firstOffset, lastOffset } of sorted) {
    const before = merged.at(-1);
    if (!before || firstOffset > before.lastOffset + 1n) merged.push({ firstOffset, lastOffset });
    else if (lastOffset > before.lastOffset) before.lastOffset = lastOffset;
  }
  return merged;
}

/** What of the range `covered`, merged ranges, leaves over; ascending. */
export function uncovered(range: OffsetRange, covered: readonly OffsetRange[]): OffsetRange[] {
  const left: OffsetRange[] = [];
  let next = range.firstOffset;
  for (const { firstOffset, lastOffset } of covered) {
    if (lastOffset < next) continue;
    if (firstOffset > range.lastOffset) break;
    if (firstOffset > next) left.push({ firstOffset: next, lastOffset: firstOffset - 1n });
    next = lastOffset + 1n;
  }
  if (next <= range.lastOffset) left.push({ firstOffset: next, lastOffset: range.lastOffset });
  return left;
}

/** What of the ranges lies inside `bounds`. */
export function clipRanges(ranges: readonly OffsetRange[], bounds: OffsetRange): OffsetRange[] {
  const later = (a: bigint, b: bigint) => (a > b ? a : b);
  const earlier = (a: bigint, b: bigint) => (a < b ? a : b);
  return ranges
    .map((range) => ({ firstOffset: later(range.firstOffset, bounds.firstOffset), lastOffset: earlier(range.lastOffset, bounds.lastOffset) }))
    .filter(({ firstOffset, lastOffset }) => firstOffset <= lastOffset);
}

export function countOffsets(ranges: readonly OffsetRange[]): bigint {
  return ranges.reduce((sum, { firstOffset, lastOffset }) => sum + lastOffset - firstOffset + 1n, 0n);
}
