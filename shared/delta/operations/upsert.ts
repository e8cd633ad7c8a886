import type { Predicate } from '../../columnar/predicate.ts';
import type { Relation, RelationSession } from '../../columnar/relation.ts';
import { TableError } from '../../errors.ts';
import { checkWritable } from '../protocol.ts';
import { fieldOf } from '../schema.ts';
import type { Snapshot } from '../snapshot.ts';
import { changeRows, fileActions, positionsOf } from './change-rows.ts';
import type { FileChange, RowPositions } from './change-rows.ts';
import { findByKey, findWhere } from './lookup.ts';
import type { FoundRows } from './lookup.ts';
import type { RowTable } from './row-table.ts';
import { writeFiles } from './write.ts';

/**
 * What an operation on rows does to files, for a commit on the snapshot it was planned with (`transactionOf` makes it one). `found` tells how
 * its rows were found, so that they can be found again where a rival's OPTIMIZE has moved them.
 */
export interface PlannedChange extends FileChange {
  readonly found: { readonly key: readonly string[] } | { readonly where: Predicate } | null;
  readonly remove: RowPositions;
}

const NOTHING: RowPositions = new Map();

/**
 * `rows` replace the stored rows of their keys, or are new. Each key stands in `rows` once, else TableError `delta/ambiguous-key`, as MERGE
 * refuses it; rows with a null in their key replace nothing.
 */
export async function upsert(session: RelationSession, table: RowTable, snapshot: Snapshot, { rows, key }: { readonly rows: Relation; readonly key: readonly string[] }): Promise<PlannedChange> {
  const repeated = await session.repeated(rows, key);
  if (repeated > 0) throw new TableError('delta/ambiguous-key', `upsert into ${table.delta.source.table}: ${repeated} values of ${key.join(', ')} stand in more than one of the new rows; keep one row a key`);
  await refuseEmptyKeys(session, table, snapshot, rows, key);
  const found = await findByKey(session, table, snapshot, { keys: session.select(rows, key), key });
  return removeFound(session, table, snapshot, { found, by: { key }, add: rows });
}

/** As a partition value "" is stored as null (PROTOCOL.md, "Partition Value Serialization"), which no key finds again. */
async function refuseEmptyKeys(session: RelationSession, table: RowTable, { schema, metaData }: Snapshot, rows: Relation, key: readonly string[]): Promise<void> {
  for (const column of key) {
    if (!metaData.partitionColumns.includes(column) || fieldOf(schema, column).type !== 'string') continue;
    const empty = await session.count(session.where(rows, { op: '=', column, value: '' }));
    if (empty > 0) throw new TableError('delta/empty-key', `upsert into ${table.delta.source.table}: ${empty} rows have "" in ${column}, a partition column of the key, where the table can only hold null; give them another key`);
  }
}

/** Takes away every row whose key stands in `keys`. */
export async function deleteByKey(session: RelationSession, table: RowTable, snapshot: Snapshot, { keys, key }: { readonly keys: Relation; readonly key: readonly string[] }): Promise<PlannedChange> {
  const found = await findByKey(session, table, snapshot, { keys: session.select(keys, key), key });
  return removeFound(session, table, snapshot, { found, by: { key }, add: null });
}

/** Takes away every row for which `where` is true. */
export async function deleteWhere(session: RelationSession, table: RowTable, snapshot: Snapshot, where: Predicate): Promise<PlannedChange> {
  return removeFound(session, table, snapshot, { found: await findWhere(session, table, snapshot, where), by: { where }, add: null });
}

/** `rows` instead of all rows for which `where` is true. It must be true of every new row: TableError `delta/replace-where`. */
export async function replaceWhere(session: RelationSession, table: RowTable, snapshot: Snapshot, { rows, where }: { readonly rows: Relation | null; readonly where: Predicate }): Promise<PlannedChange> {
  if (rows) {
    const [all, inside] = [await session.count(rows), await session.count(session.where(rows, where))];
    if (all !== inside) throw new TableError('delta/replace-where', `replaceWhere on ${table.delta.source.table}: ${all - inside} of ${all} new rows lie outside what is replaced; nothing was written`);
  }
  return removeFound(session, table, snapshot, { found: await findWhere(session, table, snapshot, where), by: { where }, add: rows });
}

/** `rows` instead of everything. */
export async function overwrite(session: RelationSession, table: RowTable, snapshot: Snapshot, rows: Relation): Promise<PlannedChange> {
  const removed = [...snapshot.files.values()];
  if (removed.length > 0) checkWritable(snapshot.protocol, snapshot.metaData, table.delta.source.table, 'change');
  const { adds, writtenAtMs } = await writeFiles(session, table, snapshot, rows);
  return { actions: fileActions(table, { removed, adds }), adds, emptied: removed, rewritten: [], shrunk: [], rowsRemoved: null, writtenAtMs, found: null, remove: NOTHING };
}

async function removeFound(
  session: RelationSession, table: RowTable, snapshot: Snapshot,
  { found, by, add }: { found: FoundRows | null; by: { key: readonly string[] } | { where: Predicate }; add: Relation | null },
): Promise<PlannedChange> {
  const remove = found ? await positionsOf(session, found.rows, found.files) : NOTHING;
  return { ...(await changeRows(session, table, snapshot, { remove, add })), found: by, remove };
}
