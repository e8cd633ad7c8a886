import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventHubTarget } from '../../../local/producer/event-hub-target.ts';
import { EventStream } from '../../../local/producer/generate.ts';
import { produceAll } from '../../../local/producer/run.ts';
import type { ProducedRecord } from '../../../local/producer/target.ts';
import { START_MS } from '../../../local/producer/timeline.ts';
import { ConfigError, TransientError } from '../../../shared/errors.ts';
import { TestEventHub } from '../../support/event-hub.ts';

const HUB = { name: 'events', partitions: 4, messageBytesMax: 64 << 10 };
let hub: TestEventHub;

beforeEach(async () => {
  hub = await TestEventHub.start(HUB);
});

afterEach(async () => {
  await hub.stop();
});

function open(): Promise<EventHubTarget> {
  return EventHubTarget.open({ connectionString: hub.connectionString(), eventHub: HUB.name }, 0);
}

function record(key: string | Buffer | null, value: string | Buffer | null, headers: ProducedRecord['headers'] = []): ProducedRecord {
  const bytes = (of: string | Buffer | null) => (of === null ? null : Buffer.from(of as string));
  return { key: bytes(key), value: bytes(value), headers, timestampMs: START_MS };
}

describe('EventHubTarget', () => {
  it('sends every event of a stream with its key, and the records of a key in their order', async () => {
    const target = await open();
    expect(target.partitions).toBe(4);
    const source = new EventStream({ seed: 7, startMs: START_MS, ratePerS: 200, partitions: 4 }, 3_000);
    expect(await produceAll({ source, target })).toMatchObject({ held: 0, appended: 3_000, ended: 'done' });
    await target.close();
    const sent = new Map<string | null, string[]>();
    const received = new Map<string | null, string[]>();
    const add = (to: Map<string | null, string[]>, key: string | null, value: Buffer | null) => to.set(key, [...(to.get(key) ?? []), value?.toString('hex') ?? '']);
    for (const { record, kind } of source.generate()) add(sent, kind === 'not_utf8' ? null : (record.key?.toString() ?? null), record.value);
    for (const { partitionKey, body } of hub.events) add(received, partitionKey, body);
    for (const of of [sent, received]) of.get(null)!.sort((a, b) => a.localeCompare(b));
    expect(received).toEqual(sent);
  });

  it('sends headers as properties, and an empty payload for a tombstone', async () => {
    const target = await open();
    const headers = [{ key: 'source', value: Buffer.from('web') }, { key: 'trace', value: null }];
    await target.append(new Map([[0, [record('a', 'one', headers), record('a', null)]]]));
    await target.close();
    expect(hub.events.map(({ partitionKey, body }) => [partitionKey, body.toString()])).toEqual([['a', 'one'], ['a', '']]);
    expect(hub.events[0].properties).toEqual({ source: Buffer.from('web'), trace: null });
  });

  it('cuts what is more than a batch takes, and leaves out keys that the hub would refuse', async () => {
    const target = await open();
    const large = Array.from({ length: 5 }, () => record('a', Buffer.alloc(30_000)));
    await target.append(new Map([[0, large], [1, [record('x'.repeat(129), 'long'), record(Buffer.from([0xff]), 'odd')]]]));
    expect(hub.batches.toSorted((a, b) => a - b)).toEqual([1, 2, 2, 2]);
    expect(hub.events.filter(({ partitionKey }) => partitionKey === null).map(({ body }) => body.toString())).toEqual(['long', 'odd']);
    expect(await target.counts()).toBeNull();
    expect(await target.bytes()).toBe(5 * 30_001 + 129 + 4 + 1 + 3);
    await target.close();
  });

  it('names an event that no batch takes', async () => {
    const target = await open();
    await expect(target.append(new Map([[0, [record('a', Buffer.alloc(70_000))]]]))).rejects.toThrow(/70001 bytes, the hub takes 65536/);
    await target.close();
  });

  it('says that its credentials are refused', async () => {
    hub.tokensAccepted = false;
    await expect(open()).rejects.toThrow(ConfigError);
  });

  it('says that nobody answers', async () => {
    const address = { connectionString: hub.connectionString().replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'), eventHub: HUB.name };
    await expect(EventHubTarget.open(address, 0)).rejects.toThrow(TransientError);
  });
});
