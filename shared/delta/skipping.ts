import { and, compare, compareScalars, holds } from '../columnar/predicate.ts';
import type { Comparison, Predicate, Scalar } from '../columnar/predicate.ts';
import type { AddFile, MetaData } from './actions.ts';
import { mappingMode, physicalName } from './column-mapping.ts';
import { parseDateDays, parsePartitionValue, parseTimestampUs } from './partition-values.ts';
import { fieldOf } from './schema.ts';
import type { StructField, StructType } from './schema.ts';
import { parseStats } from './stats.ts';
import type { FileStats } from './stats.ts';

/** Which files need not be read, by statistics and partition values (PROTOCOL.md, "Per-file Statistics"). Pure. */
export interface SkippingTable {
  readonly schema: StructType;
  readonly metaData: Pick<MetaData, 'partitionColumns' | 'configuration'>;
}

export type SkippedFile = Pick<AddFile, 'stats' | 'partitionValues'>;

/** Least and greatest of the keys that are looked for; null where there is none. */
export interface KeyRange {
  readonly column: string;
  readonly min: Scalar | null;
  readonly max: Scalar | null;
}

/**
 * False only where statistics or partition values prove that no row of the file makes the predicate true. What is missing, damaged or not
 * understood proves nothing. Failures: TableError `delta/no-such-column`, `delta/statistics` (they are no JSON).
 */
export function mayHold(predicate: Predicate, file: SkippedFile, table: SkippingTable): boolean {
  let stats: FileStats | null | undefined;
  return outcomes(predicate, (name) => {
    const field = fieldOf(table.schema, name);
    const key = mappingMode(table.metaData) === 'none' ? name : physicalName(field);
    if (table.metaData.partitionColumns.includes(name)) return ofPartition(file.partitionValues[key], field);
    stats = stats === undefined ? parseStats(file.stats) : stats;
    return ofStatistics(stats, key, field);
  }).true;
}

/** False only where no row of the file can equal one of the keys in all these columns. Null keys equal nothing. */
export function overlapsBounds(ranges: readonly KeyRange[], file: SkippedFile, table: SkippingTable): boolean {
  // Among doubles a NaN leaves no bounds either; other types have none where every key is null.
  const isEmpty = ({ column, min }: KeyRange) => min === null && BOUNDED_UNLESS_NULL.has(fieldOf(table.schema, column).type as string);
  if (ranges.some(isEmpty)) return false;
  const inside = ranges.flatMap(({ column, min, max }) => (min === null || max === null ? [] : [compare(column, '>=', min), compare(column, '<=', max)]));
  return mayHold(and(...inside), file, table);
}

const TYPE_CHANGES = 'delta.typeChanges';
const WHOLE = new Set(['long', 'integer', 'short', 'byte']);
const TIMES = new Set(['timestamp', 'timestamp_ntz']);
const BOUNDED_UNLESS_NULL = new Set(['string', 'date', ...WHOLE, ...TIMES]);

/** What the rows of a file may have in a column. */
interface Facts {
  readonly mayBeNull: boolean;
  readonly mayHaveValue: boolean;
  /** Beside the bounds: a NaN is no reason for a writer to have none. */
  readonly mayBeNaN: boolean;
  /** All values but NaN lie between, bounds included; undefined: no bound. */
  readonly min: Scalar | undefined;
  readonly max: Scalar | undefined;
}

function ofPartition(text: string | null | undefined, { type }: StructField): Facts {
  const value = parsePartitionValue(text, type);
  if (value === null) return { mayBeNull: true, mayHaveValue: false, mayBeNaN: false, min: undefined, max: undefined };
  return { mayBeNull: text === undefined, mayHaveValue: true, mayBeNaN: value === undefined, min: value, max: value };
}

function ofStatistics(stats: FileStats | null, key: string, field: StructField): Facts {
  const { type } = field;
  // A count of nulls counts all physical rows. With a deletion vector only none and all still hold for those that are left.
  const nulls = countOf(stats?.nullCount[key]);
  return {
    mayBeNull: nulls !== 0n,
    mayHaveValue: nulls === undefined || nulls !== stats?.numRecords,
    // Not only our files: footers of some writers leave NaN out of their bounds, and statistics are made from them (delta#7101).
    mayBeNaN: type === 'double' || type === 'float',
    min: boundOf(stats?.minValues[key], field, -1n),
    max: boundOf(stats?.maxValues[key], field, 1n),
  };
}

