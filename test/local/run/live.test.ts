import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { homeOf, readRunInfo, writeRunInfo } from '../../../local/cli/home.ts';
import { startCommand } from '../../../local/cli/start.ts';
import { runCli } from '../../support/cli.ts';
import type { LiveStart } from '../../support/live-start.ts';
import { startInGroup } from '../../support/live-start.ts';

const TIMEOUT_MS = 120_000;

let folder: string;
let started: LiveStart[] = [];
const before = process.cwd();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-live-'));
  process.chdir(folder);
});
afterEach(async () => {
  for (const live of started) {
    // What a failed test left running; a group that ended is gone already.
    if (isRunning(live)) live.signalGroup('SIGKILL');
    await live.ended;
  }
  started = [];
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

function isRunning({ pid }: LiveStart): boolean {
  try {
    return process.kill(-pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function start(...args: string[]): LiveStart {
  const live = startInGroup(['--lake', 'file:lake', '--port', '0', ...args], folder);
  started.push(live);
  return live;
}

function leftBehind(): string[] {
  return [...(existsSync(homeOf().runFile) ? ['run.json'] : []), ...readdirSync(homeOf().tempDir)];
}

describe('assay start, ended', () => {
  test('by one Ctrl-C at its terminal: it drains, leaves nothing behind, and says 0', async () => {
    const live = start('--rate', '100');
    await live.said(/Bronze [1-9]/);
    expect(readRunInfo(homeOf())).toMatchObject({ lakeUrl: 'file:lake' });
    live.signalGroup('SIGINT');
    const { code, stderr } = await live.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('Stopping: what runs is finished');
    expect(leftBehind()).toEqual([]);
  }, TIMEOUT_MS);

  test('by SIGKILL: the next start sweeps what it left', async () => {
    const live = start('--rate', '100');
    await live.said(/functions at/);
    live.signalGroup('SIGKILL');
    await live.ended;
    expect(leftBehind()).toHaveLength(3);
    const { stderr } = await start('--input', 'nosuch.ndjson').ended;
    expect(stderr).toContain('error producer');
    expect(leftBehind()).toEqual([]);
  }, TIMEOUT_MS);

  test('by trouble in the producer: its message without a stack, drained, 1', async () => {
    const { code, stderr } = await start('--input', 'nosuch.ndjson').ended;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/^error producer: reading the input nosuch\.ndjson: ENOENT/m);
    expect(stderr).toContain('Stopping: what runs is finished');
    expect(stderr).not.toMatch(/^ +at /m);
    expect(leftBehind()).toEqual([]);
  }, TIMEOUT_MS);

  test('not by a look that fails for now, but by one that fails for good: the app stops first, the error is the last word, 1', async () => {
    const live = start('--rate', '100');
    await live.said(/Bronze [1-9]/);
    const log = join('lake', 'quarantine_events', '_delta_log');
    renameSync(log, `${log}-aside`);
    symlinkSync('_delta_log', log);
    await live.said(/^warning counts: .* failed with ELOOP/);
    symlinkSync('x'.repeat(1_000), `${log}-next`);
    renameSync(`${log}-next`, log);
    const { code, stderr } = await live.ended;
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('Stopping: what runs is finished');
    expect(stderr.split('\n').at(-1)).toContain('failed with ENAMETOOLONG');
    expect(leftBehind()).toEqual([]);
  }, TIMEOUT_MS);
});

test('a second start of the folder is refused, whatever its lake, and the first one stays known', async () => {
  const info = { pid: process.pid, lakeUrl: 'file:lake', connectionString: null, pageUrl: null, brokers: null, embedded: false, topics: ['events'] };
  writeRunInfo(homeOf(), info);
  const text = readFileSync(homeOf().runFile, 'utf8');
  for (const lake of ['file:lake', 'file:other']) {
    await expect(runCli(startCommand, '--lake', lake)).rejects.toMatchObject({ code: 'cli/running', message: expect.stringContaining(`pid ${process.pid}`) });
  }
  expect(readFileSync(homeOf().runFile, 'utf8')).toBe(text);
  expect(existsSync('other')).toBe(false);
});

test('--port is bound before anything is started', async () => {
  await expect(runCli(startCommand, '--port', '65536')).rejects.toMatchObject({ code: 'cli/options', message: expect.stringContaining('65535') });
  expect(existsSync('.assay')).toBe(false);
});
