import { beforeEach, describe, expect, test } from 'vitest';
import { collect } from '../support/collect.ts';
import { OpenLakes, bronzeOffsets, consumed, listedGaps, range, stretch } from '../support/lakes.ts';
import { ordersPipelineText } from '../support/pipelines.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

describe('where a partition starts', () => {
  test('earliest: at the log\'s start; what expired before is no gap, what is missing after it is one', async () => {
    lake.broker.earliest = 100n;
    await lake.ingest(stretch(102, 103));
    expect(await listedGaps(lake)).toEqual(['0: 100-101 unavailable']);
    expect(await consumed(lake)).toEqual(['ok 4 offsets consumed = 2 Bronze rows + 2 gap offsets']);
  });

  test('earliest: what was delivered counts although retention has passed it', async () => {
    lake.broker.earliest = 100n;
    await lake.ingest(stretch(98, 101));
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(98, 101) });
  });

  test('is fixed once: a log start that moves on later changes nothing', async () => {
    await lake.ingest(stretch(0, 1));
    lake.broker.earliest = 50n;
    await lake.ingest(stretch(60, 60));
    expect(await listedGaps(lake)).toEqual(['0: 2-49 expired', '0: 50-59 unavailable']);
    expect(await consumed(lake)).toEqual(['ok 61 offsets consumed = 3 Bronze rows + 58 gap offsets']);
  });

  test('by a commit of txns alone, before the first rows, also where it is −1', async () => {
    await lake.ingest(stretch(0, 1));
    const bronze = await lake.lake.table('bronze_events');
    const versions = await collect(bronze.delta.versions(1n, 2n));
    expect(versions[0].actions.some(({ add }) => add)).toBe(false);
    expect(versions[0].actions.find(({ txn }) => txn?.appId === `bronze/events/${lake.broker.id}/0`)?.txn?.version).toBe(-1n);
    expect(versions[1].actions.filter(({ add }) => add)).toHaveLength(1);
  });

  const startingAt = async (start: unknown) => {
    const text = JSON.stringify({ ...JSON.parse(ordersPipelineText()) as object, topics: [{ name: 'events', start }] });
    return lakes.open({ pipelineText: text });
  };

  test('latest: at the group\'s committed offset', async () => {
    const worker = await startingAt('latest');
    worker.broker.byGroup.set(0, 40n);
    await worker.ingest(stretch(42, 43));
    expect(await listedGaps(worker)).toEqual(['0: 40-41 unavailable']);
    expect(await consumed(worker)).toEqual(['ok 4 offsets consumed = 2 Bronze rows + 2 gap offsets']);
  });

  test('latest: what was delivered counts although the group has passed it', async () => {
    const worker = await startingAt('latest');
    worker.broker.byGroup.set(0, 45n);
    await worker.ingest(stretch(42, 46));
    expect(await bronzeOffsets(worker)).toEqual({ 0: range(42, 46) });
  });

  test('latest without a committed offset: at the batch\'s first', async () => {
    const worker = await startingAt('latest');
    await worker.ingest(stretch(42, 43));
    expect(await listedGaps(worker)).toEqual([]);
    expect(await consumed(worker)).toEqual(['ok 2 offsets consumed = 2 Bronze rows']);
  });

  test('a time: at the offset the broker gives; rows before it are dropped, those missing after it are a gap', async () => {
    const worker = await startingAt({ timestamp_ms: 1_743_465_600_000 });
    worker.broker.byTime = new Map([[0, 5n], [1, 5n]]);
    await worker.ingest([...stretch(0, 7, 0), ...stretch(7, 8, 1), ...stretch(2, 4, 2)]);
    expect(await bronzeOffsets(worker)).toEqual({ 0: range(5, 7), 1: range(7, 8), 2: range(2, 4) });
    expect(await listedGaps(worker)).toEqual(['1: 5-6 unavailable']);
    expect((await consumed(worker)).filter((line) => !line.startsWith('ok'))).toEqual([]);
  });

  test('a time past a whole batch lands nothing of it, and what comes after', async () => {
    const worker = await startingAt({ timestamp_ms: 1_743_465_600_000 });
    worker.broker.byTime = new Map([[0, 5n]]);
    expect(await worker.ingest(stretch(0, 4))).toEqual({ kind: 'nothing-to-do' });
    await worker.ingest(stretch(5, 6));
    expect(await bronzeOffsets(worker)).toEqual({ 0: [5, 6] });
    expect(await consumed(worker)).toEqual(['ok 2 offsets consumed = 2 Bronze rows']);
  });

  test('a later incarnation always starts at the log\'s start, whatever the setting', async () => {
    const worker = await startingAt('latest');
    worker.broker.byGroup.set(0, 40n);
    await worker.ingest(stretch(40, 41));
    worker.broker.id = '22222222-2222-4222-8222-222222222222';
    await worker.ingest(stretch(3, 4));
    expect(await bronzeOffsets(worker)).toEqual({ 0: [3, 4, 40, 41] });
    expect(await listedGaps(worker)).toEqual(['0: 0-2 unavailable']);
  });
});

