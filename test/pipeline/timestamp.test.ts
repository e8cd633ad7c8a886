import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAfterMs, lateness, parseTimestampUs } from '../../shared/pipeline/timestamp.ts';

const noon = BigInt(Date.UTC(2025, 3, 1, 12)) * 1_000n;
const hourUs = 3_600_000_000n;

describe('valid timestamps, in microseconds', () => {
  test.each<[string, bigint]>([
    ['2025-04-01T12:00:00Z', noon],
    ['2025-04-01T12:00:00.5Z', noon + 500_000n],
    ['2025-04-01T12:00:00,5Z', noon + 500_000n],
    ['2025-04-01T12:00:00.000001Z', noon + 1n],
    ['2025-04-01T12:00:00.1234567Z', noon + 123_456n],
    ['2025-04-01T12:00:00.999999999Z', noon + 999_999n],
    ['2025-04-01T12:00:00+00:00', noon],
    ['2025-04-01T12:00:00-00:00', noon],
    ['2025-04-01T14:00:00+02:00', noon],
    ['2025-04-01T14:00:00+0200', noon],
    ['2025-04-01T14:00:00+02', noon],
    ['2025-04-01T06:30:00.25-0530', noon + 250_000n],
    ['2025-04-01T12:00:00+23:59', noon - 24n * hourUs + 60_000_000n],
    ['2025-04-01T12:00:00-23:59', noon + 24n * hourUs - 60_000_000n],
    ['2024-02-29T00:00:00Z', BigInt(Date.UTC(2024, 1, 29)) * 1_000n],
    ['2000-02-29T23:59:59Z', BigInt(Date.UTC(2000, 1, 29, 23, 59, 59)) * 1_000n],
    ['1970-01-01T00:00:00Z', 0n],
    // The digits are cut as written: one microsecond before the epoch, not two.
    ['1969-12-31T23:59:59.9999999Z', -1n],
    ['1969-12-31T23:59:59.000001Z', -999_999n],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000_000n],
    ['9999-12-31T23:59:59.999999999Z', 253_402_300_799_999_999n],
    ['0001-01-01T01:00:00+01:00', -62_135_596_800_000_000n],
    ['9999-12-31T22:59:59-01:00', 253_402_300_799_000_000n],
    ['1743508800000', noon],
    ['0', 0n],
    ['-0', 0n],
    ['-1', -1_000n],
    ['-62135596800000', -62_135_596_800_000_000n],
    ['253402300799999', 253_402_300_799_999_000n],
  ])('%s', (text, us) => {
    expect(parseTimestampUs(text)).toBe(us);
  });
});

