import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeOf, readRunInfo, removeRunInfo, writeRunInfo } from '../../../local/cli/home.ts';
import type { Home } from '../../../local/cli/home.ts';
import { assay } from '../../support/assay-process.ts';

const info = { pid: process.pid, lakeUrl: 'file:lake', connectionString: null, pageUrl: null, brokers: null, embedded: false, topics: ['events'] };
let home: Home;

beforeEach(() => {
  home = homeOf(mkdtempSync(join(tmpdir(), 'assay-home-')));
});
afterEach(() => rmSync(join(home.dir, '..'), { recursive: true }));

test('a running start is found until it removes its file', () => {
  expect(readRunInfo(home)).toBeNull();
  writeRunInfo(home, info);
  expect(readRunInfo(home)).toEqual(info);
  removeRunInfo(home);
  expect(existsSync(home.runFile)).toBe(false);
});

test.skipIf(!existsSync('/proc/self/stat'))('a start whose pid belongs to a later process does not run (else skipped: needs /proc)', () => {
  writeRunInfo(home, info);
  const file = JSON.parse(readFileSync(home.runFile, 'utf8')) as { started: string };
  writeFileSync(home.runFile, JSON.stringify({ ...file, started: '1' }));
  expect(readRunInfo(home)).toBeNull();
});

test.each([['run', '--events', '1', '--lake', 'file:lake'], ['maintain', '--lake', 'file:.']])('a folder that cannot be written is told, without a stack: assay %s', async (...args) => {
  writeFileSync(home.dir, 'a file where the folder should be');
  const { code, stderr } = await assay(args, { cwd: join(home.dir, '..') });
  expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(stderr).toContain('start in another folder');
});
