import { removeOf } from '../../shared/delta/actions.ts';
import type { Action, AddFile } from '../../shared/delta/actions.ts';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { writeFiles } from '../../shared/delta/operations/write.ts';
import type { TestLake } from './test-lake.ts';

/**
 * Commits as another engine would: every live file is replaced by what `select` makes of `rows`, all rows of the table. No intent.
 * `dataChange: false` is what OPTIMIZE says.
 */
export async function rewriteTable(lake: TestLake, name: string, select: string, options: { dataChange?: boolean } = {}): Promise<void> {
  const { dataChange = true } = options;
  const table = await lake.lake.table(name);
  const snapshot = await table.delta.refresh();
  const live = [...snapshot.files.values()];
  const { adds } = await table.engine.session(async (session) => {
    const rows = withoutPlace(session, await scanLive(session, table, snapshot));
    const rewritten = await session.query(`WITH rows AS (${session.sqlOf(rows)}) ${select}`, rows.columns);
    return writeFiles(session, table, snapshot, rewritten, { dataChange });
  });
  await commitByHand(table, [...live.map((add) => ({ remove: removeOf(add, { nowMs: Date.now(), dataChange }) })), ...adds.map((add) => ({ add }))]);
}

/** One version with these actions, whoever else writes. */
export async function commitByHand(table: RowTable, actions: readonly Action[]): Promise<void> {
  const outcome = await table.delta.commit(await table.delta.refresh(), { operation: 'UPDATE', actions, reads: 'nothing' });
  if (outcome.kind !== 'committed') throw new Error('a commit by hand clashed');
}

/** The live files, by path. */
export async function liveFiles(lake: TestLake, name: string): Promise<AddFile[]> {
  return [...(await (await lake.lake.table(name)).delta.refresh()).files.values()];
}

/** Runs `before` once, right before the worker's next commit to the table that `matches`. */
export async function beforeCommit(lake: TestLake, name: string, before: () => Promise<void>, matches: (operation: string) => boolean = () => true): Promise<void> {
  const { delta } = await lake.lake.table(name);
  const commit = delta.commit.bind(delta);
  let armed = true;
  delta.commit = async (base, transaction) => {
    if (armed && matches(transaction.operation)) {
      armed = false;
      await before();
    }
    return commit(base, transaction);
  };
}
