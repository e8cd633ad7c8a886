import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeOf } from '../../../local/cli/home.ts';
import { processId } from '../../../local/process-id.ts';
import { makeTempDir } from '../../../local/run/temp-dir.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'assay-temp-dir-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

/** As `name` with something in it. */
function leave(name: string): void {
  mkdirSync(join(homeOf(folder).tempDir, name, 'spill'), { recursive: true });
  writeFileSync(join(homeOf(folder).tempDir, name, 'spill', 'block.tmp'), 'x');
}

test('folders of processes that are gone go, also of one that had a living pid before; all others stay', () => {
  const dead = spawnSync(process.execPath, ['--version']).pid;
  const { pid, started } = processId();
  for (const name of [`live-${dead}-0-aaaaaa`, `app-${dead}-17-aaaaaa`, `run-${dead}-0-aaaaaa`]) leave(name);
  const kept = [`live-${process.ppid}-0-bbbbbb`, 'command-123456', `other-${dead}-0-aaaaaa`];
  for (const name of kept) leave(name);
  // Only where the machine tells start times is the former owner of a pid told from the present one.
  if (started !== null) leave(`run-${pid}-1-before`);
  const ours = [makeTempDir(homeOf(folder), 'app'), makeTempDir(homeOf(folder), 'live')].map((dir) => basename(dir));
  expect(ours[1]).toMatch(new RegExp(`^live-${pid}-`));
  expect(readdirSync(homeOf(folder).tempDir).toSorted()).toEqual([...kept, ...ours].toSorted());
});
