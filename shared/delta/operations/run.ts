import type { LoadColumn } from '../../columnar/load-column.ts';
import type { RelationSession } from '../../columnar/relation.ts';
import type { Action, CommitInfo } from '../actions.ts';
import { progressOf } from '../snapshot.ts';
import type { Snapshot } from '../snapshot.ts';
import { untilSettled } from '../until-settled.ts';
import type { RowTable } from './row-table.ts';
import { transactionOf } from './transaction.ts';
import type { PlannedChange } from './upsert.ts';
import { writeFiles } from './write.ts';

export interface RunDetails {
  /** As DESCRIBE HISTORY shows it: `WRITE`, `MERGE`, `DELETE`, … */
  readonly operation: string;
  readonly removalIntent?: CommitInfo['intent'];
  /** Exactly once: the version is committed as this application's progress, and nothing happens where the table is there already. */
  readonly progress?: { readonly appId: string; readonly version: bigint };
}

export type RunOutcome =
  | { readonly kind: 'committed'; readonly version: bigint; readonly retries: number; readonly plans: number }
  /** The table's progress covers it: done before, here or by somebody else. */
  | { readonly kind: 'nothing-to-do' };

/**
 * Plans a change of rows on the newest snapshot and commits it; where another writer got in between, plans again. Failures: those of the plan,
 * ConflictError, TransientError `delta/commit-unknown` (a repeat with the same progress is safe).
 */
export async function changeTable(table: RowTable, details: RunDetails, plan: (session: RelationSession, snapshot: Snapshot) => Promise<PlannedChange>): Promise<RunOutcome> {
  return settle(table, details, async (snapshot, actions) => {
    const change = await table.engine.session((session) => plan(session, snapshot));
    return transactionOf(table, snapshot, change, { ...detailsOf(details), actions });
  });
}

/** Rows as new files, without a look at those that are there: a blind append. */
export async function appendRows(table: RowTable, details: RunDetails, columns: readonly LoadColumn[]): Promise<RunOutcome> {
  return settle(table, details, async (snapshot, actions) => {
    const { adds, writtenAtMs } = await table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(columns)));
    return { ...detailsOf(details), actions: [...actions, ...adds.map((add) => ({ add }))], reads: 'nothing', writtenAtMs };
  });
}

type Transaction = Parameters<RowTable['delta']['commit']>[1];

async function settle(table: RowTable, { operation, progress }: RunDetails, plan: (snapshot: Snapshot, actions: readonly Action[]) => Promise<Transaction>): Promise<RunOutcome> {
  let [plans, retries] = [0, 0];
  return untilSettled<RunOutcome>(`${operation} on ${table.delta.source.table}`, async () => {
    const snapshot = plans++ === 0 ? table.delta.snapshot : await table.delta.refresh();
    if (progress && (progressOf(snapshot, progress.appId) ?? -1n) >= progress.version) {
      // What this process saw last may have been undone by a restore since.
      return plans === 1 ? null : { kind: 'nothing-to-do' };
    }
    const actions = progress ? [{ txn: { ...progress, lastUpdated: table.clock.nowMs() } }] : [];
    const outcome = await table.delta.commit(snapshot, await plan(snapshot, actions));
    retries += outcome.retries;
    return outcome.kind === 'committed' ? { kind: 'committed', version: outcome.snapshot.version, retries, plans } : null;
  });
}

function detailsOf({ operation, removalIntent }: RunDetails): Pick<Transaction, 'operation' | 'removalIntent'> {
  return removalIntent ? { operation, removalIntent } : { operation };
}
