import fc from 'fast-check';
import { expect, test } from 'vitest';
import { complement, contains, difference, rankOf, union } from '../../shared/delta/positions.ts';

const sorted = (values: Iterable<bigint>) => BigInt64Array.from(new Set(values)).sort();

/** Close together, so that sets meet; with a few where the upper half counts. */
const position = fc.oneof({ weight: 8, arbitrary: fc.bigInt({ min: 0n, max: 60n }) }, fc.bigInt({ min: 0xffff_fff0n, max: 0x1_0000_0010n }), fc.bigInt({ min: 0n, max: 0x7fff_ffff_ffff_ffffn }));
const positions = fc.array(position, { maxLength: 60, size: 'max' }).map(sorted);

test('union and difference are those of sets', () => {
  fc.assert(fc.property(positions, positions, (a, b) => {
    expect(union(a, b)).toEqual(sorted([...a, ...b]));
    expect(difference(a, b)).toEqual(a.filter((value) => !b.includes(value)));
  }), { numRuns: 1_000 });
});

test('parts of larger arrays count by themselves, and nothing is changed', () => {
  const whole = BigInt64Array.of(0n, 1n, 2n, 3n, 4n);
  expect(union(whole.subarray(1, 3), whole.subarray(3))).toEqual(BigInt64Array.of(1n, 2n, 3n, 4n));
  expect(difference(whole.subarray(1), whole.subarray(3))).toEqual(BigInt64Array.of(1n, 2n));
  expect(whole).toEqual(BigInt64Array.of(0n, 1n, 2n, 3n, 4n));
});

test('rank and membership', () => {
  fc.assert(fc.property(positions, position, (set, at) => {
    expect(rankOf(set, at)).toBe([...set].filter((value) => value < at).length);
    expect(contains(set, at)).toBe(set.includes(at));
  }), { numRuns: 500 });
});

test('the complement is what else there is', () => {
  fc.assert(fc.property(positions, fc.nat(80), (deleted, rows) => {
    const all = Array.from({ length: rows }, (_value, i) => BigInt(i));
    expect([...complement(deleted, rows)]).toEqual(all.filter((value) => !deleted.includes(value)));
  }), { numRuns: 500 });
});
