import { assert } from '../errors.ts';
import { FILE, ROW } from './relation.ts';
import type { FileScan, ScanColumn, ScanFile } from './relation.ts';
import { DuckRelation, keyName } from './relation-sql.ts';
import type { Order } from './relation-sql.ts';
import { fileList, literal, quote } from './sql-text.ts';
import { sqlType } from './sql-type.ts';
import type { SqlSource } from './sql-type.ts';

/** Files that one `read_parquet` reads: of equal partition values, with the same kind of row selection. */
export interface ScanGroup {
  readonly partitionValues: readonly (string | null)[];
  readonly selection: 'all' | 'except' | 'only';
  /** Indexes into the scan's files. */
  readonly members: number[];
  /** Of each member, selected or not. */
  readonly rows: number[];
}

export interface ScanGroups {
  readonly groups: readonly ScanGroup[];
  /** The groups one after the other are the files in their order: all, or those of each partition. */
  readonly inOrder: Order;
}

/**
 * So many groups are read one after the other, in the files' order. Beyond that alike files are read together, in parallel, and rows are
 * sorted where the order across partitions is seen.
 */
const RUNS_MAX = 8;
/** DuckDB copies a selection for every 2,048 rows it is asked about: so large one may be, unless a single file is larger. */
const SELECTED_ROWS_MAX = 2 ** 22;

export function scanGroups({ columns, files }: FileScan, rowsOf: (index: number) => number): ScanGroups {
  const partitions = columns.filter(({ isPartition }) => isPartition);
  const [runs, alike] = [new Grouping(), new Grouping()];
  for (const [index, { partitionValues, rows }] of files.entries()) {
    // A column may be called `constructor`.
    const values = partitions.map(({ physicalName }) => (Object.hasOwn(partitionValues, physicalName) ? partitionValues[physicalName] || null : null));
    const file = { partitionValues: values, selection: rows === undefined ? 'all' : 'except' in rows ? 'except' : 'only', index, rows: rowsOf(index) } as const;
    runs.add(file, { consecutive: true });
    alike.add(file, { consecutive: false });
  }
  if (runs.groups.length <= Math.max(RUNS_MAX, alike.groups.length)) return { groups: runs.groups, inOrder: true };
  return { groups: alike.groups, inOrder: isOneKindEach(alike.groups, partitions) && { within: partitions.map(({ name }) => name) } };
}

/** Whether files of one partition are in groups that keep their order: of one kind, and under one text of the partition's values. */
function isOneKindEach(groups: readonly ScanGroup[], partitions: readonly ScanColumn[]): boolean {
  const kinds = new Map<string, ScanGroup['selection']>();
  return groups.every(({ partitionValues, selection }) => {
    if (!partitionValues.every((value, i) => isOnlyText(value, partitions[i].physicalType))) return false;
    const name = JSON.stringify(partitionValues);
    const known = kinds.get(name) ?? selection;
    kinds.set(name, known);
    return known === selection;
  });
}

/** Writers differ in how they print other values: 1.0 or 1, a time with a T or without. */
function isOnlyText(value: string | null, type: SqlSource): boolean {
  if (value === null || type === 'string') return true;
  return type === 'date' ? /^\d{4}-\d\d-\d\d$/.test(value) : (type === 'long' || type === 'integer') && /^(?:0|-?[1-9]\d*)$/.test(value);
}

class Grouping {
  readonly groups: ScanGroup[] = [];
  readonly #open = new Map<string, { readonly group: ScanGroup; rows: number }>();

  add({ index, rows, ...kind }: Pick<ScanGroup, 'partitionValues' | 'selection'> & { index: number; rows: number }, { consecutive }: { consecutive: boolean }): void {
    const name = JSON.stringify(kind);
    const open = this.#open.get(name);
    if (open && (kind.selection === 'all' || open.rows + rows <= SELECTED_ROWS_MAX)) {
      open.group.members.push(index);
      open.group.rows.push(rows);
      open.rows += rows;
      return;
    }
    const group = { ...kind, members: [index], rows: [rows] };
    this.groups.push(group);
    if (consecutive) this.#open.clear();
    this.#open.set(name, { group, rows });
  }
}

/** What a session knows of the files when it makes the SQL. */
export interface ScanSource {
  /** On this machine, one a file of the scan. */
  readonly paths: readonly string[];
  /** Name of the session's variable that holds a group's `selectedBits`. */
  readonly bitsOf: (group: ScanGroup) => string;
}

/**
 * Each column in its type, FILE and ROW. `schema` says what is read (duckdb.org, "Parquet Schema"): a column that a file lacks is null,
 * what it has beyond is left out, other types are cast, fields of structs are matched by name. No file is opened before rows are read.
 */
