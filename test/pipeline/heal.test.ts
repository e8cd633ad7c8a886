import { beforeEach, describe, expect, test } from 'vitest';
import { TransientError } from '../../shared/errors.ts';
import { heal } from '../../shared/pipeline/heal.ts';
import { laneAppId, planLane } from '../../shared/pipeline/bronze-plan.ts';
import { collect } from '../support/collect.ts';
import { OpenLakes, bronzeOffsets, consumed, listedGaps, range, stretch } from '../support/lakes.ts';
import { TestBroker, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

const versionOf = async () => (await (await lake.lake.table('bronze_events')).delta.refresh()).version;

describe('a gap', () => {
  test('in front and inside is read into the batch\'s own commit; what can\'t be read is listed with its cause', async () => {
    await lake.ingest(stretch(0, 1));
    lake.broker.keep(stretch(0, 40));
    lake.broker.lose('aborted', [4, 5]);
    lake.broker.lose('transaction_marker', [6]);
    lake.broker.lose('compacted', [11]);
    const before = await versionOf();
    expect(await lake.ingest([...stretch(8, 9), ...stretch(14, 15)])).toMatchObject({ rows: 4 + 6 });
    expect(await versionOf()).toBe(before + 1n);
    expect(await bronzeOffsets(lake)).toEqual({ 0: [0, 1, 2, 3, 7, 8, 9, 10, 12, 13, 14, 15] });
    expect(await listedGaps(lake)).toEqual(['0: 4-5 aborted', '0: 6-6 transaction_marker', '0: 11-11 compacted']);
    expect(await consumed(lake)).toEqual(['ok 16 offsets consumed = 12 Bronze rows + 4 gap offsets']);
  });

  test('that expired, after the group lost its offsets, is listed as far as it expired', async () => {
    await lake.ingest(stretch(0, 4));
    lake.broker.keep(stretch(0, 40));
    lake.broker.earliest = 12n;
    await lake.ingest(stretch(20, 21));
    expect(await listedGaps(lake)).toEqual(['0: 5-11 expired']);
    expect(await bronzeOffsets(lake)).toEqual({ 0: [...range(0, 4), ...range(12, 21)] });
  });

  test('is read as the trigger would have delivered it, and with the type of its time', async () => {
    const headers = [{ key: 'h', value: Buffer.from([0xff]) }, { key: 'n', value: null }];
    lake.broker.keep([{ ...record(0, null, { timestampMs: -1 }), headers, timestampType: 'LogAppendTime' }, { ...record(1, Buffer.from([0xff])), key: Buffer.from([0xfe]) }]);
    await lake.ingest(stretch(2, 2));
    const [first, second] = await lake.rows('bronze_events', 'SELECT * FROM rows ORDER BY "offset"');
    expect(first).toMatchObject({ value: null, value_bytes: null, key: null, key_bytes: null, kafka_timestamp: null, timestamp_type: 'LogAppendTime' });
    expect((first['headers'] as { key: string; value: Uint8Array | null }[]).map(({ key, value }) => [key, value === null ? null : [...value]])).toEqual([['h', [255]], ['n', null]]);
    expect([...(second['key_bytes'] as Uint8Array), ...(second['value_bytes'] as Uint8Array)]).toEqual([254, 255]);
  });

  test('of two partitions, and of a partition without one, are one commit', async () => {
    lake.broker.keep([...stretch(0, 9), ...stretch(0, 9, 1)]);
    await lake.ingest([...stretch(3, 4), ...stretch(2, 2, 1), ...stretch(0, 1, 2)]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 4), 1: range(0, 2), 2: [0, 1] });
    // The table, the starts, the rows.
    expect(await versionOf()).toBe(2n);
  });

  test('that the broker does not answer for lands nothing: ingest waits', async () => {
    await lake.ingest(stretch(0, 1));
    lake.broker.read = () => Promise.reject(new TransientError('kafka/no-answer', 'away'));
    await expect(lake.ingest(stretch(5, 6))).rejects.toThrow(TransientError);
    expect([await bronzeOffsets(lake), await listedGaps(lake)]).toEqual([{ 0: [0, 1] }, []]);
  });

  test('is not asked for where another worker landed it', async () => {
    const other = await lakes.another(lake);
    lake.broker.keep(stretch(0, 20));
    await other.ingest(stretch(0, 0));
    await lake.ingest(stretch(0, 9));
    const { reads } = lake.broker;
    await other.ingest(stretch(10, 11));
    expect(lake.broker.reads).toBe(reads);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 11) });
  });

  test('flows on to Silver and Gold', async () => {
    lake.broker.keep(stretch(0, 9));
    await lake.ingest(stretch(5, 6));
    await lake.drain();
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await lake.rows('silver_events', 'SELECT count(*) AS n FROM rows')).toEqual([{ n: 7n }]);
  });
});

