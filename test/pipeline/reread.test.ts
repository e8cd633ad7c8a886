import { expect, test } from 'vitest';
import { commitKey } from '../../shared/delta/log-path.ts';
import { OpenLakes } from '../support/lakes.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/** On DuckDB, to Gold; what can happen on the way is swept in test/crash/reread.test.ts. */
const lakes = new OpenLakes();
const later = { timestamp: '2025-04-01T17:59:30Z' };
const batches = [
  [record(0, event('kept', { value: '70' })), record(1, 'nonsense'), record(2, event('twice'))],
  [record(3, event('kept', { ...later, value: '52' })), record(4, event('other')), record(0, event('kept', { value: '30' }), { partition: 1 })],
  [record(5, event('other')), record(6, event('kept', { timestamp: '2025-04-01T17:59:40Z', value: '33', event_type: 'view' })), record(7, 'more nonsense')],
  [record(8, event('new')), record(1, event('new', later), { partition: 1 })],
];

async function cleanLog(lake: TestLake, name: string): Promise<void> {
  const { delta } = await lake.lake.table(name);
  const { version } = await delta.refresh();
  await delta.checkpoint();
  for (let each = 0n; each < version; each++) await delta.source.store.delete(commitKey(each));
}
const tables = async (lake: TestLake) => ({
  silver: await lake.rows('silver_events', 'SELECT * EXCLUDE (processed_at, ingested_at, bronze_version, incarnation) FROM rows ORDER BY event_id'),
  quarantine: await lake.rows('quarantine_events', 'SELECT "partition" AS p, "offset" AS o, reason, resolved_at FROM rows ORDER BY p, o'),
  gold: await lake.rows('gold_anomaly_predictions', 'SELECT event_id, event_type, value, anomaly_score FROM rows ORDER BY event_id'),
});

test.each([250_000, 2])('refine and score were away for longer than the logs: the tables are those of a lake without a pause, slices of %i rows', async (sliceRows) => {
  const [lake, straight] = [await lakes.open(), await lakes.open()];
  for (const [i, batch] of batches.entries()) {
    for (const each of [lake, straight]) await each.ingest(batch);
    if (i < 2) await lake.drain();
    // Both choose their model on the same rows.
    if (i === 1) await straight.drain();
  }
  await straight.drain();
  await cleanLog(lake, 'bronze_events');
  const other = await lakes.another(lake);
  while ((await other.refine(sliceRows)).kind !== 'nothing-to-do');
  await cleanLog(other, 'silver_events');
  const last = await lakes.another(lake);
  await last.drain(sliceRows);
  expect(await tables(last)).toEqual(await tables(straight));
  expect((await last.balance()).verdict).toBe('ok');
});

test('a lake without Silver, over a Bronze whose log begins later: all of it is taken', async () => {
  const lake = await lakes.open();
  for (const batch of batches) await lake.ingest(batch);
  await cleanLog(lake, 'bronze_events');
  const other = await lakes.another(lake);
  await other.drain(2);
  expect(await other.rows('silver_events', 'SELECT event_id FROM rows ORDER BY event_id')).toEqual(['kept', 'new', 'other', 'twice'].map((event_id) => ({ event_id })));
  expect((await other.balance()).verdict).toBe('ok');
});
