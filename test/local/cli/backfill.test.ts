import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { backfillSilverCommand } from '../../../local/cli/backfill-silver.ts';
import { runCli } from '../../support/cli.ts';
import { eventsPipelineText } from '../../support/pipelines.ts';
import { event, openTestLake, record } from '../../support/test-lake.ts';
import type { TestLake } from '../../support/test-lake.ts';

let lake: TestLake;
afterEach(() => lake.close());

/** Stricter than the pipeline file that the command reads, and, by hand, one generation older. */
async function strictLake(): Promise<string> {
  lake = await openTestLake({ pipelineText: JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, rules: [{ name: 'low', column: 'value', range: { min: 60 } }] }) });
  await lake.lake.ensureAll();
  await lake.ingest([record(0, event('a')), record(1, event('b', { value: '70' })), record(2, 'nonsense')]);
  await lake.drain();
  for (const name of lake.lake.names) {
    const { delta } = await lake.lake.table(name);
    const { metaData } = await delta.refresh();
    await delta.commit(delta.snapshot, { operation: 'SET TBLPROPERTIES', actions: [{ metaData: { ...metaData, configuration: { ...metaData.configuration, 'assay.generation': '0' } } }], reads: 'table' });
  }
  return `--lake=file:${join(lake.folder, 'lake')}`;
}
const versions = () => Promise.all(lake.lake.names.map(async (name) => (await (await lake.lake.table(name)).delta.refresh()).version));

test('counts, asks, recomputes, and finds nothing more to do', async () => {
  const at = await strictLake();
  const before = await versions();
  const dry = await runCli(backfillSilverCommand, at, '--dry-run');
  expect(dry.text).toContain('quarantine: 1 row valid now');
  expect(dry.text).toContain('Silver: 0 replaced, 1 inserted, 0 deleted, 1 row unchanged');
  await expect(runCli(backfillSilverCommand, at)).rejects.toMatchObject({ code: 'cli/confirm' });
  expect(await versions()).toEqual(before);
  const { json: [done] } = await runCli(backfillSilverCommand, at, '--yes', '--json');
  expect(done).toMatchObject({ dryRun: false, accepted: 1, inserted: 1, unchanged: 1, rejected: {} });
  expect(await lake.rows('silver_events', 'SELECT event_id FROM rows ORDER BY event_id')).toEqual([{ event_id: 'a' }, { event_id: 'b' }]);
  const after = await versions();
  expect((await runCli(backfillSilverCommand, at, '--json')).json[0]).toMatchObject({ accepted: 0, inserted: 0, unchanged: 2 });
  expect(await versions()).toEqual(after);
});

test('days are days', async () => {
  const at = await strictLake();
  expect((await runCli(backfillSilverCommand, at, '--dry-run', '--to', '2001-01-01', '--json')).json[0]).toMatchObject({ accepted: 0, inserted: 0, unchanged: 0 });
  expect((await runCli(backfillSilverCommand, at, '--dry-run', '--from', '2001-01-01', '--json')).json[0]).toMatchObject({ accepted: 1, inserted: 1 });
  for (const day of ['yesterday', '2025-02-30', '2025-1-1']) await expect(runCli(backfillSilverCommand, at, '--from', day)).rejects.toMatchObject({ code: 'cli/options' });
  await expect(runCli(backfillSilverCommand, at, '--from', '2025-02-02', '--to', '2025-02-01')).rejects.toMatchObject({ code: 'cli/options' });
});
