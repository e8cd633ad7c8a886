import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { literal, quote } from '../columnar/duckdb.ts';
import type { Engine, Row, Session } from '../columnar/duckdb.ts';
import { sqlType } from '../columnar/sql-type.ts';
import type { AddFile } from '../delta/actions.ts';
import { printPartitionValue } from '../delta/partition-values.ts';
import type { PartitionValue } from '../delta/partition-values.ts';
import { fieldOf } from '../delta/schema.ts';
import type { StructField } from '../delta/schema.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { hasMinMax, indexedFields, printStats } from '../delta/stats.ts';
import type { ColumnAggregate } from '../delta/stats.ts';
import type { DeltaTable } from '../delta/table.ts';
import { TableError } from '../errors.ts';
import type { LocalFiles } from '../storage/local-files.ts';
import type { ObjectStore } from '../storage/object-store.ts';

export interface TableIoOptions {
  readonly delta: DeltaTable;
  /** The table's folder. */
  readonly store: ObjectStore;
  readonly localFiles: LocalFiles;
  readonly engine: Engine;
  readonly tempDir: string;
  readonly clock: Clock;
}

/** A file that an add or a remove of the log names. */
export type ScannedFile = Pick<AddFile, 'path' | 'deletionVector'> & { readonly partitionValues?: AddFile['partitionValues'] | null };

/** Rows of one Delta table, in and out: the log on one side, DuckDB on the other. */
export class TableIo {
  readonly delta: DeltaTable;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly #store: ObjectStore;
  readonly #localFiles: LocalFiles;
  readonly #tempDir: string;

  constructor(options: TableIoOptions) {
    this.delta = options.delta;
    this.engine = options.engine;
    this.clock = options.clock;
    this.#store = options.store;
    this.#localFiles = options.localFiles;
    this.#tempDir = options.tempDir;
  }

  /**
   * SQL that reads these files with the table's columns and `_file`, the path on this machine where `localPath` says a file is. The
   * files stay there while `use` runs. Files with deletion vectors are refused by name until vectors are built.
   */
  async scan<T>(snapshot: Snapshot, files: Iterable<ScannedFile>, use: (sql: string, localPath: (file: ScannedFile) => string) => Promise<T>): Promise<T> {
    const adds = [...files];
    const withVector = adds.find((add) => add.deletionVector);
    if (withVector) {
      throw new TableError('delta/deletion-vector', `${this.delta.source.table}: ${withVector.path} has a deletion vector, which this reader lacks; run REORG TABLE … APPLY (PURGE) with Spark`);
    }
    const keys = adds.map((add) => objectKey(add.path));
    const { paths, release } = await this.#localFiles.acquire(keys);
    try {
      const local = (add: ScannedFile) => paths.get(objectKey(add.path))!;
      return await use(scanSql(snapshot, adds, local), local);
    } finally {
      release();
    }
  }

  /** Writes the relation's rows as new files, one a combination of partition values. They are invisible until a commit names them. */
  async write(session: Session, relation: string, options: { dataChange?: boolean } = {}): Promise<AddFile[]> {
    const { schema, metaData } = this.delta.snapshot;
    const combinations = await distinctPartitions(session, relation, metaData.partitionColumns);
    const adds: AddFile[] = [];
    await mkdir(this.#tempDir, { recursive: true });
    for (const combination of combinations) {
      const name = `${this.clock.uuid()}.parquet`;
      const path = join(this.#tempDir, name);
      const where = metaData.partitionColumns.map((column) => `${quote(column)} IS NOT DISTINCT FROM ${sqlLiteral(combination[column] as PartitionValue, fieldOf(schema, column))}`);
      const columns = schema.fields.filter((field) => !metaData.partitionColumns.includes(field.name)).map(castColumn).join(', ');
      const select = `SELECT ${columns} FROM ${relation}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}`;
      await session.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
      const stats = await this.#statsOf(session, path);
      if (stats === null) {
        await rm(path, { force: true });
        continue;
      }
      const partitionValues = Object.fromEntries(metaData.partitionColumns.map((column) =>
        [column, printPartitionValue(combination[column] as PartitionValue, fieldOf(schema, column).type as string)]));
      const size = await this.#upload(name, path);
      adds.push({ path: name, partitionValues, size, modificationTime: this.clock.nowMs(), dataChange: options.dataChange ?? true, stats });
    }
    return adds;
  }

  async #upload(name: string, path: string): Promise<number> {
    const { size } = await stat(path);
    await this.#store.putFile(name, path);
    await rm(path, { force: true });
    return size;
  }

  /** Read back from the file itself: what the log says is what the file holds. Null: no rows. */
  async #statsOf(session: Session, path: string): Promise<string | null> {
    const { schema, metaData } = this.delta.snapshot;
    const fields = indexedFields(schema, metaData.partitionColumns);
    const [row] = await session.rows(`SELECT count(*) AS n${fields.map(aggregateSql).join('')} FROM read_parquet(${literal(path)})`);
    const rows = row!['n'] as bigint;
    if (rows === 0n) return null;
    const aggregates = Object.fromEntries(fields.map((field, i) => [field.name, aggregateOf(row!, i, rows)]));
    return printStats(rows, fields, aggregates);
  }
}

