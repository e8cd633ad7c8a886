import { beforeEach, describe, expect, test } from 'vitest';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { TableError } from '../../shared/errors.ts';
import { beforeCommit, liveFiles, rewriteTable } from '../support/foreign-commit.ts';
import { OpenLakes, range } from '../support/lakes.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
let offset: number;
beforeEach(async () => {
  lake = await lakes.open();
  offset = 0;
});

const SHARED = 'event_id, event_type, timestamp, value';
const at = (second: number) => new Date(Date.parse('2025-04-01T17:00:00Z') + second * 1000).toISOString();
const land = (...events: [id: string, fields: Record<string, unknown>][]) => lake.ingest(events.map(([id, fields]) => record(offset++, event(id, fields))));

async function expectGoldIsSilver(of: TestLake = lake): Promise<void> {
  const [silver, gold] = await Promise.all(['silver_events', 'gold_anomaly_predictions'].map((name) => of.rows(name, `SELECT ${SHARED} FROM rows ORDER BY event_id`)));
  expect(gold).toEqual(silver);
  expect((await of.balance()).verdict).toBe('ok');
}

const scores = () => lake.rows('gold_anomaly_predictions', 'SELECT event_id, value, anomaly_score, anomaly_flag, reason, model_version FROM rows ORDER BY event_id');

async function commits(name: string): Promise<bigint> {
  return (await (await lake.lake.table(name)).delta.refresh()).version;
}

describe('Gold', () => {
  test('is Silver by key after inserts, replacements, moves between partitions and losers', async () => {
    for (const round of range(0, 5)) {
      await land(
        [`new ${round}`, { timestamp: at(round), value: String(round) }],
        ['kept', { timestamp: at(100 - round), value: '1' }],
        ['moved', { timestamp: at(round), event_type: ['click', 'view', 'purchase'][round % 3], value: String(100 + round) }],
      );
      if (round % 2 === 0) await lake.refine();
      if (round % 3 === 0) await lake.drain();
    }
    await lake.drain();
    await expectGoldIsSilver();
    expect(await scores()).toHaveLength(8);
  });

  test('takes in several Silver versions at once as one by one: the same scores', async () => {
    const other = await lakes.open();
    for (const round of range(0, 4)) {
      const records = range(0, 5).map((i) => record(round * 6 + i, event(`k${(round + i) % 7}`, { timestamp: at(round * 10 + i), value: String((i * 37) % 100) })));
      for (const worker of [lake, other]) {
        await worker.ingest(records);
        await worker.refine();
      }
      // One scores each version, in slices of a row; both have chosen their model on the same rows.
      await lake.score(1);
      if (round === 0) await other.score();
    }
    await lake.drain(1);
    await other.drain();
    const columns = `${SHARED}, anomaly_score, anomaly_flag, reason, model_version`;
    const [one, all] = await Promise.all([lake, other].map((worker) => worker.rows('gold_anomaly_predictions', `SELECT ${columns} FROM rows ORDER BY event_id`)));
    expect(all).toEqual(one);
    await expectGoldIsSilver(other);
  });

  test('drained twice there is nothing to do; what held no rows does not wait for some', async () => {
    await land(['a', {}]);
    await lake.drain();
    const before = await commits('gold_anomaly_predictions');
    await lake.drain();
    expect(await commits('gold_anomaly_predictions')).toBe(before);
    await lake.ingest([record(offset++, 'bad')]);
    await lake.drain();
    const { delta } = await lake.lake.table('gold_anomaly_predictions');
    const silver = await lake.lake.table('silver_events');
    expect(progressOf(delta.snapshot, `score/${silver.delta.id}`)).toBe(silver.delta.snapshot.version);
    expect(progressOf(delta.snapshot, `score-from/${silver.delta.id}`)).toBe(silver.delta.snapshot.version - 1n);
    expect(await lake.score()).toEqual({ kind: 'nothing-to-do' });
  });

  test('a rewrite that changes no row is none: not one of OPTIMIZE, not one that says it changed data', async () => {
    await land(['a', {}], ['b', { event_type: 'view' }]);
    await lake.drain();
    const before = await scores();
    const files = (await liveFiles(lake, 'gold_anomaly_predictions')).map(({ path }) => path);
    await rewriteTable(lake, 'silver_events', 'SELECT * FROM rows', { dataChange: false });
    await lake.drain();
    await rewriteTable(lake, 'silver_events', 'SELECT * FROM rows ORDER BY event_id DESC');
    expect(await lake.score()).toMatchObject({ kind: 'committed', rows: 0 });
    expect(await scores()).toEqual(before);
    expect((await liveFiles(lake, 'gold_anomaly_predictions')).map(({ path }) => path)).toEqual(files);
    await expectGoldIsSilver();
  });

  test('an update by another engine is scored, a removal stops the stage', async () => {
    await land(['a', { value: '1' }], ['b', { value: '2' }]);
    await lake.drain();
    await rewriteTable(lake, 'silver_events', "SELECT * REPLACE (CASE event_id WHEN 'a' THEN 77.0 ELSE value END AS value) FROM rows");
    expect(await lake.score()).toMatchObject({ rows: 1 });
    await expectGoldIsSilver();
    await rewriteTable(lake, 'silver_events', "SELECT * FROM rows WHERE event_id <> 'b'");
    const before = await commits('gold_anomaly_predictions');
    await expect(lake.score()).rejects.toMatchObject({ constructor: TableError, code: 'pipeline/foreign-removal' });
    expect(await commits('gold_anomaly_predictions')).toBe(before);
  });

  test('scores are the model\'s: a score below zero is a flag and has a reason, an extreme has both', async () => {
    await land(...range(0, 63).map((i): [string, Record<string, unknown>] => [`k${i}`, { value: String(i) }]), ['far', { value: '1e9' }]);
    await lake.drain();
    for (const row of await scores()) {
      expect(row['anomaly_flag']).toBe((row['anomaly_score'] as number) < 0 ? -1 : 1);
      expect(row['reason'] === null).toBe(row['anomaly_flag'] === 1);
    }
    expect((await scores()).find((row) => row['event_id'] === 'far')).toMatchObject({ anomaly_flag: -1 });
  });
});

