import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../cli/home.ts';
import { isAlive, processId } from '../process-id.ts';

/** `<name>-<pid>-<start time, 0 where unknown>-XXXXXX` */
const OWNED = /^(?:app|live|run)-(?<pid>\d+)-(?<started>\d+)-/;

/** A new folder in `.assay/temp/` for this process alone. Those of processes that are gone are deleted. */
export function makeTempDir(home: Home, name: 'app' | 'live' | 'run'): string {
  mkdirSync(home.tempDir, { recursive: true });
  for (const entry of readdirSync(home.tempDir)) {
    if (isLeftBehind(entry)) rmSync(join(home.tempDir, entry), { recursive: true, force: true });
  }
  const { pid, started } = processId();
  return mkdtempSync(join(home.tempDir, `${name}-${pid}-${started ?? '0'}-`));
}

function isLeftBehind(entry: string): boolean {
  const owner = OWNED.exec(entry)?.groups;
  if (owner === undefined) return false;
  return !isAlive({ pid: Number(owner['pid']), started: owner['started'] === '0' ? null : owner['started'] });
}
