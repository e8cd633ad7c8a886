import type { InvocationContext } from '@azure/functions';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocalHost } from '../../../local/host/host.ts';
import type { KafkaRecord } from '../../../shared/sources/record.ts';
import { readTrigger } from '../../../shared/sources/trigger.ts';
import { ManualClock, safeKafka, settle, startHostApp } from '../../support/host-app.ts';
import { MemoryTopic, record } from '../../support/memory-source.ts';

let hosts: LocalHost[] = [];
let seen: { input: unknown; context: InvocationContext }[] = [];
let topic: MemoryTopic;

beforeEach(() => {
  topic = new MemoryTopic();
  seen = [];
  globalThis.hostApp = { onBatch: (input, context) => void seen.push({ input, context }), onTimer: () => undefined, hooks: [] };
});

afterEach(async () => {
  for (const host of hosts) await host.stop();
  hosts = [];
});

const start = async (options: Parameters<typeof startHostApp>[0]) => {
  const started = await startHostApp({ hostJson: safeKafka, source: topic.source(), ...options });
  hosts.push(started.host);
  return started;
};

const offsetsSeen = () => seen.map(({ input, context }) => readTrigger(input, context.triggerMetadata, { topic: 'events' }).map(({ partition, offset }) => `${partition}/${offset}`));
/** A tombstone and an empty payload are one in the binary form. */
const asDelivered = (sent: KafkaRecord): KafkaRecord => ({ ...sent, value: Buffer.from(sent.value ?? []), key: sent.key && Buffer.from(sent.key), headers: sent.headers.map(({ key, value }) => ({ key, value: value && Buffer.from(value) })) });

describe('what a handler receives', () => {
  it('binary: Buffers, everything else in arrays, int64 offsets as halves', async () => {
    topic.append(record(0, 7, { key: Buffer.from([0xff]), headers: [{ key: 'H', value: Buffer.from('x') }] }), record(1, 2 ** 33, { value: null, timestampMs: -1 }));
    const { host } = await start({ register: 'binary', listen: false });
    expect(await host.invoke('binary')).toEqual({ records: 2 });
    const [{ input, context }] = seen;
    expect(input).toEqual([Buffer.from('{"event_id":"0-7"}'), Buffer.alloc(0)]);
    expect(context.triggerMetadata).toEqual({
      partitionArray: [0, 1],
      offsetArray: [{ low: 7, high: 0, unsigned: false }, { low: 0, high: 2, unsigned: false }],
      timestampArray: ['2025-11-24T16:00:00.007Z', '1969-12-31T23:59:59.999Z'],
      topicArray: ['events', 'events'],
      keyArray: ['/w==', null],
      headersArray: [[{ key: 'H', value: 'eA==' }], []],
      leaderEpochArray: [0, 0],
      isPartitionEOFArray: [false, false],
    });
  });

  it('string: parsed objects whose Value stays text', async () => {
    topic.append(record(2, 5, { value: Buffer.from('{"id":9007199254740993}'), key: Buffer.from('k') }), record(2, 6, { value: null }));
    const { host } = await start({ register: 'text', listen: false });
    await host.invoke('text');
    expect(seen[0].input).toMatchObject([{ Offset: 5, Partition: 2, Topic: 'events', Key: 'k', Value: '{"id":9007199254740993}', Headers: [] }, { Value: null, Key: null }]);
    expect(readTrigger(seen[0].input, undefined, { topic: 'events', keys: 'text' })).toEqual(topic.records);
  });

  it.each([['one', 'binary'], ['oneText', 'text']] as const)('%s: a single record an invocation', async (name, keys) => {
    topic.append(record(0, 1, { key: Buffer.from('ab') }), record(0, 2));
    const { host } = await start({ register: name, listen: false });
    await host.invoke(name);
    expect(seen).toHaveLength(2);
    const read = seen.flatMap(({ input, context }) => readTrigger(input, context.triggerMetadata, { topic: 'events', keys }));
    expect(read.map((sent) => ({ ...sent, key: sent.key && Buffer.from(sent.key) }))).toEqual(topic.records);
  });

  it('a topic named 123 comes as a number in the metadata; the record keeps its name', async () => {
    topic.append(record(0, 0, { topic: '123' }));
    const { host } = await start({ register: 'binary', listen: false, settings: { TOPIC: '123' } });
    await host.invoke('binary');
    expect(seen[0].context.triggerMetadata?.['topicArray']).toEqual([123]);
    expect(host.functions[0].binding['topic']).toBe('123');
    expect(readTrigger(seen[0].input, seen[0].context.triggerMetadata, { topic: '123' })[0].topic).toBe('123');
  });

  it('any record comes back as it was sent', async () => {
    const { host } = await start({ register: 'binary', listen: false });
    const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
    const header = fc.record({ key: fc.string(), value: fc.option(bytes) });
    const any = fc.record({ partition: fc.nat(1000), timestampMs: fc.integer({ min: -1, max: 253_402_300_799_999 }), key: fc.option(bytes), value: fc.option(bytes), headers: fc.array(header, { maxLength: 3 }) });
    let offset = 0;
    await fc.assert(fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 20 }), async (parts) => {
      const sent = parts.map(({ partition, ...rest }) => record(partition, offset++, rest));
      topic.records.splice(0);
      topic.append(...sent);
      await host.invoke('binary');
      const { input, context } = seen.pop()!;
      expect(readTrigger(input, context.triggerMetadata, { topic: 'events' })).toEqual(sent.map(asDelivered));
    }), { numRuns: 50 });
  });
});

