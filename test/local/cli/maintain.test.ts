import { afterEach, beforeEach, expect, test } from 'vitest';
import { maintainCommand } from '../../../local/cli/maintain.ts';
import { systemClock } from '../../../shared/clock.ts';
import { fileRunState } from '../../../shared/state/file-run-state.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';
import { event, record } from '../../support/test-lake.ts';

interface StepJson { readonly step: string; readonly table: string; readonly files: number | null; readonly why: string; readonly version?: number | null }

let lake: Awaited<ReturnType<typeof openCliLake>>;
const maintain = (...args: string[]) => runCli(maintainCommand, ...args, `--lake=${lake.url}`);
const stepsOf = ({ json }: { readonly json: readonly unknown[] }) => (json[0] as { steps: StepJson[] }).steps;
const filesOf = async (table: string) => (await (await lake.lake.table(table)).delta.refresh()).files.size;

beforeEach(async () => {
  lake = await openCliLake();
  for (let i = 0; i < 6; i++) {
    await lake.ingest([record(1_000 + i, event(`more ${i}`))]);
    await lake.drain();
  }
});
afterEach(() => lake.close());

test('--plan shows what is to be done and why, and does none of it', async () => {
  const before = await filesOf('bronze_events');
  const planned = stepsOf(await maintain('--plan', '--json'));
  expect(planned.filter(({ step }) => step === 'optimize').map(({ table, files }) => `${table} ${files}`).toSorted()).toEqual(['bronze_events 8', 'gold_anomaly_predictions 8', 'silver_events 8']);
  expect((await maintain('--plan', '--table', 'bronze_events')).text).toMatch(/^step +table +files +writes +why\n.*\n *optimize +bronze_events +8 +[\d.]+ kB +8 files of one partition and of about one size$/);
  expect(await filesOf('bronze_events')).toBe(before);
});

test('a word too much is no reason to begin', async () => {
  const before = await filesOf('bronze_events');
  await expect(maintain('silver_events')).rejects.toMatchObject({ code: 'cli/options', message: expect.stringMatching(/^assay maintain: what is "silver_events"\?\nUsage: assay maintain .*--table NAME/) });
  expect(await filesOf('bronze_events')).toBe(before);
});

test('does what the plan says, tells the versions, writes it into benchmark_logs, and finds nothing to do then', async () => {
  const rows = await lake.rows('silver_events', 'SELECT * FROM rows ORDER BY ALL');
  const planned = stepsOf(await maintain('--plan', '--json'));
  const done = stepsOf(await maintain('--json'));
  expect(done.map(({ step, table, files }) => ({ step, table, files }))).toEqual(planned.map(({ step, table, files }) => ({ step, table, files })));
  expect(done.filter(({ step }) => step === 'optimize').every(({ version }) => typeof version === 'number')).toBe(true);
  expect(await filesOf('bronze_events')).toBe(1);
  expect(await lake.rows('silver_events', 'SELECT * FROM rows ORDER BY ALL')).toEqual(rows);
  expect(await lake.rows('benchmark_logs', 'SELECT task, files, files_before, bytes_before > bytes AS smaller FROM rows')).toEqual([{ task: 'optimize', files: 3n, files_before: 24n, smaller: true }]);
  expect((await lake.balance()).verdict).toBe('ok');
  expect((await maintain('--plan')).text).toBe('Nothing is to be done.');
  expect((await maintain()).text).toBe('Nothing was to be done.');
});

test('of one table alone, of none that does not exist, and not while it is paused', async () => {
  await maintain('--table', 'silver_events');
  expect(stepsOf(await maintain('--plan', '--json')).filter(({ step }) => step === 'optimize').map(({ table }) => table).toSorted()).toEqual(['bronze_events', 'gold_anomaly_predictions']);
  await expect(maintain('--table', 'nothing_such')).rejects.toMatchObject({ code: 'cli/options' });
  await fileRunState({ objects: lake.lake.store.sub('_assay/state'), clock: systemClock }).pause('maintain', 'a look at the files');
  const { code, notes } = await maintain();
  expect(code).toBe(1);
  expect(notes).toContain('maintain is paused');
  expect(await filesOf('bronze_events')).toBe(8);
});
