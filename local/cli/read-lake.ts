import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { parseConfig } from '../../shared/config.ts';
import type { Config } from '../../shared/config.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { ConfigError } from '../../shared/errors.ts';
import { duckOver, openLake, openStore } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { openTable } from '../../shared/pipeline/lake.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';
import { Meter } from '../../shared/storage/meter.ts';
import { azuriteConnectionString } from '../azurite-servers.ts';
import type { Flags } from './command.ts';
import { homeOf, readRunInfo } from './home.ts';
import { APP_DIR, AZURITE_LAKE_URL, AZURITE_PORTS, configFor, lakeAccess, pipelineNameOf } from './local-lake.ts';
import type { LakeAccess } from './local-lake.ts';

/** Commands that only read: nothing is created, neither a lake, nor a table, nor `.assay/`. Their files lie in the system's temporary folder. */

export interface LakeReader extends OpenLake {
  readonly access: LakeAccess;
  readonly config: Config;
  /** For this command alone; gone when it ends. */
  readonly tempDir: string;
}

const MAKE_ONE = 'run "assay start" or "assay run --events 1000" to make one';

/** A ConfigError `cli/no-lake` where the lake is not there; one in the cloud is taken at its word. */
export function requireLake(flags: Flags): void {
  const home = homeOf();
  const running = readRunInfo(home);
  const lakeUrl = flags.text('lake') ?? process.env['LAKE_URL'] ?? running?.lakeUrl ?? AZURITE_LAKE_URL;
  const url = parseLakeUrl(lakeUrl);
  if (url.kind === 'file' && !existsSync(url.dir)) {
    throw new ConfigError('cli/no-lake', `there is no directory ${resolve(url.dir)}: ${MAKE_ONE} with --lake ${lakeUrl}, or name another`);
  }
  if (lakeUrl === AZURITE_LAKE_URL && running === null && !existsSync(home.azuriteDir)) {
    throw new ConfigError('cli/no-lake', `there is no lake in ${home.dir} yet: ${MAKE_ONE} here, or name another by --lake file:DIR`);
  }
}

export async function withReadLake<T>(flags: Flags, use: (reader: LakeReader) => Promise<T>): Promise<T> {
  requireLake(flags);
  const access = await lakeAccess(flags);
  try {
    const config = configFor(access, flags);
    return await withTempDir(config, async (tempDir) => {
      const opened = await openLake({ config, clock: systemClock, root: APP_DIR, tempDir, create: false, choose: pipelineNameOf(flags) });
      try {
        return await use({ ...opened, access, config, tempDir });
      } finally {
        await opened.engine.close();
      }
    });
  } finally {
    await access.close();
  }
}

/** One table, and what its lake says about it. */
export interface NamedTable {
  readonly table: RowTable<DuckRelations>;
  readonly tempDir: string;
  /** Null for a table that was named by its address: nobody knows its keys. */
  readonly reader: LakeReader | null;
}

/** Any table of the lake by its name, or any Delta table by the `file:`, `az:` or `abfss:` address of its folder. Opened, never created. */
export async function withNamedTable<T>(nameOrUrl: string | undefined, flags: Flags, use: (named: NamedTable) => Promise<T>): Promise<T> {
  if (nameOrUrl === undefined) throw new ConfigError('cli/options', 'name a table ("assay table list" shows them), or give the address of its folder: file:DIR, az://…, abfss://…');
  if (/^(?:file|az|abfss):/.test(nameOrUrl)) return withTableAt(nameOrUrl, use);
  if (!/^[\w.-]+$/.test(nameOrUrl) || /^\.+$/.test(nameOrUrl)) throw new ConfigError('cli/options', `"${nameOrUrl}" is no table's name; the address of a folder begins with file:, az: or abfss:`);
  return withReadLake(flags, async (reader) => {
    const table = await reader.lake.find(nameOrUrl);
    if (table) return use({ table, tempDir: reader.tempDir, reader });
    const known = reader.lake.names.includes(nameOrUrl);
    throw new ConfigError('lake/no-table', known
      ? `${reader.lake.store.url} has no ${nameOrUrl} yet: "assay start" or "assay run --events 1000" on this lake makes it`
      : `${reader.lake.store.url} has no table ${nameOrUrl}; it may have ${reader.lake.names.join(', ')}`);
  });
}

async function withTableAt<T>(typed: string, use: (named: NamedTable) => Promise<T>): Promise<T> {
  // A shell's path may climb; a setting's may not.
  const lakeUrl = typed.startsWith('file:') && !typed.startsWith('file://') ? `file:${resolve(typed.slice('file:'.length))}` : typed;
  const config = parseConfig({ ...process.env, LAKE_URL: lakeUrl, LAKE_CONNECTION_STRING: connectionStringFor(lakeUrl) });
  return withTempDir(config, async (tempDir) => {
    const engine = new Engine({ memoryMb: config.duckdbMemoryMb, threads: config.duckdbThreads, tempDir: join(tempDir, 'spill') });
    try {
      const store = await openStore(config, systemClock, new Meter());
      const duck = duckOver(store, { engine, tempDir, cacheBytesMax: config.cacheMb * 1024 * 1024, clock: systemClock });
      const table = await openTable({ store, folder: '', table: basename(lakeUrl), ...duck, clock: systemClock });
      if (table) return await use({ table, tempDir, reader: null });
      throw new ConfigError('lake/no-table', `${store.url} is no Delta table: there is no _delta_log in it`);
    } finally {
      await engine.close();
    }
  });
}

/** The running start's, for a table in its storage; else the setting. */
function connectionStringFor(lakeUrl: string): string {
  const url = parseLakeUrl(lakeUrl);
  if (url.kind === 'azure' && url.account === 'devstoreaccount1') {
    return readRunInfo(homeOf())?.connectionString ?? (process.env['LAKE_CONNECTION_STRING'] || azuriteConnectionString(AZURITE_PORTS));
  }
  return process.env['LAKE_CONNECTION_STRING'] ?? '';
}

async function withTempDir<T>(config: Config, use: (tempDir: string) => Promise<T>): Promise<T> {
  const parent = config.cacheDir ?? tmpdir();
  await mkdir(parent, { recursive: true });
  const tempDir = await mkdtemp(join(parent, 'assay-read-'));
  try {
    return await use(tempDir);
  } finally {
    await rm(tempDir, { recursive: true, force: true });
  }
}
