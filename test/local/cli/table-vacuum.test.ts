import { existsSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tableCheckpointCommand } from '../../../local/cli/table-checkpoint.ts';
import { tableVacuumCommand } from '../../../local/cli/table-vacuum.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';
import { event, record } from '../../support/test-lake.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
const at = () => `--lake=${lake.url}`;
beforeEach(async () => { lake = await openCliLake(); });
afterEach(() => lake.close());

/** A file that no commit names, so many days old. */
async function orphan(table: string, name: string, days: number): Promise<string> {
  const path = join(lake.dir, table, name);
  await writeFile(path, 'rows');
  const then = new Date(Date.now() - days * 86_400_000);
  await utimes(path, then, then);
  return path;
}

test('names what would go, then deletes it; young files and others\' files stay', async () => {
  const [old, young, note] = [await orphan('gold_anomaly_predictions', 'old.parquet', 8), await orphan('gold_anomaly_predictions', 'young.parquet', 6), await orphan('gold_anomaly_predictions', 'note.txt', 8)];
  const rows = await lake.rows('gold_anomaly_predictions', 'SELECT * FROM rows ORDER BY ALL');
  const dry = await runCli(tableVacuumCommand, 'gold_anomaly_predictions', '--dry-run', at());
  expect(dry.text).toBe('gold_anomaly_predictions: 1 file of 4 bytes would go, for nothing of the last 168 hours needs it\n  old.parquet');
  expect(existsSync(old)).toBe(true);
  const { json, code } = await runCli(tableVacuumCommand, 'gold_anomaly_predictions', at(), '--json');
  expect([code, json]).toEqual([0, [{ table: 'gold_anomaly_predictions', dryRun: false, retentionHours: 168, files: 1, bytes: 4, deleted: 1, heldBack: 0, first: ['old.parquet'] }]]);
  expect([old, young, note].map(existsSync)).toEqual([false, true, true]);
  expect(await lake.rows('gold_anomaly_predictions', 'SELECT * FROM rows ORDER BY ALL')).toEqual(rows);
});

test('less than a week needs force, and force needs an answer', async () => {
  await expect(runCli(tableVacuumCommand, 'silver_events', '--retain-hours', '1', at())).rejects.toMatchObject({ code: 'delta/retention' });
  await expect(runCli(tableVacuumCommand, 'silver_events', '--force', at())).rejects.toMatchObject({ code: 'cli/options' });
  await expect(runCli(tableVacuumCommand, 'silver_events', '--retain-hours', '0', '--force', at())).rejects.toMatchObject({ code: 'cli/confirm' });
  expect((await runCli(tableVacuumCommand, 'silver_events', '--retain-hours', '0', '--force', '--yes', at())).text).toMatch(/^silver_events: \d files? of [\d,]+ bytes that nothing of the last 0 hours needs (?:is|are) gone$/);
  await lake.drain();
  expect((await lake.balance()).verdict).toBe('ok');
});

test('what score has yet to read stays, even by force', async () => {
  // Of the file from which 30 was taken before: its vector of then is one that score reads again.
  await lake.ingest([record(120, event('33', { event_type: 'click', timestamp: '2025-04-01T17:59:40Z' }))]);
  await lake.refine();
  const forced = ['silver_events', '--retain-hours', '0', '--force', '--yes', at()];
  expect((await runCli(tableVacuumCommand, ...forced)).notes).toMatch(/more stay: score has read silver_events up to version \d+ only/);
  await lake.score();
  expect((await runCli(tableVacuumCommand, ...forced)).notes).toBe('');
  expect((await lake.balance()).verdict).toBe('ok');
});

test('a table by its address', async () => {
  const old = await orphan('gold_anomaly_predictions', 'old.parquet', 8);
  const { notes } = await runCli(tableVacuumCommand, `${lake.url}/gold_anomaly_predictions`);
  expect(notes).toContain('no known consumers');
  expect(existsSync(old)).toBe(false);
});

test('checkpoint: written once a version', async () => {
  const { version } = await (await lake.lake.table('silver_events')).delta.refresh();
  expect((await runCli(tableCheckpointCommand, 'silver_events', at())).text).toBe(`silver_events has a checkpoint at version ${version} now`);
  expect((await runCli(tableCheckpointCommand, 'silver_events', at())).text).toBe(`silver_events had one at version ${version} already`);
  expect(existsSync(join(lake.dir, 'silver_events', '_delta_log', `${String(version).padStart(20, '0')}.checkpoint.parquet`))).toBe(true);
});
