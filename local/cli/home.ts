import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isAlive, processId } from '../process-id.ts';

/** What `assay` keeps on a developer's machine, below the folder it is run in: `.assay/`. */
export const HOME = '.assay';

export interface Home {
  readonly dir: string;
  readonly azuriteDir: string;
  readonly tempDir: string;
  /** Written by a running `assay start`, so that other commands find its storage and its page. */
  readonly runFile: string;
}

export function homeOf(cwd = process.cwd()): Home {
  const dir = resolve(cwd, HOME);
  return { dir, azuriteDir: join(dir, 'azurite'), tempDir: join(dir, 'temp'), runFile: join(dir, 'run.json') };
}

export interface RunInfo {
  readonly pid: number;
  readonly lakeUrl: string;
  /** Null for a directory lake. */
  readonly connectionString: string | null;
  readonly pageUrl: string | null;
  readonly brokers: string | null;
  /** They are the embedded event log's. */
  readonly embedded: boolean;
  readonly topics: readonly string[];
}

/** As it is on the disk: with the start time that tells its process from a later one of the same pid. */
interface RunFile extends RunInfo {
  readonly started: string | null;
}

export function writeRunInfo(home: Home, info: RunInfo): void {
  mkdirSync(home.dir, { recursive: true });
  writeFileSync(`${home.runFile}.tmp`, JSON.stringify({ ...info, started: processId(info.pid).started } satisfies RunFile, null, 2));
  renameSync(`${home.runFile}.tmp`, home.runFile);
}

/** The running `assay start` of this folder, or null. A file that a killed one left behind does not count. */
export function readRunInfo(home: Home): RunInfo | null {
  let text: string;
  try {
    text = readFileSync(home.runFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const { started, ...info } = JSON.parse(text) as RunFile;
  return isAlive({ pid: info.pid, started }) ? info : null;
}

export function removeRunInfo(home: Home): void {
  rmSync(home.runFile, { force: true });
}