function countOf(value: unknown): bigint | undefined {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? BigInt(value as bigint | number) : undefined;
}

/** A bound as rows have it. Decimals are JSON numbers, whose digits a double may not hold; truths and bytes have no bounds: undefined. */
function boundOf(value: unknown, { type, metadata }: StructField, outwards: bigint): Scalar | undefined {
  if (typeof type !== 'string' || value === undefined) return undefined;
  if (type === 'string') return typeof value === 'string' ? value : undefined;
  if (WHOLE.has(type)) return countOf(value);
  if (type === 'double' || type === 'float') {
    // Digits that mean a float when read as a float mean another number as a double. A table that widened the column has files of both.
    if ((typeof value !== 'number' && typeof value !== 'bigint') || (type === 'double' && metadata[TYPE_CHANGES] !== undefined)) return undefined;
    return type === 'float' ? Math.fround(Number(value)) : Number(value);
  }
  if (typeof value !== 'string') return undefined;
  return type === 'date' ? parseDateDays(value) : TIMES.has(type) ? timeBound(value, type, outwards) : undefined;
}

/** Other writers cut microseconds off, which lowers the greatest value, and before 1970 may raise the least: a unit more on either side. */
function timeBound(text: string, type: string, outwards: bigint): bigint | undefined {
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/.test(text.slice('YYYY-MM-DD'.length));
  const parsed = hasZone === (type === 'timestamp') ? parseTimestampUs(text) : undefined;
  return parsed && parsed.us + (parsed.unitUs > 1n ? outwards * parsed.unitUs : 0n);
}

/** Whether a condition may be true, and may be false, in some row of the file. Unknown makes nothing else true or false: it need not be followed. */
interface Outcomes {
  readonly true: boolean;
  readonly false: boolean;
}

function outcomes(predicate: Predicate, factsOf: (column: string) => Facts): Outcomes {
  switch (predicate.op) {
    case 'and': return every(predicate.of.map((of) => outcomes(of, factsOf)));
    case 'or': return contrary(every(predicate.of.map((of) => contrary(outcomes(of, factsOf)))));
    case 'not': return contrary(outcomes(predicate.of, factsOf));
    case 'is-null': return nullness(factsOf(predicate.column));
    case 'is-not-null': return contrary(nullness(factsOf(predicate.column)));
    case 'in': {
      const facts = factsOf(predicate.column);
      return contrary(every(predicate.values.map((value) => comparison('<>', facts, value))));
    }
    case '=': case '<>': case '<': case '<=': case '>': case '>=': break;
  }
  return comparison(predicate.op, factsOf(predicate.column), predicate.value);
}

function nullness({ mayBeNull, mayHaveValue }: Facts): Outcomes {
  return { true: mayBeNull, false: mayHaveValue };
}

function contrary(outcomes: Outcomes): Outcomes {
  return { true: outcomes.false, false: outcomes.true };
}

function every(parts: readonly Outcomes[]): Outcomes {
  return { true: parts.every((part) => part.true), false: parts.some((part) => part.false) };
}

function comparison(op: Comparison, facts: Facts, value: Scalar): Outcomes {
  const orders = facts.mayHaveValue ? possibleOrders(facts, value) : [];
  return { true: orders.some((order) => holds(op, order)), false: orders.some((order) => !holds(op, order)) };
}

/** How values of the file may stand to this one: −1 less, 0 equal, 1 greater. */
function possibleOrders({ min, max, mayBeNaN }: Facts, value: Scalar): number[] {
  const [least, greatest] = [min === undefined ? -1 : compareScalars(min, value), max === undefined ? 1 : compareScalars(max, value)];
  const equal = (least <= 0 && greatest >= 0) || (mayBeNaN && Number.isNaN(value));
  return [...(least < 0 ? [-1] : []), ...(equal ? [0] : []), ...(greatest > 0 || mayBeNaN ? [1] : [])];
}
