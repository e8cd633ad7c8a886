import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareStanding, isSameRecord, lossOf } from '../../shared/pipeline/standing.ts';
import type { Standing } from '../../shared/pipeline/standing.ts';

const base: Standing = { timestampUs: 10n, kafkaTimestampUs: 5n, topic: 'm', incarnation: 'm', partition: 1, offset: 7n };
const but = (change: Partial<Standing>): Standing => ({ ...base, ...change });

const standings = fc.record<Standing>({
  timestampUs: fc.bigInt({ min: 0n, max: 1n }),
  kafkaTimestampUs: fc.option(fc.bigInt({ min: 0n, max: 1n })),
  topic: fc.constantFrom('a', 'b', '123'),
  incarnation: fc.constantFrom('x', 'none', 'none-2'),
  partition: fc.integer({ min: 0, max: 2 }),
  offset: fc.bigInt({ min: 0n, max: 2n }),
});

describe('the total order of versions', () => {
  test.each([
    { what: 'the later event wins', better: but({ timestampUs: 11n }), worse: but({ kafkaTimestampUs: 0n, offset: 0n }) },
    { what: 'then the earlier broker time', better: but({ kafkaTimestampUs: 4n, offset: 99n }), worse: base },
    { what: 'no broker time is last', better: but({ kafkaTimestampUs: 9_999n }), worse: but({ kafkaTimestampUs: null, topic: 'a' }) },
    { what: 'then the topic', better: but({ topic: 'l', incarnation: 'z' }), worse: base },
    { what: 'topics by bytes, not by number', better: but({ topic: '123' }), worse: but({ topic: '99' }) },
    { what: 'capitals before small letters', better: but({ topic: 'Z' }), worse: but({ topic: 'a' }) },
    { what: 'then the incarnation', better: but({ incarnation: 'a', partition: 9 }), worse: base },
    { what: 'incarnations by code point, not by UTF-16 unit', better: but({ incarnation: '\uFFFD' }), worse: but({ incarnation: '\u{10000}' }) },
    { what: 'then the partition, as a number', better: but({ partition: 9 }), worse: but({ partition: 10 }) },
    { what: 'then the offset, as a number', better: but({ offset: 9n }), worse: but({ offset: 10n }) },
    { what: 'times before the epoch', better: but({ timestampUs: -1n }), worse: but({ timestampUs: -2n }) },
  ])('$what', ({ better, worse }) => {
    expect(compareStanding(better, worse)).toBeLessThan(0);
    expect(compareStanding(worse, better)).toBeGreaterThan(0);
  });

  test('is total: zero only for the same record, antisymmetric, transitive', () => {
    fc.assert(fc.property(standings, standings, standings, (a, b, c) => {
      expect(Math.sign(compareStanding(a, b))).toBe(-Math.sign(compareStanding(b, a)) + 0);
      if (compareStanding(a, b) === 0) expect(a).toEqual(b);
      if (compareStanding(a, b) <= 0 && compareStanding(b, c) <= 0) expect(compareStanding(a, c)).toBeLessThanOrEqual(0);
    }));
  });

  test('a loser at the winner\'s timestamp is a duplicate, any other superseded', () => {
    expect(lossOf(but({ offset: 8n }), base)).toBe('duplicate');
    expect(lossOf(but({ timestampUs: 9n }), base)).toBe('superseded');
  });

  test('a record is known by its place alone', () => {
    expect(isSameRecord(base, but({ timestampUs: 0n, kafkaTimestampUs: null }))).toBe(true);
    for (const other of [{ topic: 'n' }, { incarnation: 'n' }, { partition: 2 }, { offset: 8n }]) expect(isSameRecord(base, but(other))).toBe(false);
  });
});
