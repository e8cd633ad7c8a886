import { beforeEach, describe, expect, test } from 'vitest';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { TransientError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { OpenLakes, bronzeOffsets, consumed, listedGaps, range, stretch } from '../support/lakes.ts';
import { ordersPipelineText } from '../support/pipelines.ts';
import { record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

describe('redelivery', () => {
  test('the same batch again lands nothing', async () => {
    expect(await lake.ingest(stretch(0, 9))).toMatchObject({ kind: 'committed', rows: 10 });
    expect(await lake.ingest(stretch(0, 9))).toEqual({ kind: 'nothing-to-do' });
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 9) });
  });

  test('of a part of a batch, of overlaps and of other cuts only the uncovered rows land', async () => {
    await lake.ingest(stretch(0, 9));
    expect(await lake.ingest(stretch(4, 6))).toEqual({ kind: 'nothing-to-do' });
    expect(await lake.ingest(stretch(5, 14))).toMatchObject({ rows: 5 });
    expect(await lake.ingest([...stretch(0, 2), ...stretch(13, 17)])).toMatchObject({ rows: 3 });
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 17) });
    expect(await listedGaps(lake)).toEqual([]);
  });

  test('one partition of a batch is known, another is not', async () => {
    await lake.ingest(stretch(0, 4, 1));
    await lake.ingest([...stretch(0, 3, 0), ...stretch(2, 6, 1), ...stretch(0, 1, 2)]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 3), 1: range(0, 6), 2: range(0, 1) });
  });

  test('a batch of nothing asks nobody and commits nothing', async () => {
    expect(await lake.ingest([])).toEqual({ kind: 'nothing-to-do' });
  });
});

describe('several workers', () => {
  test('the same batch on two workers at once lands once', async () => {
    const other = await lakes.another(lake);
    const outcomes = await Promise.all([lake.ingest(stretch(0, 99)), other.ingest(stretch(0, 99))]);
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['committed', 'nothing-to-do']);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 99) });
  });

  test('overlapping batches on two workers at once land each offset once', async () => {
    const other = await lakes.another(lake);
    await Promise.all([lake.ingest([...stretch(0, 59), ...stretch(0, 9, 1)]), other.ingest([...stretch(0, 89), ...stretch(0, 4, 2)])]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 89), 1: range(0, 9), 2: range(0, 4) });
    expect(await consumed(lake)).toHaveLength(3);
    expect((await consumed(lake)).filter((line) => !line.startsWith('ok'))).toEqual([]);
  });

  test('other partitions are no reason to plan again: the data file stays', async () => {
    const other = await lakes.another(lake);
    await lake.ingest([...stretch(0, 0, 0), ...stretch(0, 0, 1)]);
    await other.ingest(stretch(0, 0, 0));
    await lake.ingest(stretch(1, 5, 0));
    await other.ingest(stretch(1, 5, 1));
    expect(await bronzeOffsets(other)).toEqual({ 0: range(0, 5), 1: range(0, 5) });
    const files = (await (await lake.lake.table('bronze_events')).delta.refresh()).files.size;
    expect(files).toBe(3);
  });

  test('a worker that was away does not take for a gap what another one landed meanwhile', async () => {
    const other = await lakes.another(lake);
    await lake.ingest(stretch(0, 4));
    await other.ingest(stretch(0, 4));
    await lake.ingest(stretch(5, 20));
    await other.ingest(stretch(21, 25));
    expect(await bronzeOffsets(other)).toEqual({ 0: range(0, 25) });
    expect(await listedGaps(other)).toEqual([]);
    expect(await consumed(other)).toEqual(['ok 26 offsets consumed = 26 Bronze rows']);
  });
});

