import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog } from '../../local/event-log/event-log.ts';
import { KafkaFacade } from '../../local/kafka-facade.ts';
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
