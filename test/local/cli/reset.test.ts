import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockAzuriteDir } from '../../../local/azurite.ts';
import { homeOf, writeRunInfo } from '../../../local/cli/home.ts';
import { resetCommand } from '../../../local/cli/reset.ts';
import { EventLog } from '../../../local/event-log/event-log.ts';
import { runCli } from '../../support/cli.ts';

let dir: string;
const before = process.cwd();

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-reset-'));
  process.chdir(dir);
});
afterEach(async () => {
  process.chdir(before);
  await rm(dir, { recursive: true });
});

async function makeLake(name: string): Promise<void> {
  await mkdir(join(dir, name, 'silver_events', '_delta_log'), { recursive: true });
  await mkdir(join(dir, name, '_assay', 'log'), { recursive: true });
  await mkdir(join(dir, name, 'models'));
}

test('deletes a directory lake below this folder', async () => {
  await makeLake('lake');
  expect((await runCli(resetCommand, '--lake', 'file:lake', '--yes')).code).toBe(0);
  expect(existsSync('lake')).toBe(false);
});

test('without --lake it deletes .assay', async () => {
  await mkdir(homeOf().azuriteDir, { recursive: true });
  expect((await runCli(resetCommand, '--yes', '--json')).json).toEqual([{ dir: homeOf().dir, deleted: true }]);
  expect(existsSync('.assay')).toBe(false);
});

test('a lake that is not there is no failure', async () => {
  expect((await runCli(resetCommand, '--lake', 'file:lake', '--yes', '--json')).json).toEqual([{ dir: join(process.cwd(), 'lake'), deleted: false }]);
});

test('asks before it deletes, and without a terminal it does not', async () => {
  await makeLake('lake');
  await expect(runCli(resetCommand, '--lake', 'file:lake')).rejects.toMatchObject({ code: 'cli/confirm' });
  expect(existsSync('lake')).toBe(true);
});

test('refuses a folder that holds anything else', async () => {
  await makeLake('lake');
  await writeFile('lake/thesis.txt', '');
  await expect(runCli(resetCommand, '--lake', 'file:lake', '--yes')).rejects.toMatchObject({ code: 'cli/reset', message: expect.stringContaining('thesis.txt') });
  await mkdir('others/models', { recursive: true });
  await expect(runCli(resetCommand, '--lake', 'file:others', '--yes')).rejects.toMatchObject({ code: 'cli/reset' });
  expect(existsSync('lake/silver_events')).toBe(true);
});

test('refuses this folder, one that is not below it, and the cloud', async () => {
  await makeLake('.');
  for (const lake of ['file:.', `file:${tmpdir()}`, 'file:/', 'az://account1/lake', 'az://devstoreaccount1/other']) {
    await expect(runCli(resetCommand, '--lake', lake, '--yes')).rejects.toMatchObject({ code: 'cli/reset' });
  }
  expect(existsSync('silver_events')).toBe(true);
});

test('refuses while assay start runs in this folder', async () => {
  await makeLake('lake');
  writeRunInfo(homeOf(), { pid: process.pid, lakeUrl: 'file:other', connectionString: null, pageUrl: null, brokers: null, embedded: false, topics: ['events'] });
  await expect(runCli(resetCommand, '--lake', 'file:lake', '--yes')).rejects.toMatchObject({ code: 'cli/running' });
  expect(existsSync('lake')).toBe(true);
});

test('refuses while a run or a producer has the event log of the lake', async () => {
  await makeLake('lake');
  const log = EventLog.open({ dir: 'lake/_assay/log' });
  await expect(runCli(resetCommand, '--lake', 'file:lake', '--yes')).rejects.toMatchObject({ name: 'ConfigError', code: 'local/dir-in-use', facts: { pid: process.pid } });
  expect(existsSync('lake/silver_events/_delta_log')).toBe(true);
  log.close();
  expect((await runCli(resetCommand, '--lake', 'file:lake', '--yes')).code).toBe(0);
  expect(readdirSync('.')).toEqual([]);
});

test('refuses while a command has Azurite’s lake open, and lets go of the event log then', async () => {
  const { dir, azuriteDir } = homeOf();
  await mkdir(azuriteDir, { recursive: true });
  const azurite = await lockAzuriteDir(azuriteDir);
  await expect(runCli(resetCommand, '--yes')).rejects.toMatchObject({ name: 'ConfigError', code: 'local/dir-in-use', facts: { pid: process.pid } });
  expect(existsSync(azuriteDir)).toBe(true);
  EventLog.open({ dir: join(dir, 'log') }).close();
  azurite.release();
  expect((await runCli(resetCommand, '--yes')).code).toBe(0);
  expect(readdirSync('.')).toEqual([]);
});
