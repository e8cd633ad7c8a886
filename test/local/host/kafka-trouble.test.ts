import type { InvocationContext } from '@azure/functions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LocalHost } from '../../../local/host/host.ts';
import { readTrigger } from '../../../shared/sources/trigger.ts';
import { ManualClock, safeKafka, settle, startHostApp } from '../../support/host-app.ts';
import { MemoryTopic, record } from '../../support/memory-source.ts';

/** What azure.md 1.3 says of a host in trouble: rebalances, a full channel, exceptions outside the function, a stop in the middle. */
let hosts: LocalHost[] = [];
let seen: string[][] = [];
let topic: MemoryTopic;
let release: (() => void)[] = [];

const offsetsOf = (input: unknown, context: InvocationContext) => readTrigger(input, context.triggerMetadata, { topic: 'events' }).map(({ partition, offset }) => `${partition}/${offset}`);

beforeEach(() => {
  topic = new MemoryTopic();
  [seen, release] = [[], []];
  globalThis.hostApp = { onBatch: (input, context) => void seen.push(offsetsOf(input, context)), onTimer: () => undefined, hooks: [] };
});

afterEach(async () => {
  for (const letGo of release) letGo();
  for (const host of hosts) await host.stop();
  hosts = [];
});

const start = async (options: Partial<Parameters<typeof startHostApp>[0]> = {}) => {
  const started = await startHostApp({ register: 'binary', hostJson: safeKafka, source: topic.source(), ...options });
  hosts.push(started.host);
  return started;
};

const errors = (logs: readonly { level: string; message: string }[]) => logs.filter(({ level }) => level === 'error').map(({ message }) => message);

/** Every invocation waits until it is let go. */
const holdBatches = () => {
  globalThis.hostApp.onBatch = (input, context) => {
    seen.push(offsetsOf(input, context));
    return new Promise<void>((resolve) => release.push(resolve));
  };
};
const oneAfterTheOther = async (count: number) => {
  for (let offset = 0; offset < count; offset++) {
    topic.append(record(0, offset));
    await settle();
  }
};

describe('partitions that were given away', () => {
  it('a queued batch of them is executed all the same; its offset is refused with a Commit error and moves nothing', async () => {
    holdBatches();
    const { logs } = await start();
    topic.append(record(0, 0));
    await settle();
    topic.append(record(0, 1));
    await settle();
    topic.lost.add(0);
    release.shift()!();
    await settle();
    release.shift()!();
    await settle();
    expect(seen).toEqual([['0/0'], ['0/1']]);
    expect(topic.commits).toEqual([]);
    expect(errors(logs)).toEqual([expect.stringMatching(/^Commit error: .*partition 0/), expect.stringMatching(/^Commit error/)]);
    // Its new owner reads on from what was stored: all of it once more, nothing lost.
    topic.lost.clear();
    globalThis.hostApp.onBatch = (input, context) => void seen.push(offsetsOf(input, context));
    await start({ source: topic.source() });
    await settle();
    expect(seen.slice(2)).toEqual([['0/0', '0/1']]);
    expect(topic.committed).toEqual({ 0: 2n });
  });

  it('in a mixed batch the offsets up to the first lost partition are stored, those after it are not', async () => {
    topic.append(record(0, 0), record(1, 0), record(2, 0));
    topic.lost.add(1);
    const { logs } = await start();
    await settle();
    // From the batch's end, as the executor lists them.
    expect(topic.commits).toEqual([{ 2: 1n }]);
    expect(errors(logs)).toHaveLength(1);
  });
});

describe('a full channel', () => {
  it.each([1, 3])('executorChannelCapacity %i: one batch runs, so many are queued, one more is read; then nothing is polled', async (capacity) => {
    holdBatches();
    let polls = 0;
    const source = topic.source();
    await start({
      source: { ...source, poll: (options) => {
        polls += 1;
        return source.poll(options);
      } },
      settings: { AzureFunctionsJobHost__extensions__kafka__executorChannelCapacity: String(capacity), AzureFunctionsJobHost__extensions__kafka__maxBatchSize: '1' },
    });
    await oneAfterTheOther(10);
    expect(seen).toEqual([['0/0']]);
    expect(polls).toBe(capacity + 2);
    release.shift()!();
    await settle();
    expect(seen).toEqual([['0/0'], ['0/1']]);
    expect(polls).toBe(capacity + 3);
    expect(topic.commits).toEqual([{ 0: 1n }]);
  });
});

