import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UtcTimes } from '../../shared/sources/utc-times.ts';

const two = fc.integer({ min: 0, max: 70 }).map((value) => String(value).padStart(2, '0'));
const parts = fc.record({
  minute: fc.constantFrom('2025-04-01T17:20', '2025-04-01T17:21', '1969-12-31T23:59', '9999-12-31T23:59', '2025-02-29T00:00', '2025-04-01T24:00', 'Tue, 01 Apr 2025'),
  seconds: two, fraction: fc.oneof(fc.constant(''), fc.string({ unit: fc.constantFrom('0', '1', '9', 'x'), maxLength: 8 }).map((digits) => `.${digits}`)), end: fc.constantFrom('Z', 'Z', 'Z', '', '+00:00', 'ZZ'),
});

test('any texts, one after the other, are what Date.parse says, where they end in Z', () => {
  fc.assert(fc.property(fc.array(parts, { maxLength: 20 }), (all) => {
    const times = new UtcTimes();
    for (const { minute, seconds, fraction, end } of all) {
      const text = `${minute}:${seconds}${fraction}${end}`;
      expect(times.parse(text), text).toBe(text.endsWith('Z') ? Date.parse(text) : Number.NaN);
    }
  }), { numRuns: 2_000 });
});

test('the forms of .NET', () => {
  const times = new UtcTimes();
  expect(['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.1Z', '2026-01-02T03:04:05.1239999Z', '1969-12-31T23:59:59.999Z', '2026-01-02T03:04:60Z'].map((text) => times.parse(text)))
    .toEqual([1_767_323_045_000, 1_767_323_045_100, 1_767_323_045_123, -1, Number.NaN]);
});
