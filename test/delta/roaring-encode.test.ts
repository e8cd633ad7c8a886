import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRoaring64 } from '../../shared/delta/roaring.ts';
import { encodeRoaring64 } from '../../shared/delta/roaring-encode.ts';
import { encodeRoaring64 as independently } from '../support/roaring.ts';

const range = (from: number | bigint, length: number, step = 1) => BigInt64Array.from({ length }, (_value, i) => BigInt(from) + BigInt(i * step));
const sorted = (...parts: readonly Iterable<bigint>[]) => BigInt64Array.from(new Set(parts.flatMap((part) => [...part]))).sort();

/** Single values up to the last bit, stretches around the limits of arrays and containers, and combs. */
const values = fc.array(fc.oneof(
  fc.bigInt({ min: 0n, max: 0x3_0000n }).map((value) => BigInt64Array.of(value)),
  fc.bigInt({ min: 0n, max: 0x7fff_ffff_ffff_ffffn }).map((value) => BigInt64Array.of(value)),
  fc.tuple(fc.bigInt({ min: 0n, max: 0x1_0002_0000n }), fc.constantFrom(3, 4_095, 4_096, 4_097, 9_000), fc.constantFrom(1, 2, 7)).map(([from, length, step]) => range(from, length, step)),
), { maxLength: 12 }).map((parts) => sorted(...parts));

/** The three forms that the independent writer can be made to choose, for one container: array, bitmap and runs. */
function sizeOf(array: BigInt64Array, useRuns: (low: readonly number[]) => boolean): number {
  return independently(array, useRuns).byteLength;
}

test('what was encoded is decoded', () => {
  fc.assert(fc.property(values, (array) => {
    expect(decodeRoaring64(encodeRoaring64(array))).toEqual(array);
  }), { numRuns: 100 });
});

const CASES: [string, BigInt64Array][] = [
  ['nothing', new BigInt64Array()],
  ['one row', BigInt64Array.of(7n)],
  ['the ends of a container', BigInt64Array.of(0n, 65_535n, 65_536n)],
  ['a full container', range(0, 65_536)],
  ['all but one of a container', sorted(range(0, 40_000), range(40_001, 25_535))],
  ['4,095 in a comb', range(0, 4_095, 2)],
  ['4,096 in a comb: the largest array', range(1, 4_096, 2)],
  ['4,097 in a comb: the smallest bitmap', range(0, 4_097, 2)],
  ['every second of a container', range(0, 32_768, 2)],
  ['runs that are worth it in some containers only', sorted(range(0, 1_000), range(65_536, 900, 3), range(200_000, 50_000))],
  ['three containers with a run, so no offsets', sorted(range(0, 100), [65_536n, 131_072n])],
  ['four, so offsets', sorted(range(0, 100), [65_536n, 131_072n, 196_608n])],
  ['the ends of a bucket', BigInt64Array.of(0xffff_ffffn, 0x1_0000_0000n)],
  ['the last value', BigInt64Array.of(0n, 0x7fff_ffff_ffff_ffffn)],
];

test.each(CASES)('%s: decoded again, and never larger than another choice of forms', (_name, array) => {
  const bytes = encodeRoaring64(array);
  expect(decodeRoaring64(bytes)).toEqual(array);
  expect(bytes.byteLength).toBeLessThanOrEqual(sizeOf(array, () => false));
});

test('a container is as small as the smallest of its forms', () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 0x7fff_ffff_ffffn }), fc.uniqueArray(fc.nat(0xffff), { maxLength: 300, minLength: 1 }), fc.nat(30_000), fc.constantFrom(1, 2, 3), (at, singles, length, step) => {
    const base = at * 0x1_0000n;
    const comb = range(0, Math.min(length, Math.ceil(0x1_0000 / step)), step);
    const array = sorted(singles.map(BigInt), comb).map((low) => base + low);
    // Cookie, flag, key and count, no offset of runs are 5 + 4 bytes before them; of the others 8 + 8.
    const runs = array.filter((value, i) => i === 0 || value !== array[i - 1] + 1n).length;
    const forms = [16 + 2 * array.length, 16 + 8_192, 9 + 2 + 4 * runs];
    const bytes = encodeRoaring64(array).byteLength - 12;
    expect(forms).toContain(bytes);
    const body = bytes - (bytes === forms[2] ? 9 : 16);
    expect(body).toBe(Math.min(2 * array.length, 8_192, 2 + 4 * runs));
  }));
});

test('the forms are chosen as the libraries choose them: byte for byte what an independent writer makes of that choice', () => {
  fc.assert(fc.property(values, (array) => {
    const runsAreSmaller = (low: readonly number[]) => 2 + 4 * low.filter((value, i) => i === 0 || value !== low[i - 1] + 1).length < Math.min(2 * low.length, 8_192);
    expect(Buffer.compare(encodeRoaring64(array), independently(array, runsAreSmaller))).toBe(0);
  }), { numRuns: 60 });
});

test('a part of a larger array is encoded by itself', () => {
  expect([...decodeRoaring64(encodeRoaring64(range(0, 10, 3).subarray(2, 5)))]).toEqual([6n, 9n, 12n]);
});

test.each([[[2n, 1n]], [[1n, 1n]], [[70_000n, 1n]], [[0x1_0000_0000n, 5n]], [[-1n]], [[5n, -1n]]])('%s is a bug of the caller', (wrong) => {
  expect(() => encodeRoaring64(BigInt64Array.from(wrong))).toThrow(/bug: a bitmap's values must ascend/);
});
