import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clipRanges, countOffsets, mergeRanges, uncovered } from '../../shared/pipeline/offset-ranges.ts';
import type { OffsetRange } from '../../shared/pipeline/offset-ranges.ts';

const range = (first: number, last: number): OffsetRange => ({ firstOffset: BigInt(first), lastOffset: BigInt(last) });
const pairs = (ranges: readonly OffsetRange[]) => ranges.map(({ firstOffset, lastOffset }) => [Number(firstOffset), Number(lastOffset)]);
const offsets = (ranges: readonly OffsetRange[]) => new Set(pairs(ranges).flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_v, i) => first + i)));
const only = (one: OffsetRange, holds: (offset: number) => boolean) => new Set([...offsets([one])].filter(holds));

const anyRange = fc.tuple(fc.nat(40), fc.nat(8)).map(([first, length]) => range(first, first + length));
const anyRanges = fc.array(anyRange, { maxLength: 8 });

describe('ranges of offsets', () => {
  test('merge where they touch or overlap, and only there', () => {
    expect(pairs(mergeRanges([range(8, 9), range(0, 2), range(3, 4), range(1, 1), range(6, 6)]))).toEqual([[0, 4], [6, 6], [8, 9]]);
    expect(mergeRanges([])).toEqual([]);
  });

  test('what is left of a range', () => {
    expect(pairs(uncovered(range(2, 9), []))).toEqual([[2, 9]]);
    expect(pairs(uncovered(range(2, 9), [range(0, 3), range(5, 5), range(9, 12)]))).toEqual([[4, 4], [6, 8]]);
    expect(pairs(uncovered(range(2, 9), [range(0, 20)]))).toEqual([]);
    expect(pairs(uncovered(range(2, 9), [range(0, 1), range(10, 11)]))).toEqual([[2, 9]]);
  });

  test('agree with sets of numbers, whatever the ranges', () => {
    fc.assert(fc.property(anyRange, anyRanges, (one, others) => {
      const merged = mergeRanges(others);
      expect(offsets(merged)).toEqual(offsets(others));
      expect(countOffsets(merged)).toBe(BigInt(offsets(others).size));
      expect(offsets(uncovered(one, merged))).toEqual(only(one, (offset) => !offsets(others).has(offset)));
      expect(offsets(clipRanges(merged, one))).toEqual(only(one, (offset) => offsets(others).has(offset)));
    }));
  });

  test('keep every digit', () => {
    const far = { firstOffset: 2n ** 62n, lastOffset: 2n ** 62n + 1n };
    expect(uncovered(far, [{ firstOffset: 0n, lastOffset: 2n ** 62n }])).toEqual([{ firstOffset: 2n ** 62n + 1n, lastOffset: 2n ** 62n + 1n }]);
  });
});
