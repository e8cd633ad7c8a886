import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog } from '../../local/event-log/event-log.ts';
import { KafkaFacade } from '../../local/kafka-facade.ts';
import { systemClock } from '../../shared/clock.ts';
import { TransientError } from '../../shared/errors.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';

let dir: string;
let log: EventLog;
let facade: KafkaFacade;
let broker: KafkaBroker;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-broker-'));
  log = EventLog.open({ dir });
  facade = await KafkaFacade.start({ log });
  broker = new KafkaBroker({ brokers: [facade.address], clientId: 'test' });
});

afterEach(async () => {
  await broker.close();
  await facade.close();
  log.close();
  rmSync(dir, { recursive: true });
});

function appendAt(partition: number, timestampsMs: readonly number[]): void {
  log.append('events', new Map([[partition, timestampsMs.map((timestampMs) => ({ key: null, value: null, headers: [], timestampMs }))]]));
}

describe('KafkaBroker, asking the facade', () => {
  test('tells the topic id, and another one after the topic was made again', async () => {
    const { id } = log.createTopic({ name: 'events', partitions: 3, seed: 7 });
    expect(await broker.topicId('events')).toBe(id);
    log.deleteTopic('events');
    const again = log.createTopic({ name: 'events', partitions: 3, seed: 7, idSalt: 'again' });
    expect(await broker.topicId('events')).toBe(again.id);
    expect(again.id).not.toBe(id);
  });

  test('tells where partitions start and end, and the offset for a time', async () => {
    log.createTopic({ name: 'events', partitions: 2, seed: 7 });
    appendAt(1, [1000, 2000, 1500]);
    expect(await broker.offsets('events')).toEqual([
      { partition: 0, earliest: 0n, latest: 0n },
      { partition: 1, earliest: 0n, latest: 3n },
    ]);
    expect(await broker.offsetForTime('events', 1200)).toEqual(new Map([[0, 0n], [1, 1n]]));
    expect(await broker.offsetForTime('events', 9999)).toEqual(new Map([[0, 0n], [1, 3n]]));
  });

  test('tells a group’s committed offsets; never committed is absent', async () => {
    log.createTopic({ name: 'events', partitions: 2, seed: 7 });
    log.commit('g', [{ topic: 'events', partition: 1, next: 2n }]);
    expect(await broker.committed('g', 'events')).toEqual(new Map([[1, 2n]]));
    expect(await broker.committed('other', 'events')).toEqual(new Map());
  });

  test('reads offsets again as they were written, in several calls where there are limits', async () => {
    const { id } = log.createTopic({ name: 'events', partitions: 2, seed: 7 });
    const headers = [{ key: 'h', value: Buffer.from([255]) }, { key: 'n', value: null }];
    log.append('events', new Map([[1, Array.from({ length: 40 }, (_v, i) => ({ key: i % 2 === 0 ? null : Buffer.from(`k${i}`), value: i === 5 ? null : Buffer.from(`v${i}`), headers: i === 4 ? headers : [], timestampMs: 1000 + i }))]]));
    const from = { topic: 'events', topicId: id, partition: 1 };
    const ranges = [{ firstOffset: 3n, lastOffset: 5n }, { firstOffset: 20n, lastOffset: 20n }, { firstOffset: 30n, lastOffset: 39n }];
    const all = await broker.read(from, ranges, { recordsMax: 100, bytesMax: 1 << 20 });
    expect(all.records.map(({ offset }) => Number(offset))).toEqual([3, 4, 5, 20, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
    expect(all.records[1]).toEqual({ topic: 'events', partition: 1, offset: 4n, timestampMs: 1004, timestampType: 'CreateTime', key: null, value: Buffer.from('v4'), headers });
    expect(all.records[2]).toMatchObject({ key: Buffer.from('k5'), value: null });
    expect([all.missing, all.next]).toEqual([[], 40n]);
    expect((await broker.read(from, ranges, { recordsMax: 4, bytesMax: 1 << 20 })).next).toBe(30n);
    expect((await broker.read(from, ranges, { recordsMax: 100, bytesMax: 1 })).next).toBe(4n);
  });

  test('what lies past the end, and the records of a topic that was made again, are unavailable', async () => {
    const { id } = log.createTopic({ name: 'events', partitions: 1, seed: 7 });
    appendAt(0, [1, 2]);
    broker = new KafkaBroker({ brokers: [facade.address], clientId: 'test' }, { ...systemClock, sleep: () => Promise.resolve() });
    const [ranges, limits] = [[{ firstOffset: 1n, lastOffset: 4n }], { recordsMax: 10, bytesMax: 1 << 20 }];
    const read = await broker.read({ topic: 'events', topicId: id, partition: 0 }, ranges, limits);
    expect([read.records.length, read.missing, read.next]).toEqual([1, [{ firstOffset: 2n, lastOffset: 4n, cause: 'unavailable' }], 5n]);
    log.deleteTopic('events');
    log.createTopic({ name: 'events', partitions: 1, seed: 7, idSalt: 'again' });
    appendAt(0, [1, 2, 3, 4, 5]);
    expect((await broker.read({ topic: 'events', topicId: id, partition: 0 }, ranges, limits)).missing).toEqual([{ firstOffset: 1n, lastOffset: 4n, cause: 'unavailable' }]);
    log.deleteTopic('events');
    await expect(broker.read({ topic: 'events', topicId: id, partition: 0 }, ranges, limits)).rejects.toThrow(TransientError);
  });

  test('a broker that dies while records are read is a TransientError, and its next life answers', async () => {
    const { id } = log.createTopic({ name: 'events', partitions: 1, seed: 7 });
    appendAt(0, [1, 2]);
    const read = () => broker.read({ topic: 'events', topicId: id, partition: 0 }, [{ firstOffset: 0n, lastOffset: 0n }], { recordsMax: 1, bytesMax: 1 });
    expect((await read()).records.length).toBe(1);
    const { port } = new URL(`tcp://${facade.address}`);
    await facade.close();
    await expect(read()).rejects.toThrow(TransientError);
    facade = await KafkaFacade.start({ log, port: Number(port) });
    expect((await read()).records.length).toBe(1);
  });

  test('an unknown topic and a broker that is gone are TransientErrors, never "none"', async () => {
    await expect(broker.topicId('nope')).rejects.toThrow(TransientError);
    log.createTopic({ name: 'events', partitions: 1, seed: 7 });
    await broker.topicId('events');
    const { port } = new URL(`tcp://${facade.address}`);
    await facade.close();
    await expect(broker.topicId('events')).rejects.toThrow(TransientError);
    await expect(broker.offsets('events')).rejects.toThrow(facade.address);
    // The kept connection is made anew when the broker is back.
    facade = await KafkaFacade.start({ log, port: Number(port) });
    expect(await broker.topicId('events')).toBe(log.topic('events')!.id);
  });
});
