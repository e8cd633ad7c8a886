import { TableError } from '../errors.ts';
import type { MetaData } from './actions.ts';
import { parseJson, printJson, toBigInt } from './json.ts';
import { printTimestampUs } from './partition-values.ts';
import type { DataType, StructField, StructType } from './schema.ts';

/** Statistics of one data file (PROTOCOL.md, "Per-file Statistics"). */

/** What an engine found out about one top-level column. min and max are raw: string, bigint (long; timestamp in µs; date in days), number. */
export interface ColumnAggregate {
  readonly nulls: bigint;
  readonly min: string | bigint | number | null;
  readonly max: string | bigint | number | null;
}

export interface FileStats {
  readonly numRecords: bigint;
  readonly minValues: Readonly<Record<string, unknown>>;
  readonly maxValues: Readonly<Record<string, unknown>>;
  readonly nullCount: Readonly<Record<string, unknown>>;
}

/** Statistics cover this many leaf columns, in schema order (`delta.dataSkippingNumIndexedCols`' default). */
export const INDEXED_LEAVES_MAX = 32;
const STRING_PREFIX_MAX = 32;
const STRING_GIVE_UP = 64;
const MAX_CODE_POINT = 0x10ffff;

const MINMAX_TYPES = new Set(['string', 'long', 'integer', 'short', 'byte', 'double', 'float', 'date', 'timestamp', 'timestamp_ntz']);

/** The property that names the columns with statistics, in place of the first 32: a list with commas, odd names in backticks (Delta's DataSkippingStatsColumns). */
export const STATISTICS_COLUMNS = 'delta.dataSkippingStatsColumns';

export function printStatisticsColumns(names: readonly string[]): string {
  return names.map((name) => (/^\w+$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``)).join(',');
}

function parseStatisticsColumns(text: string): ReadonlySet<string> {
  const names = text.match(/`(?:[^`]|``)*`|[^,`]+/g) ?? [];
  return new Set(names.map((name) => (name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name.trim())));
}

/** The top-level columns with statistics: those that the table names, or the first 32 leaves; partition columns apart. Structs count their leaves but get none here. */
export function indexedFields(schema: StructType, { partitionColumns, configuration }: Pick<MetaData, 'partitionColumns' | 'configuration'>): StructField[] {
  const named = configuration[STATISTICS_COLUMNS];
  const wanted = named === undefined ? null : parseStatisticsColumns(named);
  let leaves = 0;
  return schema.fields.filter((field) => {
    if (partitionColumns.includes(field.name)) return false;
    if (wanted !== null) return wanted.has(field.name) && !isStruct(field.type);
    leaves += leafCount(field.type);
    return leaves <= INDEXED_LEAVES_MAX && !isStruct(field.type);
  });
}

export function hasMinMax(type: DataType): boolean {
  return typeof type === 'string' && MINMAX_TYPES.has(type);
}

/** The `stats` text of an add. Aggregates are keyed by column name; a column without min or max gets none. */
export function printStats(rows: bigint, fields: readonly StructField[], aggregates: Readonly<Record<string, ColumnAggregate>>): string {
  const minValues: Record<string, unknown> = {};
  const maxValues: Record<string, unknown> = {};
  const nullCount: Record<string, unknown> = {};
  for (const { name, type } of fields) {
    const aggregate = aggregates[name];
    if (!aggregate) continue;
    nullCount[name] = aggregate.nulls;
    const min = printBound(aggregate.min, type, 'min');
    const max = printBound(aggregate.max, type, 'max');
    if (min !== null) minValues[name] = min;
    if (max !== null) maxValues[name] = max;
  }
  return printJson({ numRecords: rows, minValues, maxValues, nullCount, tightBounds: true });
}

/** Null where the file has none: they are optional. A bound of null is none. Failures: TableError `delta/statistics` where they are no JSON. */
export function parseStats(stats: string | null | undefined): FileStats | null {
  if (!stats) return null;
  let parsed: Partial<FileStats> | null;
  try {
    parsed = parseJson(stats) as Partial<FileStats> | null;
  } catch (cause) {
    throw new TableError('delta/statistics', `the statistics of a file are not JSON: ${stats.slice(0, 80)}; rewrite the file (OPTIMIZE) with an engine that writes them`, { cause });
  }
  const numRecords: unknown = parsed?.numRecords;
  if (typeof numRecords !== 'bigint' && !Number.isSafeInteger(numRecords)) return null;
  return {
    numRecords: toBigInt(numRecords),
    minValues: withoutNulls(parsed?.minValues),
    maxValues: withoutNulls(parsed?.maxValues),
    nullCount: withoutNulls(parsed?.nullCount),
  };
}

/** Rows of the data file, also those that a vector takes away; null where its writer did not say. */
export function numRecords({ stats }: { readonly stats?: string | null }): bigint | null {
  return parseStats(stats)?.numRecords ?? null;
}

/** Without a prototype: a column may be called `constructor`. */
function withoutNulls(values: Readonly<Record<string, unknown>> | null | undefined): Record<string, unknown> {
  return { __proto__: null, ...Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== null)) };
}

function isStruct(type: DataType): type is StructType {
  return typeof type !== 'string' && type.type === 'struct';
}

function leafCount(type: DataType): number {
  return isStruct(type) ? type.fields.reduce((sum, field) => sum + leafCount(field.type), 0) : 1;
}

function printBound(value: ColumnAggregate['min'], type: DataType, side: 'min' | 'max'): unknown {
  if (value === null || !hasMinMax(type)) return null;
  switch (type) {
    case 'string': return side === 'min' ? truncateMin(value as string) : truncateMax(value as string);
    case 'timestamp': return printTimestampUs(value as bigint);
    case 'timestamp_ntz': return printTimestampUs(value as bigint).slice(0, -1);
    case 'date': return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    // JSON has no NaN and no infinity, and prints -0 as 0: equal in every comparison.
    case 'double': case 'float': return Number.isFinite(value) ? value : null;
    default: return value;
  }
}

/** A prefix never lies above the value. */
export function truncateMin(text: string): string {
  return text.length <= STRING_PREFIX_MAX ? text : Array.from(text.slice(0, 2 * STRING_PREFIX_MAX)).slice(0, STRING_PREFIX_MAX).join('');
}

/**
 * A prefix plus a tie-breaker that sorts after every continuation: U+007F where the cut character lies below it, else U+10FFFF;
 * null where no short upper bound exists. Order is by code point.
 */
export function truncateMax(text: string): string | null {
  if (text.length <= STRING_PREFIX_MAX) return text;
  const points = Array.from(text.slice(0, 4 * STRING_GIVE_UP));
  for (let cut = STRING_PREFIX_MAX; cut <= STRING_GIVE_UP; cut++) {
    if (points.length <= cut) return points.length < 4 * STRING_GIVE_UP && points.join('') === text ? text : null;
    const next = points[cut].codePointAt(0)!;
    if (next === MAX_CODE_POINT) continue;
    return points.slice(0, cut).join('') + String.fromCodePoint(next < 0x7f ? 0x7f : MAX_CODE_POINT);
  }
  return null;
}
