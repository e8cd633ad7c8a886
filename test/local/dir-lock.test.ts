import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { DirLock } from '../../local/dir-lock.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'assay-dir-lock-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
});

let opened = 0;
function fresh(): { dir: string; path: string } {
  const dir = join(root, String(opened++));
  mkdirSync(dir);
  return { dir, path: join(dir, 'lock') };
}

const acquire = (path: string) => DirLock.acquire({ path, what: 'a test' });
const acquireWaiting = (path: string) => DirLock.acquireWaiting({ path, what: 'a test', servingMsMax: 0, closingMsMax: 60_000 });

interface Contender {
  readonly child: ChildProcess;
  /** Sends the path; `held` or `refused` comes back. */
  readonly tryLock: (path: string) => Promise<string>;
}

async function contender(): Promise<Contender> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../support/lock-contender.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  expect(await next()).toBe('ready');
  return {
    child,
    tryLock: (path) => {
      child.stdin.write(`${path}\n`);
      return next();
    },
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid!;
}

it('is held by one, and free after release', async () => {
  const { dir, path } = fresh();
  const first = acquire(path);
  expect(() => acquire(path)).toThrow(expect.objectContaining({ name: 'ConfigError', code: 'local/dir-in-use', facts: { pid: process.pid, closing: false, waitedMs: 0 } }));
  await expect(acquireWaiting(path)).rejects.toMatchObject({ code: 'local/dir-in-use', facts: { pid: process.pid, closing: false } });
  first.release();
  acquire(path).release();
  expect(readdirSync(dir)).toEqual([]);
});

it('is waited for while its holder closes', async () => {
  const { dir, path } = fresh();
  const first = acquire(path);
  first.closing();
  expect(() => acquire(path)).toThrow('is still closing');
  const second = acquireWaiting(path);
  first.release();
  (await second).release();
  expect(readdirSync(dir)).toEqual([]);
});

it('is taken over from a holder that was killed, not from one that is suspended', async () => {
  const { path } = fresh();
  const holder = await contender();
  expect(await holder.tryLock(path)).toBe('held');
  holder.child.kill('SIGSTOP');
  const longAgo = new Date(Date.now() - 3_600_000);
  utimesSync(path, longAgo, longAgo);
  expect(() => acquire(path)).toThrow(expect.objectContaining({ facts: { pid: holder.child.pid, closing: false, waitedMs: 0 } }));
  await kill(holder.child);
  acquire(path).release();
});

it('is taken over where the holder’s pid belongs to a later process', async (context) => {
  if (process.platform !== 'linux') context.skip('only Linux tells a process’s start time');
  const { path } = fresh();
  const later = await contender();
  writeFileSync(path, `${later.child.pid} 1`);
  acquire(path).release();
  writeFileSync(path, `${process.pid} 1`);
  acquire(path).release();
});

it('is taken over where a power failure left it empty, and where one that took it over was killed half way', async () => {
  const { dir, path } = fresh();
  writeFileSync(path, '');
  const pid = await deadPid();
  writeFileSync(`${path}.takeover`, `${pid} 1`);
  writeFileSync(`${path}.takeover.takeover`, `${pid} 1`);
  const lock = acquire(path);
  expect(readdirSync(dir)).toEqual(['lock']);
  expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
  lock.release();
});

it('is left alone while a living process takes it over', async () => {
  const { path } = fresh();
  const rival = await contender();
  writeFileSync(path, `${await deadPid()} 1`);
  expect(await rival.tryLock(`${path}.takeover`)).toBe('held');
  expect(() => acquire(path)).toThrow(expect.objectContaining({ facts: { pid: rival.child.pid, closing: false, waitedMs: 0 } }));
  expect(readFileSync(path, 'utf8')).toMatch(/ 1$/);
});

it('release leaves the lock of a directory that another process made in the place of ours', () => {
  const { dir, path } = fresh();
  const lock = acquire(path);
  renameSync(dir, `${dir}.aside`);
  mkdirSync(dir);
  writeFileSync(path, '1 1');
  lock.release();
  expect(readFileSync(path, 'utf8')).toBe('1 1');
});

it('of many that find it dead, one gets it', async () => {
  const contenders = await Promise.all(Array.from({ length: 4 }, contender));
  const pid = await deadPid();
  for (let round = 0; round < 100; round++) {
    const { path } = fresh();
    writeFileSync(path, `${pid} 1`);
    const answers = await Promise.all(contenders.map(({ tryLock }) => tryLock(path)));
    expect(answers.toSorted()).toEqual(['held', 'refused', 'refused', 'refused']);
  }
});