describe('several workers', () => {
  test('score at once: each row once', async () => {
    const other = await lakes.another(lake);
    await land(['a', {}], ['b', {}]);
    await lake.refine();
    await Promise.all([lake.score(), other.score()]);
    await expectGoldIsSilver();
  });

  test('one that was overtaken plans again', async () => {
    const other = await lakes.another(lake);
    for (const round of range(0, 3)) {
      await land([`a${round}`, {}], ['b', { timestamp: at(round) }]);
      await lake.refine();
    }
    await beforeCommit(other, 'gold_anomaly_predictions', async () => { await lake.score(2); });
    await other.score();
    await other.drain();
    await expectGoldIsSilver();
  });
});

describe('the model', () => {
  const history = () => lake.rows('model_history', 'SELECT model_name, version FROM rows');

  test('is chosen once, before the first score, and kept by every later worker', async () => {
    await land(['a', { value: '1' }]);
    await lake.drain();
    expect(await history()).toHaveLength(1);
    await land(['b', { value: '1e6' }]);
    const later = await lakes.another(lake);
    await later.drain();
    expect(await history()).toHaveLength(1);
    expect(new Set((await scores()).map((row) => row['model_version'])).size).toBe(1);
  });

  test('is one, though two workers choose at once on different rows', async () => {
    const other = await lakes.another(lake);
    await land(...range(0, 30).map((i): [string, Record<string, unknown>] => [`a${i}`, { value: String(1e6 + i) }]));
    await lake.refine();
    await beforeCommit(other, 'model_history', async () => {
      await land(...range(0, 30).map((i): [string, Record<string, unknown>] => [`b${i}`, { value: String(2e6 + i) }]));
      await lake.drain();
    });
    await other.score();
    await other.drain();
    expect(await history()).toHaveLength(1);
    expect(new Set((await scores()).map((row) => row['model_version'])).size).toBe(1);
    await expectGoldIsSilver();
  });
});

describe('Silver\'s versions are gone that score has yet to read', () => {
  /** Everything below a checkpoint of the newest version, as an operator cleans who does not ask. */
  const cleanLog = async () => {
    const { delta } = await lake.lake.table('silver_events');
    const { version } = await delta.refresh();
    await delta.checkpoint();
    for (let each = 0n; each < version; each++) await delta.source.store.delete(commitKey(each));
  };
  const history = async () => {
    await land(['kept', { value: '1' }], ['moved', { value: '2' }], ['gone', { value: '3' }]);
    await lake.drain();
    await land(['moved', { timestamp: at(3600), event_type: 'view', value: '5' }], ['new', { value: '6' }], ['newer', { value: '7' }]);
    await lake.refine();
    await land(['kept', { timestamp: at(3600), value: '8' }]);
    await lake.refine();
  };

  test.each([250_000, 1])('it compares Silver with Gold by key, slices of %i rows', async (sliceRows) => {
    await history();
    await cleanLog();
    const other = await lakes.another(lake);
    await other.drain(sliceRows);
    await expectGoldIsSilver(other);
    const { delta } = await other.lake.table('gold_anomaly_predictions');
    const said: unknown[] = [];
    for await (const { actions } of delta.versions(1n, delta.snapshot.version)) said.push(...actions.flatMap(({ commitInfo }) => commitInfo?.operationParameters?.['reread'] ?? []));
    expect(said).toHaveLength(sliceRows === 1 ? 4 : 1);
    expect(said[0]).toMatch(/^"silver_events version \d+: versions after \d+ are gone"$/);
    await land(['after', { value: '9' }]);
    await other.drain();
    await expectGoldIsSilver(other);
  });

  test('keys that a backfill or a replacement took from Silver go from Gold; rows that somebody else took stop it', async () => {
    await history();
    await rewriteTable(lake, 'silver_events', 'SELECT * FROM rows WHERE event_id <> \'gone\'');
    await cleanLog();
    const other = await lakes.another(lake);
    await expect(other.score()).rejects.toMatchObject({ code: 'pipeline/foreign-removal', retry: 'never' });
    // As a backfill counts what it takes away.
    const { delta } = await other.lake.table('silver_events');
    const [count] = [...(await delta.refresh()).txns.values()].filter(({ appId }) => appId.startsWith('count/silver/'));
    await delta.commit(delta.snapshot, { operation: 'WRITE', actions: [{ txn: { ...count, version: count.version - 1n } }], reads: 'table' });
    await cleanLog();
    await other.drain();
    const ids = (await other.rows('gold_anomaly_predictions', 'SELECT event_id FROM rows ORDER BY event_id')).map((row) => row['event_id']);
    expect(ids).toEqual(['kept', 'moved', 'new', 'newer']);
  });
});
