import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { and, compare, isNull, not, or } from '../../shared/columnar/predicate.ts';
import type { Comparison, Predicate, Scalar } from '../../shared/columnar/predicate.ts';
import { printJson } from '../../shared/delta/json.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import type { DataType } from '../../shared/delta/schema.ts';
import { mayHold, overlapsBounds } from '../../shared/delta/skipping.ts';
import type { SkippedFile, SkippingTable } from '../../shared/delta/skipping.ts';
import { neverHidesARow, WRITERS, WRONG_WRITERS } from '../support/fuzzed-statistics.ts';

const TYPES = {
  long: 'long', integer: 'integer', double: 'double', float: 'float', text: 'string', date: 'date', time: 'timestamp', ntz: 'timestamp_ntz', truth: 'boolean', money: 'decimal(18,2)', bytes: 'binary', p: 'string', q: 'integer',
  pTime: 'timestamp', pMoney: 'decimal(5,2)',
};
const table: SkippingTable = {
  schema: struct(...Object.entries(TYPES).map(([name, type]) => field(name, type))),
  metaData: { partitionColumns: ['p', 'q', 'pTime', 'pMoney'], configuration: {} },
};

interface Stats { readonly min?: unknown; readonly max?: unknown; readonly nulls?: unknown; readonly rows?: number }
const fileOf = (column: string, { min, max, nulls, rows = 10 }: Stats, partitionValues: SkippedFile['partitionValues'] = {}): SkippedFile => ({
  partitionValues, stats: printJson({ numRecords: rows, minValues: { [column]: min }, maxValues: { [column]: max }, nullCount: { [column]: nulls }, tightBounds: false }),
});