export function scanRelation(scan: FileScan, { groups, inOrder }: ScanGroups, source: ScanSource): DuckRelation {
  const columns = [...scan.columns.map(({ name, type }) => ({ name, type })), { name: FILE, type: 'integer' }, { name: ROW, type: 'long' }];
  const reads = groups.map((group) => groupSql(scan, group, source));
  const none = `SELECT ${[...columns.map(({ name, type }) => `NULL::${sqlType(type)} AS ${quote(name)}`), `0::BIGINT AS ${keyName(0)}`, `0::BIGINT AS ${keyName(1)}`].join(', ')} WHERE false`;
  return new DuckRelation({ columns, sql: reads.length === 0 ? none : reads.join(' UNION ALL '), keys: 2, inOrder });
}

function groupSql(scan: FileScan, group: ScanGroup, source: ScanSource): string {
  const partitions = scan.columns.filter(({ isPartition }) => isPartition);
  const values = scan.columns.map((column) => {
    const value = column.isPartition ? partitionSql(group.partitionValues[partitions.indexOf(column)], column.physicalType) : renamed(given(column), column.physicalType, column.type);
    return `${value} AS ${quote(column.name)}`;
  });
  const file = fileSql(group.members);
  const list = [...values, `${file}::INTEGER AS ${quote(FILE)}`, `file_row_number AS ${quote(ROW)}`, `${file}::BIGINT AS ${keyName(0)}`, `file_row_number AS ${keyName(1)}`];
  return `SELECT ${list.join(', ')} FROM ${readSql(scan, group, source)}${selectionSql(scan.files, group, source)}`;
}

function readSql({ columns }: FileScan, { members, rows }: ScanGroup, { paths }: ScanSource): string {
  const read = columns.filter(({ isPartition }) => !isPartition);
  const ids = read.filter(({ fieldId }) => fieldId !== undefined).length;
  assert(ids === 0 || ids === read.length, 'a scan by field ids needs one for every column');
  const schema = read.map((column) => `${column.fieldId ?? literal(column.physicalName)}: {name: ${literal(givenName(column))}, type: ${literal(sqlType(column.physicalType))}, default_value: NULL}`);
  const options = [
    // A column at least; no file has one of this name.
    `schema = MAP {${schema.length === 0 ? `'\u0001none': {name: 'none', type: 'BOOLEAN', default_value: NULL}` : schema.join(', ')}}`,
    'hive_partitioning = false',
    // Joins build on the smaller side.
    `explicit_cardinality = ${sum(rows)}`,
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

/** By a bit a row: with any join in it DuckDB takes a plan for one without order. */
function selectionSql(files: readonly ScanFile[], group: ScanGroup, { bitsOf }: ScanSource): string {
  const { selection, members, rows } = group;
  if (selection === 'all') return '';
  const row = members.length === 1 ? 'file_row_number' : `([${startsOf(rows).join(', ')}]::INTEGER[])[file_index::BIGINT + 1] + file_row_number`;
  const bit = `get_bit(getvariable(${literal(bitsOf(group))}), (${row})::INTEGER)`;
  if (selection === 'except') return ` WHERE ${bit} = 0`;
  const wanted = members.map((index) => positionsOf(files[index])).filter(({ length }) => length > 0);
  if (wanted.length === 0) return ' WHERE false';
  // Bounds leave row groups unread.
  const [first, last] = [wanted.map((positions) => positions[0]).reduce(least), wanted.map((positions) => positions[positions.length - 1]).reduce(greatest)];
  return ` WHERE file_row_number BETWEEN ${first} AND ${last} AND ${bit} = 1`;
}

/** A bit a row of the group, the first file's first row highest: whether the file's selection names it. Positions past its end name none. */
export function selectedBits(files: readonly ScanFile[], { members, rows }: ScanGroup): Uint8Array {
  // DuckDB knows no empty BIT.
  const bits = new Uint8Array(Math.ceil(sum(rows) / 8) || 1);
  const starts = startsOf(rows);
  for (const [i, index] of members.entries()) {
    for (const position of positionsOf(files[index])) {
      if (position >= rows[i]) break;
      const at = starts[i] + Number(position);
      bits[at >> 3] |= 0x80 >> (at & 7);
    }
  }
  return bits;
}

function startsOf(rows: readonly number[]): number[] {
  let start = 0;
  return rows.map((count) => (start += count) - count);
}

const least = (a: bigint, b: bigint) => (a < b ? a : b);
const greatest = (a: bigint, b: bigint) => (a > b ? a : b);

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
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
