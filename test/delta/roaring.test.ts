import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRoaring64 } from '../../shared/delta/roaring.ts';
import { encodeRoaring64 } from '../support/roaring.ts';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_value, i) => BigInt(from + i));

/** Single values, dense stretches of more than 4,096 and containers in many buckets. */
const values = fc.array(
  fc.oneof(
    fc.bigInt({ min: 0n, max: 0x3_0000n }).map((value) => [value]),
    fc.bigInt({ min: 0n, max: 0x7fff_ffff_ffff_ffffn }).map((value) => [value]),
    fc.tuple(fc.nat(0x2_0000), fc.nat(9_000)).map(([from, length]) => range(from, from + length)),
  ),
  { maxLength: 30 },
).map((lists) => [...new Set(lists.flat())].sort((a, b) => (a < b ? -1 : 1)));

test('reads what was written, whatever kinds of containers hold it', () => {
  fc.assert(fc.property(values, fc.constantFrom(0, 1, 2), (sorted, every) => {
    const runs = (low: readonly number[]) => every === 1 || (every === 2 && low.length % 2 === 0);
    expect([...decodeRoaring64(encodeRoaring64(sorted, runs))]).toEqual(sorted);
  }), { numRuns: 60 });
});

test.each([
  ['nothing', []],
  ['the ends of a container', [0n, 65_535n, 65_536n]],
  ['a full container', range(0, 65_536)],
  ['exactly as many as an array holds', range(10, 10 + 4096)],
  ['one more', range(10, 10 + 4097)],
  ['the ends of a bucket', [0xffff_ffffn, 0x1_0000_0000n]],
  ['three containers, without offsets where there are runs', [0n, 65_536n, 131_072n]],
  ['four, with offsets', [0n, 65_536n, 131_072n, 196_608n]],
  ['many containers', Array.from({ length: 70 }, (_value, i) => BigInt(i) * 65_536n)],
])('%s, with and without runs', (_name, sorted) => {
  expect([...decodeRoaring64(encodeRoaring64(sorted))]).toEqual(sorted);
  expect([...decodeRoaring64(encodeRoaring64(sorted, () => true))]).toEqual(sorted);
});

test('a view into a larger buffer is read from its own start', () => {
  const bytes = Buffer.concat([Buffer.alloc(3, 0xff), encodeRoaring64([7n, 9n]), Buffer.alloc(5, 0xff)]);
  expect([...decodeRoaring64(bytes.subarray(3, -5))]).toEqual([7n, 9n]);
});

test('damage is told, never read past', () => {
  const bitmap = encodeRoaring64([...range(0, 5000), ...range(70_000, 70_010)]);
  fc.assert(fc.property(fc.nat(bitmap.length - 1), (length) => {
    expect(() => decodeRoaring64(bitmap.subarray(0, length))).toThrow(expect.objectContaining({ code: 'delta/roaring-damaged' }));
  }), { numRuns: 50 });
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), (bytes) => {
    try {
      decodeRoaring64(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: 'delta/roaring-damaged' });
    }
  }));
});

test('an array out of order and a wrong count are damage', () => {
  const disorder = encodeRoaring64([1n, 2n, 3n]);
  disorder.writeUInt16LE(9, disorder.length - 6);
  expect(() => decodeRoaring64(disorder)).toThrow(/comes after 9/);
  const bitmap = encodeRoaring64(range(0, 5000));
  bitmap[bitmap.length - 1] |= 0x80;
  expect(() => decodeRoaring64(bitmap)).toThrow(/5000 values holds 5001/);
});
