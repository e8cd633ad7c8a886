import type { LoadColumn } from './load-column.ts';
import type { Predicate } from './predicate.ts';
import type { SqlSource } from './sql-type.ts';

/**
 * What Delta's operations and the pipeline's stages ask of a relational engine. One contract suite (test/contract/relations.ts) holds
 * every engine to it: DuckDB (`duck-relations.ts`), and the one in memory that the simulation runs on.
 *
 * Values: `long`, `timestamp` and `timestamp_ntz` (microseconds) are bigint, `date` is the number of days since 1970, other numbers are
 * number, `binary` is Uint8Array, `decimal(p,s)` its text, an array a list, a struct an object, a map a list of {key, value}. Null is null.
 */
export type Row = Record<string, unknown>;

export interface Column {
  readonly name: string;
  /** In Delta's words. */
  readonly type: SqlSource;
}

/** Rows, as a plan of the session that made it: nothing is computed before it is read. Names of columns are unique. */
export interface Relation {
  readonly columns: readonly Column[];
}

/** Columns that a scan adds: which of its files a row is from (integer, index into `files`), and where in it (long, from 0). */
export const FILE = 'file index';
export const ROW = 'file row';
/** Column that `net` adds: `added`, `removed` or `replaced`. */
export const CHANGE = 'row change';

export interface ScanColumn extends Column {
  /** As the files have it; names inside structs may differ too. */
  readonly physicalName: string;
  readonly physicalType: SqlSource;
  /** Files know the column by this Parquet field id instead of its name. */
  readonly fieldId?: number;
  /** Its value is in `partitionValues`, not in the file. */
  readonly isPartition: boolean;
}

export interface ScanFile {
  /** Of the object, from the root that the engine was opened on. */
  readonly key: string;
  /** By physical name, in the log's text form (PROTOCOL.md, "Partition Value Serialization"); null and "" are null. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** Positions, ascending: all rows but these, or these alone. Absent: all rows. */
  readonly rows?: { readonly except: BigInt64Array } | { readonly only: BigInt64Array };
}

export interface FileScan {
  readonly columns: readonly ScanColumn[];
  /** One object may come more than once, with other rows. */
  readonly files: readonly ScanFile[];
}

/** A column to be read: as it is; as a double (absent is NaN); or with "" for null, which is quicker where "" can't occur or means the same. */
export type ReadColumn = string | { readonly name: string; readonly as: 'double' | 'text-or-empty' };

export interface Chunk {
  readonly rows: number;
  /** In the order asked for. */
  readonly columns: readonly ArrayLike<unknown>[];
}

/** What an engine found out about one top-level column of a file. Raw values; min and max are null where there is none, or a NaN. */
export interface ColumnAggregate {
  readonly nulls: bigint;
  readonly min: string | bigint | number | null;
  readonly max: string | bigint | number | null;
}

export interface WriteTarget {
  /** Of the file, in order; partition columns apart. What the relation lacks is null, what it has beyond is left out; values are cast. */
  readonly columns: readonly Column[];
  readonly partitionBy: readonly Column[];
  /** Columns whose aggregates are wanted. min and max only for string, numbers (no decimal), date and timestamps. */
  readonly statistics: readonly string[];
  /** A fresh key for a file of these partition values. */
  readonly keyOf: (partition: Row) => string;
}

export interface WrittenFile {
  readonly key: string;
  readonly partition: Row;
  readonly rows: bigint;
  readonly bytes: number;
  /** By the store's clock. */
  readonly storedAtMs: number;
  /** By column; of the values that the file holds. */
  readonly aggregates: Readonly<Record<string, ColumnAggregate>>;
}

export interface RelationEngine {
  /** What a session holds (temporary rows, local copies of files) goes when `use` ends. Calls inside run one after the other. */
  session<T>(use: (session: RelationSession) => Promise<T>): Promise<T>;
}

/** Order of rows is kept by every method but `join`, `net` and `coded`. Equality of keys: null equals nothing. */
export interface RelationSession {
  values(columns: readonly LoadColumn[]): Promise<Relation>;

  /** The columns asked for, then FILE and ROW; files in order, rows by position. Fails with a TableError where an object is missing. */
  scan(scan: FileScan): Promise<Relation>;

  select(relation: Relation, names: readonly string[]): Relation;

  where(relation: Relation, predicate: Predicate): Relation;

  /** By name, in the first one's order of columns, then what others have beyond; what one lacks is null. */
  union(first: Relation, ...others: readonly Relation[]): Relation;

  /** Every pair with equal `on`: columns of `left`, then those of `right` that are not in `on`. */
  join(left: Relation, right: Relation, on: readonly string[]): Relation;

  /** The rows of `left` whose `on` is in `right`, once each, in order. */
  semiJoin(left: Relation, right: Relation, on: readonly string[]): Relation;

  /** In order of `by` (ascending, nulls last), with `name` (integer, from 0) as a further column. Computed at once. */
  numbered(relation: Relation, by: readonly string[], name: string): Promise<Relation>;

  /**
   * In Z-order of one to four columns (z-order.ts): rows that are near in each of them come near each other. Nulls are in a column's last
   * rank, among its greatest values; rows in one place keep their order. Two passes over the relation; the sort is paid where rows are written or read.
   */
  clustered(relation: Relation, by: readonly string[]): Promise<Relation>;

  /**
   * Rows with a number for their `by` as a further column `name` (integer): index into `tuples`, which holds each combination (nulls
   * included) with the count of its rows.
   */
  coded(relation: Relation, by: readonly string[], name: string): Promise<{ readonly relation: Relation; readonly tuples: readonly { readonly values: Row; readonly rows: number }[] }>;

  /**
   * What came and what went, netted: a row that stands in both, equal in `columns`, cancels out, one for one. What is left, by `key`: `replaced`
   * where a row came and one went, the row being the one that came; else `added`, or `removed`. One row a key. Result: `columns`, CHANGE, and
   * FILE: the greatest among all rows of `removed` with that key, also those that cancelled out; null where there is none. Null keys equal
   * each other here, NaN equals NaN. Computed at once.
   */
  net(sides: { readonly added: Relation; readonly removed: Relation }, by: { readonly key: readonly string[]; readonly columns: readonly string[] }): Promise<Relation>;

  /** Computed once, however often it is read. */
  materialise(relation: Relation): Promise<Relation>;

  count(relation: Relation): Promise<number>;

  /** How many combinations of these columns stand more than once; rows with a null among them do not count. */
  repeated(relation: Relation, columns: readonly string[]): Promise<number>;

  /** Least and greatest value of each column that has an order (no decimal, no NaN), null without one. */
  bounds(relation: Relation, columns: readonly string[]): Promise<readonly { readonly min: ColumnAggregate['min']; readonly max: ColumnAggregate['max'] }[]>;

  /** For small results. */
  rows(relation: Relation): Promise<Row[]>;

  /** For large results. No other call on this session while the chunks are being read. */
  chunks(relation: Relation, columns: readonly ReadColumn[]): AsyncIterable<Chunk>;

  /** New objects, one a combination of partition values that has rows; rows in the relation's order. */
  write(relation: Relation, target: WriteTarget): Promise<WrittenFile[]>;
}
