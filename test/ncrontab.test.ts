import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../shared/errors.ts';
import { parseSchedule } from '../shared/ncrontab.ts';

const next = (schedule: string, after: string, count = 1) => {
  const times: string[] = [];
  let at = Date.parse(after);
  for (let i = 0; i < count; i++) {
    at = parseSchedule(schedule).next(at);
    times.push(new Date(at).toISOString().replace('.000Z', 'Z'));
  }
  return times;
};

describe('parseSchedule', () => {
  it.each([
    ['*/30 * * * * *', '2026-01-01T00:00:00Z', ['2026-01-01T00:00:30Z', '2026-01-01T00:01:00Z']],
    ['15/30 * * * * *', '2026-01-01T00:00:00Z', ['2026-01-01T00:00:15Z', '2026-01-01T00:00:45Z', '2026-01-01T00:01:15Z']],
    ['0 */5 * * * *', '2026-12-31T23:56:01Z', ['2027-01-01T00:00:00Z', '2027-01-01T00:05:00Z']],
    ['0 30 9-17 * * Mon-Fri', '2026-11-20T17:00:00Z', ['2026-11-20T17:30:00Z', '2026-11-23T09:30:00Z']],
    ['0 0 0 1 jan,JUL *', '2026-03-01T00:00:00Z', ['2026-07-01T00:00:00Z', '2027-01-01T00:00:00Z']],
    ['0 0 0 29 2 *', '2026-01-01T00:00:00Z', ['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z']],
    ['0 0 0 13 * 5', '2026-01-01T00:00:00Z', ['2026-02-13T00:00:00Z', '2026-03-13T00:00:00Z', '2026-11-13T00:00:00Z']],
    ['5,1-2,10-0/5 * * * * *', '2026-01-01T00:00:00Z', ['2026-01-01T00:00:01Z', '2026-01-01T00:00:02Z', '2026-01-01T00:00:05Z', '2026-01-01T00:00:10Z']],
    ['0 0 3 * * sun', '2026-11-21T12:00:00Z', ['2026-11-22T03:00:00Z']],
  ])('%s after %s', (schedule, after, expected) => {
    expect(next(schedule, after, expected.length)).toEqual(expected);
  });

  it('an occurrence lies strictly after the moment asked for', () => {
    expect(next('0 0 * * * *', '2026-01-01T00:00:00.000Z')).toEqual(['2026-01-01T01:00:00Z']);
    expect(next('0 0 * * * *', '2025-12-31T23:59:59.999Z')).toEqual(['2026-01-01T00:00:00Z']);
  });

  it.each([
    ['* * * * *', /has 5 fields/],
    ['', /fields/],
    ['60 * * * * *', /"60" is no second: 0 to 59/],
    ['* * * 0 * *', /"0" is no day: 1 to 31/],
    ['* * * * 13 *', /"13" is no month/],
    ['* * * * * 7', /"7" is no day of week: 0 to 6 or an English name/],
    ['* * * * * noday', /"noday" is no day of week/],
    ['*/0 * * * * *', /"\*\/0" is no valid second/],
    ['1- * * * * *', /no valid second/],
    ['*-3 * * * * *', /no valid second/],
    ['1,,2 * * * * *', /no valid second/],
    ['jan * * * * *', /"jan" is no second/],
    ['0 0 0 30 feb *', /no date ever matches/],
  ])('%s is refused', (schedule, message) => {
    expect(() => parseSchedule(schedule)).toThrow(ConfigError);
    expect(() => parseSchedule(schedule)).toThrow(message);
  });

  it('skips no matching second and invents none', () => {
    const seconds = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 6 });
    const afterMs = fc.integer({ min: 0, max: 4_000_000_000 }).map((s) => s * 1000 + 1);
    fc.assert(fc.property(seconds, afterMs, (on, after) => {
      const at = parseSchedule(`${on.join(',')} * * * * *`).next(after);
      for (let t = Math.ceil(after / 1000) * 1000; t < at; t += 1000) expect(on).not.toContain((t / 1000) % 60);
      expect(on).toContain((at / 1000) % 60);
      expect(at).toBeGreaterThan(after);
    }));
  });
});
