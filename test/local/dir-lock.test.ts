import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lockDir } from '../../local/dir-lock.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-dir-lock-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let opened = 0;
const fresh = () => join(root, `${opened++}.lock`);
const lock = (path: string, waitMs = 0) => lockDir({ path, what: 'a test', servingMsMax: waitMs, closingMsMax: 60_000 });

it('is held by one, and free after release', async () => {
  const path = fresh();
  const first = await lock(path);
  await expect(lock(path)).rejects.toMatchObject({ name: 'ConfigError', code: 'local/dir-in-use', facts: { pid: process.pid, closing: false } });
  await first.release();
  await (await lock(path)).release();
});

it('is waited for while its holder closes', async () => {
  const path = fresh();
  const first = await lock(path);
  await first.closing();
  const second = lock(path);
  await first.release();
  await (await second).release();
});

it('is taken over from a holder that was killed', async () => {
  const path = fresh();
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  await writeFile(path, JSON.stringify({ pid: child.pid, closing: false }));
  await expect(lock(path)).rejects.toMatchObject({ facts: { pid: child.pid } });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await (await lock(path)).release();
});

it('is taken over where the holder’s pid belongs to another process by now', async () => {
  const path = fresh();
  await writeFile(path, JSON.stringify({ pid: process.pid, closing: false }));
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(path, longAgo, longAgo);
  const taken = await lock(path);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ pid: process.pid, closing: false });
  await taken.release();
});
