import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import { startTestAzurite } from '../support/azurite.ts';
import { collect } from '../support/collect.ts';
import { MemoryStore } from '../support/memory-store.ts';

describeObjectStore({ name: 'metered memory', open: async () => new MeteredStore({ store: new MemoryStore(), meter: new Meter(), requests: 'per-call' }), manyObjects: 60 });

it('counts requests and bytes, below folders too', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-metered-'));
  const meter = new Meter();
  const store = new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' });
  await writeFile(join(dir, 'in'), 'x'.repeat(1_000));
  await store.putIfAbsent('a', Buffer.alloc(10));
  await store.sub('f').put('b', Buffer.alloc(20));
  const before = meter.read();
  await store.putFile('f/c', join(dir, 'in'));
  await store.sub('f').getFile('c', join(dir, 'out'));
  await store.get('a');
  await store.get('missing');
  await store.head('a');
  await store.delete('a');
  await collect(store.list(''));
  expect(before).toEqual({ requests: 2, bytesIn: 0, bytesOut: 30, byOperation: { get: 0, head: 0, put: 2, list: 0, delete: 0 } });
  expect(meterDifference(meter.read(), before)).toEqual({ requests: 7, bytesIn: 1_010, bytesOut: 1_000, byOperation: { get: 3, head: 1, put: 1, list: 1, delete: 1 } });
  await rm(dir, { recursive: true });
});

it('counts a request for every 5,000 objects listed', async () => {
  const meter = new Meter();
  const memory = new MemoryStore();
  for (let i = 0; i < 10_001; i++) await memory.put(String(i), new Uint8Array());
  await collect(new MeteredStore({ store: memory, meter, requests: 'per-call' }).list(''));
  expect(meter.read().byOperation.list).toBe(3);
});

it('counts what a blob store really sends', async () => {
  const azurite = await startTestAzurite();
  const meter = new Meter();
  const blobs = await azurite.container({ onRequest: (kind) => meter.request(kind) });
  const before = meter.read();
  const store = new MeteredStore({ store: blobs, meter, requests: 'reported' }).sub('table');
  await store.putIfAbsent('a', Buffer.alloc(10));
  await store.putIfAbsent('a', Buffer.alloc(10));
  await store.get('a');
  await collect(store.list(''));
  await store.delete('a');
  expect(meterDifference(meter.read(), before)).toEqual({ requests: 5, bytesIn: 10, bytesOut: 20, byOperation: { get: 1, head: 0, put: 2, list: 1, delete: 1 } });
  await azurite.close();
});
