import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { typeOfKind, rowCount } from './load-column.ts';
import type { ColumnKind, LoadColumn } from './load-column.ts';
import type { Bound } from './parquet/bound.ts';
import { writeParquetFile } from './parquet/file.ts';
import type { ColumnFacts } from './parquet/file.ts';
import type { Column, ColumnAggregate, Row, WriteTarget, WrittenFile } from './relation.ts';
import type { SqlSource } from './sql-type.ts';

/** Rows on their way into a file as they are: no statement has to see them. */
export interface RowsAsTheyAre {
  readonly rows: number;
  /** In the target's order; partition columns apart. */
  readonly columns: readonly LoadColumn[];
  /** Of all rows. */
  readonly partition: Row;
}

/**
 * The rows of a load as a file of this target has them; null where DuckDB has to cast a value, to divide rows by partition, or to make up a
 * column of a type that loads don't have.
 */
export function rowsAsTheyAre(load: readonly LoadColumn[], target: WriteTarget): RowsAsTheyAre | null {
  const find = ({ name }: Column) => load.find((column) => column.name.toLowerCase() === name.toLowerCase());
  const columns = target.columns.map((column) => fitted(column, find(column)));
  const partition = target.partitionBy.map((column) => {
    const own = find(column);
    return own === undefined ? { value: null } : 'constant' in own && isOf(own.kind, column.type) ? { value: partitionValue(own.constant, own.kind) } : null;
  });
  if (!columns.every((column) => column !== null) || !partition.every((found) => found !== null)) return null;
  return { rows: rowCount(load), columns, partition: Object.fromEntries(target.partitionBy.map(({ name }, i) => [name, partition[i].value])) };
}

/** One file, or none of no rows. Its statistics are of the very values that were encoded. */
export async function writeRows({ rows, columns, partition }: RowsAsTheyAre, target: WriteTarget, { put, tempDir, clock }: {
  readonly put: (key: string, path: string) => Promise<{ readonly storedAtMs: number }>;
  readonly tempDir: string;
  readonly clock: Clock;
}): Promise<WrittenFile[]> {
  if (rows === 0) return [];
  const key = target.keyOf(partition);
  const path = join(tempDir, `${clock.uuid()}.parquet`);
  await mkdir(tempDir, { recursive: true });
  try {
    const facts = await writeParquetFile(path, { columns, rows });
    const wanted = columns.flatMap(({ name, kind }, i) => (target.statistics.includes(name) ? [[name, aggregateOf(facts.columns[i], kind)] as const] : []));
    return [{ key, partition, rows: BigInt(rows), bytes: facts.bytes, aggregates: Object.fromEntries(wanted), ...(await put(key, path)) }];
  } finally {
    await rm(path, { force: true });
  }
}

const KIND_OF: Readonly<Record<string, ColumnKind>> = {
  string: 'text', long: 'long', integer: 'integer', double: 'double', boolean: 'boolean', binary: 'blob', date: 'date', timestamp: 'timestamp',
};

function fitted({ name, type }: Column, own: LoadColumn | undefined): LoadColumn | null {
  if (own !== undefined) return isOf(own.kind, type) ? { ...own, name } : null;
  const kind = typeof type === 'string' ? KIND_OF[type] : undefined;
  return kind === undefined ? null : { name, kind, constant: null };
}

function isOf(kind: ColumnKind, type: SqlSource): boolean {
  return isSame(typeOfKind(kind), type);
}

/** Whatever else a type of Delta says of nulls: files here have every column optional. */
function isSame(a: SqlSource, b: SqlSource): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  if (a.type === 'array') return b.type === 'array' && isSame(a.elementType, b.elementType);
  if (a.type === 'map' || b.type !== 'struct') return false;
  return a.fields.length === b.fields.length && a.fields.every(({ name, type }, i) => name === b.fields[i].name && isSame(type, b.fields[i].type));
}

/** As a query would give it. */
function partitionValue(value: string | number | bigint | boolean | null, kind: ColumnKind): unknown {
  return value !== null && (kind === 'long' || kind === 'timestamp') ? BigInt(value) : value;
}

function aggregateOf({ nulls, bounds }: ColumnFacts, kind: ColumnKind): ColumnAggregate {
  // Bytes have an order, but none that Delta's statistics know.
  if (bounds === null || kind === 'blob') return { nulls: BigInt(nulls), min: null, max: null };
  return { nulls: BigInt(nulls), min: plainBound(bounds.min), max: plainBound(bounds.max) };
}

function plainBound(bound: Bound): string | bigint | number {
  return bound instanceof Uint8Array ? Buffer.from(bound.buffer, bound.byteOffset, bound.byteLength).toString('utf8') : bound;
}
