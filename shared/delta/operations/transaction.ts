import type { RelationSession } from '../../columnar/relation.ts';
import { fileKey } from '../actions.ts';
import type { Action, AddFile } from '../actions.ts';
import type { Transaction } from '../commit.ts';
import { union } from '../positions.ts';
import { mayHold } from '../skipping.ts';
import type { Snapshot } from '../snapshot.ts';
import { changeRows, positionsOf } from './change-rows.ts';
import { findByKey, findWhere } from './lookup.ts';
import type { RowTable } from './row-table.ts';
import { scanFiles } from './scan.ts';
import type { PlannedChange } from './upsert.ts';
import { earliest } from './write.ts';

export interface ChangeDetails extends Pick<Transaction, 'operation' | 'operationParameters' | 'operationMetrics' | 'removalIntent'> {
  /** Progress, and whatever else belongs into the same version. */
  readonly actions?: readonly Action[];
}

/**
 * The commit of a planned change, Serializable: what a rival adds is a conflict where it may hold rows that the plan looked for. By vectors it
 * follows rows that a rival's OPTIMIZE has moved, without planning again (delta.md F).
 */
export function transactionOf(table: RowTable, snapshot: Snapshot, change: PlannedChange, details: ChangeDetails): Transaction {
  const { found } = change;
  return {
    ...details,
    operationMetrics: { ...fileMetrics(change), ...details.operationMetrics },
    actions: [...(details.actions ?? []), ...change.actions],
    reads: found && 'where' in found ? (add) => mayHold(found.where, add, snapshot) : 'table',
    ...(change.writtenAtMs === undefined ? {} : { writtenAtMs: change.writtenAtMs }),
    ...(change.rewritten.length === 0 && found ? { remap: async (to) => follow(table, { from: snapshot, to, change, details }) } : {}),
  };
}

interface Move {
  readonly from: Snapshot;
  readonly to: Snapshot;
  readonly change: PlannedChange;
  readonly details: ChangeDetails;
}

/** The rows that are to go, where they stand in `to`. Null where they are not all found again. */
async function follow(table: RowTable, { from, to, change, details }: Move): Promise<Transaction | null> {
  const moved = [...change.remove].filter(([file]) => !to.files.has(fileKey(file)));
  const stayed = [...change.remove].filter(([file]) => to.files.has(fileKey(file)));
  const followed = await table.engine.session(async (session) => {
    const found = await findMoved(session, table, { from, to, change, moved });
    if (found === null) return null;
    const remove = new Map<AddFile, BigInt64Array>(stayed.map(([file, rows]) => [to.files.get(fileKey(file))!, rows]));
    for (const [file, rows] of found) remove.set(file, union(remove.get(file) ?? new BigInt64Array(), rows));
    const actions = await changeRows(session, table, to, { remove, add: null });
    return { ...actions, remove };
  });
  if (followed === null) return null;
  return transactionOf(table, to, {
    ...followed,
    actions: [...change.adds.map((add) => ({ add })), ...followed.actions],
    adds: [...change.adds, ...followed.adds],
    writtenAtMs: earliest([change.writtenAtMs, followed.writtenAtMs]),
    found: change.found,
  }, details);
}

async function findMoved(
  session: RelationSession, table: RowTable, { from, to, change, moved }: Pick<Move, 'from' | 'to' | 'change'> & { moved: readonly (readonly [AddFile, BigInt64Array])[] },
): Promise<ReadonlyMap<AddFile, BigInt64Array> | null> {
  const among = [...to.files].flatMap(([key, file]) => (from.files.has(key) ? [] : [file]));
  const by = change.found!;
  const lost = await scanFiles(session, table, from, moved.map(([file, only]) => ({ file, only })));
  const found = 'where' in by
    ? await findWhere(session, table, to, by.where, among)
    : await findByKey(session, table, to, { keys: session.select(lost, by.key), key: by.key, among });
  const positions = found ? await positionsOf(session, found.rows, found.files) : new Map<AddFile, BigInt64Array>();
  const count = (rows: Iterable<BigInt64Array>) => [...rows].reduce((sum, { length }) => sum + length, 0);
  return count(positions.values()) === count(moved.map(([, rows]) => rows)) ? positions : null;
}

/** As Spark names them (DESCRIBE HISTORY); values are texts. */
function fileMetrics({ adds, emptied, rewritten, shrunk, rowsRemoved }: PlannedChange): Record<string, string> {
  return {
    numTargetFilesAdded: String(adds.length),
    numTargetFilesRemoved: String(emptied.length + rewritten.length),
    numTargetDeletionVectorsAdded: String(shrunk.length),
    ...(rowsRemoved === null ? {} : { numTargetRowsDeleted: String(rowsRemoved) }),
  };
}