describe('mayHold', () => {
  const NAN = Number.NaN;
  const held = (column: string, stats: Stats, conditions: readonly (readonly [Comparison, Scalar])[]) =>
    conditions.map(([op, value]) => mayHold(compare(column, op, value), fileOf(column, stats), table));

  test('compares with the bounds, which belong to the file', () => {
    const ops = ['=', '<>', '<', '<=', '>', '>='] as const;
    const at = (value: Scalar) => held('long', { min: 3, max: 5 }, ops.map((op) => [op, value]));
    expect(at(2n)).toEqual([false, true, false, false, true, true]);
    expect(at(3n)).toEqual([true, true, false, true, true, true]);
    expect(at(4n)).toEqual([true, true, true, true, true, true]);
    expect(at(5n)).toEqual([true, true, true, true, false, true]);
    expect(at(6n)).toEqual([false, true, true, true, false, false]);
    expect(held('long', { min: 3, max: 3 }, [['<>', 3n]])).toEqual([false]);
  });

  test.each<{ what: string; column: string; stats: Stats; may: [Comparison, Scalar][]; never: [Comparison, Scalar][] }>([
    { what: 'half of the bounds', column: 'text', stats: { min: 'm' }, may: [['>', 'x'], ['=', 'z']], never: [['<', 'm'], ['=', 'a']] },
    { what: 'no bounds', column: 'text', stats: {}, may: [['=', 'x'], ['<', '']], never: [] },
    { what: 'null for a bound', column: 'long', stats: { min: null, max: null }, may: [['=', 1n]], never: [] },
    { what: 'nulls alone', column: 'long', stats: { nulls: 10 }, may: [], never: [['=', 1n], ['<>', 1n]] },
    { what: 'some nulls', column: 'long', stats: { nulls: 9 }, may: [['=', 1n], ['<>', 1n]], never: [] },
    { what: 'all digits of a long', column: 'long', stats: { min: 9_007_199_254_740_993n, max: 9_007_199_254_740_993n }, may: [['=', 9_007_199_254_740_993n]], never: [['=', 9_007_199_254_740_992n], ['=', 9_007_199_254_740_994n]] },
    { what: 'whole numbers that are none', column: 'integer', stats: { min: 1.5, max: '7' }, may: [['=', 0], ['=', 9]], never: [] },
    { what: 'doubles, by their value', column: 'double', stats: { min: -0.5, max: 123456789012345670000n }, may: [['=', 123456789012345670000], ['>=', 123456789012345670000], ['<', 0], ['=', 0], ['=', -0]], never: [['<', -0.5], ['=', 1e30]] },
    { what: 'NaN beside the bounds', column: 'double', stats: { min: 1, max: 2 }, may: [['=', NAN], ['>', 2], ['>', Infinity], ['<>', 1]], never: [['<', 1], ['=', 3]] },
    { what: 'zero of either sign', column: 'double', stats: { min: 0, max: 0 }, may: [['=', -0], ['<=', -0], ['>=', 0]], never: [['<', -0], ['<', 0]] },
    { what: 'a float in its own digits', column: 'float', stats: { min: 0.1, max: 0.1 }, may: [['=', Math.fround(0.1)], ['>', 0.1]], never: [['<=', 0.1]] },
    { what: 'bounds of a double that are texts', column: 'double', stats: { min: '-Infinity', max: 'NaN' }, may: [['<', -1e300], ['>', 1e300]], never: [] },
    { what: 'text by UTF-8 bytes', column: 'text', stats: { min: '\ufffd', max: '\u{1f600}' }, may: [['=', '\uffff'], ['=', '\u{10000}']], never: [['=', '\ufffc'], ['=', '\u{1f601}'], ['=', '\ud7ff']] },
    { what: 'dates', column: 'date', stats: { min: '1969-12-31', max: '2000-03-01' }, may: [['=', -1], ['=', 11_017]], never: [['<', -1], ['=', 11_018]] },
    { what: 'a date past 9999', column: 'date', stats: { min: '+10000-01-01', max: '+10000-01-01' }, may: [['=', 0]], never: [] },
    { what: 'times in microseconds', column: 'time', stats: { min: '1970-01-01T00:00:00.000001Z', max: '1970-01-01T00:00:00.000002Z' }, may: [['=', 1n], ['=', 2n]], never: [['=', 0n], ['=', 3n]] },
    { what: 'times cut to milliseconds', column: 'time', stats: { min: '1970-01-01T00:00:00.001Z', max: '1970-01-01T01:00:00.002+01:00' }, may: [['=', 1n], ['=', 2_999n]], never: [['<', 0n], ['>', 3_000n]] },
    { what: 'times cut to seconds', column: 'time', stats: { min: '1970-01-01T00:00:00Z', max: '1970-01-01T00:00:00Z' }, may: [['=', 999_999n], ['=', -1n]], never: [['>', 1_000_000n], ['<', -1_000_000n]] },
    { what: 'a time whose zone nobody knows', column: 'time', stats: { min: '1970-01-01 00:00:00.000000', max: '1970-01-01T00:00:00.000000' }, may: [['=', 99n], ['=', -99n]], never: [] },
    { what: 'times without zone', column: 'ntz', stats: { min: '1970-01-01T00:00:00.000001', max: '1970-01-01T00:00:00.000001' }, may: [['=', 1n]], never: [['=', 2n]] },
    { what: 'no time at all', column: 'time', stats: { min: 'yesterday', max: 5 }, may: [['=', 0n]], never: [] },
    { what: 'truths have no bounds', column: 'truth', stats: { min: false, max: false, nulls: 0 }, may: [['=', true]], never: [] },
    { what: 'nor have decimals', column: 'money', stats: { min: 1.5, max: 1.5, nulls: 0 }, may: [['=', '7.00']], never: [] },
  ])('$what', ({ column, stats, may, never }) => {
    expect(held(column, stats, may)).toEqual(may.map(() => true));
    expect(held(column, stats, never)).toEqual(never.map(() => false));
  });

  test('nulls: none, all, some, unknown', () => {
    const outcomes = (nulls?: number) => [isNull('long'), not(isNull('long')), { op: 'is-not-null', column: 'long' } as const].map((predicate) => mayHold(predicate, fileOf('long', { nulls }), table));
    expect([outcomes(0), outcomes(10), outcomes(3), outcomes()]).toEqual([[false, true, true], [true, false, false], [true, true, true], [true, true, true]]);
  });

  test('and, or, not, in are judged by what they may come to', () => {
    const file = fileOf('long', { min: 3, max: 5, nulls: 0 });
    const [inside, outside] = [compare('long', '=', 4n), compare('long', '=', 9n)];
    const may = (predicate: Predicate) => mayHold(predicate, file, table);
    expect([and(inside, outside), and(inside), and()].map(may)).toEqual([false, true, true]);
    expect([or(inside, outside), or(outside), or()].map(may)).toEqual([true, false, false]);
    expect([not(outside), not(compare('long', '<', 9n)), not(or(compare('long', '<', 9n), outside)), not(not(outside))].map(may)).toEqual([true, false, false, false]);
    const within = (values: Scalar[]): Predicate => ({ op: 'in', column: 'long', values });
    expect([within([1n, 4n]), within([1n, 9n]), within([]), not(within([])), not(within([1n, 4n]))].map(may)).toEqual([true, false, false, true, true]);
    // What is unknown in every row makes nothing true, also not its contrary.
    const nulls = fileOf('long', { nulls: 10 });
    expect([not(inside), or(inside, outside), not(and(inside, isNull('long'))), or(inside, isNull('long'))].map((predicate) => mayHold(predicate, nulls, table))).toEqual([false, false, false, true]);
    expect(mayHold(not(within([4n])), fileOf('long', { min: 4, max: 4, nulls: 2 }), table)).toBe(false);
  });

  test('no row, no statistics', () => {
    expect(mayHold(compare('long', '=', 1n), fileOf('long', { rows: 0, nulls: 0 }), table)).toBe(false);
    for (const stats of [null, undefined, '', '{}', '{"numRecords":null}']) expect(mayHold(compare('long', '=', 1n), { stats, partitionValues: {} }, table)).toBe(true);
  });

  test('partition values are what rows have; null and "" are null', () => {
    const may = (partitionValues: SkippedFile['partitionValues'], predicate: Predicate) => mayHold(predicate, { partitionValues }, table);
    expect([compare('p', '=', 'a'), compare('p', '<>', 'a'), compare('p', '>', 'A'), isNull('p')].map((predicate) => may({ p: 'a' }, predicate))).toEqual([true, false, true, false]);
    for (const none of [null, '']) expect([compare('p', '=', ''), compare('p', '<>', 'a'), isNull('p'), not(isNull('p'))].map((predicate) => may({ p: none }, predicate))).toEqual([false, false, true, false]);
    expect([compare('q', '=', -7), compare('q', '=', 7), compare('q', '<', 0)].map((predicate) => may({ q: '-7' }, predicate))).toEqual([true, false, true]);
    expect([compare('pTime', '=', -500_000n), compare('pTime', '=', -500_001n)].map((predicate) => may({ pTime: '1969-12-31 23:59:59.5' }, predicate))).toEqual([true, false]);
    expect([compare('pMoney', '=', '1.50'), isNull('pMoney')].map((predicate) => may({ pMoney: '1.50' }, predicate))).toEqual([true, false]);
    expect([compare('q', '=', 1), isNull('q')].map((predicate) => may({ q: 'seven' }, predicate))).toEqual([true, false]);
    expect([compare('q', '=', 1), isNull('q')].map((predicate) => may({}, predicate))).toEqual([true, true]);
    // Statistics of a partition column, if a writer has some, count nothing.
    expect(mayHold(compare('p', '=', 'b'), fileOf('p', { min: 'a', max: 'a' }, { p: 'b' }), table)).toBe(true);
  });

  test('a mapped table knows columns by their physical names', () => {
    const mapped = (name: string, physical: string, type: DataType) => ({ ...field(name, type), metadata: { 'delta.columnMapping.physicalName': physical, 'delta.columnMapping.id': 1 } });
    const schema = struct(mapped('a', 'col-1', 'long'), mapped('b', 'a', 'long'), mapped('p', 'col-2', 'string'));
    const named: SkippingTable = { schema, metaData: { partitionColumns: ['p'], configuration: { 'delta.columnMapping.mode': 'name' } } };
    const file: SkippedFile = { partitionValues: { 'col-2': 'x' }, stats: '{"numRecords":1,"minValues":{"col-1":1,"a":7},"maxValues":{"col-1":1,"a":7}}' };
    expect([compare('a', '=', 1n), compare('a', '=', 7n), compare('b', '=', 7n), compare('b', '=', 1n), compare('p', '=', 'x'), compare('p', '=', 'y')].map((predicate) => mayHold(predicate, file, named)))
      .toEqual([true, false, true, false, true, false]);
  });

  test('a float column that was widened has bounds that mean other numbers now', () => {
    const widened = { ...field('x', 'double'), metadata: { 'delta.typeChanges': [{ fromType: 'float', toType: 'double' }] } };
    const file = fileOf('x', { min: 0.1, max: 0.1 });
    expect(mayHold(compare('x', '=', Math.fround(0.1)), file, { schema: struct(widened), metaData: { partitionColumns: [], configuration: {} } })).toBe(true);
  });

  test('a column that the table lacks is a mistake', () => {
    expect(() => mayHold(isNull('nobody'), fileOf('long', {}), table)).toThrow(/no column nobody/);
  });
});

