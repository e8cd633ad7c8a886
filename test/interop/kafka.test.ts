import { Admin, Producer } from '@platformatic/kafka';
import type { MessageToProduce } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KafkaSource } from '../../local/kafka-source.ts';
import type { KafkaSourceOptions } from '../../local/kafka-source.ts';
import { TransientError } from '../../shared/errors.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { TestKafka, missingForKafka } from '../support/kafka-broker.ts';

const missing = missingForKafka();
const never = new AbortController().signal;
const WINDOW_MS = 60_000;

describe.skipIf(missing !== null)(`a real Kafka broker${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: TestKafka;
  let admin: Admin;
  let producer: Producer;
  let broker: KafkaBroker;
  let topics = 0;

  beforeAll(async () => {
    kafka = await TestKafka.start();
    admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.address] });
    producer = new Producer({ clientId: 'test', bootstrapBrokers: [kafka.address] });
    broker = new KafkaBroker({ brokers: [kafka.address], clientId: 'test' });
  });

  afterAll(async () => {
    await Promise.all([admin.close(), producer.close(), broker.close()]);
    await kafka.stop();
  });

  async function newTopic(partitions: number, configs: { name: string; value: string }[] = []): Promise<string> {
    const topic = `events-${topics++}`;
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs });
    // A send before every partition has its leader is repeated whole by the client, which doubles the partitions that had one.
    await broker.offsets(topic);
    return topic;
  }

  function openSource(topic: string, more: Partial<KafkaSourceOptions> = {}): Promise<KafkaSource> {
    return KafkaSource.open({ brokers: [kafka.address], clientId: 'test', topic, group: `group-of-${topic}`, ...more });
  }

  function numbered(topic: string, count: number, partition = 0): MessageToProduce[] {
    return Array.from({ length: count }, (_, i) => ({ topic, partition, value: Buffer.from(String(i)) }));
  }

  test('10,000 records with keys, headers and tombstones arrive once each, batch after committed batch', async () => {
    const topic = await newTopic(4);
    const sent = Array.from({ length: 10_000 }, (_, i) => ({
      topic,
      partition: i % 4,
      key: i % 5 === 0 ? undefined : Buffer.from(`k${i}`),
      value: i % 100 === 0 ? undefined : Buffer.from(i % 77 === 0 ? '' : `v${i}`),
      headers: i % 3 === 0 ? new Map([[Buffer.from('n'), Buffer.from(String(i))]]) : undefined,
      timestamp: BigInt(1_764_000_000_000 + i),
    }));
    await producer.send({ messages: sent, acks: -1 });
    const received: KafkaRecord[] = [];
    // Every other batch by a new member: nothing lost, nothing twice over a clean hand-over.
    while (received.length < sent.length) {
      const source = await openSource(topic);
      for (let batches = 0; batches < 2 && received.length < sent.length; batches++) {
        const batch = await source.poll({ recordsMax: Math.min(3000, sent.length - received.length), windowMs: WINDOW_MS, signal: never });
        received.push(...batch);
        await source.commit(nextOffsets(batch));
      }
      expect(await source.lag()).toBe(BigInt(sent.length - received.length));
      await source.close();
    }
    for (const partition of [0, 1, 2, 3]) {
      const mine = received.filter((record) => record.partition === partition);
      expect(mine.map((record) => record.offset)).toEqual(Array.from({ length: 2500 }, (_, i) => BigInt(i)));
      const expected = sent.filter((message) => message.partition === partition).map(({ key, value, headers, timestamp }) => ({
        key: key ?? null,
        value: value ?? null,
        headers: [...(headers ?? [])].map(([name, bytes]) => ({ key: String(name), value: bytes })),
        timestampMs: Number(timestamp),
        timestampType: 'CreateTime',
      }));
      expect(mine.map(({ topic: _t, partition: _p, offset: _o, ...rest }) => rest)).toEqual(expected);
    }
  });

  test('topic ids differ after a topic is deleted and made again; offsets, times and group offsets are told', async () => {
    const topic = await newTopic(2);
    const first = await broker.topicId(topic);
    expect(first).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await broker.topicId(topic)).toBe(first);
    await producer.send({ messages: [1000n, 2000n, 3000n].map((timestamp) => ({ topic, partition: 1, value: Buffer.from('v'), timestamp })), acks: -1 });
    expect(await broker.offsets(topic)).toEqual([
      { partition: 0, earliest: 0n, latest: 0n },
      { partition: 1, earliest: 0n, latest: 3n },
    ]);
    expect(await broker.offsetForTime(topic, 1500)).toEqual(new Map([[0, 0n], [1, 1n]]));
    expect(await broker.offsetForTime(topic, 3001)).toEqual(new Map([[0, 0n], [1, 3n]]));
    await admin.alterConsumerGroupOffsets({ groupId: 'g', topics: [{ name: topic, partitionOffsets: [{ partition: 1, offset: 2n }] }] });
    expect(await broker.committed('g', topic)).toEqual(new Map([[1, 2n]]));
    await admin.deleteTopics({ topics: [topic] });
    await expect(broker.topicId(topic)).rejects.toThrow(TransientError);
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    expect(await broker.topicId(topic)).not.toBe(first);
  });

  test('aborted transactions do not arrive, and the position passes the markers at the end', async () => {
    const topic = await newTopic(1);
    const transactional = new Producer({ clientId: 'tx', bootstrapBrokers: [kafka.address], transactionalId: `tx-${topic}`, idempotent: true });
    const expected: string[] = [];
    for (const [n, end] of (['abort', 'commit', 'abort', 'abort', 'commit', 'abort'] as const).entries()) {
      const transaction = await transactional.beginTransaction();
      await transaction.send({ messages: ['a', 'b'].map((name) => ({ topic, partition: 0, value: Buffer.from(`${n}${name}`) })) });
      await transaction[end]();
      if (end === 'commit') expected.push(`${n}a`, `${n}b`);
    }
    await transactional.close();
    const source = await openSource(topic);
    const ends = await source.endOffsets();
    expect(ends.get(0)).toBe(18n);
    const received: KafkaRecord[] = [];
    while (!source.reached(ends)) received.push(...(await source.poll({ recordsMax: 100, windowMs: 100, signal: never })));
    expect(received.map((record) => Buffer.from(record.value!).toString())).toEqual(expected);
    await source.commit(nextOffsets(received));
    expect(await source.lag()).toBe(0n);
    await source.close();
  });

  test('LogAppendTime is told with the broker’s time', async () => {
    const topic = await newTopic(1, [{ name: 'message.timestamp.type', value: 'LogAppendTime' }]);
    await producer.send({ messages: [{ topic, partition: 0, value: Buffer.from('v'), timestamp: 1000n }], acks: -1 });
    const source = await openSource(topic);
    const [record] = await source.poll({ recordsMax: 1, windowMs: WINDOW_MS, signal: never });
    expect(record.timestampType).toBe('LogAppendTime');
    expect(record.timestampMs).toBeGreaterThan(1_700_000_000_000);
    await source.close();
  });

  test('offsets that expired are passed over to the first that is left', async () => {
    const topic = await newTopic(1);
    await producer.send({ messages: numbered(topic, 10), acks: -1 });
    const group = `group-of-${topic}`;
    await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 2n }] }] });
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 6n }] }] });
    const source = await openSource(topic);
    const records = await source.poll({ recordsMax: 4, windowMs: WINDOW_MS, signal: never });
    expect(records.map((record) => record.offset)).toEqual([6n, 7n, 8n, 9n]);
    await source.close();
  });

  test('start decides where a group without offsets begins', async () => {
    const topic = await newTopic(1);
    await producer.send({ messages: [1000n, 2000n, 3000n].map((timestamp) => ({ topic, partition: 0, value: Buffer.from('v'), timestamp })), acks: -1 });
    const latest = await openSource(topic, { group: 'latest', start: 'latest' });
    const timed = await openSource(topic, { group: 'timed', start: { timestampMs: 1500 } });
    await producer.send({ messages: numbered(topic, 1), acks: -1 });
    expect((await latest.poll({ recordsMax: 1, windowMs: WINDOW_MS, signal: never })).map((r) => r.offset)).toEqual([3n]);
    expect((await timed.poll({ recordsMax: 3, windowMs: WINDOW_MS, signal: never })).map((r) => r.offset)).toEqual([1n, 2n, 3n]);
    await Promise.all([latest.close(), timed.close()]);
  });

  test('two members share the partitions and lose nothing when one comes and goes', async () => {
    const topic = await newTopic(4);
    const send = (): Promise<unknown> => producer.send({ messages: [0, 1, 2, 3].flatMap((partition) => numbered(topic, 200, partition)), acks: -1 });
    const seen = new Set<string>();
    const step = async (source: KafkaSource): Promise<number> => {
      const batch = await source.poll({ recordsMax: 50, windowMs: 200, signal: never });
      if (batch.length > 0) await source.commit(nextOffsets(batch));
      for (const record of batch) seen.add(`${record.partition}/${record.offset}`);
      return batch.length;
    };
    await send();
    const first = await openSource(topic);
    await step(first);
    const second = await openSource(topic);
    await send();
    let bySecond = 0;
    while (seen.size < 1600) {
      const [, count] = await Promise.all([step(first), step(second)]);
      bySecond += count;
    }
    expect(bySecond).toBeGreaterThan(0);
    await second.close();
    await send();
    while (seen.size < 2400) await step(first);
    expect(await first.lag()).toBe(0n);
    await first.close();
  });

  test('a commit that comes after its partition went to another member does not set that one back', async () => {
    const topic = await newTopic(2);
    await producer.send({ messages: [0, 1].flatMap((partition) => numbered(topic, 10, partition)), acks: -1 });
    const first = await openSource(topic);
    expect(await first.poll({ recordsMax: 20, windowMs: WINDOW_MS, signal: never })).toHaveLength(20);
    const second = await openSource(topic);
    const taken = await second.poll({ recordsMax: 10, windowMs: WINDOW_MS, signal: never });
    const lost = taken[0].partition;
    await second.commit(nextOffsets(taken));
    await first.commit([0, 1].map((partition) => ({ topic, partition, next: 5n })));
    expect(await broker.committed(`group-of-${topic}`, topic)).toEqual(new Map([[lost, 10n], [1 - lost, 5n]]));
    await Promise.all([first.close(), second.close()]);
  });

  test('a topic made again under an open source is read from its beginning', async () => {
    const topic = await newTopic(1);
    await producer.send({ messages: numbered(topic, 5), acks: -1 });
    const source = await openSource(topic);
    const before = await source.poll({ recordsMax: 5, windowMs: WINDOW_MS, signal: never });
    await source.commit(nextOffsets(before));
    await admin.deleteTopics({ topics: [topic] });
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
    producer.clearMetadata();
    await producer.send({ messages: numbered(topic, 8), acks: -1 });
    const after: KafkaRecord[] = [];
    while (after.length < 8) {
      // The old topic's id is refused for a moment: that is a TransientError, and the next poll finds the new one.
      const batch = await source.poll({ recordsMax: 8 - after.length, windowMs: 1000, signal: never }).catch((error: unknown) => {
        if (error instanceof TransientError) return [];
        throw error;
      });
      after.push(...batch);
    }
    expect(after.map((record) => record.offset)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    await source.close();
  });
});

function nextOffsets(records: readonly KafkaRecord[]): { topic: string; partition: number; next: bigint }[] {
  const last = new Map(records.map((record) => [record.partition, record]));
  return [...last.values()].map(({ topic, partition, offset }) => ({ topic, partition, next: offset + 1n }));
}
