import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { array, field, struct } from '../../shared/delta/schema.ts';
import type { DataType } from '../../shared/delta/schema.ts';
import { STATISTICS_COLUMNS, hasMinMax, indexedFields, parseStats, printStats, printStatisticsColumns, truncateMax, truncateMin } from '../../shared/delta/stats.ts';
import type { ColumnAggregate } from '../../shared/delta/stats.ts';

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Text of every length around the limits, much of it at the ends of the alphabet and beyond 16 bits. */
const text = fc.array(fc.oneof(
  fc.constantFrom('\0', 'a', '~', '\x7f', '\x80', 'é', '\uffff', '\ue000', '\u{10000}', '\u{10ffff}', '☃'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((unit) => unit.isWellFormed()),
), { maxLength: 150, size: 'max' }).map((units) => units.join(''));

describe('truncated text', () => {
  test('bounds hold by code point and split no surrogate pair', () => {
    fc.assert(fc.property(text, (value) => {
      const [min, max] = [truncateMin(value), truncateMax(value)];
      expect(byCodePoint(min, value)).toBeLessThanOrEqual(0);
      expect(min.isWellFormed()).toBe(true);
      expect(Array.from(min).length).toBeLessThanOrEqual(32);
      if (max === null) return;
      expect(byCodePoint(max, value)).toBeGreaterThanOrEqual(0);
      expect(max.isWellFormed()).toBe(true);
      expect(Array.from(max).length).toBeLessThanOrEqual(65);
    }), { numRuns: 2_000 });
  });

  test('the bounds of a set hold for each of its members', () => {
    fc.assert(fc.property(fc.array(text, { minLength: 1 }), (values) => {
      const sorted = [...values].sort(byCodePoint);
      const max = truncateMax(sorted.at(-1)!);
      for (const value of values) {
        expect(byCodePoint(truncateMin(sorted[0]), value)).toBeLessThanOrEqual(0);
        if (max !== null) expect(byCodePoint(max, value)).toBeGreaterThanOrEqual(0);
      }
    }));
  });

  test('a pair on the edge is kept whole or left out', () => {
    expect(truncateMin(`${'x'.repeat(31)}${'\u{1f600}'.repeat(5)}`)).toBe(`${'x'.repeat(31)}\u{1f600}`);
    expect(truncateMin('\u{1f600}'.repeat(40))).toBe('\u{1f600}'.repeat(32));
    expect(truncateMin(`x${'\u{1f600}'.repeat(40)}`)).toBe(`x${'\u{1f600}'.repeat(31)}`);
  });

  test.each([
    ['short text is itself', 'x'.repeat(32), 'x'.repeat(32)],
    ['ASCII gets DEL', 'x'.repeat(33), `${'x'.repeat(32)}\x7f`],
    ['above ASCII the last code point', `${'x'.repeat(32)}é`, `${'x'.repeat(32)}\u{10ffff}`],
    ['DEL itself too', `${'x'.repeat(32)}\x7f`, `${'x'.repeat(32)}\u{10ffff}`],
    ['32 pairs are not cut', '\u{1f600}'.repeat(32), '\u{1f600}'.repeat(32)],
    ['a run of the last code point is passed', `${'x'.repeat(32)}${'\u{10ffff}'.repeat(3)}a`, `${'x'.repeat(32)}${'\u{10ffff}'.repeat(3)}\x7f`],
    ['or given up', '\u{10ffff}'.repeat(100), null],
    ['short of that it ends', '\u{10ffff}'.repeat(40), '\u{10ffff}'.repeat(40)],
  ])('%s', (_name, value, expected) => {
    expect(truncateMax(value)).toBe(expected);
  });
});

const printed = (type: DataType, aggregate: Partial<ColumnAggregate>) => JSON.parse(printStats(5n, [field('c', type)], { c: { nulls: 1n, min: null, max: null, ...aggregate } })) as unknown;

describe('printed bounds', () => {
  test.each<[string, DataType, ColumnAggregate['min'], unknown]>([
    ['text with NUL', 'string', 'a\0b', 'a\0b'],
    ['double', 'double', 1.5, 1.5],
    ['the smallest double', 'double', 5e-324, 5e-324],
    ['minus zero as zero', 'double', -0, 0],
    ['timestamp', 'timestamp', -1n, '1969-12-31T23:59:59.999999Z'],
    ['timestamp without zone', 'timestamp_ntz', 1_000_001n, '1970-01-01T00:00:01.000001'],
    ['date', 'date', -1n, '1969-12-31'],
    ['date as a number of days', 'date', 19_000, '2022-01-08'],
  ])('%s', (_name, type, bound, expected) => {
    expect(printed(type, { min: bound, max: bound })).toEqual({ numRecords: 5, minValues: { c: expected }, maxValues: { c: expected }, nullCount: { c: 1 }, tightBounds: true });
  });

  test('int64 keeps every digit', () => {
    const stats = printStats(1n, [field('c', 'long')], { c: { nulls: 0n, min: -(2n ** 63n), max: 2n ** 63n - 1n } });
    expect(stats).toContain('"minValues":{"c":-9223372036854775808},"maxValues":{"c":9223372036854775807}');
    expect(parseStats(stats)).toMatchObject({ minValues: { c: -(2n ** 63n) }, maxValues: { c: 2n ** 63n - 1n } });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s is no bound', (bound) => {
    expect(printed('double', { min: bound, max: 1 })).toMatchObject({ minValues: {}, maxValues: { c: 1 } });
    expect(printed('double', { min: 1, max: bound })).toMatchObject({ minValues: { c: 1 }, maxValues: {} });
  });

  test.each<DataType>(['boolean', 'binary', array('string'), 'decimal(10,2)'])('%s has a count of nulls and no bounds', (type) => {
    expect(hasMinMax(type)).toBe(false);
    expect(printed(type, { min: 'a', max: 'b' })).toMatchObject({ minValues: {}, maxValues: {}, nullCount: { c: 1 } });
  });
});

describe('indexed columns', () => {
  const of = (more: { partitionColumns?: string[]; configuration?: Record<string, string> } = {}) => ({ partitionColumns: [], configuration: {}, ...more });

  test('those that the table names, if it does, also by odd names; partition columns and structs apart', () => {
    const names = ['a', 'b c', 'd`e', 'f,g', 'h.i', 'größe', '?', 'part', 's'];
    const fields = [...names.slice(0, -1).map((name) => field(name, 'long')), field('s', struct(field('t', 'long'))), field('other', 'long')];
    const named = (text: string) => indexedFields(struct(...fields), of({ partitionColumns: ['part'], configuration: { [STATISTICS_COLUMNS]: text } })).map(({ name }) => name);
    expect(named(printStatisticsColumns(names))).toEqual(names.slice(0, -2));
    expect(named('a, `b c` ,gone')).toEqual(['a', 'b c']);
    expect(named('')).toEqual([]);
  });

  test('the first 32 leaves, counting those of structs, partition columns apart', () => {
    const plain = Array.from({ length: 40 }, (_value, i) => field(`c${i}`, 'long'));
    expect(indexedFields(struct(...plain), of())).toHaveLength(32);
    expect(indexedFields(struct(...plain), of({ partitionColumns: ['c0'] })).map(({ name }) => name)).toEqual(plain.slice(1, 33).map(({ name }) => name));
    const nested = field('s', struct(field('a', 'long'), field('b', struct(field('c', 'long'), field('d', 'long')))));
    expect(indexedFields(struct(nested, ...plain), of())).toHaveLength(29);
  });

  test('a struct gets none: its counts would have to be a tree', () => {
    expect(indexedFields(struct(field('s', struct(field('a', 'long'))), field('b', 'long')), of()).map(({ name }) => name)).toEqual(['b']);
  });
});

describe('statistics of others', () => {
  test.each([null, undefined, '', 'null', '{}', '{"numRecords":null}', '{"numRecords":1.5}', '{"numRecords":"3"}'])('%s is none', (stats) => {
    expect(parseStats(stats)).toBeNull();
  });

  test('a bound of null is none; absent objects are empty', () => {
    expect(parseStats('{"numRecords":3,"minValues":{"a":null,"b":1},"maxValues":null}')).toEqual({ numRecords: 3n, minValues: { b: 1 }, maxValues: {}, nullCount: {} });
  });

  test('a column called like a member of every object has no bound either', () => {
    expect(parseStats('{"numRecords":3}')!.minValues['constructor']).toBeUndefined();
  });

  test('what is no JSON is refused', () => {
    expect(() => parseStats('{"numRecords":')).toThrow(expect.objectContaining({ code: 'delta/statistics' }));
  });
});