describe('overlapsBounds', () => {
  const overlaps = (ranges: Parameters<typeof overlapsBounds>[0], file: SkippedFile) => overlapsBounds(ranges, file, table);

  test.each([
    { what: 'inside', min: 'd', max: 'e', may: true }, { what: 'touching the least', min: 'a', max: 'c', may: true }, { what: 'touching the greatest', min: 'f', max: 'z', may: true },
    { what: 'around', min: '', max: '~', may: true }, { what: 'below', min: '', max: 'b', may: false }, { what: 'above', min: 'g', max: 'h', may: false },
  ])('$what', ({ min, max, may }) => {
    expect(overlaps([{ column: 'text', min, max }], fileOf('text', { min: 'c', max: 'f' }))).toBe(may);
  });

  test('every column counts, partition columns too', () => {
    const file = fileOf('long', { min: 1, max: 5 }, { p: 'x' });
    const long = (min: bigint, max = min) => ({ column: 'long', min, max });
    const p = (value: string) => ({ column: 'p', min: value, max: value });
    expect([[long(3n), p('x')], [long(3n), p('y')], [long(6n), p('x')], [p('x')], []].map((ranges) => overlaps(ranges, file))).toEqual([true, false, false, true, true]);
  });

  test('a column without bounds: no key at all, or one that says nothing', () => {
    const file = fileOf('long', { min: 1, max: 5 });
    const none = (column: string) => ({ column, min: null, max: null });
    expect(['long', 'text', 'date', 'time'].map((column) => overlaps([none(column)], file))).toEqual([false, false, false, false]);
    expect(['double', 'truth', 'money', 'bytes'].map((column) => overlaps([none(column), { column: 'long', min: 2n, max: 2n }], file))).toEqual([true, true, true, true]);
    expect(overlaps([none('double'), { column: 'long', min: 9n, max: 9n }], file)).toBe(false);
  });

  test('nulls alone hold no key', () => {
    expect(overlaps([{ column: 'long', min: 1n, max: 2n }], fileOf('long', { nulls: 10 }))).toBe(false);
  });
});

describe('statistics never exclude a row that a scan returns', () => {
  test.each(Object.keys(WRITERS))('as they are written: %s', (name) => {
    const seen = { skipped: 0, held: 0 };
    fc.assert(neverHidesARow(WRITERS[name], seen), { numRuns: 600 });
    // Neither every file is read nor every condition false: the property says something.
    if (name !== 'no statistics') expect(seen.skipped).toBeGreaterThan(100);
    expect(seen.held).toBeGreaterThan(100);
  });

  test.each(Object.keys(WRONG_WRITERS))('and the property finds it where they do: %s', (name) => {
    expect(fc.check(neverHidesARow(WRONG_WRITERS[name], { skipped: 0, held: 0 }), { numRuns: 20_000, endOnFailure: true }).failed).toBe(true);
  });
});
