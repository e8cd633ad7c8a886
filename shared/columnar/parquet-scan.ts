import { assert } from '../errors.ts';
import { FILE, ROW } from './relation.ts';
import type { FileScan, ScanColumn, ScanFile } from './relation.ts';
import { DuckRelation, keyName } from './relation-sql.ts';
import { fileList, literal, quote } from './sql-text.ts';
import { sqlType } from './sql-type.ts';
import type { SqlSource } from './sql-type.ts';

/** Files that one `read_parquet` reads: of equal partition values, with the same kind of row selection. Members index into the scan's files. */
export interface ScanGroup {
  readonly partitionValues: readonly (string | null)[];
  readonly selection: 'all' | 'except' | 'only';
  readonly members: number[];
}

export interface ScanGroups {
  readonly groups: readonly ScanGroup[];
  /** The groups one after the other are the files in their order. */
  readonly inOrder: boolean;
}

/** So many groups are read in the files' order; beyond that alike files are read together, and rows are sorted where order is seen. */
const RUNS_MAX = 32;
/** A position in a group: the file's number times this, plus the row's. */
const FILE_STRIDE = 1n << 40n;

export function scanGroups({ columns, files }: FileScan): ScanGroups {
  const partitions = columns.filter(({ isPartition }) => isPartition).map(({ physicalName }) => physicalName);
  const runs: ScanGroup[] = [];
  const alike = new Map<string, ScanGroup>();
  let last = '';
  for (const [index, { partitionValues, rows }] of files.entries()) {
    // A column may be called `constructor`.
    const values = partitions.map((name) => (Object.hasOwn(partitionValues, name) ? partitionValues[name] || null : null));
    const selection = rows === undefined ? 'all' : 'except' in rows ? 'except' : 'only';
    const kind = JSON.stringify([values, selection]);
    if (kind === last) runs.at(-1)!.members.push(index);
    else runs.push({ partitionValues: values, selection, members: [index] });
    last = kind;
    const group = alike.get(kind);
    if (group) group.members.push(index);
    else alike.set(kind, { partitionValues: values, selection, members: [index] });
  }
  return runs.length <= Math.max(RUNS_MAX, alike.size) ? { groups: runs, inOrder: true } : { groups: [...alike.values()], inOrder: false };
}

/** What a session knows of the files when it makes the SQL. */
export interface ScanSource {
  /** On this machine, one a file of the scan. */
  readonly paths: readonly string[];
  /** Of all files together: an estimate would do, joins build on the smaller side by it. */
  readonly rows: bigint;
  /** Table of this session with `group` and `position` of every row that `rows` of a file names. */
  readonly positions: string;
}

/**
 * Each column in its type, FILE and ROW. `schema` says what is read (duckdb.org, "Parquet Schema"): a column that a file lacks is null,
 * what it has beyond is left out, other types are cast, fields of structs are matched by name. No file is opened before rows are read.
 */
export function scanRelation(scan: FileScan, { groups, inOrder }: ScanGroups, source: ScanSource): DuckRelation {
  const columns = [...scan.columns.map(({ name, type }) => ({ name, type })), { name: FILE, type: 'integer' }, { name: ROW, type: 'long' }];
  const reads = groups.map((group, i) => groupSql(scan, group, { ...source, group: i }));
  const none = `SELECT ${[...columns.map(({ name, type }) => `NULL::${sqlType(type)} AS ${quote(name)}`), `0::BIGINT AS ${keyName(0)}`, `0::BIGINT AS ${keyName(1)}`].join(', ')} WHERE false`;
  return new DuckRelation({ columns, sql: reads.length === 0 ? none : reads.join(' UNION ALL '), keys: 2, inOrder });
}

function groupSql(scan: FileScan, group: ScanGroup, source: ScanSource & { readonly group: number }): string {
  const partitions = scan.columns.filter(({ isPartition }) => isPartition);
  const values = scan.columns.map((column) => {
    const value = column.isPartition ? partitionSql(group.partitionValues[partitions.indexOf(column)], column.physicalType) : renamed(given(column), column.physicalType, column.type);
    return `${value} AS ${quote(column.name)}`;
  });
  const file = fileSql(group.members);
  const list = [...values, `${file}::INTEGER AS ${quote(FILE)}`, `file_row_number AS ${quote(ROW)}`, `${file}::BIGINT AS ${keyName(0)}`, `file_row_number AS ${keyName(1)}`];
  return `SELECT ${list.join(', ')} FROM ${readSql(scan, group, source)}${selectionSql(scan.files, group, source)}`;
}

function readSql({ columns, files }: FileScan, { members }: ScanGroup, { paths, rows }: ScanSource): string {
  const read = columns.filter(({ isPartition }) => !isPartition);
  const ids = read.filter(({ fieldId }) => fieldId !== undefined).length;
  assert(ids === 0 || ids === read.length, 'a scan by field ids needs one for every column');
  const schema = read.map((column) => `${column.fieldId ?? literal(column.physicalName)}: {name: ${literal(givenName(column))}, type: ${literal(sqlType(column.physicalType))}, default_value: NULL}`);
  const options = [
    // A column at least; no file has one of this name.
    `schema = MAP {${schema.length === 0 ? `'\u0001none': {name: 'none', type: 'BOOLEAN', default_value: NULL}` : schema.join(', ')}}`,
    'hive_partitioning = false',
    `explicit_cardinality = ${(rows * BigInt(members.length)) / BigInt(files.length) + 1n}`,
  ];
  // Writers leave NaN out of a row group's bounds.
  if (read.some(({ physicalType }) => physicalType === 'double' || physicalType === 'float')) options.push('can_have_nan = true');
  return `read_parquet(${fileList(members.map((index) => paths[index]))}, ${options.join(', ')})`;
}

