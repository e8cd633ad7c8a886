import { FileStore } from '../../shared/storage/file-store.ts';
import { systemClock } from '../../shared/clock.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { quote } from '../../shared/columnar/sql-text.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { duckOver } from '../../shared/open-lake.ts';
import { openTable } from '../../shared/pipeline/lake.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Columns that depend on when a run ran and how its batches were cut, not on what it was given. */
export const COLUMNS_OF_THE_CUT = ['bronze_version', 'incarnation', 'ingested_at', 'ingest_date', 'processed_at', 'quarantined_at', 'scored_at'];

export interface TableDigest {
  readonly rows: bigint;
  /** Order-independent: equal multisets of rows give equal digests. */
  readonly digest: string;
}

/** Row counts and digests of a directory lake's tables, the columns of the cut apart. Reads only. */
export async function digestLake(dir: string, tables: readonly string[], without = COLUMNS_OF_THE_CUT): Promise<Record<string, TableDigest>> {
  const tempDir = await mkdtemp(join(tmpdir(), 'assay-digest-'));
  const engine = new Engine({ memoryMb: 512, threads: 2, tempDir });
  try {
    const digests: Record<string, TableDigest> = {};
    for (const name of tables) digests[name] = await digestTable(dir, name, { engine, tempDir, without });
    return digests;
  } finally {
    await engine.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}

async function digestTable(dir: string, name: string, { engine, tempDir, without }: { engine: Engine; tempDir: string; without: readonly string[] }): Promise<TableDigest> {
  const store = new FileStore({ dir: join(dir, name) });
  const duck = duckOver(store, { engine, tempDir: join(tempDir, name), cacheBytesMax: 1e9, clock: systemClock });
  const table = await openTable({ store, folder: '', table: name, ...duck, clock: systemClock });
  if (!table) throw new Error(`no table ${name} in ${dir}`);
  const { snapshot } = table.delta;
  const columns = snapshot.schema.fields.map((field) => field.name).filter((column) => !without.includes(column)).map(quote).join(', ');
  return table.engine.session(async (session) => {
    const scan = session.sqlOf(await scanLive(session, table, snapshot));
    const [row] = await session.sql.rows(`SELECT count(*) AS rows, coalesce(sum(hash(ROW(${columns}))::HUGEINT)::VARCHAR, '0') AS digest FROM (${scan})`);
    return { rows: row['rows'] as bigint, digest: row['digest'] as string };
  });
}
