import type { DuckRelations } from '../columnar/duck-relations.ts';
import type { Session } from '../columnar/duckdb.ts';
import { quote } from '../columnar/sql-text.ts';
import { withoutPlace } from '../delta/operations/change-rows.ts';
import { scanLive } from '../delta/operations/scan.ts';
import type { Lake } from './lake.ts';

/**
 * Opens one session in which every named table is a view of its name, at its newest version, while `use` runs. `paths` are the data files
 * behind the views, on this machine.
 */
export async function withTables<T>(lake: Lake<DuckRelations>, names: readonly string[], use: (session: Session, paths: readonly string[]) => Promise<T>): Promise<T> {
  return lake.engine.session(async (session) => {
    for (const name of names) {
      const table = await lake.table(name);
      const rows = withoutPlace(session, await scanLive(session, table, await table.delta.refresh()));
      await session.sql.run(`CREATE OR REPLACE TEMP VIEW ${quote(name)} AS ${session.sqlOf(rows)}`);
    }
    return use(session.sql, session.pathsOf());
  });
}