/** Another name than that of any virtual column: `file_index`, `file_row_number`. */
function givenName({ physicalName }: ScanColumn): string {
  return `c_${physicalName}`;
}

function given(column: ScanColumn): string {
  return quote(givenName(column));
}

/** `file_index` counts the files of one `read_parquet`. */
function fileSql(members: readonly number[]): string {
  const [first] = members;
  if (members.length === 1) return String(first);
  if (members.every((index, i) => index === first + i)) return `(file_index::BIGINT + ${first})`;
  return `([${members.join(', ')}]::INTEGER[])[file_index::BIGINT + 1]`;
}

/**
 * As a mark join, which keeps the order of rows: a semi or anti join builds on either side. The optimizer would make one of a bare
 * IN, so it stands in a `coalesce`.
 */
function selectionSql(files: readonly ScanFile[], { selection, members }: ScanGroup, { group, positions }: { readonly group: number; readonly positions: string }): string {
  if (selection === 'all') return '';
  const position = members.length === 1 ? 'file_row_number' : `file_index::BIGINT * ${FILE_STRIDE} + file_row_number`;
  const named = `coalesce((${position}) IN (SELECT "position" FROM ${quote(positions)} WHERE "group" = ${group}), false)`;
  if (selection === 'except') return ` WHERE NOT ${named}`;
  const wanted = members.map((index) => positionsOf(files[index])).filter(({ length }) => length > 0);
  if (wanted.length === 0) return ' WHERE false';
  // Bounds leave row groups unread.
  const [first, last] = [wanted.map((rows) => rows[0]).reduce(least), wanted.map((rows) => rows[rows.length - 1]).reduce(greatest)];
  return ` WHERE file_row_number BETWEEN ${first} AND ${last} AND ${named}`;
}

const least = (a: bigint, b: bigint) => (a < b ? a : b);
const greatest = (a: bigint, b: bigint) => (a > b ? a : b);

/** The rows that the files' selections name, for the table of positions. */
export function selectedPositions(files: readonly ScanFile[], groups: readonly ScanGroup[]): { readonly group: Int32Array; readonly position: BigInt64Array } {
  const found = groups.flatMap(({ members, selection }, group) => (selection === 'all' ? [] : members.map((index, i) => ({ group, offset: BigInt(i) * FILE_STRIDE, positions: positionsOf(files[index]) }))));
  const count = found.reduce((sum, { positions }) => sum + positions.length, 0);
  const all = { group: new Int32Array(count), position: new BigInt64Array(count) };
  let filled = 0;
  for (const { group, offset, positions } of found) {
    all.group.fill(group, filled, filled + positions.length);
    if (offset === 0n) all.position.set(positions, filled);
    else for (let i = 0; i < positions.length; i++) all.position[filled + i] = offset + positions[i];
    filled += positions.length;
  }
  return all;
}

function positionsOf({ rows }: ScanFile): BigInt64Array {
  assert(rows !== undefined, 'a file without a selection of rows');
  return 'except' in rows ? rows.except : rows.only;
}

/** PROTOCOL.md, "Partition Value Serialization". A time without zone is UTC, as every engine reads it; binary is its UTF-8 text. */
function partitionSql(value: string | null, type: SqlSource): string {
  if (value === null) return `NULL::${sqlType(type)}`;
  return type === 'binary' ? `encode(${literal(value)})` : `${literal(value)}::${sqlType(type)}`;
}

/** An expression of a physical type as the logical one: structs are matched by name, so names are changed field by field. */
function renamed(expression: string, physical: SqlSource, logical: SqlSource, depth = 0): string {
  if (sqlType(physical) === sqlType(logical)) return expression;
  const variable = `x${depth}`;
  const each = (list: string, body: string) => `list_transform(${list}, lambda ${variable}: ${body})`;
  if (typeof physical !== 'string' && typeof logical !== 'string') {
    if (physical.type === 'struct' && logical.type === 'struct') {
      const fields = logical.fields.map((field, i) => `${quote(field.name)} := ${renamed(`${expression}.${quote(physical.fields[i].name)}`, physical.fields[i].type, field.type, depth)}`);
      return `CASE WHEN ${expression} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
    }
    if (physical.type === 'array' && logical.type === 'array') return each(expression, renamed(variable, physical.elementType, logical.elementType, depth + 1));
    if (physical.type === 'map' && logical.type === 'map') {
      const key = renamed(`${variable}.key`, physical.keyType, logical.keyType, depth + 1);
      const value = renamed(`${variable}.value`, physical.valueType, logical.valueType, depth + 1);
      return `map_from_entries(${each(`map_entries(${expression})`, `struct_pack(k := ${key}, v := ${value})`)})`;
    }
  }
  return `${expression}::${sqlType(logical)}`;
}