describe('batches and offsets', () => {
  it('one batch mixes partitions, is never larger than maxBatchSize, and is committed per partition after success', async () => {
    topic.append(record(0, 0), record(1, 0), record(0, 1), record(1, 1), record(0, 2));
    await start({ register: 'binary', settings: { AzureFunctionsJobHost__extensions__kafka__maxBatchSize: '3' } });
    await settle();
    expect(offsetsSeen()).toEqual([['0/0', '1/0', '0/1'], ['1/1', '0/2']]);
    expect(topic.commits).toEqual([{ 0: 2n, 1: 1n }, { 0: 3n, 1: 2n }]);
  });

  it('runs one invocation at a time, and none for no records', async () => {
    let running = 0;
    let most = 0;
    globalThis.hostApp.onBatch = async (input, context) => {
      most = Math.max(most, ++running);
      await settle();
      seen.push({ input, context });
      running--;
    };
    await start({ register: 'binary' });
    for (let offset = 0; offset < 5; offset++) {
      topic.append(record(0, offset));
      await settle();
    }
    await settle();
    await settle();
    expect(most).toBe(1);
    expect(offsetsSeen().flat()).toEqual(['0/0', '0/1', '0/2', '0/3', '0/4']);
  });

  it('a batch whose handler throws comes again whole, with the offsets unmoved', async () => {
    let failures = 2;
    const committedWhileFailing: unknown[] = [];
    globalThis.hostApp.onBatch = (input, context) => {
      seen.push({ input, context });
      committedWhileFailing.push(...topic.commits);
      if (failures-- > 0) throw new Error('storage is away');
    };
    topic.append(record(0, 0), record(1, 0));
    const { logs } = await start({ register: 'binary' });
    await settle();
    expect(offsetsSeen()).toEqual([['0/0', '1/0'], ['0/0', '1/0'], ['0/0', '1/0']]);
    expect(new Set(seen.map(({ context }) => context.invocationId)).size).toBe(3);
    expect(committedWhileFailing).toEqual([]);
    expect(topic.commits).toEqual([{ 0: 1n, 1: 1n }]);
    expect(logs.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([expect.stringContaining('storage is away'), expect.stringContaining('storage is away')]);
  });

  it('stopped while a batch fails, it commits nothing; the next host gets the batch', async () => {
    globalThis.hostApp.onBatch = () => { throw new Error('never'); };
    topic.append(record(0, 0));
    const { host } = await start({ register: 'binary' });
    await settle();
    await host.stop();
    hosts = [];
    expect(topic.commits).toEqual([]);
    globalThis.hostApp.onBatch = (input, context) => void seen.push({ input, context });
    await start({ register: 'binary', source: topic.source() });
    await settle();
    expect(offsetsSeen()).toEqual([['0/0']]);
    expect(topic.committed).toEqual({ 0: 1n });
  });

  it('stop lets the running batch end and commit, and drops the one read after it', async () => {
    let release = () => {};
    globalThis.hostApp.onBatch = (input, context) => {
      seen.push({ input, context });
      return new Promise<void>((resolve) => (release = resolve));
    };
    topic.append(record(0, 0));
    const { host } = await start({ register: 'binary' });
    await settle();
    topic.append(record(0, 1));
    await settle();
    const stopped = host.stop();
    hosts = [];
    await settle();
    expect(topic.commits).toEqual([]);
    release();
    await stopped;
    expect(offsetsSeen()).toEqual([['0/0']]);
    expect(topic.commits).toEqual([{ 0: 1n }]);
  });

  it('by hand, a failed batch rejects with the handler\'s own error and comes first the next time', async () => {
    const error = new Error('on purpose');
    topic.append(record(0, 0));
    const { host } = await start({ register: 'binary', listen: false });
    globalThis.hostApp.onBatch = () => { throw error; };
    await expect(host.invoke('binary')).rejects.toBe(error);
    expect(topic.commits).toEqual([]);
    topic.append(record(0, 1));
    globalThis.hostApp.onBatch = (input, context) => void seen.push({ input, context });
    expect(await host.invoke('binary')).toEqual({ records: 1 });
    expect(await host.invoke('binary')).toEqual({ records: 1 });
    expect(await host.invoke('binary', { windowMs: 0 })).toEqual({ records: 0 });
    expect(offsetsSeen()).toEqual([['0/0'], ['0/1']]);
  });
});

describe('what the settings would lose, the host loses', () => {
  it.each([
    ['commitOnFailure true', { commitOnFailure: true }, 1],
    ['the extension\'s defaults', {}, 1],
    ['maxRetries 2', { commitOnFailure: false, maxRetries: 2 }, 3],
  ])('%s', async (_name, kafka, tries) => {
    globalThis.hostApp.onBatch = (input, context) => {
      seen.push({ input, context });
      throw new Error('on purpose');
    };
    topic.append(record(0, 0));
    await start({ register: 'binary', hostJson: { extensions: { kafka } } });
    await settle();
    expect(seen).toHaveLength(tries);
    expect(topic.commits).toEqual([{ 0: 1n }]);
  });
});

describe('the function\'s own retry policy', () => {
  it('runs inside one execution, with growing delays and its count in the context', async () => {
    const clock = new ManualClock('2026-01-01T00:00:00Z');
    const times: number[] = [];
    globalThis.hostApp.onBatch = (input, context) => {
      seen.push({ input, context });
      times.push(clock.nowMs());
      if (seen.length < 4) throw new Error(`failure ${seen.length}`);
    };
    topic.append(record(0, 0));
    await start({ register: 'retried', clock, hostJson: { extensions: { kafka: { commitOnFailure: true } } } });
    await clock.advance(20_000);
    expect(times.map((time) => time - times[0])).toEqual([0, 1000, 3000, 6000]);
    expect(seen.map(({ context }) => context.retryContext?.retryCount)).toEqual([undefined, 1, 2, 3]);
    expect(seen[3].context.retryContext).toMatchObject({ maxRetryCount: 3, exception: { message: 'failure 3' } });
    expect(topic.commits).toEqual([{ 0: 1n }]);
  });
});
