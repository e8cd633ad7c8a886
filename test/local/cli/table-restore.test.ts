import { afterEach, beforeEach, expect, test } from 'vitest';
import { tableReadCommand } from '../../../local/cli/table-read.ts';
import { tableRestoreCommand } from '../../../local/cli/table-restore.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
const at = () => `--lake=${lake.url}`;
const versionOf = async (name: string) => (await (await lake.lake.table(name)).delta.refresh()).version;
beforeEach(async () => { lake = await openCliLake(); });
afterEach(() => lake.close());

test('says what it would do, does it after --yes, and what was consumed since is consumed again', async () => {
  const [silver, rows] = [await versionOf('silver_events'), await lake.rows('silver_events', 'SELECT * EXCLUDE processed_at FROM rows ORDER BY ALL')];
  const bronze = (await lake.lake.table('bronze_events')).delta;
  const dry = await runCli(tableRestoreCommand, 'silver_events', '--version', '1', '--dry-run', at(), '--json');
  expect(dry.json[0]).toMatchObject({ dryRun: true, tables: [{ table: 'silver_events', likeVersion: 1, committedAs: null }] });
  expect(await versionOf('silver_events')).toBe(silver);
  const { json, notes, code } = await runCli(tableRestoreCommand, 'silver_events', '--version', '1', '--yes', at(), '--json');
  expect(code).toBe(0);
  expect(notes).toContain('refine');
  const [{ tables: [restored] }] = json as [{ tables: [{ committedAs: number; progress: { appId: string; from: number; to: number }[] }] }];
  expect(restored.committedAs).toBe(Number(silver) + 1);
  expect(restored.progress).toContainEqual({ appId: `refine/${bronze.id}`, from: Number(bronze.snapshot.version), to: Number(bronze.snapshot.version) - 1 });
  await lake.drain();
  expect(await lake.rows('silver_events', 'SELECT * EXCLUDE processed_at FROM rows ORDER BY ALL')).toEqual(rows);
  expect((await lake.balance()).verdict).toBe('ok');
});

// A file under another vector is another file, as in Spark's RESTORE: where one row of it was replaced, it goes and comes back, beside what was added.
// Copied, the same file comes back for the one that has its other rows and the new ones.
test.each([['true', 4], ['false', 3]])('for people: each table, and every progress that changes, with deletion vectors: %s', async (vectors, removed) => {
  await lake.close();
  lake = await openCliLake({ properties: { 'delta.enableDeletionVectors': vectors } });
  const rowsThen = async (version: number) => (await runCli(tableReadCommand, 'silver_events', '--version', String(version), '--order', 'event_id', at(), '--json')).json;
  const first = await rowsThen(1);
  const { text, notes } = await runCli(tableRestoreCommand, 'bronze_events', '--version', '2', '--yes', at());
  expect(text.split('\n').map((line) => line.replaceAll(/[0-9a-f-]{36}/g, 'ID').replaceAll(/ +/g, ' '))).toEqual([
    'bronze_events is like version 2, as version 4: 0 files came back, 1 went',
    ' bronze/events/ID/0 119 → 59', ' count/bronze/events/ID/0 120 → 60',
    `silver_events is like version 1, as version 3: 1 file came back, ${removed} went`,
    ' refine/ID 3 → 4', ...['bronze', 'silver', 'superseded', 'quarantine'].map((term) => expect.stringMatching(new RegExp(`^ count/${term}/events/ID/0 \\d+ → \\d+$`)) as string),
    'quarantine_events: 1 row of what is no longer true went',
  ]);
  expect(notes).toContain('consumer group');
  expect(await rowsThen(3)).toEqual(first);
  const worker = await lake.another();
  await worker.drain();
  expect([(await worker.balance()).verdict, await worker.rows('gold_anomaly_predictions', 'SELECT event_id FROM rows ORDER BY ALL')]).toEqual(['ok', first.map((row) => ({ event_id: (row as { event_id: string }).event_id }))]);
});

test('is refused without --yes where nobody can be asked, without a version, and for a table of no lake', async () => {
  const before = await versionOf('gold_anomaly_predictions');
  await expect(runCli(tableRestoreCommand, 'gold_anomaly_predictions', '--version', '1', at())).rejects.toMatchObject({ code: 'cli/confirm' });
  await expect(runCli(tableRestoreCommand, 'gold_anomaly_predictions', '--yes', at())).rejects.toMatchObject({ code: 'cli/options' });
  await expect(runCli(tableRestoreCommand, `${lake.url}/gold_anomaly_predictions`, '--version', '1', '--yes')).rejects.toMatchObject({ code: 'cli/options' });
  await expect(runCli(tableRestoreCommand, 'gold_anomaly_predictions', '--version', '99', '--yes', at())).rejects.toMatchObject({ code: 'delta/no-such-version' });
  expect(await versionOf('gold_anomaly_predictions')).toBe(before);
});

test('to what the table is like already says so and needs no answer', async () => {
  const { code, json } = await runCli(tableRestoreCommand, 'offset_gaps', '--version', '0', at(), '--json');
  expect([code, json]).toEqual([0, [{ dryRun: false, tables: [expect.objectContaining({ committedAs: null, filesRestored: 0, filesRemoved: 0, progress: [] })] }]]);
});
