import { beforeEach, describe, expect, test } from 'vitest';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import type { RequestKind } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import { OpenLakes, stretch } from '../support/lakes.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/** Storage requests of a warm worker, exactly: they do not depend on the machine, and they are the bill. */
const lakes = new OpenLakes();
let lake: TestLake;
let meter: Meter;
let offset: number;

async function cost(work: () => Promise<unknown>): Promise<Partial<Record<RequestKind, number>>> {
  const before = meter.read();
  await work();
  const { byOperation } = meterDifference(meter.read(), before);
  return Object.fromEntries(Object.entries(byOperation).filter(([, requests]) => requests > 0));
}

beforeEach(async () => {
  meter = new Meter();
  lake = await lakes.open({ store: new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' }), checkpointInterval: 1_000n });
  offset = 0;
  for (let round = 0; round < 2; round++) {
    await land(3);
    await lake.drain();
  }
});

const land = (rows: number) => lake.ingest(stretch(offset, (offset += rows) - 1));

describe('ingest', () => {
  test('a commit is one data file and one log entry, whatever the number of rows', async () => {
    expect(await cost(() => land(1))).toEqual({ put: 2 });
    expect(await cost(() => land(500))).toEqual({ put: 2 });
  });

  test('asks the broker for no record where none is missing, and nobody for more than the topic\'s id', async () => {
    const { reads } = lake.broker;
    await land(500);
    expect(lake.broker.reads).toBe(reads);
  });

  test('a gap is one read of the broker, and of storage a look at the log; its records are in the batch\'s own file', async () => {
    const { reads } = lake.broker;
    lake.broker.keep(stretch(offset, offset + 9));
    offset += 10;
    expect(await cost(() => land(3))).toEqual({ list: 1, put: 2 });
    expect(lake.broker.reads).toBe(reads + 1);
  });

  test('no checkpoint is its work: refine writes Bronze\'s, the checkpoint, and the hint read and written', async () => {
    const worker = await lakes.another(lake, { checkpointInterval: 20n });
    await worker.ingest([record(offset, event('x'))]);
    for (let i = 1; i <= 20; i++) expect(await cost(() => worker.ingest([record(offset + i, event('x'))]))).toEqual({ put: 2 });
    const { checkpointVersion, version } = (await worker.lake.table('bronze_events')).delta.snapshot;
    expect(checkpointVersion).toBe(-1n);
    expect(await cost(() => worker.refine())).toMatchObject({ put: 2 + 2 });
    expect((await worker.lake.table('bronze_events')).delta.snapshot.checkpointVersion).toBe(version);
  });

  test('unless nobody has written one for ten intervals', async () => {
    const worker = await lakes.another(lake, { checkpointInterval: 2n });
    await worker.ingest([record(offset, event('x'))]);
    const costs: unknown[] = [];
    for (let i = 1; i <= 30; i++) costs.push(await cost(() => worker.ingest([record(offset + i, event('x'))])));
    const overdue = costs.flatMap((each, i) => (JSON.stringify(each) === '{"put":2}' ? [] : [[i, each]]));
    expect(overdue).toEqual([[14, { get: 1, put: 4 }]]);
  });

  test('of what is known already looks whether a restore has undone it', async () => {
    expect(await cost(() => lake.ingest(stretch(0, 2)))).toEqual({ list: 1 });
  });

  test('of a second partition: its start, then its rows', async () => {
    expect(await cost(() => lake.ingest([record(0, event('x'), { partition: 1 })]))).toEqual({ put: 3 });
  });
});

describe('an idle tick', () => {
  test('of refine lists where the log goes on', async () => {
    expect(await cost(() => lake.refine())).toEqual({ list: 1 });
  });

  test('of score likewise', async () => {
    expect(await cost(() => lake.score())).toEqual({ list: 1 });
  });

  test('stays so cheap after compaction and after slices without rows', async () => {
    for (let i = 0; i < 8; i++) await land(1);
    await lake.maintain();
    await lake.drain();
    expect(await cost(() => lake.refine())).toEqual({ list: 1 });
    expect(await cost(() => lake.score())).toEqual({ list: 1 });
  });
});

/** Each table's news are one listing; a version that it shows is a GET, unless this worker wrote it. */
describe('a busy tick', () => {
  test('of refine: the news of three tables, the slice\'s version and its file; Silver\'s file and log entry', async () => {
    await land(3);
    expect(await cost(() => lake.refine())).toEqual({ get: 1 + 1, list: 3, put: 2 });
  });

  test('of refine with rejected rows: their file and log entry more', async () => {
    await lake.ingest([record(offset++, 'bad'), record(offset++, event('new'))]);
    expect(await cost(() => lake.refine())).toEqual({ get: 2, list: 3, put: 4 });
  });

  test('of score: the news of Silver, Gold and the model\'s history, the slice\'s version and its file; Gold\'s file and log entry', async () => {
    await land(3);
    await lake.refine();
    expect(await cost(() => lake.score())).toEqual({ get: 1 + 1, list: 3, put: 2 });
  });

  test('that replaces a row reads and rewrites the file it is in, nothing else, where files are copied', async () => {
    lake = await lakes.open({ store: new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' }), checkpointInterval: 1_000n, properties: { 'delta.enableDeletionVectors': 'false' } });
    offset = 0;
    for (let round = 0; round < 3; round++) {
      await land(3);
      await lake.drain();
    }
    await lake.ingest([record(offset++, event('0-0', { timestamp: '2025-04-01T17:59:30Z' }))]);
    // Silver's file is here since it was scored, Gold's is not.
    expect(await cost(() => lake.refine())).toEqual({ get: 2, list: 3, put: 2 });
    expect(await cost(() => lake.score())).toEqual({ get: 2 + 1, list: 3, put: 2 });
  });
});

describe('with deletion vectors, a busy tick', () => {
  const ROWS = 10_000;
  let bytesOut: number;
  beforeEach(async () => {
    const store = new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' });
    lake = await lakes.open({ store, checkpointInterval: 1_000n, properties: { 'delta.enableDeletionVectors': 'true' } });
    for (const rows of [ROWS, 1]) {
      await land(rows);
      await lake.drain();
    }
  });
  const replace = (ids: readonly number[]) => lake.ingest(ids.map((id) => record(offset++, event(`0-${id + 6}`, { timestamp: '2025-04-01T17:59:30Z' }))));
  const requests = async (stage: () => Promise<unknown>) => {
    const before = meter.read();
    const found = await cost(stage);
    ({ bytesOut } = meterDifference(meter.read(), before));
    return found;
  };

  test('that replaces a row reads the file it is in, and writes that row and a vector', async () => {
    const [{ size }] = (await lake.lake.table('silver_events')).delta.snapshot.files.values();
    await replace([0]);
    expect(await requests(() => lake.refine())).toEqual({ get: 2, list: 3, put: 2 + 1 });
    expect(bytesOut).toBeLessThan(size / 2);
    // The large files are here since the round before looked into them; the vector is not.
    expect(await requests(() => lake.score())).toEqual({ get: 2 + 1, list: 3, put: 2 + 1 });
    expect(bytesOut).toBeLessThan(size / 2);
  });

  test('that replaces many puts their vectors into a file, which the next stage reads', async () => {
    await replace(Array.from({ length: 300 }, (_value, i) => i * 3));
    expect(await requests(() => lake.refine())).toEqual({ get: 2, list: 3, put: 2 + 1 });
    expect(await requests(() => lake.score())).toEqual({ get: 2 + 1, list: 3, put: 2 + 1 });
    expect((await lake.balance()).verdict).toBe('ok');
  });
});
