import { stringOf } from '../json-scan.ts';
import { isInteger, parseFiniteDouble, parseInt64 } from '../number.ts';
import { excerpt } from './rejection.ts';
import { parseTimestampUs } from '../timestamp.ts';
import type { ColumnDefinition, ColumnType } from '../definition.ts';
import type { ColumnValue } from '../verdict.ts';

export interface CompiledColumn {
  readonly required: boolean;
  readonly missingReason: string;
  /** `unknown_…` for a string with allowed values, else `invalid_…`. */
  readonly invalidReason: string;
  /** From the source text of a JSON value; undefined where it is not valid. Never null: missing is decided before. */
  readonly read: (source: string) => Exclude<ColumnValue, null> | undefined;
  readonly invalidDetail: (source: string) => string;
}

const ID_BYTES_MAX = 1_024;

export function compileColumn(column: ColumnDefinition): CompiledColumn {
  const allowed = column.allowed && new Set(column.allowed);
  const expected = column.allowed ? `one of ${column.allowed.join(', ')}` : EXPECTED[column.type];
  return {
    required: column.required,
    missingReason: `missing_${column.name}`,
    invalidReason: `${allowed ? 'unknown' : 'invalid'}_${column.name}`,
    read: allowed ? (source) => readAllowed(source, allowed) : READERS[column.type],
    invalidDetail: (source) => `${excerpt(source)} is not ${expected}`,
  };
}

/** semantics.md, section 4, point 4: null or "" (absent is for the caller). No escape decodes to nothing, so the source tells. */
export function isMissing(source: string): boolean {
  return source === 'null' || source === '""';
}

export function missingDetail(source: string | null): string {
  return source === null ? 'absent' : `present as ${source}`;
}

const READERS: Readonly<Record<ColumnType, CompiledColumn['read']>> = {
  id: readId,
  string: readString,
  timestamp: (source) => parseTimestampUs(textOrSource(source)) ?? undefined,
  double: (source) => parseFiniteDouble(textOrSource(source)) ?? undefined,
  long: (source) => parseInt64(textOrSource(source)) ?? undefined,
  boolean: (source) => (source === 'true' || source === 'false' ? source === 'true' : undefined),
};

const EXPECTED: Readonly<Record<ColumnType, string>> = {
  id: `text of at most ${ID_BYTES_MAX} bytes without NUL or lone surrogate, or an integer`,
  string: 'text without lone surrogates',
  timestamp: 'an ISO 8601 time with a zone, or epoch milliseconds, in the years 1 to 9999',
  double: 'a number that is finite as a double',
  long: 'a 64-bit integer',
  boolean: 'true or false',
};

function readId(source: string): string | undefined {
  if (!isString(source)) return isInteger(source) ? source : undefined;
  const text = stringOf(source, 0, source.length);
  if (text.includes('\0') || !text.isWellFormed()) return undefined;
  // A UTF-16 unit is at most three bytes: only long ids need counting.
  return text.length * 3 <= ID_BYTES_MAX || Buffer.byteLength(text) <= ID_BYTES_MAX ? text : undefined;
}

/** A lone surrogate has no UTF-8 form: stored, two such texts would become one. */
function readString(source: string): string | undefined {
  const text = isString(source) ? stringOf(source, 0, source.length) : undefined;
  return text?.isWellFormed() ? text : undefined;
}

function readAllowed(source: string, allowed: ReadonlySet<string>): string | undefined {
  const text = isString(source) ? stringOf(source, 0, source.length) : undefined;
  return text !== undefined && allowed.has(text) ? text : undefined;
}

/** Types that take a number as well as text: a string's content, else the source as it stands. */
function textOrSource(source: string): string {
  return isString(source) ? stringOf(source, 0, source.length) : source;
}

function isString(source: string): boolean {
  return source.startsWith('"');
}
