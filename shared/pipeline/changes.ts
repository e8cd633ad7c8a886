import { quote } from '../columnar/sql-text.ts';
import type { Session } from '../columnar/duckdb.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { TableError } from '../errors.ts';
import type { Slice } from './slice.ts';
import type { TableIo } from './table-io.ts';
import { SOURCE_COLUMNS } from './tables.ts';

/**
 * The rows that a slice of versions brought, netted by key (semantics.md, section 6): a rewrite that returns a row unchanged is no
 * change. A row is known by its key, the columns asked for, its source record and its rules; each add counts it once, each remove takes
 * it away once.
 */
export interface ChangeOptions {
  readonly table: TableIo;
  readonly snapshot: Snapshot;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly slice: Slice;
}

/** Makes the temporary table `changed` with `columns`. Failures: TableError where rows went away for good and nobody said why. */
export async function loadChanges(session: Session, options: ChangeOptions): Promise<void> {
  const { table, snapshot, key, columns, slice } = options;
  const adds = slice.versions.flatMap((version) => version.adds);
  const removes = slice.versions.flatMap((version) => version.removes);
  const identity = list([...new Set([...key, ...columns, ...SOURCE_COLUMNS, 'rules_hash'])]);
  await table.scan(snapshot, adds, async (added) => {
    if (removes.length === 0) {
      await session.run(`CREATE OR REPLACE TEMP TABLE changed AS SELECT ${list(columns)} FROM (${added})`);
      return;
    }
    await table.scan(snapshot, removes, async (removed) => {
      await session.run(`CREATE OR REPLACE TEMP TABLE net AS SELECT ${identity}, sum("row sign")::BIGINT AS "row net" FROM (
        SELECT ${identity}, 1 AS "row sign" FROM (${added}) UNION ALL SELECT ${identity}, -1 AS "row sign" FROM (${removed})) GROUP BY ALL HAVING sum("row sign") <> 0`);
      await refuseLostKeys(session, options);
      await session.run(`CREATE OR REPLACE TEMP TABLE changed AS SELECT DISTINCT ON (${list(key)}) ${list(columns)} FROM net WHERE "row net" > 0`);
    });
  });
}

/** A removed key that no version of the slice brings back is a deletion. Only what says its intent may flow on. */
async function refuseLostKeys(session: Session, { table, key, slice }: ChangeOptions): Promise<void> {
  const [row] = await session.rows(`SELECT count(*) AS lost FROM (SELECT * FROM net WHERE "row net" < 0) ANTI JOIN (SELECT * FROM net WHERE "row net" > 0) USING (${list(key)})`);
  if (row['lost'] === 0n) return;
  throw new TableError('pipeline/foreign-removal', `${table.delta.source.table} versions ${slice.from + 1n} to ${slice.to} remove ${String(row['lost'])} keys that do not come back; the stage stops before it: restore the table, or allow the removal`);
}

function list(columns: readonly string[]): string {
  return columns.map(quote).join(', ');
}
