import type { ColumnKind } from '../load-column.ts';
import { bool, i32, struct, text } from './thrift.ts';
import type { ThriftValue } from './thrift.ts';

/** Columns as Parquet knows them (parquet.thrift, LogicalTypes.md): all optional, under the very annotations that DuckDB writes. Pure. */

export interface ParquetColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

const [BOOLEAN, INT32, INT64, DOUBLE, BYTE_ARRAY] = [0, 1, 2, 5, 6];
const [OPTIONAL, REPEATED] = [1, 2];
const NOTHING = struct([]);

interface LeafType {
  readonly physical: number;
  readonly converted: number | null;
  readonly logical: ThriftValue | null;
}

const TEXT: LeafType = { physical: BYTE_ARRAY, converted: 0, logical: null };
const BLOB: LeafType = { physical: BYTE_ARRAY, converted: null, logical: null };
const TYPES: Readonly<Record<Exclude<ColumnKind, 'headers'>, LeafType>> = {
  text: TEXT, utf8: TEXT, blob: BLOB,
  integer: { physical: INT32, converted: 17, logical: null },
  long: { physical: INT64, converted: 18, logical: null },
  // Adjusted to UTC, microseconds.
  timestamp: { physical: INT64, converted: 10, logical: struct([[8, struct([[1, bool(true)], [2, struct([[2, NOTHING]])]])]]) },
  date: { physical: INT32, converted: 6, logical: null },
  double: { physical: DOUBLE, converted: null, logical: null },
  boolean: { physical: BOOLEAN, converted: null, logical: null },
};
const LIST = 3;

/** Physical type and path of each leaf of a column, in order. */
export function leavesOf({ name, kind }: ParquetColumn): { readonly physical: number; readonly path: readonly string[] }[] {
  if (kind !== 'headers') return [{ physical: TYPES[kind].physical, path: [name] }];
  return ['key', 'value'].map((field) => ({ physical: BYTE_ARRAY, path: [name, 'list', 'element', field] }));
}

/** The elements of a FileMetaData, depth first. */
export function schemaElements(columns: readonly ParquetColumn[]): ThriftValue[] {
  return [group('schema', columns.length), ...columns.flatMap(({ name, kind }) => (kind === 'headers' ? headers(name) : [leaf(name, TYPES[kind])]))];
}

function headers(name: string): ThriftValue[] {
  return [
    struct([[3, i32(OPTIONAL)], [4, text(name)], [5, i32(1)], [6, i32(LIST)]]),
    group('list', 1, REPEATED), group('element', 2, OPTIONAL), leaf('key', TEXT), leaf('value', BLOB),
  ];
}

function group(name: string, children: number, repetition: number | null = null): ThriftValue {
  return struct([[3, repetition === null ? null : i32(repetition)], [4, text(name)], [5, i32(children)]]);
}

function leaf(name: string, { physical, converted, logical }: LeafType): ThriftValue {
  return struct([[1, i32(physical)], [3, i32(OPTIONAL)], [4, text(name)], [6, converted === null ? null : i32(converted)], [10, logical]]);
}
