import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { fileList, literal, quote } from '../columnar/sql-text.ts';
import type { Engine, Row, Session } from '../columnar/duckdb.ts';
import { sqlType } from '../columnar/sql-type.ts';
import type { AddFile } from '../delta/actions.ts';
import { deletedRows, vectorKey } from '../delta/deletion-vector.ts';
import { objectKey } from '../delta/object-key.ts';
import { partitionFolder, pathOfKey } from '../delta/partition-path.ts';
import { printPartitionValue } from '../delta/partition-values.ts';
import type { PartitionValue } from '../delta/partition-values.ts';
import { checkWritable } from '../delta/protocol.ts';
import { fieldOf } from '../delta/schema.ts';
import type { StructField } from '../delta/schema.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { hasMinMax, indexedFields, printStats } from '../delta/stats.ts';
import type { ColumnAggregate } from '../delta/stats.ts';
import type { DeltaTable } from '../delta/table.ts';
import { TableError, assert } from '../errors.ts';
import type { LocalFiles } from '../storage/local-files.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { scanGroups, scanSql } from './scan-sql.ts';
import type { ScanGroup, ScannedFile } from './scan-sql.ts';

export interface TableIoOptions {
  readonly delta: DeltaTable;
  /** The table's folder. */
  readonly store: ObjectStore;
  readonly localFiles: LocalFiles;
  readonly engine: Engine;
  readonly tempDir: string;
  readonly clock: Clock;
}

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
   * SQL that reads these files with the table's columns and `_file`, the path on this machine where `localPath` says a file is; rows
   * that deletion vectors take away are left out. The files stay there while `use` runs.
   */
  async scan<T>(snapshot: Snapshot, files: Iterable<ScannedFile>, use: (sql: string, localPath: (file: ScannedFile) => string) => Promise<T>): Promise<T> {
    const scanned = [...files];
    const { url } = this.#store;
    const { paths, release } = await this.#localFiles.acquire(scanned.map((file) => objectKey(file.path, url)));
    try {
      const local = (file: ScannedFile) => paths.get(objectKey(file.path, url))!;
      const groups = scanGroups(snapshot, scanned.map((file) => ({ file, path: local(file) })));
      if (!groups.some(({ hasVectors }) => hasVectors)) return await use(scanSql(snapshot, groups, null), local);
      const vectors = await this.#writeVectors(groups);
      try {
        return await use(scanSql(snapshot, groups, vectors), local);
      } finally {
        await rm(vectors, { force: true });
      }
    } finally {
      release();
    }
  }

  /** A Parquet file on this machine with (group, file, position) of every row that a vector takes away. */
  async #writeVectors(groups: readonly ScanGroup[]): Promise<string> {
    const columns = { group: [] as number[], file: [] as string[], position: [] as bigint[] };
    const kept = new Map<string, Uint8Array | null>();
    for (const [i, { files }] of groups.entries()) {
      for (const { file, path } of files) {
        for (const position of await this.#deletedRows(file, kept)) {
          columns.group.push(i);
          columns.file.push(path);
          columns.position.push(position);
        }
      }
    }
    await mkdir(this.#tempDir, { recursive: true });
    const target = join(this.#tempDir, `vectors-${this.clock.uuid()}.parquet`);
    await this.engine.session(async (session) => {
      await session.load('vectors', [
        { name: 'group', kind: 'integer', values: columns.group },
        { name: 'file', kind: 'text', values: columns.file },
        { name: 'position', kind: 'long', values: columns.position },
      ]);
      await session.run(`COPY (SELECT * FROM vectors) TO ${literal(target)} (FORMAT parquet)`);
    });
    return target;
  }

  /** One file of vectors serves many data files: `kept` holds what this scan has read. */
  async #deletedRows({ path, deletionVector }: ScannedFile, kept: Map<string, Uint8Array | null>): Promise<BigInt64Array> {
    if (!deletionVector) return new BigInt64Array();
    const key = vectorKey(deletionVector, this.#store.url);
    if (key === null) return deletedRows(deletionVector, null);
    const bytes = kept.has(key) ? kept.get(key)! : await this.#store.get(key);
    kept.set(key, bytes);
    if (bytes !== null) return deletedRows(deletionVector, bytes);
    throw new TableError('delta/missing-file', `${this.delta.source.table}: ${path} has its deletion vector in ${key}, which is not there. Was it vacuumed? Restore it, or restore the table to a version without it.`, { facts: { table: this.delta.source.table, key } });
  }

  /** Writes the relation's rows as new files, one a combination of partition values. They are invisible until a commit names them. */
  async write(session: Session, relation: string, options: { dataChange?: boolean } = {}): Promise<AddFile[]> {
    const { schema, metaData, protocol } = this.delta.snapshot;
    checkWritable(protocol, metaData, this.delta.source.table);
    const combinations = await distinctPartitions(session, relation, metaData.partitionColumns);
    // Another engine may have added columns that our rows know nothing of.
    const known = new Set((await session.columnsOfSelect(`SELECT * FROM ${relation}`)).map(({ name }) => name.toLowerCase()));
    const columns = schema.fields.filter((field) => !metaData.partitionColumns.includes(field.name))
      .map((field) => `${known.has(field.name.toLowerCase()) ? quote(field.name) : 'NULL'}::${sqlType(field.type)} AS ${quote(field.name)}`).join(', ');
    const adds: AddFile[] = [];
    await mkdir(this.#tempDir, { recursive: true });
    for (const combination of combinations) {
      const name = `${this.clock.uuid()}.parquet`;
      const path = join(this.#tempDir, name);
      const where = metaData.partitionColumns.map((column) => `${quote(column)} IS NOT DISTINCT FROM ${sqlLiteral(combination[column] as PartitionValue, fieldOf(schema, column))}`);
      const select = `SELECT ${columns} FROM ${relation}${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''}`;
      const partitionValues = Object.fromEntries(metaData.partitionColumns.map((column) =>
        [column, printPartitionValue(combination[column] as PartitionValue, fieldOf(schema, column).type as string)]));
      try {
        await session.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
        const stats = await this.#statsOf(session, path);
        if (stats === null) continue;
        const { size } = await stat(path);
        const key = partitionFolder(metaData.partitionColumns, partitionValues) + name;
        const stored = await this.#store.putFile(key, path);
        assert(stored.kind === 'created', `the fresh name ${key} was taken`);
        adds.push({ path: pathOfKey(key), partitionValues, size, modificationTime: this.clock.nowMs(), dataChange: options.dataChange ?? true, stats });
      } finally {
        await rm(path, { force: true });
      }
    }
    return adds;
  }

  /** Read back from the file itself: what the log says is what the file holds. Null: no rows. */
  async #statsOf(session: Session, path: string): Promise<string | null> {
    const { schema, metaData } = this.delta.snapshot;
    const fields = indexedFields(schema, metaData.partitionColumns);
    const [row] = await session.rows(`SELECT count(*) AS n${fields.map(aggregateSql).join('')} FROM read_parquet(${fileList([path])})`);
    const rows = row['n'] as bigint;
    if (rows === 0n) return null;
    const aggregates = Object.fromEntries(fields.map((field, i) => [field.name, aggregateOf(row, i, rows)]));
    return printStats(rows, fields, aggregates);
  }
}

async function distinctPartitions(session: Session, relation: string, columns: readonly string[]): Promise<Row[]> {
  if (columns.length === 0) return [{}];
  const list = columns.map(quote).join(', ');
  return session.rows(`SELECT DISTINCT ${list} FROM ${relation} ORDER BY ${list}`);
}

function sqlLiteral(value: PartitionValue, field: StructField): string {
  if (value === null) return `NULL::${sqlType(field.type)}`;
  if (field.type === 'date') return `(DATE '1970-01-01' + ${String(value)})`;
  if (field.type === 'timestamp') return `make_timestamp(${String(value)})::TIMESTAMPTZ`;
  return typeof value === 'string' ? literal(value) : `CAST(${String(value)} AS ${sqlType(field.type)})`;
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
