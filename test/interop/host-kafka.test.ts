import { Admin, Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaSourceOptions } from '../../local/kafka-source.ts';
import { KafkaSource } from '../../local/kafka-source.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { KafkaOptions } from '../../shared/host-check.ts';
import { kafkaOptions, readHostSettings } from '../../shared/host-check.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import { TestKafka, missingForKafka } from '../support/kafka-broker.ts';
import { TriggerProcess } from '../support/trigger-process.ts';

/** The trigger of azure.md 1.3 against a real group coordinator: rebalances, a member that does not poll, a frozen one. */
const missing = missingForKafka();
const never = new AbortController().signal;
const PARTITIONS = 2;
/** What the broker allows here, so that nobody waits long for a session to end. */
const SESSION_MS = 1500;

describe.skipIf(missing !== null)(`the trigger in a real group${missing === null ? '' : ` (skipped: ${missing})`}`, () => {
  let kafka: TestKafka;
  let admin: Admin;
  let producer: Producer;
  let broker: KafkaBroker;
  let topics = 0;
  let running: TriggerProcess[] = [];

  beforeAll(async () => {
    kafka = await TestKafka.start({ properties: ['group.min.session.timeout.ms=500', 'group.initial.rebalance.delay.ms=0'] });
    admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.address] });
    producer = new Producer({ clientId: 'test', bootstrapBrokers: [kafka.address] });
    broker = new KafkaBroker({ brokers: [kafka.address], clientId: 'test' });
  });

  afterEach(() => {
    for (const trigger of running) trigger.signal('SIGKILL');
    running = [];
  });

  afterAll(async () => {
    await Promise.all([admin.close(), producer.close(), broker.close()]);
    await kafka.stop();
  });

  async function newTopic(): Promise<string> {
    const topic = `host-${topics++}`;
    await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
    await broker.offsets(topic);
    return topic;
  }

  const send = (topic: string, count: number) =>
    producer.send({ messages: Array.from({ length: count }, (_, i) => ({ topic, partition: i % PARTITIONS, value: Buffer.from(String(i)) })), acks: -1 });

  const sourceOptions = (topic: string, more: Partial<KafkaSourceOptions> = {}) =>
    ({ brokers: [kafka.address], topic, group: `group-of-${topic}`, sessionTimeoutMs: SESSION_MS, autoCommitIntervalMs: 50, ...more });

  async function start(topic: string, name: string, { holds = false, kafka: set = {}, ...more }: Partial<KafkaSourceOptions> & { holds?: boolean; kafka?: Partial<KafkaOptions> } = {}): Promise<TriggerProcess> {
    const defaults = kafkaOptions(readHostSettings('{}', {}));
    const trigger = await TriggerProcess.start({ name, holds, source: sourceOptions(topic, more), kafka: { ...defaults, commitOnFailure: false, maxRetries: -1, maxBatchSize: 2, ...set } });
    running.push(trigger);
    return trigger;
  }

  const committed = async (topic: string) => Object.fromEntries([...(await broker.committed(`group-of-${topic}`, topic))].sort(([a], [b]) => a - b));

  /** Asked again until it holds: offsets are committed in the background. */
  async function untilCommitted(topic: string, offsets: Record<number, bigint>): Promise<void> {
    for (;;) {
      const now = await committed(topic);
      if (Object.entries(offsets).every(([partition, next]) => now[Number(partition)] === next)) return;
    }
  }

  const has = (trigger: TriggerProcess, count: number) => () => new Set(trigger.done.map(String)).size >= count;

  test('a rebalance while a batch runs: what is queued runs all the same, its offsets are refused, the new owner reads it again', async () => {
    const topic = await newTopic();
    await send(topic, 40);
    const first = await start(topic, 'first', { holds: true });
    await first.until(() => first.begun.length > 0);
    const second = await start(topic, 'second');
    // The second has all of its partition, from the first record on: nothing of it was committed.
    await second.until(has(second, 20));
    const [theirs] = second.done[0];
    expect(second.done.map(([partition, offset]) => [partition, offset])).toEqual(Array.from({ length: 20 }, (_, offset) => [theirs, offset]));
    first.send('flow');
    await first.until(() => first.done.some(([partition]) => partition === theirs) && first.logs.some((line) => line.startsWith('Commit error')));
    await first.until(() => new Set(first.done.filter(([partition]) => partition !== theirs).map(String)).size === 20);
    await untilCommitted(topic, { 0: 20n, 1: 20n });
    await Promise.all([first.stop(), second.stop()]);
    expect(await committed(topic)).toEqual({ 0: 20n, 1: 20n });
  });

  test('a member that does not poll leaves and its partitions go to another; its batch runs on, its offset is refused, and it joins again', async () => {
    const topic = await newTopic();
    await send(topic, 20);
    const first = await start(topic, 'first', { holds: true, maxPollIntervalMs: SESSION_MS });
    await first.until(() => first.logs.some((line) => line.includes(`no poll for ${SESSION_MS} ms`)));
    const second = await start(topic, 'second');
    await second.until(has(second, 20));
    await untilCommitted(topic, { 0: 10n, 1: 10n });
    expect(first.done).toEqual([]);
    first.send('flow');
    await first.until(() => first.logs.some((line) => line.startsWith('Commit error')));
    expect(await committed(topic)).toEqual({ 0: 10n, 1: 10n });
    // One batch of two ran, one was queued, one read: what comes now is shared, so the first is a member again.
    const before = new Set(first.begun.map(String)).size;
    for (let sent = 20; !first.begun.some(([, offset]) => offset >= 10); sent += 20) {
      await send(topic, 20);
      await untilCommitted(topic, { 0: BigInt(sent / 2 + 10), 1: BigInt(sent / 2 + 10) });
    }
    expect(before).toBeLessThanOrEqual(6);
    await Promise.all([first.stop(), second.stop()]);
  });

  test('a frozen process that wakes: its batch is executed and harmless, its commits are refused, it joins again', async () => {
    const topic = await newTopic();
    await send(topic, 20);
    const first = await start(topic, 'first', { holds: true, maxPollIntervalMs: SESSION_MS });
    await first.until(() => first.begun.length > 0);
    first.signal('SIGSTOP');
    const second = await start(topic, 'second');
    await second.until(has(second, 20));
    await untilCommitted(topic, { 0: 10n, 1: 10n });
    first.send('flow');
    first.signal('SIGCONT');
    await first.until(() => first.done.length > 0 && first.logs.some((line) => line.startsWith('Commit error')));
    expect(await committed(topic)).toEqual({ 0: 10n, 1: 10n });
    for (let sent = 20; !first.done.some(([, offset]) => offset >= 10); sent += 20) {
      await send(topic, 20);
      await untilCommitted(topic, { 0: BigInt(sent / 2 + 10), 1: BigInt(sent / 2 + 10) });
    }
    await Promise.all([first.stop(), second.stop()]);
  });

  test('a killed member\'s partitions go to another when its session ends, from what was committed', async () => {
    const topic = await newTopic();
    await send(topic, 20);
    const first = await start(topic, 'first', { holds: true });
    await first.until(() => first.begun.length > 0);
    first.signal('SIGKILL');
    const second = await start(topic, 'second');
    await second.until(has(second, 20));
    await second.stop();
    expect(await committed(topic)).toEqual({ 0: 10n, 1: 10n });
  });

  test('members of one group that read different topics each get theirs', async () => {
    const [one, two] = [await newTopic(), await newTopic()];
    await Promise.all([send(one, 10), send(two, 10)]);
    const group = 'group-of-two-topics';
    const sources = [await KafkaSource.open({ ...sourceOptions(one, { group }), clientId: 'one' }), await KafkaSource.open({ ...sourceOptions(two, { group }), clientId: 'two' })];
    const read = async (source: KafkaSource) => {
      const seen = new Set<string>();
      while (seen.size < 10) for (const { topic, partition, offset } of await source.poll({ recordsMax: 10, windowMs: 200, signal: never })) seen.add(`${topic}/${partition}/${offset}`);
      return [...seen].map((key) => key.split('/')[0]);
    };
    const [fromOne, fromTwo] = await Promise.all(sources.map(read));
    expect([new Set(fromOne), new Set(fromTwo)]).toEqual([new Set([one]), new Set([two])]);
    await Promise.all(sources.map((source) => source.close()));
  });

  test('offsets that the broker no longer has go where autoOffsetReset says', async () => {
    const topic = await newTopic();
    await send(topic, 20);
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 6n }] }] });
    const readBy = async (start: 'earliest' | 'latest' | 'none') => {
      const group = `reset-${start}`;
      await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 2n }, { partition: 1, offset: 8n }] }] });
      return KafkaSource.open({ ...sourceOptions(topic, { group, start }), clientId: start });
    };
    const collect = async (source: KafkaSource, count: number, failed = 0) => {
      const offsets: string[] = [];
      const failures: unknown[] = [];
      while (offsets.length < count || failures.length < failed) {
        await source.poll({ recordsMax: 10, windowMs: 100, signal: never }).then((records) => offsets.push(...records.map(({ partition, offset }) => `${partition}/${offset}`)), (error: unknown) => failures.push(error));
      }
      await source.close();
      return { offsets: offsets.sort(), failures };
    };
    expect(await collect(await readBy('earliest'), 6)).toEqual({ offsets: ['0/6', '0/7', '0/8', '0/9', '1/8', '1/9'], failures: [] });
    const latest = await readBy('latest');
    const before: number[] = [];
    while (!latest.reached(new Map([[0, 10n], [1, 10n]]))) before.push(...(await latest.poll({ recordsMax: 10, windowMs: 100, signal: never })).map(({ partition }) => partition));
    expect(before).toEqual([1, 1]);
    await send(topic, 2);
    expect(await collect(latest, 2)).toEqual({ offsets: ['0/10', '1/10'], failures: [] });
    expect(await collect(await readBy('none'), 3, 1)).toEqual({ offsets: ['1/10', '1/8', '1/9'], failures: [expect.any(ConfigError)] });
  });
});
