import { beforeEach, describe, expect, test } from 'vitest';
import type { AddFile } from '../../shared/delta/actions.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { planBins } from '../../shared/delta/operations/plan-compaction.ts';
import type { WriteObserver } from '../../shared/pipeline/observer.ts';
import { beforeCommit, liveFiles } from '../support/foreign-commit.ts';
import { collect } from '../support/collect.ts';
import { patientClock } from '../support/delta.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { OpenLakes, range } from '../support/lakes.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const MB = 1024 * 1024;
const DAY_MS = 86_400_000;

function snapshotOf(files: readonly Partial<AddFile>[]): Snapshot {
  const adds = files.map((file, i): AddFile => ({ path: `f${i}`, partitionValues: {}, size: 1, modificationTime: i, dataChange: true, ...file }));
  return { metaData: { partitionColumns: ['day'] }, files: new Map(adds.map((add) => [add.path, add])) } as unknown as Snapshot;
}

const binSizes = (files: readonly Partial<AddFile>[]) => planBins(snapshotOf(files), { filesMin: 8 }).map((bin) => bin.length);

describe('planBins', () => {
  test.each([
    { what: 'seven small files are left alone', files: range(1, 7).map(() => ({})), bins: [] },
    { what: 'eight are merged', files: range(1, 8).map(() => ({})), bins: [8] },
    { what: 'large files are left alone', files: range(1, 20).map(() => ({ size: 64 * MB })), bins: [] },
    { what: 'bins end at the target size', files: range(1, 40).map(() => ({ size: 8 * MB })), bins: [16, 16, 8] },
    { what: 'each partition by itself, null and empty too', files: range(0, 23).map((i) => ({ partitionValues: { day: [null, 'a', 'b'][i % 3] } })), bins: [8, 8, 8] },
  ])('$what', ({ files, bins }) => {
    expect(binSizes(files)).toEqual(bins);
  });

  test('the oldest come first, for they stay together', () => {
    const [bin] = planBins(snapshotOf(range(0, 7).map((i) => ({ modificationTime: 100 - i }))), { filesMin: 8 });
    expect(bin.map(({ path }) => path)).toEqual(range(0, 7).map((i) => `f${7 - i}`));
  });
});

