import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDateDays, parsePartitionValue, parseTimestampUs, printPartitionValue, printTimestampUs } from '../../shared/delta/partition-values.ts';
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

test.each<[string, string | null | undefined, PartitionValue | undefined]>([
  ['string', 'a/b c%', 'a/b c%'], ['string', '', null], ['long', null, null], ['binary', '', null], ['long', undefined, undefined],
  ['long', '-9223372036854775808', -(2n ** 63n)], ['integer', '-7', -7], ['short', '07', 7], ['byte', '1.5', undefined], ['long', 'x', undefined],
  ['double', '1.0E7', 1e7], ['double', 'NaN', Number.NaN], ['double', '-Infinity', -Infinity], ['double', 'one', undefined], ['float', '0.1', Math.fround(0.1)],
  ['boolean', 'true', true], ['boolean', 'false', false], ['boolean', 'TRUE', undefined],
  ['date', '2022-01-08', 19_000], ['date', '0001-01-01', -719_162], ['date', '+10000-01-01', undefined], ['date', '2022-13-01', undefined],
  ['timestamp', '1969-12-31T23:59:59.999999Z', -1n], ['timestamp', '1970-01-01 00:00:00', 0n], ['timestamp', '1970-01-01T02:00:00.1+02:00', 100_000n], ['timestamp_ntz', '1970-01-01 00:00:00.000001', 1n],
  ['timestamp', 'now', undefined], ['binary', 'x', undefined], ['decimal(3,1)', '1.5', undefined],
])('%s of %o is %o', (type, text, value) => {
  expect(parsePartitionValue(text, type)).toEqual(value);
});

test('what is printed is read again', () => {
  const time = fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n });
  fc.assert(fc.property(time, (us) => parsePartitionValue(printPartitionValue(us, 'timestamp'), 'timestamp') === us));
  fc.assert(fc.property(fc.integer({ min: -719_162, max: 2_932_896 }), (days) => parsePartitionValue(printPartitionValue(BigInt(days), 'date'), 'date') === days));
});

test('a time tells the unit that it is written in', () => {
  const units = ['00:00:01Z', '00:00:01.5Z', '00:00:01.500Z', '00:00:01.5000Z', '00:00:01.500000Z', '00:00:01.500000999-0000'].map((time) => parseTimestampUs(`1970-01-01T${time}`));
  expect(units).toEqual([{ us: 1_000_000n, unitUs: 1_000_000n }, ...[1_000n, 1_000n, 1n, 1n, 1n].map((unitUs) => ({ us: 1_500_000n, unitUs }))]);
  expect([parseTimestampUs('1970-01-01'), parseDateDays('1970-01-01T00:00:00Z')]).toEqual([undefined, undefined]);
});
