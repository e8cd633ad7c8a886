import { quote } from '../columnar/sql-text.ts';
import type { Session } from '../columnar/duckdb.ts';
import type { Lake } from './lake.ts';

/**
 * Opens one session in which every named table is a view of its name, at its newest version, while `use` runs. `paths` are the data files
 * behind the views, on this machine.
 */
export async function withTables<T>(lake: Lake, names: readonly string[], use: (session: Session, paths: readonly string[]) => Promise<T>): Promise<T> {
  return lake.engine.session((session) => addView([...names], { lake, session, paths: [], use }));
}

interface Views<T> {
  readonly lake: Lake;
  readonly session: Session;
  readonly paths: string[];
  readonly use: (session: Session, paths: readonly string[]) => Promise<T>;
}

async function addView<T>(names: string[], views: Views<T>): Promise<T> {
  const { lake, session, paths, use } = views;
  const name = names.shift();
  if (name === undefined) return use(session, paths);
  const table = await lake.table(name);
  const snapshot = await table.delta.refresh();
  return table.scan(snapshot, snapshot.files.values(), async (scan, localPath) => {
    for (const add of snapshot.files.values()) paths.push(localPath(add));
    await session.run(`CREATE OR REPLACE TEMP VIEW ${quote(name)} AS SELECT * EXCLUDE (_file) FROM (${scan})`);
    return addView(names, views);
  });
}
