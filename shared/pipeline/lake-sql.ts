import { quote } from '../columnar/duckdb.ts';
import type { Session } from '../columnar/duckdb.ts';
import type { Lake } from './lake.ts';

/** Opens one session in which every named table is a view of its name, at its newest version, while `use` runs. */
export async function withTables<T>(lake: Lake, names: readonly string[], use: (session: Session) => Promise<T>): Promise<T> {
  return lake.engine.session((session) => addView(lake, [...names], session, use));
}

async function addView<T>(lake: Lake, names: string[], session: Session, use: (session: Session) => Promise<T>): Promise<T> {
  const name = names.shift();
  if (name === undefined) return use(session);
  const table = await lake.table(name);
  const snapshot = await table.delta.refresh();
  return table.scan(snapshot, snapshot.files.values(), async (scan) => {
    await session.run(`CREATE OR REPLACE TEMP VIEW ${quote(name)} AS SELECT * EXCLUDE (_file) FROM (${scan})`);
    return addView(lake, names, session, use);
  });
}
