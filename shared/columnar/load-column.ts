import { assert } from '../errors.ts';
import { literal, quote } from './sql-text.ts';
import type { SqlSource } from './sql-type.ts';

/**
 * Physical kinds that a column is loaded in. `utf8`: bytes that are valid UTF-8 become VARCHAR without a detour through a JS string.
 * `timestamp`: bigint microseconds since the epoch. `date`: number of days. `headers`: Kafka headers as LIST(STRUCT(key, value)).
 */
export type ColumnKind = 'text' | 'utf8' | 'blob' | 'integer' | 'long' | 'double' | 'boolean' | 'timestamp' | 'date' | 'headers';

/**
 * One column of rows on their way into DuckDB: a value a row (null for SQL NULL), or one value for all of them, or a code a row into
 * a short list of texts. The last two cost next to nothing: they become part of the view's SQL. `emptyIsNull`, for bytes that are never
 * empty: nulls travel as empty ones, which is quicker than a mask of nulls.
 */
export type LoadColumn =
  | { readonly name: string; readonly kind: ColumnKind; readonly values: ArrayLike<unknown>; readonly emptyIsNull?: boolean }
  | { readonly name: string; readonly kind: ColumnKind; readonly constant: string | number | bigint | boolean | null }
  | { readonly name: string; readonly kind: 'text'; readonly codes: Int32Array; readonly texts: readonly string[] };

const SQL_TYPE: Readonly<Record<ColumnKind, string>> = {
  text: 'VARCHAR', utf8: 'VARCHAR', blob: 'BLOB', integer: 'INTEGER', long: 'BIGINT', double: 'DOUBLE', boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ', date: 'DATE', headers: 'STRUCT("key" VARCHAR, "value" BLOB)[]',
};
const PHYSICAL_TYPE: Readonly<Record<ColumnKind, string>> = { ...SQL_TYPE, utf8: 'BLOB', timestamp: 'BIGINT', date: 'INTEGER' };

const HEADERS: SqlSource = { type: 'array', elementType: { type: 'struct', fields: [{ name: 'key', type: 'string' }, { name: 'value', type: 'binary' }] } };
const DELTA_TYPE: Readonly<Record<ColumnKind, SqlSource>> = {
  text: 'string', utf8: 'string', blob: 'binary', integer: 'integer', long: 'long', double: 'double', boolean: 'boolean', timestamp: 'timestamp', date: 'date', headers: HEADERS,
};

/** In Delta's words. */
export function typeOfKind(kind: ColumnKind): SqlSource {
  return DELTA_TYPE[kind];
}

export function columnsOfLoad(columns: readonly LoadColumn[]): { readonly name: string; readonly type: SqlSource }[] {
  return columns.map(({ name, kind }) => ({ name, type: DELTA_TYPE[kind] }));
}

/** A column that is sent row by row. */
export interface SentColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly values: ArrayLike<unknown>;
  readonly emptyIsNull?: boolean;
}

/** What of the column goes to DuckDB row by row; null where nothing does: a constant, or a column of nulls alone. */
export function sentColumn(column: LoadColumn): SentColumn | null {
  if ('constant' in column) return null;
  if ('codes' in column) return { name: column.name, kind: 'integer', values: column.codes };
  return isAllNull(column.values) ? null : column;
}

export function physicalType({ kind }: SentColumn): string {
  return PHYSICAL_TYPE[kind];
}

/** The column as the view selects it, over the table of what was sent. */
function viewSql(column: LoadColumn, quotedName: string): string {
  if ('constant' in column) return `${constantSql(column.constant, column.kind)} AS ${quotedName}`;
  if ('codes' in column) return `[${column.texts.map(literal).join(', ')}][${quotedName} + 1] AS ${quotedName}`;
  if (isAllNull(column.values)) return `NULL::${SQL_TYPE[column.kind]} AS ${quotedName}`;
  const value = fromPhysical(quotedName, column.kind);
  return `${column.emptyIsNull ? `CASE WHEN octet_length(${quotedName}) > 0 THEN ${value} END` : value} AS ${quotedName}`;
}

/** What to select for these columns from the table of what was sent. */
export function selectList(columns: readonly LoadColumn[]): string[] {
  return columns.map((column) => viewSql(column, quote(column.name)));
}

/** Rows of the load: all columns that have rows agree. */
export function rowCount(columns: readonly LoadColumn[]): number {
  const counts = columns.flatMap((column) => ('values' in column ? [column.values.length] : 'codes' in column ? [column.codes.length] : []));
  assert(counts.every((count) => count === counts[0]), `columns of ${[...new Set(counts)].join(', ')} rows in one load`);
  return counts[0] ?? 0;
}

/** Codes for texts of which only few differ. */
export class TextCodes {
  readonly texts: string[] = [];
  readonly #codes = new Map<string, number>();

  code(text: string): number {
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.texts.push(text) - 1;
      this.#codes.set(text, code);
    }
    return code;
  }
}

function isAllNull(values: ArrayLike<unknown>): boolean {
  if (ArrayBuffer.isView(values)) return false;
  for (let i = 0; i < values.length; i++) if (values[i] !== null && values[i] !== undefined) return false;
  return true;
}

function constantSql(value: string | number | bigint | boolean | null, kind: ColumnKind): string {
  if (value === null) return `NULL::${SQL_TYPE[kind]}`;
  if (typeof value === 'string') return literal(value);
  return fromPhysical(`${String(value)}::${PHYSICAL_TYPE[kind]}`, kind);
}

function fromPhysical(column: string, kind: ColumnKind): string {
  if (kind === 'utf8') return `decode(${column})`;
  if (kind === 'timestamp') return `make_timestamp(${column})::TIMESTAMPTZ`;
  return kind === 'date' ? `(DATE '1970-01-01' + ${column})` : column;
}
