import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { parseConfig } from '../../shared/config.ts';
import type { Config } from '../../shared/config.ts';
import { openLake } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';
import { startAzurite } from '../azurite.ts';
import type { Flags } from './command.ts';
import { homeOf, readRunInfo } from './home.ts';
import type { RunInfo } from './home.ts';

export const APP_DIR = join(import.meta.dirname, '../..');
const AZURITE_CONTAINER = 'lake';
export const AZURITE_LAKE_URL = `az://devstoreaccount1/${AZURITE_CONTAINER}`;
export const AZURITE_PORTS = { blobPort: 10_000, tablePort: 10_002 };

/** Where a command's lake is and how it is reached; `close` ends what was started for it. */
export interface LakeAccess {
  readonly lakeUrl: string;
  readonly connectionString: string | null;
  /** The `assay start` that runs here, if the lake is its. */
  readonly running: RunInfo | null;
  close(): Promise<void>;
}

/**
 * `--lake`, else LAKE_URL, else the lake of the `assay start` that runs in this folder, else Azurite's in `.assay/`, started for as long as the
 * command runs.
 */
export async function lakeAccess(flags: Flags): Promise<LakeAccess> {
  const home = homeOf();
  const running = readRunInfo(home);
  const named = flags.text('lake') ?? process.env['LAKE_URL'];
  const nothing = () => Promise.resolve();
  if (running && (named === undefined || named === running.lakeUrl)) {
    return { lakeUrl: running.lakeUrl, connectionString: running.connectionString, running, close: nothing };
  }
  if (named !== undefined && named !== AZURITE_LAKE_URL) {
    return { lakeUrl: named, connectionString: process.env['LAKE_CONNECTION_STRING'] ?? null, running: null, close: nothing };
  }
  const azurite = await startAzurite({ dir: home.azuriteDir, ...AZURITE_PORTS });
  await new BlobStore({ access: { connectionString: azurite.connectionString }, container: AZURITE_CONTAINER }).ensureContainer();
  return { lakeUrl: AZURITE_LAKE_URL, connectionString: azurite.connectionString, running: null, close: () => azurite.close() };
}

/** The settings a command works with: the environment's, over which the lake's address lies. */
export function configFor(access: Pick<LakeAccess, 'lakeUrl' | 'connectionString'>, flags: Flags): Config {
  const pipeline = pipelineFileOf(flags);
  return parseConfig({
    ...process.env,
    LAKE_URL: access.lakeUrl,
    LAKE_CONNECTION_STRING: access.connectionString ?? '',
    ...(pipeline === undefined ? {} : { PIPELINE_FILE: pipeline }),
  });
}

/** `--pipeline FILE` stands for PIPELINE_FILE; a name chooses one of the pipelines that PIPELINE_FILE lists. */
export function pipelineFileOf(flags: Flags): string | undefined {
  const value = flags.text('pipeline');
  return value?.endsWith('.json') ? value : undefined;
}

export function pipelineNameOf(flags: Flags): string | undefined {
  return pipelineFileOf(flags) === undefined ? flags.text('pipeline') : undefined;
}

/** Opens the lake for one command, with files of its own that go when it ends. */
export async function withLake<T>(flags: Flags, use: (opened: OpenLake, access: LakeAccess, config: Config) => Promise<T>): Promise<T> {
  const access = await lakeAccess(flags);
  const home = homeOf();
  await mkdir(home.tempDir, { recursive: true });
  const tempDir = await mkdtemp(join(home.tempDir, 'command-'));
  try {
    const config = configFor(access, flags);
    const opened = await openLake({ config, clock: systemClock, root: APP_DIR, tempDir, choose: pipelineNameOf(flags) });
    try {
      return await use(opened, access, config);
    } finally {
      await opened.engine.close();
    }
  } finally {
    await rm(tempDir, { recursive: true, force: true });
    await access.close();
  }
}
