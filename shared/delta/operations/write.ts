import type { Column, Relation, RelationSession, Row, WrittenFile } from '../../columnar/relation.ts';
import { TableError } from '../../errors.ts';
import type { AddFile } from '../actions.ts';
import { partitionFolder, pathOfKey } from '../partition-path.ts';
import { printPartitionValue } from '../partition-values.ts';
import type { PartitionValue } from '../partition-values.ts';
import { checkWritable } from '../protocol.ts';
import { fieldOf } from '../schema.ts';
import type { Snapshot } from '../snapshot.ts';
import { indexedFields, printStats } from '../stats.ts';
import type { RowTable } from './row-table.ts';

/** Files that no commit names yet. */
export interface NewFiles {
  readonly adds: readonly AddFile[];
  /** When the first of them was stored, by the store's clock; undefined where there is none. */
  readonly writtenAtMs: number | undefined;
}

/**
 * The relation's rows as new files, one a combination of partition values, rows in order. They are invisible until a commit names them.
 * Failures: TableError `delta/null-value` where a column that is NOT NULL has one.
 */
export async function writeFiles(session: RelationSession, table: RowTable, snapshot: Snapshot, relation: Relation, options: { dataChange?: boolean } = {}): Promise<NewFiles> {
  const { schema, protocol, metaData, metaData: { partitionColumns } } = snapshot;
  checkWritable(protocol, metaData, table.delta.source.table, options.dataChange === false ? 'rewrite' : 'append');
  const isPartition = ({ name }: Column) => partitionColumns.includes(name);
  const required = schema.fields.filter((field) => !field.nullable && !isPartition(field)).map(({ name }) => name);
  const valuesOf = (partition: Row) => Object.fromEntries(partitionColumns.map((name) =>
    [name, printPartitionValue(partition[name] as PartitionValue, fieldOf(schema, name).type as string)]));
  const written = await session.write(relation, {
    columns: schema.fields.filter((field) => !isPartition(field)),
    partitionBy: partitionColumns.map((name) => fieldOf(schema, name)),
    statistics: [...new Set([...indexedFields(schema, metaData).map(({ name }) => name), ...required])],
    keyOf: (partition) => `${table.folder}${partitionFolder(partitionColumns, valuesOf(partition))}${table.clock.uuid()}.parquet`,
  });
  for (const file of written) refuseNulls(file, required, table.delta.source.table);
  const adds = written.map((file): AddFile => ({
    path: pathOfKey(file.key.slice(table.folder.length)),
    partitionValues: valuesOf(file.partition),
    size: file.bytes,
    modificationTime: file.storedAtMs,
    dataChange: options.dataChange ?? true,
    stats: printStats(file.rows, indexedFields(schema, metaData), file.aggregates),
  }));
  return { adds, writtenAtMs: earliest(written.map(({ storedAtMs }) => storedAtMs)) };
}

export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function refuseNulls({ aggregates }: WrittenFile, required: readonly string[], table: string): void {
  const missing = required.filter((name) => aggregates[name].nulls > 0n);
  if (missing.length === 0) return;
  throw new TableError('delta/null-value', `writing to ${table}: ${missing.map((name) => `${aggregates[name].nulls} rows without ${name}`).join(', ')}, which is NOT NULL in the table; nothing was committed`);
}
