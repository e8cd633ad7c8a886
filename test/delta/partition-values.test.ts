import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printPartitionValue, printTimestampUs } from '../../shared/delta/partition-values.ts';
import type { PartitionValue } from '../../shared/delta/partition-values.ts';

test.each<[string, PartitionValue, string | null]>([
  ['string', 'a/b c%', 'a/b c%'],
  ['string', '', null],
  ['string', null, null],
  ['long', -(2n ** 63n), '-9223372036854775808'],
  ['integer', 0, '0'],
  ['boolean', false, 'false'],
  ['date', 19_000, '2022-01-08'],
  ['date', -1n, '1969-12-31'],
  ['date', -719_162n, '0001-01-01'],
  ['timestamp', 0n, '1970-01-01T00:00:00.000000Z'],
])('%s %s', (type, value, expected) => {
  expect(printPartitionValue(value, type)).toBe(expected);
});

test('other types are refused by name', () => {
  for (const type of ['double', 'float', 'binary', 'decimal(3,1)']) {
    expect(() => printPartitionValue(1, type)).toThrow(expect.objectContaining({ code: 'delta/partition-type', message: expect.stringContaining(type) as string }));
  }
});

test('instants of the years 0001 to 9999 keep their microseconds', () => {
  const [first, last] = [BigInt(Date.parse('0001-01-01T00:00:00Z')) * 1000n, BigInt(Date.parse('9999-12-31T23:59:59Z')) * 1000n + 999_999n];
  const fits = (us: bigint) => {
    const text = printTimestampUs(us);
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1000n + BigInt(text.slice(20, 26))).toBe(us);
  };
  fc.assert(fc.property(fc.bigInt({ min: first, max: last }), fits));
  for (const us of [first, -1n, 0n, 1n, last]) fits(us);
});