describe('a gap larger than one commit takes', () => {
  const limited = async () => {
    lake = await lakes.open({ healLimits: { recordsMax: 4, bytesMax: 1 << 20 } });
    lake.broker.keep([...stretch(0, 40), ...stretch(0, 40, 1)]);
  };

  test('is healed in several, in offset order, each with its progress, before the batch\'s rows', async () => {
    await limited();
    expect(await lake.ingest(stretch(10, 11))).toMatchObject({ kind: 'committed', rows: 12, more: false });
    const bronze = await lake.lake.table('bronze_events');
    const versions = await collect(bronze.delta.versions(2n, bronze.delta.snapshot.version));
    const appId = `bronze/events/${lake.broker.id}/0`;
    expect(versions.map(({ actions }) => actions.find(({ txn }) => txn?.appId === appId)!.txn!.version)).toEqual([3n, 7n, 11n]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 11) });
  });

  test('keeps what it has done when the worker dies in between', async () => {
    await limited();
    const read = lake.broker.read.bind(lake.broker);
    let left = 3;
    lake.broker.read = (...asked) => (left-- === 0 ? Promise.reject(new TransientError('kafka/no-answer', 'away')) : read(...asked));
    await expect(lake.ingest([...stretch(10, 11)])).rejects.toThrow(TransientError);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 7) });
    expect((await consumed(lake))).toEqual(['ok 8 offsets consumed = 8 Bronze rows']);
    lake.broker.read = read;
    await lake.ingest(stretch(10, 11));
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 11) });
  });

  test('of several partitions, with gaps inside and offsets that are no more', async () => {
    await limited();
    lake.broker.lose('compacted', [1, 3, 5, 13], 1);
    await lake.ingest([...stretch(7, 8), ...stretch(12, 12), ...stretch(6, 6, 1), ...stretch(15, 15, 1), ...stretch(0, 0, 2)]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 12), 1: range(0, 15).filter((offset) => ![1, 3, 5, 13].includes(offset)), 2: [0] });
    expect((await consumed(lake)).filter((line) => !line.startsWith('ok'))).toEqual([]);
  });

  test('by bytes, too', async () => {
    lake = await lakes.open({ healLimits: { recordsMax: 1_000, bytesMax: 250 } });
    lake.broker.keep(stretch(0, 9));
    await lake.ingest(stretch(10, 10));
    expect(await versionOf()).toBeGreaterThan(4n);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 10) });
  });

  test('two workers at it at once land each offset once', async () => {
    await limited();
    const other = await lakes.another(lake);
    await Promise.all([lake.ingest([...stretch(17, 19), ...stretch(3, 3, 1)]), other.ingest([...stretch(12, 19), ...stretch(9, 9, 1)])]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 19), 1: range(0, 9) });
    expect((await consumed(lake)).filter((line) => !line.startsWith('ok'))).toEqual([]);
  });
});

describe('heal', () => {
  const lane = { topic: 'events', incarnation: 'i', partition: 0 };
  const plan = (offsets: readonly number[], topicId: string | null) =>
    planLane({ ...lane, appId: laneAppId(lane), topicId, records: offsets.map((offset) => record(offset, 'x')) }, -1n)!;

  test('asks nobody about a life that is over', async () => {
    const broker = new TestBroker();
    const healed = await heal([plan([2, 5], null)], broker, { recordsMax: 10, bytesMax: 10 });
    expect(broker.reads).toBe(0);
    expect(healed.missing.map(({ firstOffset, lastOffset, cause }) => `${firstOffset}-${lastOffset} ${cause}`)).toEqual(['0-1 unavailable', '3-4 unavailable']);
    expect([healed.more, healed.plans[0].lastOffset]).toEqual([false, 5n]);
  });

  test('asks nobody where nothing is missing', async () => {
    const broker = new TestBroker();
    expect(await heal([plan([0, 1], 'i')], broker, { recordsMax: 1, bytesMax: 1 })).toMatchObject({ more: false, missing: [] });
    expect(broker.reads).toBe(0);
  });
});
