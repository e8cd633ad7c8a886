import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin, Consumer } from '@platformatic/kafka';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog } from '../../local/event-log/event-log.ts';
import type { NewRecord } from '../../local/event-log/record-codec.ts';
import { KafkaFacade } from '../../local/kafka-facade.ts';
import { crc32c } from '../../local/kafka-facade/record-batch.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';

let dir: string;
let log: EventLog;
let facade: KafkaFacade;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-facade-'));
  log = EventLog.open({ dir });
  facade = await KafkaFacade.start({ log });
});

afterEach(async () => {
  await facade.close();
  log.close();
  rmSync(dir, { recursive: true });
});

const records: NewRecord[] = [
  { key: Buffer.from('k'), value: Buffer.from('a'), headers: [{ key: 'h', value: Buffer.from([255]) }, { key: 'n', value: null }], timestampMs: 1000 },
  { key: null, value: null, headers: [], timestampMs: 2000 },
  { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [], timestampMs: 1500 },
];

describe('the facade', () => {
  test('lists topics and a group’s offsets to a plain Admin', async () => {
    log.createTopic({ name: 'a', partitions: 1, seed: 1 });
    log.createTopic({ name: 'b', partitions: 2, seed: 1 });
    log.commit('g', [{ topic: 'b', partition: 1, next: 5n }]);
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [facade.address] });
    try {
      expect((await admin.listTopics()).sort()).toEqual(['a', 'b']);
      const [group] = await admin.listConsumerGroupOffsets({ groups: ['g'] });
      expect(group.topics.map((t) => [t.name, t.partitions.map((p) => [p.partitionIndex, p.committedOffset])])).toEqual([['b', [[1, 5n]]]]);
      const metadata = await admin.metadata({ topics: ['b'] });
      expect(metadata.topics.get('b')!.partitions.map((p) => p.leader)).toEqual([0, 0]);
    } finally {
      await admin.close();
    }
  });

  test('a plain consumer re-reads records with keys, headers, nulls and times', async () => {
    const { id } = log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    log.append('events', new Map([[0, records]]));
    const consumer = new Consumer({ clientId: 'test', groupId: 'unused', bootstrapBrokers: [facade.address] });
    try {
      consumer.topics.track('events');
      const partition = { partition: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1 << 20 };
      const fetch = (fetchOffset: bigint, maxWaitTime: number): ReturnType<typeof consumer.fetch> =>
        consumer.fetch({ node: 0, maxWaitTime, minBytes: 1, topics: [{ topicId: id, partitions: [{ ...partition, fetchOffset }] }] });
      const [batch] = (await fetch(0n, 0)).responses[0].partitions[0].records!;
      expect(batch.records.map((r) => [r.key, r.value, r.headers, batch.firstTimestamp + r.timestampDelta])).toEqual(
        records.map((r) => [r.key, r.value, r.headers.map((h) => [Buffer.from(h.key), h.value]), BigInt(r.timestampMs)]),
      );
      expect((await fetch(3n, 0)).responses[0].partitions[0].records).toEqual([]);
      const waiting = fetch(3n, 4000);
      log.append('events', new Map([[0, [records[0]]]]));
      expect((await waiting).responses[0].partitions[0].records![0].firstOffset).toBe(3n);
      await expect(fetch(9n, 0)).rejects.toThrow();
    } finally {
      await consumer.close(true);
    }
  });

  test('a broken request closes its connection and no other', async () => {
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    const [, port] = facade.address.split(':');
    for (const request of ['00000004ffffffff', '7fffffff', '0000000a000300630000000000000000', '0000000b0003000c00000001ffff00']) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      socket.end(Buffer.from(request, 'hex'));
      socket.resume();
      await once(socket, 'close');
    }
    const broker = new KafkaBroker({ brokers: [facade.address], clientId: 'test' });
    expect(await broker.topicId('events')).toBe(log.topic('events')!.id);
    await broker.close();
  });

  test('answers an ApiVersions request of an unknown version in version 0 with error 35', async () => {
    const [, port] = facade.address.split(':');
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(Buffer.from('0000000a0012006300000007ffff', 'hex'));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(reply.readInt32BE(4)).toBe(7);
    expect(reply.readInt16BE(8)).toBe(35);
  });

  test('CRC-32C gives the check value of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  });
});
