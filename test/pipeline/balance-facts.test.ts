import { beforeEach, describe, expect, test } from 'vitest';
import { removeOf } from '../../shared/delta/actions.ts';
import { collect } from '../support/collect.ts';
import { beforeCommit, commitByHand, liveFiles, rewriteTable } from '../support/foreign-commit.ts';
import { OpenLakes, range } from '../support/lakes.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

const verdicts = async (of: TestLake = lake) => {
  const { verdict, equations } = await of.balance();
  return [verdict, ...new Set(equations.filter((each) => each.verdict !== 'ok').map(({ name }) => name))];
};

/** Two partitions, two topics' lives, duplicates, replacements, rejects and a gap. */
async function fill(): Promise<void> {
  await lake.ingest([record(0, event('a')), record(1, event('a')), record(2, 'bad'), record(5, event('b')), record(0, event('b', { timestamp: '2025-04-01T17:59:30Z' }), { partition: 1 })]);
  await lake.refine();
  lake.broker.id = '22222222-2222-4222-8222-222222222222';
  await lake.ingest([record(0, event('a', { timestamp: '2025-04-01T17:59:30Z', event_type: 'view' })), record(1, '')]);
  await lake.drain();
}

describe('the balance', () => {
  test('is not known to be good before anything ran', async () => {
    expect((await lake.balance()).verdict).not.toBe('broken');
  });

  test('holds after everything, partition by partition, and while stages lag behind', async () => {
    await fill();
    expect(await verdicts()).toEqual(['ok']);
    const lanes = (await lake.balance()).equations.filter(({ name }) => name === 'consumed').map(({ text }) => text);
    expect(lanes).toEqual([
      'events/11111111-1111-4111-8111-111111111111/0: 6 offsets consumed = 4 Bronze rows + 2 gap offsets',
      'events/11111111-1111-4111-8111-111111111111/1: 1 offsets consumed = 1 Bronze rows',
      'events/22222222-2222-4222-8222-222222222222/0: 2 offsets consumed = 2 Bronze rows',
    ]);
    await lake.ingest([record(2, event('c'))]);
    expect(await verdicts()).toEqual(['ok']);
    await lake.refine();
    expect(await verdicts()).toEqual(['ok']);
  });

  test.each([
    { what: 'a Silver row is deleted', table: 'silver_events', select: "SELECT * FROM rows WHERE event_id <> 'a'", broken: ['silver'] },
    { what: 'a Silver row is doubled', table: 'silver_events', select: 'SELECT * FROM rows UNION ALL (SELECT * FROM rows LIMIT 1)', broken: ['silver'] },
    { what: 'a Gold row is deleted', table: 'gold_anomaly_predictions', select: "SELECT * FROM rows WHERE event_id <> 'a'", broken: ['gold'] },
    { what: 'a Gold row is doubled', table: 'gold_anomaly_predictions', select: 'SELECT * FROM rows UNION ALL (SELECT * FROM rows LIMIT 1)', broken: ['gold'] },
    { what: 'a quarantine row is deleted', table: 'quarantine_events', select: 'SELECT * FROM rows LIMIT 1', broken: ['quarantine'] },
    { what: 'a gap is forgotten', table: 'offset_gaps', select: 'SELECT * FROM rows LIMIT 0', broken: ['consumed'] },
  ])('is broken where $what by hand', async ({ table, select, broken }) => {
    await fill();
    await rewriteTable(lake, table, select);
    expect(await verdicts()).toEqual(['broken', ...broken]);
  });

  test('holds where OPTIMIZE rewrote every table', async () => {
    await fill();
    for (const name of ['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions', 'offset_gaps']) await rewriteTable(lake, name, 'SELECT * FROM rows', { dataChange: false });
    expect(await verdicts()).toEqual(['ok']);
  });

  test('is unknown where a file does not say how many rows it holds', async () => {
    await fill();
    const table = await lake.lake.table('gold_anomaly_predictions');
    const [file] = await liveFiles(lake, 'gold_anomaly_predictions');
    await commitByHand(table, [{ remove: removeOf(file, { nowMs: 0, dataChange: true }) }]);
    await commitByHand(table, [{ add: { ...file, stats: null } }]);
    expect(await verdicts()).toEqual(['unknown', 'gold']);
  });

  test('is unknown where Silver\'s counts of a partition are gone', async () => {
    await fill();
    const gone = await lakes.open();
    await gone.ingest([record(0, event('a'))]);
    await gone.refine();
    // A Silver that somebody copied without its log's transactions.
    const store = gone.lake.store.sub('silver_events');
    const appId = `count/duplicate/events/${gone.broker.id}/0`;
    for (const { key } of await collect(store.list('_delta_log/'))) {
      const lines = Buffer.from((await store.get(key))!).toString().split('\n');
      await store.put(key, Buffer.from(lines.filter((line) => !line.includes(appId)).join('\n')));
    }
    expect(await verdicts(await lakes.another(gone))).toEqual(['unknown', 'refined']);
  });

  test('holds for who looks while the same worker refines and scores', async () => {
    await fill();
    for (const i of range(3, 8)) await lake.ingest([record(i, event(`c${i}`)), record(i - 3, i % 2 === 0 ? 'bad' : event('a'), { partition: 2 })]);
    const looks: Promise<string[]>[] = [];
    for (const name of ['silver_events', 'quarantine_events', 'gold_anomaly_predictions']) {
      await beforeCommit(lake, name, () => {
        looks.push(verdicts());
        return Promise.resolve();
      });
    }
    await lake.drain(2);
    expect(await Promise.all(looks)).toEqual([['ok'], ['ok'], ['ok']]);
  });
});
