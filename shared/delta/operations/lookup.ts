import { FILE, ROW } from '../../columnar/relation.ts';
import type { Relation, RelationSession } from '../../columnar/relation.ts';
import type { Predicate } from '../../columnar/predicate.ts';
import type { AddFile } from '../actions.ts';
import { fieldOf } from '../schema.ts';
import { mayHold, overlapsBounds } from '../skipping.ts';
import type { Snapshot } from '../snapshot.ts';
import type { RowTable } from './row-table.ts';
import { scanLive } from './scan.ts';

/** Rows of the table, found: columns of the relation as asked for, and FILE, an index into `files`. */
export interface FoundRows {
  readonly files: readonly AddFile[];
  readonly rows: Relation;
}

/**
 * The live rows whose `key` stands in `keys`, with the columns of `keys`, `columns` of the table, FILE and ROW: one for every pair. Only files
 * whose statistics allow such a key are read. Null equals nothing. Null result: no file can hold one.
 */
export async function findByKey(
  session: RelationSession, table: RowTable, snapshot: Snapshot,
  by: { readonly keys: Relation; readonly key: readonly string[]; readonly columns?: readonly string[]; readonly among?: Iterable<AddFile> },
): Promise<FoundRows | null> {
  for (const column of by.key) fieldOf(snapshot.schema, column);
  const files = await filesWithKeys(session, snapshot, by);
  if (files.length === 0) return null;
  const scan = await scanLive(session, table, snapshot, files);
  return { files, rows: session.join(by.keys, session.select(scan, [...by.key, ...(by.columns ?? []), FILE, ROW]), by.key) };
}

/** The live rows for which `where` is true: the table's columns, FILE and ROW. Null: no file can hold one. */
export async function findWhere(session: RelationSession, table: RowTable, snapshot: Snapshot, where: Predicate, among: Iterable<AddFile> = snapshot.files.values()): Promise<FoundRows | null> {
  const files = [...among].filter((file) => mayHold(where, file, snapshot));
  if (files.length === 0) return null;
  return { files, rows: session.where(await scanLive(session, table, snapshot, files), where) };
}

async function filesWithKeys(session: RelationSession, snapshot: Snapshot, { keys, key, among }: { keys: Relation; key: readonly string[]; among?: Iterable<AddFile> }): Promise<AddFile[]> {
  const files = [...(among ?? snapshot.files.values())];
  if (files.length === 0) return [];
  const bounds = await session.bounds(keys, key);
  const ranges = key.map((column, i) => ({ column, ...bounds[i] }));
  return files.filter((file) => overlapsBounds(ranges, file, snapshot));
}
