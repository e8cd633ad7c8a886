import type { ColumnKind, LoadColumn } from '../../shared/columnar/load-column.ts';
import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { assert } from '../../shared/errors.ts';

/** Columns as they are loaded (load-column.ts), for the memory engine. */

const HEADERS: SqlSource = {
  type: 'array', elementType: { type: 'struct', fields: [{ name: 'key', type: 'string' }, { name: 'value', type: 'binary' }] },
};
const TYPES: Readonly<Record<ColumnKind, SqlSource>> = {
  text: 'string', utf8: 'string', blob: 'binary', integer: 'integer', long: 'long', double: 'double', boolean: 'boolean', timestamp: 'timestamp', date: 'date',
  headers: HEADERS,
};

export function typeOfKind(kind: ColumnKind): SqlSource {
  return TYPES[kind];
}

/** The value of a row. */
export function columnReader(column: LoadColumn): (row: number) => unknown {
  if ('codes' in column) return (row) => column.texts[column.codes[row]] ?? null;
  if ('constant' in column) {
    const value = column.constant === null ? null : constant(column.constant, column.kind);
    return () => value;
  }
  const { values, kind, emptyIsNull, name } = column;
  return (row) => {
    const value = values[row];
    if (value === null || value === undefined || (emptyIsNull && (value as Uint8Array).byteLength === 0)) return null;
    return loaded(value, kind, name);
  };
}

const JS_TYPES: Readonly<Partial<Record<ColumnKind, string>>> = {
  text: 'string', integer: 'number', long: 'bigint', double: 'number', boolean: 'boolean', timestamp: 'bigint', date: 'number',
};
/** A byte order mark is a character like any other. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function loaded(value: unknown, kind: ColumnKind, name: string): unknown {
  if (kind === 'utf8') return UTF8.decode(value as Uint8Array);
  if (kind === 'blob') return new Uint8Array(value as Uint8Array);
  if (kind === 'headers') {
    return (value as readonly { key: string; value: Uint8Array | null }[]).map((header) => ({ key: header.key, value: header.value === null ? null : new Uint8Array(header.value) }));
  }
  assert(typeof value === JS_TYPES[kind], `a ${typeof value} in column ${name}, which is loaded as ${kind}`);
  return value;
}

function constant(value: string | number | bigint | boolean, kind: ColumnKind): unknown {
  if (kind === 'long' || kind === 'timestamp') return BigInt(value);
  return typeof value === 'bigint' ? Number(value) : value;
}
