import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assay } from '../../support/assay-process.ts';

/** Two pipelines in one run, as a user has them. */
const TIMEOUT_MS = 120_000;
const PIPELINES = { PIPELINE_FILE: 'pipelines/events.json,test/fixtures/orders.json' };
let folder: string;

beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'assay-pipelines-')); });
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => assay([...args, '--lake', 'file:lake', '--json'], { cwd: folder, env: PIPELINES });

test('a run tells of every pipeline, and of a stage that is paused', async () => {
  const first = await run('run', '--events', '200');
  expect(first.code, first.stderr).toBe(0);
  const report = JSON.parse(first.stdout) as { silver: number; pipelines: Record<string, unknown> };
  expect(report).toMatchObject({ verdict: 'ok', bronze: 200, pipelines: { orders: { verdict: 'ok', bronze: 200, silver: 0, quarantined: {} } } });
  expect(report.silver).toBeGreaterThan(150);

  expect((await run('pause', 'orders.refine', '--why', 'a look')).code).toBe(0);
  const second = await run('run', '--events', '250');
  expect(second.stderr).toContain('orders.refine is paused (a look)');
  const status = await run('status', '--pipeline', 'orders');
  expect(status.stderr).toContain('the others, by --pipeline NAME: events');
  expect((JSON.parse(status.stdout) as { stages: { stage: string; paused: unknown }[] }).stages.find(({ stage }) => stage === 'refine')?.paused).toMatchObject({ why: 'a look' });
}, TIMEOUT_MS);

test('schema promote edits the file of the pipeline that is named', async () => {
  const { code, stdout, stderr } = await run('schema', 'promote', 'note', 'string', '--dry-run', '--pipeline', 'orders');
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ file: 'test/fixtures/orders.json', dryRun: true });
  expect((await run('schema', 'promote', 'note', 'string', '--dry-run', '--pipeline', 'nobody')).stderr).toContain('there is no pipeline nobody: PIPELINE_FILE has events, orders');
}, TIMEOUT_MS);
