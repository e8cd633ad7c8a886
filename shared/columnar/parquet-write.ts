import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { aggregatesOf, aggregatesSql } from './aggregate-sql.ts';
import type { Session } from './duckdb.ts';
import { scalarSql } from './predicate-sql.ts';
import type { Scalar } from './predicate.ts';
import type { Column, Row, WriteTarget, WrittenFile } from './relation.ts';
import type { DuckRelation } from './relation-sql.ts';
import { listSql } from './relation-sql.ts';
import { fileList, literal, quote } from './sql-text.ts';
import { sqlType } from './sql-type.ts';

export interface ParquetWrite {
  readonly session: Session;
  /** Uploads a file of this machine under a fresh key; the file may be moved away by it. */
  readonly put: (key: string, path: string) => Promise<{ readonly storedAtMs: number }>;
  readonly tempDir: string;
  readonly clock: Clock;
}

/**
 * One Parquet file a combination of partition values, uploaded under the target's key. Statistics are read back from the file
 * itself: what the log says is what the file holds. What was uploaded before a failure stays, as objects that no commit names.
 */
export async function writeParquet(relation: DuckRelation, target: WriteTarget, { session, put, tempDir, clock }: ParquetWrite): Promise<WrittenFile[]> {
  await mkdir(tempDir, { recursive: true });
  const written: WrittenFile[] = [];
  for (const partition of await partitions(session, relation, target.partitionBy)) {
    const key = target.keyOf(partition);
    const path = join(tempDir, `${clock.uuid()}.parquet`);
    try {
      await session.run(`COPY (${rowsSql(relation, target, partition)}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
      const found = await readBack(session, path, target);
      if (found.rows === 0n) continue;
      const { size } = await stat(path);
      written.push({ key, partition, bytes: size, ...found, ...(await put(key, path)) });
    } finally {
      await rm(path, { force: true });
    }
  }
  return written;
}

/** The combinations that have rows, in their own order; without partition columns the one that always is. */
async function partitions(session: Session, relation: DuckRelation, partitionBy: readonly Column[]): Promise<Row[]> {
  if (partitionBy.length === 0) return [{}];
  const values = partitionBy.map((column) => `${valueSql(relation, column)} AS ${quote(column.name)}`);
  return session.rows(`SELECT DISTINCT ${values.join(', ')} FROM (${relation.sql}) ORDER BY ALL`);
}

function rowsSql(relation: DuckRelation, { columns, partitionBy }: WriteTarget, partition: Row): string {
  const where = partitionBy.map((column) => {
    const value = partition[column.name];
    return `${valueSql(relation, column)} ${value === null ? 'IS NULL' : `= ${scalarSql(value as Scalar, column.type)}`}`;
  });
  const values = columns.map((column) => `${valueSql(relation, column)} AS ${quote(column.name)}`);
  return `SELECT ${values.join(', ')} FROM (${relation.sql})${where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`}${relation.orderBy(partitionBy)}`;
}

/** As the target has the column. Names of Delta's columns differ by more than case; another engine may have added some that our rows lack. */
function valueSql(relation: DuckRelation, { name, type }: Column): string {
  const own = relation.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (own === undefined) return `NULL::${sqlType(type)}`;
  return sqlType(own.type) === sqlType(type) ? quote(own.name) : `${quote(own.name)}::${sqlType(type)}`;
}

async function readBack(session: Session, path: string, { columns, statistics }: WriteTarget): Promise<Pick<WrittenFile, 'rows' | 'aggregates'>> {
  const wanted = columns.filter(({ name }) => statistics.includes(name));
  const [row] = await session.rows(`SELECT ${aggregatesSql(wanted)} FROM (SELECT ${listSql(wanted.map(({ name }) => name))} FROM read_parquet(${fileList([path])}))`);
  const { rows, aggregates } = aggregatesOf(row, wanted);
  return { rows, aggregates: Object.fromEntries(wanted.map(({ name }, i) => [name, aggregates[i]])) };
}
