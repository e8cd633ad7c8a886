import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { compare } from '../../shared/columnar/predicate.ts';
import { setProperties } from '../../shared/delta/operations/alter.ts';
import { restore } from '../../shared/delta/operations/restore.ts';
import { changeTable } from '../../shared/delta/operations/run.ts';
import type { RunDetails } from '../../shared/delta/operations/run.ts';
import { deleteWhere } from '../../shared/delta/operations/upsert.ts';
import type { Predicate } from '../../shared/columnar/predicate.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import { event, openTestLake, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/** Rows that go other than by a better version: expired, erased, taken by a foreign hand, restored (semantics.md, section 6). */
let lake: TestLake;
beforeEach(async () => { lake = await openTestLake(); });
afterEach(() => lake.close());

async function remove(name: string, where: Predicate, removalIntent?: RunDetails['removalIntent']): Promise<void> {
  const table = await lake.lake.table(name);
  await changeTable(table, { operation: 'DELETE', ...(removalIntent ? { removalIntent } : {}) }, (session, snapshot) => deleteWhere(session, table, snapshot, where));
}

const count = async (name: string) => (await lake.rows(name, 'SELECT count(*) AS n FROM rows'))[0]['n'];

test.each([true, false])('expiry inside a file of Bronze does not flow downstream (vectors: %s)', async (vectors) => {
  if (vectors) await setProperties((await lake.lake.table('bronze_events')).delta, { 'delta.enableDeletionVectors': 'true' });
  await lake.ingest([record(0, event('a')), record(1, 'bad'), record(2, 'worse'), record(3, event('b'))]);
  await lake.drain();
  const before = await lake.rows('quarantine_events', 'SELECT "offset" FROM rows ORDER BY ALL');
  await remove('bronze_events', compare('offset', '<', 1n), 'expire');
  await lake.drain();
  expect(await lake.rows('quarantine_events', 'SELECT "offset" FROM rows ORDER BY ALL')).toEqual(before);
  expect(await count('silver_events')).toBe(2n);
  expect((await lake.balance()).verdict).toBe('ok');
});

test('what was erased from Silver goes from Gold; what expired stays there', async () => {
  await lake.ingest([record(0, event('a')), record(1, event('b')), record(2, event('c'))]);
  await lake.drain();
  await remove('silver_events', compare('event_id', '=', 'a'), 'erase');
  await remove('silver_events', compare('event_id', '=', 'b'), 'expire');
  await lake.drain();
  expect(await lake.rows('gold_anomaly_predictions', 'SELECT event_id FROM rows ORDER BY ALL')).toEqual([{ event_id: 'b' }, { event_id: 'c' }]);
});

describe.each(['bronze_events', 'silver_events'])('a foreign removal from %s', (name) => {
  test.each([1, 1_000])('stops the stage until the table is restored as the message says (slices of %i rows)', async (rows) => {
    await lake.ingest([record(0, event('a')), record(1, event('b')), record(2, 'bad')]);
    await lake.ingest([record(3, event('c')), record(4, event('d')), record(5, 'bad')]);
    await lake.drain();
    const version = (await lake.lake.table(name)).delta.snapshot.version;
    await remove(name, compare('offset', '<', 3n));
    const stage = () => (name === 'bronze_events' ? lake.refine(rows) : lake.score(rows));
    await expect(stage()).rejects.toMatchObject({ code: 'pipeline/foreign-removal', message: expect.stringContaining(`assay table restore ${name} --version ${version}`) });
    await restoreLake({ lake: (await lake.another()).lake, table: name, version, clock: systemClock, isDryRun: false });
    await stage();
    await lake.drain(rows);
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await count('gold_anomaly_predictions')).toBe(4n);
  });
});

test('score takes what lies before a foreign removal, and stops there', async () => {
  await lake.ingest([record(0, event('a')), record(1, event('b'))]);
  await lake.drain();
  await lake.ingest([record(2, event('c'))]);
  await lake.refine();
  await remove('silver_events', compare('event_id', '=', 'a'));
  await lake.score();
  expect(await count('gold_anomaly_predictions')).toBe(3n);
  await expect(lake.score()).rejects.toMatchObject({ code: 'pipeline/foreign-removal' });
});

test('a warm worker that only ingests takes in again what a restore of Bronze took away', async () => {
  await lake.ingest([record(0, event('a'))]);
  const batch = [record(1, event('b')), record(2, event('c'))];
  await lake.ingest(batch);
  const { delta } = await (await lake.another()).lake.table('bronze_events');
  await restore(delta, { version: delta.snapshot.version - 1n, nowMs: Date.now(), initialProgress: () => -1n });
  expect(await count('bronze_events')).toBe(1n);
  await lake.ingest(batch);
  expect(await count('bronze_events')).toBe(3n);
});

test('a property that lets progress expire stops workers that have the table open, too', async () => {
  await lake.ingest([record(0, event('a'))]);
  const { delta } = await lake.lake.table('bronze_events');
  // As another engine would: nobody asks it what our tables may have.
  const foreign = (await DeltaTable.open({ store: delta.source.store, codec: delta.source.codec, table: 'bronze_events' }, systemClock))!;
  await setProperties(foreign, { 'delta.setTransactionRetentionDuration': 'interval 1 second' });
  for (const stage of [() => lake.maintain(), () => lake.refine(), () => lake.ingest([record(1, event('b'))])]) await expect(stage()).rejects.toMatchObject({ code: 'lake/progress-expires' });
  expect(delta.snapshot.txns.size).toBeGreaterThan(0);
});
