import fc from 'fast-check';
import { evaluate } from '../../shared/columnar/predicate.ts';
import type { Comparison, Predicate, Scalar } from '../../shared/columnar/predicate.ts';
import type { ColumnAggregate } from '../../shared/columnar/relation.ts';
import { parseJson, printJson } from '../../shared/delta/json.ts';
import { printPartitionValue } from '../../shared/delta/partition-values.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { mayHold, overlapsBounds } from '../../shared/delta/skipping.ts';
import type { SkippingTable } from '../../shared/delta/skipping.ts';
import { printStats } from '../../shared/delta/stats.ts';
import { aggregate } from './memory-keys.ts';

/** Files of nasty rows with the statistics that writers make of them, and the property that no statistics hide a row. */
export type FuzzedRow = Readonly<Record<string, Scalar | null>>;
/** The `stats` of an add. */
export type StatisticsWriter = (rows: readonly FuzzedRow[]) => string | null;

const MS = 1_000n;
const YEAR_1 = -62_135_596_800_000_000n;
const YEAR_9999 = 253_402_300_799_999_999n;

/** Text around the lengths at which bounds are cut, of characters at the ends of what UTF-8 and UTF-16 order differently. */
const text = fc.tuple(
  fc.constantFrom('', 'a', '~', '\u007f', '\u0080', '\uffff', '\u{10000}', '\u{10ffff}'), fc.constantFrom(0, 1, 30, 31, 32, 33, 63, 64, 65, 66, 130),
  fc.array(fc.constantFrom('', '\0', 'a', 'b', '~', '\u007f', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{10ffff}'), { maxLength: 3 }),
).map(([unit, times, rest]) => unit.repeat(times) + rest.join(''));

const near = (...anchors: bigint[]) => fc.tuple(fc.constantFrom(...anchors), fc.integer({ min: -2, max: 2 })).map(([anchor, step]) => anchor + BigInt(step));
const inRange = (min: bigint, max: bigint) => (value: bigint) => (value < min ? min : value > max ? max : value);
const long = near(0n, 2n ** 53n, -(2n ** 53n), 2n ** 62n, 10n ** 16n).map(inRange(-(2n ** 63n), 2n ** 63n - 1n));
const time = fc.oneof(near(0n, MS, -MS, 1_743_508_800_123_000n, -1_500n, 1_743_508_800_123_999n), near(YEAR_1, YEAR_9999), fc.bigInt(-3_000n, 3_000n)).map(inRange(YEAR_1, YEAR_9999));
const double = fc.oneof(fc.constantFrom(0, -0, 0.1, -0.1, 5e-324, 1e17, 123456789012345680000, 1e300, -1e300, Number.NaN, Infinity, -Infinity), fc.double(), fc.integer({ min: -3, max: 3 }));

const MONEY = 'decimal(18,2)';
/** In cents: predicate.ts has no order for decimals, so the truth about them is found by whole numbers. */
const cents = (money: string) => BigInt(money.replace('.', ''));

/** Columns that start with `p` are partition columns. */
const COLUMNS: Readonly<Record<string, { readonly type: string; readonly values: fc.Arbitrary<Scalar> }>> = {
  long: { type: 'long', values: long },
  integer: { type: 'integer', values: fc.constantFrom(-(2 ** 31), -1, 0, 1, 2 ** 31 - 1) },
  double: { type: 'double', values: double },
  float: { type: 'float', values: double.map(Math.fround) },
  text: { type: 'string', values: text },
  date: { type: 'date', values: fc.constantFrom(-719_162, -1, 0, 1, 20_179, 2_932_896) },
  time: { type: 'timestamp', values: time },
  ntz: { type: 'timestamp_ntz', values: time },
  truth: { type: 'boolean', values: fc.boolean() },
  money: { type: MONEY, values: fc.tuple(long, fc.integer({ min: 0, max: 99 })).map(([whole, cents]) => `${whole / 1000n}.${String(cents).padStart(2, '0')}`) },
  pText: { type: 'string', values: text },
  pDate: { type: 'date', values: fc.constantFrom(-719_162, -1, 0, 2_932_896) },
  pLong: { type: 'long', values: long },
  pTime: { type: 'timestamp', values: time },
  pTruth: { type: 'boolean', values: fc.boolean() },
};
const NAMES = Object.keys(COLUMNS);
const isPartition = (name: string) => name.startsWith('p');
const DATA = NAMES.filter((name) => !isPartition(name));

const table: SkippingTable = {
  schema: struct(...NAMES.map((name) => field(name, COLUMNS[name].type))),
  metaData: { partitionColumns: NAMES.filter(isPartition), configuration: {} },
};

/** Rows of one file: partition columns have one value. "" is null there. */
const rows: fc.Arbitrary<FuzzedRow[]> = fc.tuple(
  fc.record(Object.fromEntries(NAMES.filter(isPartition).map((name) => [name, fc.option(COLUMNS[name].values.map((value) => (value === '' ? null : value)), { freq: 6 })]))),
  fc.array(fc.record(Object.fromEntries(DATA.map((name) => [name, fc.option(COLUMNS[name].values, { freq: 6 })]))), { minLength: 1, maxLength: 4 }),
).map(([partition, rows]) => rows.map((row) => ({ ...row, ...partition })));

/** Conditions on values of the rows themselves as often as on others: bounds are met where they end. */
function predicateOn(rows: readonly FuzzedRow[]): fc.Arbitrary<Predicate> {
  const scalar = (name: string) => {
    const present = rows.flatMap((row) => (row[name] === null ? [] : [row[name]]));
    return present.length === 0 ? COLUMNS[name].values : fc.oneof(fc.constantFrom(...present), COLUMNS[name].values);
  };
  const leaf = fc.constantFrom(...NAMES).chain((column): fc.Arbitrary<Predicate> => fc.oneof(
    { weight: 5, arbitrary: fc.record({ op: fc.constantFrom<Comparison[]>('=', '<>', '<', '<=', '>', '>='), column: fc.constant(column), value: scalar(column) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('in' as const), column: fc.constant(column), values: fc.array(scalar(column), { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('is-null' as const, 'is-not-null' as const), column: fc.constant(column) }) },
  ));
  return fc.letrec<{ tree: Predicate }>((tie) => ({
    tree: fc.oneof({ maxDepth: 3, depthSize: 'small' }, leaf,
      fc.record({ op: fc.constantFrom('and' as const, 'or' as const), of: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ op: fc.constant('not' as const), of: tie('tree') })),
  })).tree;
}

const files = rows.chain((rows) => fc.tuple(fc.constant(rows), fc.array(predicateOn(rows), { minLength: 1, maxLength: 4 }), fc.constantFrom(...NAMES), fc.nat(3)));

/** For a file of any rows: where a row makes a condition true the file may hold it, and a file overlaps the bounds of its own keys. */
export function neverHidesARow(writer: StatisticsWriter, seen: { skipped: number; held: number }): fc.IProperty<unknown> {
  return fc.property(files, ([rows, predicates, keyColumn, keyRow]) => {
    const partitionValues = Object.fromEntries(NAMES.filter(isPartition).map((name) => [name, printPartitionValue(rows[0][name], COLUMNS[name].type)]));
    const file = { stats: writer(rows), partitionValues };
    for (const predicate of predicates) {
      const may = mayHold(predicate, file, table);
      const holds = rows.some((row) => evaluate(inCents(predicate), (column) => (column === 'money' && row[column] !== null ? cents(row[column] as string) : row[column])) === true);
      seen.skipped += Number(!may);
      seen.held += Number(holds);
      if (holds && !may) return false;
    }
    const key = rows[keyRow % rows.length][keyColumn];
    const { min, max } = aggregate([key], COLUMNS[keyColumn].type);
    return key === null || overlapsBounds([{ column: keyColumn, min, max }], file, table);
  });
}

function inCents(predicate: Predicate): Predicate {
  if ('of' in predicate) return predicate.op === 'not' ? { ...predicate, of: inCents(predicate.of) } : { ...predicate, of: predicate.of.map(inCents) };
  if (predicate.column !== 'money') return predicate;
  if ('values' in predicate) return { ...predicate, values: predicate.values.map((value) => cents(value as string)) };
  return 'value' in predicate ? { ...predicate, value: cents(predicate.value as string) } : predicate;
}

/** Statistics from aggregates that are true but for `change`. */
function printed(rows: readonly FuzzedRow[], change: (aggregate: ColumnAggregate, values: readonly (Scalar | null)[], type: string) => ColumnAggregate = (same) => same): string {
  const aggregates = Object.fromEntries(DATA.map((name) => {
    const values = rows.map((row) => row[name]);
    return [name, change(aggregate(values, COLUMNS[name].type), values, COLUMNS[name].type)];
  }));
  return printStats(BigInt(rows.length), DATA.map((name) => field(name, COLUMNS[name].type)), aggregates);
}

interface Parsed { numRecords: number; minValues: Record<string, unknown>; maxValues: Record<string, unknown>; nullCount: Record<string, unknown>; tightBounds: boolean }

function edited(rows: readonly FuzzedRow[], edit: (stats: Parsed) => void): string {
  const stats = parseJson(printed(rows)) as Parsed;
  edit(stats);
  return printJson(stats);
}

function eachBound(stats: Parsed, type: string, edit: (value: string, side: 'min' | 'max') => unknown): void {
  for (const [side, bounds] of [['min', stats.minValues], ['max', stats.maxValues]] as const) {
    for (const name of DATA) if (COLUMNS[name].type.startsWith(type) && bounds[name] !== undefined) bounds[name] = edit(bounds[name] as string, side);
  }
}

const withoutNaN = (values: readonly (Scalar | null)[]) => values.filter((value) => !Number.isNaN(value));

export const WRITERS: Readonly<Record<string, StatisticsWriter>> = {
  ours: (rows) => printed(rows),
  'of another engine: milliseconds, floats in their own digits, decimals as doubles, NaN left out of bounds': (rows) => {
    const stats = parseJson(printed(rows, (_true, values, type) => ({ ...aggregate(withoutNaN(values), type), nulls: BigInt(values.filter((value) => value === null).length) }))) as Parsed;
    eachBound(stats, 'timestamp', (value) => value.replace(/(\.\d{3})\d{3}/, '$1'));
    for (const bounds of [stats.minValues, stats.maxValues]) if (typeof bounds['float'] === 'number') bounds['float'] = Number(bounds['float'].toPrecision(9));
    const money = rows.flatMap((row) => (row['money'] === null ? [] : [Number(row['money'])]));
    if (money.length > 0) [stats.minValues['money'], stats.maxValues['money']] = [Math.min(...money), Math.max(...money)];
    return printJson(stats);
  },
  'of rows of which vectors have taken some': (rows) => edited([...rows, ...rows.slice(0, 1).map((row) => ({ ...row, long: null, text: '\u{10ffff}', integer: -5, time: 0n }))], (stats) => {
    stats.tightBounds = false;
  }),
  'without bounds, or without counts of nulls, or with nulls for both': (rows) => edited(rows, (stats) => {
    for (const [i, name] of DATA.entries()) {
      if (i % 3 === 0) delete stats.maxValues[name];
      if (i % 3 === 1) stats.nullCount[name] = null;
      if (i % 3 === 2) stats.minValues[name] = null;
    }
  }),
  'no statistics': () => null,
};

/** Mistakes that engines have made, or might. */
export const WRONG_WRITERS: Readonly<Record<string, StatisticsWriter>> = {
  'a greatest text is cut without more': (rows) => edited(rows, (stats) => {
    for (const row of rows) if (row['text'] !== null && stats.maxValues['text'] !== undefined && (row['text'] as string).length > 32) stats.maxValues['text'] = Array.from(stats.maxValues['text'] as string).slice(0, 32).join('');
  }),
  'text in the order of UTF-16': (rows) => printed(rows, (same, values, type) => {
    const sorted = (values as (string | null)[]).filter((value) => value !== null).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return type !== 'string' || sorted.length === 0 ? same : { ...same, min: sorted[0], max: sorted.at(-1)! };
  }),
  'longs by way of a double': (rows) => edited(rows, (stats) => {
    for (const bounds of [stats.minValues, stats.maxValues]) if (bounds['long'] !== undefined) bounds['long'] = BigInt(Number(bounds['long']));
  }),
  'milliseconds that pass for microseconds': (rows) => edited(rows, (stats) => eachBound(stats, 'timestamp', (value) => value.replace(/(\.\d{3})\d{3}/, '$1000'))),
  'nulls are not counted': (rows) => printed(rows, (same) => ({ ...same, nulls: 0n })),
  'infinity as the greatest double': (rows) => edited(rows, (stats) => {
    if (stats.maxValues['double'] === undefined) stats.maxValues['double'] = Number.MAX_VALUE;
    if (stats.minValues['double'] === undefined) stats.minValues['double'] = -Number.MAX_VALUE;
  }),
};
