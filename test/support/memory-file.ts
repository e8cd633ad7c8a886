import type { Column } from '../../shared/columnar/relation.ts';
import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { TableError } from '../../shared/errors.ts';

/** Data files of the memory engine: JSON whose bytes depend on columns and values alone, so that a run can be repeated byte for byte. */
export interface DataFile {
  readonly columns: readonly Column[];
  readonly rows: unknown[][];
}

const FORMAT = 'memory-rows-1';

/** Null: the values are JSON as they are. */
interface Coder {
  readonly encode: (value: unknown) => unknown;
  readonly decode: (value: unknown) => unknown;
}

export function encodeFile({ columns, rows }: DataFile): Uint8Array {
  const coders = columns.map(({ type }) => coderOf(type));
  return Buffer.from(JSON.stringify({ format: FORMAT, columns, rows: coded(rows, coders, 'encode') }));
}

/** Failures: TableError `columnar/not-a-data-file` for bytes that are none. */
export function decodeFile(bytes: Uint8Array, key: string): DataFile {
  let file: DataFile & { readonly format?: string };
  try {
    file = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as typeof file;
  } catch (cause) {
    throw new TableError('columnar/not-a-data-file', `${key}: ${bytes.length} bytes that are no data file of the memory engine`, { cause });
  }
  if (file.format !== FORMAT) throw new TableError('columnar/not-a-data-file', `${key}: ${bytes.length} bytes that are no data file of the memory engine`);
  return { columns: file.columns, rows: coded(file.rows, file.columns.map(({ type }) => coderOf(type)), 'decode') };
}

function coded(rows: unknown[][], coders: readonly (Coder | null)[], way: keyof Coder): unknown[][] {
  const changing = coders.flatMap((coder, i) => (coder === null ? [] : [{ i, code: coder[way] }]));
  if (changing.length === 0) return rows;
  return rows.map((row) => {
    const copy = row.slice();
    for (const { i, code } of changing) if (copy[i] !== null) copy[i] = code(copy[i]);
    return copy;
  });
}

const LONG: Coder = { encode: String, decode: (text) => BigInt(text as string) };
/** JSON has no NaN, no infinity and no −0. */
const DOUBLE: Coder = { encode: (value) => (Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? '-0' : String(value)), decode: Number };
const BINARY: Coder = {
  encode: (value) => Buffer.from(value as Uint8Array).toString('base64'),
  decode: (text) => new Uint8Array(Buffer.from(text as string, 'base64')),
};

function coderOf(type: SqlSource): Coder | null {
  if (typeof type === 'string') {
    if (type === 'long' || type.startsWith('timestamp')) return LONG;
    if (type === 'double' || type === 'float') return DOUBLE;
    return type === 'binary' ? BINARY : null;
  }
  if (type.type === 'array') return listOf(orSame(type.elementType));
  const [names, coders] = type.type === 'map'
    ? [['key', 'value'], [orSame(type.keyType), orSame(type.valueType)]]
    : [type.fields.map(({ name }) => name), type.fields.map((field) => orSame(field.type))];
  const struct: Coder = {
    encode: (value) => names.map((name, i) => coders[i].encode((value as Record<string, unknown>)[name])),
    decode: (values) => Object.fromEntries(names.map((name, i) => [name, coders[i].decode((values as unknown[])[i])])),
  };
  return type.type === 'map' ? listOf(struct) : struct;
}

function orSame(type: SqlSource): Coder {
  const coder = coderOf(type);
  const keep = (code: (value: unknown) => unknown) => (value: unknown) => (value === null ? null : code(value));
  return coder === null ? { encode: (value) => value, decode: (value) => value } : { encode: keep(coder.encode), decode: keep(coder.decode) };
}

function listOf({ encode, decode }: Coder): Coder {
  return { encode: (list) => (list as unknown[]).map(encode), decode: (list) => (list as unknown[]).map(decode) };
}
