import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileRunState } from '../../shared/state/file-run-state.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { describeRunState } from '../contract/run-state.ts';
import type { Fault } from '../support/memory-store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { collect } from '../support/collect.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-run-state-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let opened = 0;
describeRunState({
  name: 'a directory',
  open: async (clock, handles) => {
    const dir = join(root, String(opened++));
    return Array.from({ length: handles }, () => fileRunState({ objects: new FileStore({ dir }).sub('_assay/state'), clock }));
  },
});

describeRunState({
  name: 'memory',
  open: async (clock, handles) => {
    const store = new MemoryStore();
    return Array.from({ length: handles }, () => fileRunState({ objects: store.sub('_assay/state'), clock }));
  },
});

it('knows its own lease after a lost answer, and that it has none after a lost request', async () => {
  let fault: Fault = 'none';
  const objects = new MemoryStore({ faults: (operation) => (operation === 'putIfAbsent' ? fault : 'none') });
  const state = fileRunState({ objects });
  fault = 'fail-before';
  expect(await state.tryLease('x', 60_000)).toBeNull();
  fault = 'lost-reply';
  const lease = await state.tryLease('x', 60_000);
  expect(await lease!.renew()).toBe(true);
  fault = 'none';
  expect(await fileRunState({ objects }).tryLease('x', 60_000)).toBeNull();
});

it('a slow taker does not get a lease that others took and passed on meanwhile', async () => {
  const objects = new MemoryStore();
  let meanwhile: (() => Promise<unknown>) | undefined;
  const slow = fileRunState({
    objects: {
      ...storeFunctions(objects),
      putIfAbsent: async (key, body) => {
        await meanwhile?.();
        return objects.putIfAbsent(key, body);
      },
    },
  });
  await (await slow.tryLease('x', 60_000))!.release();
  meanwhile = async () => {
    meanwhile = undefined;
    await (await fileRunState({ objects }).tryLease('x', 60_000))!.release();
    await fileRunState({ objects }).tryLease('x', 60_000);
  };
  expect(await slow.tryLease('x', 60_000)).toBeNull();
  expect(await collect(objects.list('lease/x/'))).toHaveLength(1);
});

function storeFunctions(store: MemoryStore) {
  return {
    get: (key: string) => store.get(key),
    put: (key: string, body: Uint8Array) => store.put(key, body),
    delete: (key: string) => store.delete(key),
    list: (prefix: string) => store.list(prefix),
  };
}
