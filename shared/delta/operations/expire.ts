import { and, isNull, not, printPredicate } from '../../columnar/predicate.ts';
import type { Predicate } from '../../columnar/predicate.ts';
import type { AddFile, Txn } from '../actions.ts';
import { mayHold } from '../skipping.ts';
import type { Snapshot } from '../snapshot.ts';
import { numRecords } from '../stats.ts';
import { untilSettled } from '../until-settled.ts';
import { changeRows, fileActions, positionsOf } from './change-rows.ts';
import { findWhere } from './lookup.ts';
import type { RowTable } from './row-table.ts';
import { scanLive } from './scan.ts';

export interface ExpireOptions {
  /** Rows that are old enough. What is unknown for a row stays. */
  readonly where: Predicate;
  /** Of files whose every row is old: whether this one may go; default: yes. */
  readonly mayGo?: (file: AddFile) => boolean;
  /** Of files that hold other rows too: whether it is worth to take the old ones out; default: no, they go with the last of the others. */
  readonly isWorth?: (file: AddFile) => boolean;
  /** Of these among the rows that go, the number is wanted for `txns`; it costs reading their columns. */
  readonly counted?: Predicate;
  readonly txns?: (snapshot: Snapshot, counted: number) => readonly Txn[];
  /** Of one call. */
  readonly filesMax?: number;
}

export interface Expired {
  /** Null: a file had no count. */
  readonly rows: bigint | null;
  readonly files: number;
  /** Null: there was nothing to do. */
  readonly version: bigint | null;
  readonly more: boolean;
}

const FILES_MAX = 1_000;

/**
 * Old rows go, with the intent `expire` that consumers pass over: whole files by statistics and partition values, without a look at their data; of
 * others, where that is worth it, the rows that are old. One commit. Failures: those of a commit, and of reading.
 */
export async function expire(table: RowTable, options: ExpireOptions): Promise<Expired> {
  const { where, counted, txns, mayGo = () => true, isWorth = () => false, filesMax = FILES_MAX } = options;
  return untilSettled(`expiring rows of ${table.delta.source.table}`, async () => {
    const snapshot = await table.delta.refresh();
    const [old, mixed] = oldFiles(snapshot, where);
    const [whole, parts] = [old.filter(mayGo), mixed.filter(isWorth)];
    const [going, shrinking] = [whole.slice(0, filesMax), parts.slice(0, Math.max(0, filesMax - whole.length))];
    const plan = await table.engine.session(async (session) => {
      const found = await findWhere(session, table, snapshot, where, shrinking);
      const remove = found ? await positionsOf(session, found.rows, found.files) : new Map<AddFile, BigInt64Array>();
      const touched = [...going, ...remove.keys()];
      const number = counted && touched.length > 0 ? await session.count(session.where(await scanLive(session, table, snapshot, touched), and(where, counted))) : 0;
      return { change: await changeRows(session, table, snapshot, { remove, add: null }), touched, number };
    });
    if (plan.touched.length === 0) return { rows: 0n, files: 0, version: null, more: false };
    const { change, touched, number } = plan;
    const rows = going.reduce<bigint | null>((sum, file) => plus(sum, rowsIn(file)), change.rowsRemoved === null ? null : BigInt(change.rowsRemoved));
    const outcome = await table.delta.commit(snapshot, {
      operation: 'DELETE',
      operationParameters: { predicate: JSON.stringify([printPredicate(where)]) },
      operationMetrics: { numRemovedFiles: String(going.length + change.emptied.length + change.rewritten.length), ...(rows === null ? {} : { numDeletedRows: String(rows) }) },
      removalIntent: 'expire',
      actions: [...(txns?.(snapshot, number) ?? []).map((txn) => ({ txn })), ...fileActions(table, { removed: going, adds: [] }), ...change.actions],
      reads: (add) => mayHold(where, add, snapshot),
      ...(change.writtenAtMs === undefined ? {} : { writtenAtMs: change.writtenAtMs }),
    });
    if (outcome.kind === 'clash') return null;
    return { rows, files: touched.length, version: outcome.snapshot.version, more: whole.length + parts.length > going.length + shrinking.length };
  });
}

/** Files whose every row is old, by what the log says of them; and those that may hold some. */
export function oldFiles(snapshot: Snapshot, where: Predicate): readonly [whole: AddFile[], mixed: AddFile[]] {
  const columns = columnsOf(where);
  // A condition on a null is neither true nor false: `not` alone would pass over such rows.
  const isWhole = (file: AddFile) => !mayHold(not(where), file, snapshot) && columns.every((column) => !mayHold(isNull(column), file, snapshot));
  const some = [...snapshot.files.values()].filter((file) => mayHold(where, file, snapshot));
  return [some.filter(isWhole), some.filter((file) => !isWhole(file))];
}

function columnsOf(predicate: Predicate): string[] {
  if ('column' in predicate) return predicate.op === 'is-null' || predicate.op === 'is-not-null' ? [] : [predicate.column];
  return predicate.op === 'not' ? columnsOf(predicate.of) : predicate.of.flatMap(columnsOf);
}

function rowsIn(file: AddFile): bigint | null {
  const rows = numRecords(file);
  return rows === null ? null : rows - BigInt(file.deletionVector?.cardinality ?? 0);
}

function plus(a: bigint | null, b: bigint | null): bigint | null {
  return a === null || b === null ? null : a + b;
}
