import { fileList, literal, quote } from '../columnar/sql-text.ts';
import { sqlType } from '../columnar/sql-type.ts';
import type { AddFile } from '../delta/actions.ts';
import { columnId, mappingMode, physicalSchema } from '../delta/column-mapping.ts';
import type { MappingMode } from '../delta/column-mapping.ts';
import type { DataType, StructField } from '../delta/schema.ts';
import type { Snapshot } from '../delta/snapshot.ts';

/** A file that an add or a remove of the log names. */
export type ScannedFile = Pick<AddFile, 'path' | 'deletionVector'> & { readonly partitionValues?: AddFile['partitionValues'] | null };

/** A file of a scan, as far as its SQL is concerned. */
export interface ScanFile {
  readonly file: ScannedFile;
  /** On this machine. */
  readonly path: string;
}

/** Files that one `read_parquet` reads: of equal partition values, each path once, all or none with a deletion vector. */
export interface ScanGroup {
  readonly partitionValues: readonly (string | null)[];
  readonly hasVectors: boolean;
  readonly files: ScanFile[];
}

/** A path comes twice where a slice of versions holds it under two vectors: then in two groups, for its rows differ. */
export function scanGroups(snapshot: Snapshot, files: readonly ScanFile[]): ScanGroup[] {
  const partitions = partitionFields(snapshot).map(({ physical }) => physical.name);
  const groups = new Map<string, ScanGroup>();
  const seen = new Map<string, number>();
  for (const scanned of files) {
    const { partitionValues, deletionVector } = scanned.file;
    const values = partitions.map((name) => partitionValues?.[name] ?? null);
    const occurrence = seen.get(scanned.path) ?? 0;
    seen.set(scanned.path, occurrence + 1);
    const hasVectors = Boolean(deletionVector);
    const key = JSON.stringify([values, hasVectors, occurrence]);
    const group = groups.get(key) ?? { partitionValues: values, hasVectors, files: [] };
    group.files.push(scanned);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * The table's columns, each in its type, and `_file`. A typed empty relation gives the columns that old files lack; what files have
 * beyond the schema (dropped columns, `_change_type`) is left out. `vectors` is a Parquet file of (group, file, position) to leave out.
 */
export function scanSql(snapshot: Snapshot, groups: readonly ScanGroup[], vectors: string | null): string {
  const mode = mappingMode(snapshot.metaData);
  const partitions = partitionFields(snapshot);
  const data = dataFields(snapshot);
  const empty = [
    ...data.map(({ physical }) => `NULL::${sqlType(physical.type)} AS ${quote(physical.name)}`),
    ...partitions.map(({ physical }, i) => `NULL::${sqlType(physical.type)} AS _partition_${i}`),
    'NULL::VARCHAR AS _file',
  ].join(', ');
  const reads = groups.map((group, i) => {
    const constants = partitions.map(({ physical }, p) => `${partitionSql(group.partitionValues[p], physical)} AS _partition_${p}`);
    return `SELECT ${['*', ...constants].join(', ')} FROM ${readSql(group, { mode, data })} r${group.hasVectors ? withoutDeleted(i, vectors!) : ''}`;
  });
  const columns = snapshot.schema.fields.map((field) => {
    const p = partitions.findIndex(({ logical }) => logical === field);
    const { physical } = (p < 0 ? data : partitions).find(({ logical }) => logical === field)!;
    return `${p < 0 ? renamed(quote(physical.name), physical.type, field.type) : `_partition_${p}`} AS ${quote(field.name)}`;
  });
  return `SELECT ${[...columns, '_file'].join(', ')} FROM (${[`SELECT ${empty} WHERE false`, ...reads].join(' UNION ALL BY NAME ')})`;
}

interface MappedField { readonly logical: StructField; readonly physical: StructField }

function mappedFields({ schema, metaData }: Snapshot): MappedField[] {
  const { fields } = physicalSchema(schema, mappingMode(metaData));
  return schema.fields.map((logical, i) => ({ logical, physical: fields[i] }));
}

function dataFields(snapshot: Snapshot): MappedField[] {
  return mappedFields(snapshot).filter(({ logical }) => !snapshot.metaData.partitionColumns.includes(logical.name));
}

function partitionFields(snapshot: Snapshot): MappedField[] {
  return mappedFields(snapshot).filter(({ logical }) => snapshot.metaData.partitionColumns.includes(logical.name));
}

function readSql({ files, hasVectors }: ScanGroup, { mode, data }: { mode: MappingMode; data: readonly MappedField[] }): string {
  const options = [`filename = '_file'`, 'hive_partitioning = false'];
  if (hasVectors) options.push('file_row_number = true');
  if (mode === 'id') {
    const columns = data.map(({ logical, physical }) => `${columnId(logical)}: {name: ${literal(physical.name)}, type: ${literal(sqlType(physical.type))}, default_value: NULL}`);
    options.push(`schema = MAP {${columns.join(', ')}}`);
  } else {
    options.push('union_by_name = true');
  }
  return `read_parquet(${fileList(files.map(({ path }) => path))}, ${options.join(', ')})`;
}

function withoutDeleted(group: number, vectors: string): string {
  return ` ANTI JOIN (SELECT file, "position" FROM read_parquet(${fileList([vectors])}) WHERE "group" = ${group}) d ON r._file = d.file AND r.file_row_number = d."position"`;
}

/** PROTOCOL.md, "Partition Value Serialization". A time without zone is UTC, as every engine reads it; binary is its UTF-8 text. */
function partitionSql(value: string | null, { type }: StructField): string {
  if (value === null || value === '') return `NULL::${sqlType(type)}`;
  return type === 'binary' ? `encode(${literal(value)})` : `${literal(value)}::${sqlType(type)}`;
}

/** An expression of a physical type as the logical one: structs are matched by name, so names are changed field by field. */
function renamed(expression: string, physical: DataType, logical: DataType, depth = 0): string {
  const cast = `${expression}::${sqlType(logical)}`;
  if (typeof physical === 'string' || typeof logical === 'string' || sqlType(physical) === sqlType(logical)) return cast;
  const variable = `x${depth}`;
  const each = (list: string, body: string) => `list_transform(${list}, lambda ${variable}: ${body})`;
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
  return cast;
}