/** `add.path` is URI-encoded and relative (PROTOCOL.md, "Add File and Remove File"). */
export function objectKey(path: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(path) || path.startsWith('/')) {
    throw new TableError('delta/absolute-path', `the log names a file outside the table: ${path}; shallow clones are not supported`);
  }
  return decodeURIComponent(path);
}

/** Groups by partition values, whose columns are not in the files; a typed empty relation gives columns that old files lack. */
function scanSql(snapshot: Snapshot, adds: readonly ScannedFile[], local: (add: ScannedFile) => string): string {
  const { schema, metaData } = snapshot;
  const empty = `SELECT ${schema.fields.map((field) => `NULL::${sqlType(field.type)} AS ${quote(field.name)}`).join(', ')}, NULL::VARCHAR AS _file WHERE false`;
  const groups = new Map<string, ScannedFile[]>();
  for (const add of adds) {
    const key = JSON.stringify(metaData.partitionColumns.map((column) => add.partitionValues?.[column] ?? null));
    const group = groups.get(key);
    if (group) group.push(add);
    else groups.set(key, [add]);
  }
  const reads = [...groups.values()].map((group) => {
    const constants = metaData.partitionColumns.map((column) => {
      const value = group[0]!.partitionValues?.[column] ?? null;
      return `${value === null || value === '' ? 'NULL' : literal(value)}::${sqlType(fieldOf(schema, column).type)} AS ${quote(column)}`;
    });
    const paths = group.map((add) => literal(local(add))).join(', ');
    return `SELECT ${['*', ...constants].join(', ')} FROM read_parquet([${paths}], union_by_name = true, hive_partitioning = false, filename = '_file')`;
  });
  return [empty, ...reads].join(' UNION ALL BY NAME ');
}

async function distinctPartitions(session: Session, relation: string, columns: readonly string[]): Promise<Row[]> {
  if (columns.length === 0) return [{}];
  const list = columns.map(quote).join(', ');
  return session.rows(`SELECT DISTINCT ${list} FROM ${relation} ORDER BY ${list}`);
}

function castColumn(field: StructField): string {
  return `${quote(field.name)}::${sqlType(field.type)} AS ${quote(field.name)}`;
}

function sqlLiteral(value: PartitionValue, field: StructField): string {
  if (value === null) return `NULL::${sqlType(field.type)}`;
  if (field.type === 'date') return `(DATE '1970-01-01' + ${String(value)})`;
  if (field.type === 'timestamp') return `make_timestamp(${String(value)})::TIMESTAMPTZ`;
  return typeof value === 'string' ? literal(value) : `${String(value)}::${sqlType(field.type)}`;
}

function aggregateSql(field: StructField, i: number): string {
  const column = quote(field.name);
  const count = `, count(${column}) AS c${i}`;
  if (!hasMinMax(field.type)) return count;
  const [min, max] = [`min(${column})`, `max(${column})`].map((bound) => {
    switch (field.type) {
      case 'timestamp': case 'timestamp_ntz': return `epoch_us(${bound})`;
      case 'date': return `(${bound} - DATE '1970-01-01')::BIGINT`;
      // A NaN makes both bounds meaningless to engines that order it otherwise.
      case 'double': case 'float': return `CASE WHEN bool_or(isnan(${column})) THEN NULL ELSE ${bound}::DOUBLE END`;
      case 'string': return bound;
      default: return `${bound}::BIGINT`;
    }
  });
  return `${count}, ${min} AS min${i}, ${max} AS max${i}`;
}

function aggregateOf(row: Row, i: number, rows: bigint): ColumnAggregate {
  const bound = (side: string) => (row[`${side}${i}`] ?? null) as ColumnAggregate['min'];
  return { nulls: rows - (row[`c${i}`] as bigint), min: bound('min'), max: bound('max') };
}