describe('invalid timestamps', () => {
  test.each([
    ['no zone', '2025-04-01T12:00:00'],
    ['no zone after a fraction', '2025-04-01T12:00:00.5'],
    ['date only', '2025-04-01'],
    ['a space for T', '2025-04-01 12:00:00Z'],
    ['lower-case t', '2025-04-01t12:00:00Z'],
    ['lower-case z', '2025-04-01T12:00:00z'],
    ['space before', ' 2025-04-01T12:00:00Z'],
    ['space after', '2025-04-01T12:00:00Z '],
    ['no seconds', '2025-04-01T12:00Z'],
    ['24:00', '2025-04-01T24:00:00Z'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['minute 60', '2025-04-01T12:60:00Z'],
    ['30 February', '2024-02-30T00:00:00Z'],
    ['29 February of a common year', '2025-02-29T00:00:00Z'],
    ['29 February of 1900', '1900-02-29T00:00:00Z'],
    ['31 April', '2025-04-31T00:00:00Z'],
    ['month 0', '2025-00-01T00:00:00Z'],
    ['month 13', '2025-13-01T00:00:00Z'],
    ['day 0', '2025-04-00T00:00:00Z'],
    ['year 0', '0000-12-31T23:59:59Z'],
    ['year 0 that is year 1 in UTC', '0000-12-31T23:59:59-01:00'],
    ['year 10000', '10000-01-01T00:00:00Z'],
    ['a signed year', '+2025-04-01T12:00:00Z'],
    ['year 0 in UTC', '0001-01-01T00:59:59+01:00'],
    ['year 10000 in UTC', '9999-12-31T23:00:00-01:00'],
    ['a fraction without digits', '2025-04-01T12:00:00.Z'],
    ['ten fraction digits', '2025-04-01T12:00:00.1234567890Z'],
    ['two marks', '2025-04-01T12:00:00.,5Z'],
    ['offset hour 24', '2025-04-01T12:00:00+24:00'],
    ['offset minute 60', '2025-04-01T12:00:00+01:60'],
    ['a one-digit offset', '2025-04-01T12:00:00+1'],
    ['a three-digit offset', '2025-04-01T12:00:00+013'],
    ['a cut offset', '2025-04-01T12:00:00+01:3'],
    ['an offset with seconds', '2025-04-01T12:00:00+01:00:00'],
    ['a sign alone', '2025-04-01T12:00:00+'],
    ['Z and an offset', '2025-04-01T12:00:00Z+01'],
    ['a minus sign of typography', '2025-04-01T12:00:00−01:00'],
    ['Arabic digits', '٢٠٢٥-04-01T12:00:00Z'],
    ['full-width digits', '2025-04-01T12:00:0０Z'],
    ['basic format', '20250401T120000Z'],
    ['a millisecond before year 1', '-62135596800001'],
    ['a millisecond after year 9999', '253402300800000'],
    ['decimals', '1743508800000.0'],
    ['an exponent', '1e12'],
    ['a leading zero', '01743508800000'],
    ['a plus sign', '+1743508800000'],
    ['an integer with a space', '1743508800000 '],
    ['Arabic epoch digits', '١٧٤٣'],
    ['a long number', '1'.repeat(100_000)],
    ['nothing', ''],
    ['a word', 'yesterday'],
  ])('%s', (_name, text) => {
    expect(parseTimestampUs(text)).toBeNull();
  });
});

/** The sentence of semantics.md, section 4, point 7 once more, by a pattern and the platform's calendar. */
function reference(text: string): bigint | null {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)$/u.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const [offsetHour, offsetMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const written = `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}.000Z`;
  if (year === 0 || date.toISOString() !== written || offsetHour > 23 || offsetMinute > 59) return null;
  const offsetMs = (match[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000;
  const utc = new Date(date.getTime() - offsetMs);
  if (utc.getUTCFullYear() < 1 || utc.getUTCFullYear() > 9999) return null;
  return BigInt(utc.getTime()) * 1_000n + BigInt((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
}

const two = (max: number): fc.Arbitrary<string> => fc.nat(max).map((number) => String(number).padStart(2, '0'));
const year = fc.oneof(fc.constantFrom(0, 1, 1600, 1900, 1969, 1970, 2000, 2024, 2025, 9999), fc.nat(9999)).map((number) => String(number).padStart(4, '0'));
const fraction = fc.tuple(fc.constantFrom('', '.', ','), fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), maxLength: 10 })).map((parts) => (parts[0] === '' ? '' : parts.join('')));
const zone = fc.tuple(fc.constantFrom('Z', '', '+', '-'), two(25), fc.constantFrom('', ':', 'none'), two(61))
  .map(([sign, hours, colon, minutes]) => (sign === 'Z' || sign === '' ? sign : `${sign}${hours}${colon === 'none' ? '' : colon + minutes}`));
const written = fc.tuple(year, two(13), two(32), two(25), two(61), two(61), fraction, zone)
  .map(([y, month, day, hour, minute, second, digits, end]) => `${y}-${month}-${day}T${hour}:${minute}:${second}${digits}${end}`);
const scratched = fc.tuple(written, fc.nat(40), fc.constantFrom('', '0', '٣', ' ', 'Z', ':', '-', '.'))
  .map(([text, at, insert]) => text.slice(0, at) + insert + text.slice(at + 1));

describe('properties', () => {
  test('agrees with the sentence as a pattern and the platform calendar', () => {
    fc.assert(fc.property(fc.oneof(written, scratched), (text) => {
      expect(parseTimestampUs(text)).toBe(reference(text));
    }), { numRuns: 20_000 });
  });

  test('every day of 800 years', () => {
    for (let day = Date.UTC(1600, 0, 1); day < Date.UTC(2400, 0, 1); day += 86_400_000) {
      const text = new Date(day).toISOString();
      if (parseTimestampUs(text) !== BigInt(day) * 1_000n) expect.fail(text);
    }
  });

  test('epoch milliseconds and their ISO text are the same moment', () => {
    fc.assert(fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
      expect(parseTimestampUs(String(ms))).toBe(parseTimestampUs(new Date(ms).toISOString()));
    }));
  });
});

describe('lateness', () => {
  test.each<[string, bigint, number | null, bigint | null, boolean]>([
    ['at once', 1_000_000n, 1_000, 0n, false],
    ['exactly the limit', 0n, 300_000, 300_000n, false],
    ['one microsecond past it is still the limit in whole milliseconds', -1n, 300_000, 300_000n, false],
    ['one millisecond past it', -1_000n, 300_000, 300_001n, true],
    ['ahead by a microsecond rounds down', 1n, 0, -1n, false],
    ['ahead by a millisecond and a microsecond', 1_001n, 0, -2n, false],
    ['behind by 999 microseconds', -999n, 0, 0n, false],
    ['no broker timestamp', -1_000_000_000_000n, null, null, false],
    ['the greatest broker timestamp there is', -62_135_596_800_000_000n, 2 ** 62, 4_611_748_154_024_187_904n, true],
  ])('%s', (_name, timestampUs, kafkaTimestampMs, lateByMs, isLate) => {
    expect(lateness(timestampUs, kafkaTimestampMs, 300_000)).toEqual({ lateByMs, isLate });
  });
});

test('isAfterMs is strict and exact, in and beyond the safe integers', () => {
  fc.assert(fc.property(fc.maxSafeInteger(), fc.integer({ min: -2, max: 2 }), (ms, us) => {
    expect(isAfterMs(BigInt(ms) * 1_000n + BigInt(us), ms)).toBe(us > 0);
  }));
});