describe('maintain', () => {
  const lakes = new OpenLakes();
  let lake: TestLake;
  let offset: number;
  beforeEach(async () => {
    lake = await lakes.open();
    offset = 0;
  });

  const land = async (...events: [id: string, fields: Record<string, unknown>][]) => {
    await lake.ingest(events.map(([id, fields]) => record(offset++, event(id, fields))));
    await lake.refine();
  };
  const content = async () => Promise.all(['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions'].map(async (name) =>
    lake.rows(name, 'SELECT md5(string_agg(rows::VARCHAR, \'|\' ORDER BY rows::VARCHAR)) AS digest, count(*) AS n FROM (SELECT * FROM rows) rows')));

  test('merges files and changes no row; nothing flows on, nothing is left to do', async () => {
    for (const i of range(0, 8)) await land([`a${i}`, {}], [`b${i}`, { event_type: 'view' }], ['bad', { value: 'x' }]);
    await lake.drain();
    const before = await content();
    expect(await lake.maintain()).toMatchObject({ kind: 'committed', more: false });
    expect(await content()).toEqual(before);
    expect((await liveFiles(lake, 'silver_events'))).toHaveLength(2);
    expect((await liveFiles(lake, 'bronze_events'))).toHaveLength(1);
    expect(await lake.maintain()).toEqual({ kind: 'nothing-to-do' });
    await lake.drain();
    expect(await content()).toEqual(before);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('rows that were replaced after the bins were planned do not come back', async () => {
    for (const i of range(0, 7)) await land([`a${i}`, { event_type: 'click' }], [`b${i}`, { event_type: 'view' }]);
    const other = await lakes.another(lake);
    // Between the first bin and the second another worker replaces rows of both.
    await beforeCommit(lake, 'silver_events', async () => {
      await other.ingest([record(offset++, event('a3', { timestamp: '2025-04-01T17:59:30Z', value: '1' })), record(offset++, event('b3', { event_type: 'view', timestamp: '2025-04-01T17:59:30Z', value: '1' }))]);
      await other.refine();
    }, (operation) => operation === 'OPTIMIZE');
    await lake.maintain();
    expect(await lake.rows('silver_events', 'SELECT event_id FROM rows GROUP BY 1 HAVING count(*) > 1')).toEqual([]);
    expect(await lake.rows('silver_events', 'SELECT event_id FROM rows WHERE value = 1 ORDER BY 1')).toEqual([{ event_id: 'a3' }, { event_id: 'b3' }]);
    await lake.drain();
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('tells what was there before, and vacuums once a day what nobody needs any more', async () => {
    const clock = patientClock();
    const seen: string[] = [];
    const observe: WriteObserver = (task) => ({ adds, before = [] }) => { if (before.length > 0) seen.push(`${task} ${before.length} to ${adds.length}`); };
    lake = await lakes.open({ clock, store: new MemoryStore({ clock }), observe });
    for (const i of range(0, 8)) await land([`a${i}`, {}]);
    await lake.drain();
    await lake.maintain();
    expect(seen.splice(0)).toEqual(['optimize 9 to 1', 'optimize 9 to 1']);
    const objects = async () => (await collect(lake.lake.store.list('silver_events/'))).filter(({ key }) => key.endsWith('.parquet') && !key.includes('_delta_log')).length;
    expect(await objects()).toBe(10);
    // What a stage has yet to read stays: the versions of this very run, until there is something new.
    await land(['last', {}]);
    await lake.drain();
    clock.advance(8 * DAY_MS);
    const before = await content();
    await lake.maintain();
    expect(seen.splice(0).toSorted()).toEqual(['vacuum 9 to 0', 'vacuum 9 to 0']);
    expect(await objects()).toBe(2);
    expect(await content()).toEqual(before);
    await lake.maintain();
    expect(seen).toEqual([]);
  });

  describe('logs', () => {
    let said: string[];
    let clock: ReturnType<typeof patientClock>;
    beforeEach(async () => {
      said = [];
      clock = patientClock();
      lake = await lakes.open({ clock, store: new MemoryStore({ clock }), say: (line) => said.push(line) });
    });
    const commits = async (table: string) => {
      const keys = (await collect(lake.lake.store.list(`${table}/_delta_log/`))).map((info) => info.key);
      return keys.filter((name) => /\d{20}\.json$/.test(name)).map((name) => Number(name.slice(-25, -5)));
    };
    /** A slice a day, and then as long as the log is kept. */
    const age = async (days: number, refineToo: boolean) => {
      for (let day = 0; day < days; day++) {
        clock.advance(DAY_MS);
        await lake.ingest([record(offset++, event(`e${offset}`))]);
        if (refineToo) await lake.drain();
        await lake.maintain();
      }
      clock.advance(31 * DAY_MS);
    };

    test('lose what is older than they are kept, once a checkpoint is', async () => {
      await age(25, true);
      const before = await content();
      await lake.maintain();
      expect((await commits('bronze_events'))[0]).toBeGreaterThan(10);
      expect((await commits('silver_events'))[0]).toBeGreaterThan(10);
      const fresh = await lakes.another(lake);
      expect((await (await fresh.lake.table('bronze_events')).delta.refresh()).files.size).toBeGreaterThan(0);
      expect(await content()).toEqual(before);
      expect(said).toEqual([]);
      await lake.ingest([record(offset++, event('late'))]);
      await lake.drain();
      expect((await lake.balance()).verdict).toBe('ok');
    });

    test('stay as far as a stage has yet to read them, and somebody is told', async () => {
      await age(25, false);
      await lake.maintain();
      expect((await commits('bronze_events'))[0]).toBe(0);
      expect(said).toEqual([expect.stringContaining('bronze_events: its log is older than it needs to be, and stays: refine has read up to version -1 only') as string]);
      await lake.drain();
      clock.advance(DAY_MS);
      await lake.maintain();
      expect((await commits('bronze_events'))[0]).toBeGreaterThan(10);
      expect((await lake.balance()).verdict).toBe('ok');
    });
  });
});
