import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { statusCommand } from '../../../local/cli/status.ts';
import { systemClock } from '../../../shared/clock.ts';
import { fileRunState } from '../../../shared/state/file-run-state.ts';
import { event, record } from '../../support/test-lake.ts';
import { EVENTS, openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;

interface StatusJson {
  readonly verdict: string;
  readonly problems: readonly string[];
  readonly stages: readonly Record<string, unknown>[];
}

const status = async () => (await runCli(statusCommand, `--lake=${lake.url}`, '--json')).json[0] as StatusJson;

beforeAll(async () => { lake = await openCliLake(); });
afterAll(() => lake.close());

test('shows every stage, and that the balance holds', async () => {
  const { verdict, problems, stages } = await status();
  expect({ verdict, problems }).toEqual({ verdict: 'ok', problems: [] });
  expect(stages.map(({ stage, table }) => [stage, table])).toEqual([
    ['ingest', 'bronze_events'], ['refine', 'silver_events'], ['refine', 'quarantine_events'], ['score', 'gold_anomaly_predictions'],
    ['train', 'model_history'], ['monitor', 'monitor_logs'], ['maintain', null],
  ]);
  expect(stages[0]).toMatchObject({ rows: EVENTS, waiting: null, paused: null, lastRun: null });
  expect(stages[1]).toMatchObject({ rows: EVENTS - 4, waiting: 0, freshness: { state: 'current' } });
});

test('shows pauses, last outcomes and what waits', async () => {
  const state = fileRunState({ objects: lake.lake.store.sub('_assay/state'), clock: systemClock });
  await state.pause('score', 'a look at the model');
  await state.note('refine', { atMs: Date.now(), outcome: 'failed', error: 'storage/timeout: no answer' });
  await lake.ingest([record(EVENTS, event('new'))]);
  const { stages } = await status();
  expect(stages[1]).toMatchObject({ waiting: 1, lastRun: { outcome: 'failed' } });
  expect(stages[3]).toMatchObject({ paused: { why: 'a look at the model' } });
  const { text } = await runCli(statusCommand, `--lake=${lake.url}`);
  expect(text).toMatch(/refine +silver_events .*failed.*storage\/timeout/);
  expect(text).toMatch(/Balance +ok/);
});

test('an empty lake is told, and stays empty', async () => {
  const empty = await mkdtemp(join(lake.folder, 'empty-'));
  const { notes, json, code } = await runCli(statusCommand, `--lake=file:${empty}`, '--json');
  expect(code).toBe(0);
  expect(notes).toContain('Nothing is there yet');
  expect(json[0]).toMatchObject({ stages: [], verdict: 'unknown' });
});
