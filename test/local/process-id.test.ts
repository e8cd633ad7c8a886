import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isAlive, processId } from '../../local/process-id.ts';

test('a process is alive until it ended', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const id = processId(child.pid);
  expect(isAlive(id)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(id)).toBe(false);
});

test.skipIf(!existsSync('/proc/self/stat'))('another start time is another process (else skipped: needs /proc)', () => {
  const { pid, started } = processId();
  expect(started).toMatch(/^\d+$/);
  expect(isAlive({ pid, started: String(Number(started) - 1) })).toBe(false);
});

test('without a start time the pid counts, and what is no pid is no process', () => {
  expect(isAlive({ pid: process.pid, started: null })).toBe(true);
  for (const pid of [0, -1, 1.5, Number.NaN]) expect(isAlive({ pid, started: null })).toBe(false);
});
