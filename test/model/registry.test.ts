import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { TransientError } from '../../shared/errors.ts';
import { openRegistry } from '../../shared/model/registry.ts';
import { trainModel, type TrainedModel } from '../../shared/model/train.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { MemoryStore, type Fault } from '../support/memory-store.ts';

const folders: string[] = [];

afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

async function directory(): Promise<ObjectStore> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-registry-'));
  folders.push(folder);
  return new FileStore({ dir: folder });
}

function trained(seed: number): TrainedModel {
  return trainModel({
    name: 'iforest',
    columns: [Float64Array.from({ length: 100 }, (_, i) => i)],
    features: ['value'],
    params: { n_estimators: 5, max_samples: 32, contamination: 0.1 },
    seed,
    dataVersion: 1n,
    trainedBy: 'test',
    now: '2025-04-01T00:00:00Z',
  });
}

const first = trained(1);
const second = trained(2);

describe.each([
  ['in memory', async () => new MemoryStore()],
  ['in a directory', directory],
])('%s', (_, makeStore) => {
  test('models get the versions 1, 2, … and come back as they were', async () => {
    const registry = openRegistry(await makeStore());
    expect(await registry.latest('iforest')).toBeNull();
    expect(await registry.publish(first.manifest, first.onnx)).toEqual({ ...first.manifest, version: 1 });
    expect(await registry.publish(second.manifest, second.onnx)).toEqual({ ...second.manifest, version: 2 });
    expect(await registry.versions('iforest')).toEqual([1, 2]);
    const loaded = await registry.load('iforest', 1);
    expect(loaded.manifest).toEqual({ ...first.manifest, version: 1 });
    expect(Buffer.compare(loaded.onnx, first.onnx)).toBe(0);
    expect(await registry.versions('other')).toEqual([]);
  });

  test('writers at once get a version each', async () => {
    const store = await makeStore();
    const models = Array.from({ length: 8 }, (__, i) => trained(10 + i));
    const published = await Promise.all(models.map((model) => openRegistry(store).publish(model.manifest, model.onnx)));
    expect(published.map(({ version }) => version).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const manifest of published) expect((await openRegistry(store).load('iforest', manifest.version)).manifest).toEqual(manifest);
  });

  test('versions count as numbers: 10 comes after 9', async () => {
    const registry = openRegistry(await makeStore());
    for (let i = 0; i < 10; i++) await registry.publish({ ...first.manifest, seed: i }, first.onnx);
    expect(await registry.latest('iforest')).toBe(10);
  });
});

test('a model without manifest is not there, and its number is not used again', async () => {
  const store = new MemoryStore();
  await store.putIfAbsent('models/iforest/1/model.onnx', second.onnx);
  const registry = openRegistry(store);
  expect(await registry.latest('iforest')).toBeNull();
  await expect(registry.load('iforest', 1)).rejects.toThrow('models/iforest/1/manifest.json is not there');
  expect((await registry.publish(first.manifest, first.onnx)).version).toBe(2);
});

test('a manifest whose model is gone, other bytes, and a manifest of another version are refused', async () => {
  const store = new MemoryStore();
  const registry = openRegistry(store);
  await registry.publish(first.manifest, first.onnx);
  const manifest = (await store.get('models/iforest/1/manifest.json'))!;
  await store.put('models/iforest/2/manifest.json', manifest);
  await expect(registry.load('iforest', 2)).rejects.toThrow('models/iforest/2/model.onnx is not there');
  await store.put('models/iforest/2/model.onnx', first.onnx);
  await expect(registry.load('iforest', 2)).rejects.toThrow('the manifest there is of iforest version 1');
  await store.put('models/iforest/1/model.onnx', second.onnx);
  await expect(registry.load('iforest', 1)).rejects.toThrow(expect.objectContaining({ code: 'model/hash' }) as Error);
});

test('what could not be loaded is not published', async () => {
  const registry = openRegistry(new MemoryStore());
  await expect(registry.publish(first.manifest, second.onnx)).rejects.toThrow(expect.objectContaining({ code: 'model/hash' }) as Error);
  await expect(registry.publish({ ...first.manifest, name: 'a/b' }, first.onnx)).rejects.toThrow('name is "a/b"');
  expect(await registry.versions('iforest')).toEqual([]);
});

describe('faults of the store, at each of its operations', () => {
  /** Publishes with one fault at operation `at`; then once more without, as the next run would. */
  async function publishWithFault(fault: Fault, at: number): Promise<{ operations: number; versions: number[]; failed: unknown }> {
    let operations = 0;
    const store = new MemoryStore({ faults: () => (operations++ === at ? fault : 'none') });
    const registry = openRegistry(store);
    const failed = await registry.publish(first.manifest, first.onnx).then(() => null, (error: unknown) => error);
    const used = operations;
    if (failed !== null) await registry.publish(first.manifest, first.onnx);
    const versions = await registry.versions('iforest');
    for (const version of versions) await registry.load('iforest', version);
    return { operations: used, versions, failed };
  }

  test.each<Fault>(['throttle', 'lost-reply', 'fail-before'])('%s: one whole model in the end, or a TransientError first', async (fault) => {
    const { operations } = await publishWithFault('none', -1);
    expect(operations).toBe(3);
    for (let at = 0; at < operations; at++) {
      const { versions, failed } = await publishWithFault(fault, at);
      if (failed !== null) expect(failed).toBeInstanceOf(TransientError);
      expect(versions).toHaveLength(1);
    }
  });
});