describe('what a row holds', () => {
  const row = async (of: TestLake = lake) => {
    const [found] = await of.rows('bronze_events', 'SELECT * FROM rows ORDER BY "offset" DESC LIMIT 1');
    return found;
  };
  const land = async (change: Partial<KafkaRecord>) => {
    await lake.ingest([{ ...record(0, 'x'), ...change }]);
    return row();
  };

  test.each([
    { what: 'text', value: Buffer.from('héllo'), text: 'héllo', bytes: null },
    { what: 'a tombstone', value: null, text: null, bytes: null },
    { what: 'zero length', value: Buffer.alloc(0), text: null, bytes: null },
    { what: 'not UTF-8', value: Buffer.from([0xff, 0xfe]), text: null, bytes: [0xff, 0xfe] },
    { what: 'an overlong NUL', value: Buffer.from([0xc0, 0x80]), text: null, bytes: [0xc0, 0x80] },
    { what: 'an encoded surrogate', value: Buffer.from([0xed, 0xa0, 0x80]), text: null, bytes: [0xed, 0xa0, 0x80] },
    { what: 'a NUL inside text', value: Buffer.from('a\0b'), text: 'a\0b', bytes: null },
    { what: 'the last code point and a noncharacter', value: Buffer.from('\u{10FFFF}\uFFFE'), text: '\u{10FFFF}\uFFFE', bytes: null },
    { what: 'a byte order mark', value: Buffer.from('\uFEFF{}'), text: '\uFEFF{}', bytes: null },
    { what: 'spaces only', value: Buffer.from(' \n'), text: ' \n', bytes: null },
  ])('a value that is $what', async ({ value, text, bytes }) => {
    const landed = await land({ value });
    expect(landed['value']).toBe(text);
    expect(landed['value_bytes'] === null ? null : [...(landed['value_bytes'] as Uint8Array)]).toEqual(bytes);
  });

  test.each([
    { what: 'none', key: null, text: null, bytes: null },
    { what: 'text', key: Buffer.from('k'), text: 'k', bytes: null },
    { what: 'bytes', key: Buffer.from([0, 0xff]), text: null, bytes: [0, 0xff] },
  ])('a key that is $what', async ({ key, text, bytes }) => {
    const landed = await land({ key });
    expect(landed['key']).toBe(text);
    expect(landed['key_bytes'] === null ? null : [...(landed['key_bytes'] as Uint8Array)]).toEqual(bytes);
  });

  test('headers keep order, repeats, empty and absent values and bytes', async () => {
    const headers = [{ key: 'a', value: Buffer.from([0, 1]) }, { key: '', value: Buffer.alloc(0) }, { key: 'a', value: null }, { key: 'ü', value: Buffer.from('x') }];
    await lake.ingest([{ ...record(0, 'x'), headers }]);
    const [landed] = await lake.rows('bronze_events', 'SELECT headers FROM rows');
    const found = (landed['headers'] as { key: string; value: Uint8Array | null }[]).map(({ key, value }) => [key, value === null ? null : [...value]]);
    expect(found).toEqual([['a', [0, 1]], ['', []], ['a', null], ['ü', [120]]]);
  });

  test.each([
    { what: 'as it is', timestampMs: 1_743_530_400_123, us: 1_743_530_400_123_000n },
    { what: 'of the epoch', timestampMs: 0, us: 0n },
    { what: 'none', timestampMs: -1, us: null },
    { what: 'before the epoch', timestampMs: -86_400_000, us: null },
    { what: 'the last of the year 9999', timestampMs: 253_402_300_799_999, us: 253_402_300_799_999_000n },
    { what: 'past every calendar', timestampMs: 253_402_300_800_000, us: null },
    { what: 'the greatest a producer can write', timestampMs: 2 ** 63, us: null },
  ])('a broker timestamp: $what', async ({ timestampMs, us }) => {
    expect((await land({ timestampMs }))['kafka_timestamp']).toBe(us);
  });

  test('the type of the timestamp where it is known', async () => {
    expect((await land({ timestampType: 'LogAppendTime' }))['timestamp_type']).toBe('LogAppendTime');
  });

  test('a topic of bytes has bytes only, also where they are text', async () => {
    const orders = await lakes.open({ pipelineText: ordersPipelineText() });
    await orders.ingest([record(0, 'x', { topic: 'orders.us' })]);
    const landed = await row(orders);
    expect([landed['value'], [...(landed['value_bytes'] as Uint8Array)]]).toEqual([null, [120]]);
  });

  test('offsets keep every digit', async () => {
    lake.broker.earliest = 2n ** 62n + 1n;
    await lake.ingest([{ ...record(0, 'x'), offset: 2n ** 62n + 1n }]);
    expect((await row())['offset']).toBe(2n ** 62n + 1n);
  });
});

describe('incarnations and names', () => {
  test('a topic recreated starts again: its offsets are other records', async () => {
    await lake.ingest(stretch(0, 5));
    lake.broker.id = '22222222-2222-4222-8222-222222222222';
    expect(await lake.ingest(stretch(0, 2))).toMatchObject({ rows: 3 });
    expect(await lake.rows('bronze_events', 'SELECT incarnation, count(*) AS n, max("offset") AS last FROM rows GROUP BY 1 ORDER BY 1')).toEqual([
      { incarnation: '11111111-1111-4111-8111-111111111111', n: 6n, last: 5n },
      { incarnation: '22222222-2222-4222-8222-222222222222', n: 3n, last: 2n },
    ]);
    expect((await consumed(lake)).map((line) => line.split(' ')[0])).toEqual(['ok', 'ok']);
  });

  test('a failed question for the topic\'s id lands nothing', async () => {
    lake.broker.topicId = () => Promise.reject(new TransientError('kafka/no-answer', 'away'));
    await expect(lake.ingest(stretch(0, 1))).rejects.toThrow(TransientError);
    expect(await bronzeOffsets(lake)).toEqual({});
  });

  test('a topic named 123 keeps its name', async () => {
    await lake.ingest([record(0, 'x', { topic: '123' })]);
    expect(await lake.rows('bronze_events', 'SELECT topic, "partition" FROM rows')).toEqual([{ topic: '123', partition: 0 }]);
    const bronze = await (await lake.lake.table('bronze_events')).delta.refresh();
    expect(progressOf(bronze, `bronze/123/${lake.broker.id}/0`)).toBe(0n);
  });

  test('a topic whose name begins like another\'s is not its later incarnation', async () => {
    const text = JSON.stringify({ ...JSON.parse(ordersPipelineText()) as object, topics: [{ name: 'a', start: 'latest' }, { name: 'ab', start: 'latest' }] });
    const worker = await lakes.open({ pipelineText: text });
    await worker.ingest([record(7, 'x', { topic: 'ab' })]);
    worker.broker.id = '22222222-2222-4222-8222-222222222222';
    await worker.ingest([record(9, 'x', { topic: 'a' })]);
    expect(await listedGaps(worker)).toEqual([]);
  });
});
