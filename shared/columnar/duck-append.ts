import type * as DuckModule from '@duckdb/node-api';
import type { DuckDBAppender, DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { ColumnKind, SentColumn } from './load-column.ts';

/** Columns of values into DuckDB's data chunks. */

const CHUNK_ROWS = 2048;
const EMPTY = new Uint8Array(0);

/** All rows, then the appender is closed. */
export function appendRows(appender: DuckDBAppender, { columns, rows: rowCount }: { columns: readonly SentColumn[]; rows: number }, duckdb: typeof DuckModule): void {
  const types = columns.map(({ kind }) => typeOf(kind, duckdb));
  for (let start = 0; start < rowCount; start += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, rowCount - start);
    const chunk = duckdb.DuckDBDataChunk.create(types, rows);
    for (const [i, column] of columns.entries()) fill(chunk, i, column, { start, rows, duckdb });
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** The typed array behind a numeric vector, whose rows all have a value when it is full; null for other kinds. */
export function itemsOf(vector: unknown): Float64Array | null {
  const { items } = vector as { readonly items?: unknown };
  return ArrayBuffer.isView(items) ? (items as Float64Array) : null;
}

function fill(chunk: DuckDBDataChunk, index: number, { values, kind, emptyIsNull }: SentColumn, { start, rows, duckdb }: { start: number; rows: number; duckdb: typeof DuckModule }): void {
  const items = ArrayBuffer.isView(values) ? itemsOf(chunk.getColumnVector(index)) : null;
  if (items !== null && items.constructor === values.constructor) {
    items.set((values as Float64Array).subarray(start, start + rows));
    chunk.getColumnVector(index).flush();
    return;
  }
  const converted: DuckDBValue[] = Array.from({ length: rows });
  const absent = emptyIsNull ? new duckdb.DuckDBBlobValue(EMPTY) : null;
  for (let row = 0; row < rows; row++) converted[row] = physical(values[start + row], kind, duckdb) ?? absent;
  chunk.setColumnValues(index, converted);
}

function typeOf(kind: ColumnKind, d: typeof DuckModule): DuckDBType {
  const types: Readonly<Record<ColumnKind, DuckDBType>> = {
    text: d.VARCHAR, utf8: d.BLOB, blob: d.BLOB, integer: d.INTEGER, date: d.INTEGER, long: d.BIGINT, timestamp: d.BIGINT, double: d.DOUBLE,
    boolean: d.BOOLEAN, headers: d.LIST(d.STRUCT({ key: d.VARCHAR, value: d.BLOB })),
  };
  return types[kind];
}

function physical(value: unknown, kind: ColumnKind, duckdb: typeof DuckModule): DuckDBValue {
  if (value === null || value === undefined) return null;
  if (kind === 'utf8' || kind === 'blob') return new duckdb.DuckDBBlobValue(value as Uint8Array);
  if (kind !== 'headers') return value as DuckDBValue;
  const headers = value as readonly { key: string; value: Uint8Array | null }[];
  return duckdb.listValue(headers.map((header) => duckdb.structValue({
    key: header.key,
    value: header.value === null ? null : new duckdb.DuckDBBlobValue(header.value),
  })));
}