describe('an exception of the executor itself', () => {
  it('is logged; the loop goes on, and the next commit passes the batch that was never delivered', async () => {
    let failures = 1;
    const executor = () => {
      if (failures-- > 0) throw new Error('out of sockets');
    };
    const { logs } = await start({ faults: { executor } });
    await oneAfterTheOther(2);
    expect(seen).toEqual([['0/1']]);
    expect(topic.commits).toEqual([{ 0: 2n }]);
    expect(errors(logs)).toEqual([expect.stringContaining('Error in executor reader: Error: out of sockets')]);
  });
});

describe('a failing batch', () => {
  it('maxRetries -1: in place, with no delay, until it succeeds; what is queued behind it waits', async () => {
    let failures = 20;
    globalThis.hostApp.onBatch = (input, context) => {
      seen.push(offsetsOf(input, context));
      if (failures-- > 0) throw new Error('not yet');
    };
    const clock = new ManualClock('2026-01-01T00:00:00Z');
    topic.append(record(0, 0));
    await start({ clock });
    for (let i = 0; i < 5; i++) await settle();
    await oneAfterTheOther(2);
    expect(clock.nowMs()).toBe(Date.parse('2026-01-01T00:00:00Z'));
    expect(seen.filter(([offset]) => offset === '0/0').length).toBeGreaterThanOrEqual(21);
    expect(seen.findIndex(([offset]) => offset === '0/1')).toBeGreaterThanOrEqual(21);
    expect(topic.committed).toEqual({ 0: 2n });
  });

  it('maxRetries 0: one failure, then its offsets are forced; the batch behind it is delivered', async () => {
    globalThis.hostApp.onBatch = (input, context) => {
      seen.push(offsetsOf(input, context));
      if (seen.length === 1) throw new Error('poison');
    };
    const { logs } = await start({ hostJson: { extensions: { kafka: { commitOnFailure: false, maxRetries: 0 } } } });
    await oneAfterTheOther(2);
    expect(seen).toEqual([['0/0'], ['0/1']]);
    expect(topic.commits).toEqual([{ 0: 1n }, { 0: 2n }]);
    expect(errors(logs)).toContainEqual(expect.stringContaining('maxRetries is used up'));
  });
});

describe('stop', () => {
  it('lets the running batch end and store; the queued ones are not begun and come again', async () => {
    holdBatches();
    const { host } = await start({ settings: { AzureFunctionsJobHost__extensions__kafka__executorChannelCapacity: '3', AzureFunctionsJobHost__extensions__kafka__maxBatchSize: '1' } });
    await oneAfterTheOther(5);
    const stopped = host.stop();
    hosts = [];
    await settle();
    release.shift()!();
    await stopped;
    expect(seen).toEqual([['0/0']]);
    expect(topic.commits).toEqual([{ 0: 1n }]);
  });

  it('does not wait for ever: after the extension\'s 300 s the running batch is left behind, its offsets unmoved', async () => {
    holdBatches();
    const clock = new ManualClock('2026-01-01T00:00:00Z');
    const { host, logs } = await start({ clock });
    topic.append(record(0, 0));
    await settle();
    const stopped = host.stop();
    hosts = [];
    await clock.advance(300_000);
    await stopped;
    release.shift()!();
    await settle();
    expect(topic.commits).toEqual([]);
    expect(errors(logs)).toEqual([expect.stringContaining('did not end within 300000 ms')]);
  });
});

describe('several Kafka functions in one host', () => {
  it('each reads its own topic through its own source, side by side', async () => {
    const [first, second] = [new MemoryTopic(), new MemoryTopic()];
    first.append(record(0, 0, { topic: 'first' }));
    second.append(record(0, 7, { topic: 'second' }));
    const asked: string[] = [];
    globalThis.hostApp.onBatch = (_input, context) => {
      asked.push(`${context.functionName} ${String(context.triggerMetadata?.['topicArray'])}`);
      return context.functionName === 'binary' ? new Promise<void>((resolve) => release.push(resolve)) : undefined;
    };
    await start({ register: 'binary,other', settings: { TOPIC: 'first', OTHER_TOPIC: 'second' }, source: (name) => (name === 'first' ? first : second).source() });
    await settle();
    expect(asked.sort()).toEqual(['binary first', 'other second']);
    // The one that is held does not keep the other from storing its offsets.
    expect([first.commits, second.commits]).toEqual([[], [{ 0: 8n }]]);
  });
});
