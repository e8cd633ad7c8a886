import type { Relation, RelationSession } from '../columnar/relation.ts';
import type { AddFile } from '../delta/actions.ts';
import { changeRows, sortedUnique, withoutPlace } from '../delta/operations/change-rows.ts';
import type { RowPositions } from '../delta/operations/change-rows.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { scanFiles } from '../delta/operations/scan.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { resolvedUs, REPLAY } from './quarantine-rows.ts';
import type { BronzePlace } from './refine-batch.ts';
import type { RefineOptions } from './refine-options.ts';
import { stageAppId } from './stage.ts';
import { QUARANTINE, SILVER, SOURCE_COLUMNS } from './tables.ts';
import type { Judge } from './verdict.ts';

/** As refine's, but for the route: a row of quarantine is this pipeline's already. */
export type ReplayTools = Omit<RefineOptions, 'judge'> & { readonly judge: Judge };

/** A row of quarantine whose `resolved_at` changes. */
export interface Marked {
  readonly file: AddFile;
  /** Its position there. */
  readonly at: bigint;
  readonly row: BronzePlace;
}

export interface Resolution {
  readonly snapshot: Snapshot;
  readonly marked: readonly Marked[];
  /** The replay's time in milliseconds; null opens the rows again. */
  readonly resolvedAt: bigint | null;
}

/**
 * Sets `resolved_at` of some rows, all else as it was. The txn `replay/<id of Silver>` makes replays go one after the other. False: overtaken,
 * plan again.
 */
export async function resolve({ snapshot, marked, resolvedAt }: Resolution, options: Pick<ReplayTools, 'lake' | 'clock' | 'observe'>): Promise<boolean> {
  const { lake, clock } = options;
  const [table, silver] = await Promise.all([lake.table(QUARANTINE), lake.table(SILVER)]);
  const remove: RowPositions = new Map([...Map.groupBy(marked, ({ file }) => file)].map(([file, rows]) => [file, sortedUnique(rows.map(({ at }) => at))]));
  const done = options.observe('quarantine_write');
  const change = await lake.engine.session(async (session) => {
    const add = await changed(session, table, { snapshot, remove, marked, resolvedAt });
    return { ...await changeRows(session, table, snapshot, { remove, add }), remove, found: { key: SOURCE_COLUMNS } };
  });
  const outcome = await table.delta.commit(snapshot, transactionOf(table, snapshot, change, {
    operation: 'UPDATE',
    operationParameters: { predicate: JSON.stringify(resolvedAt === null ? 'rejected again' : 'accepted by the rules of now') },
    operationMetrics: { numUpdatedRows: String(marked.length) },
    removalIntent: 'replace',
    actions: resolvedAt === null ? [] : [{ txn: { appId: stageAppId(REPLAY, silver.delta.id), version: resolvedAt, lastUpdated: clock.nowMs() } }],
  }));
  if (outcome.kind === 'clash') return false;
  done({ rows: marked.length, adds: change.adds });
  return true;
}

/** The rows themselves, read again where they are, with their new `resolved_at`. */
async function changed(session: RelationSession, table: RowTable, { snapshot, remove, marked, resolvedAt }: Resolution & { remove: RowPositions }): Promise<Relation> {
  const stored = withoutPlace(session, await scanFiles(session, table, snapshot, [...remove].map(([file, only]) => ({ file, only }))));
  const names = stored.columns.map(({ name }) => name).filter((name) => name !== 'resolved_at');
  const marks = await session.values([
    { name: 'topic', kind: 'text', values: marked.map(({ row }) => row.topic) },
    { name: 'incarnation', kind: 'text', values: marked.map(({ row }) => row.incarnation) },
    { name: 'partition', kind: 'integer', values: Int32Array.from(marked, ({ row }) => row.partition) },
    { name: 'offset', kind: 'long', values: BigInt64Array.from(marked, ({ row }) => row.offset) },
    { name: 'resolved_at', kind: 'timestamp', constant: resolvedAt === null ? null : resolvedUs(resolvedAt) },
  ]);
  return session.join(session.select(stored, names), marks, SOURCE_COLUMNS);
}
