import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FileStore } from '../../shared/storage/file-store.ts';
import { describeObjectStore } from '../contract/object-store.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'assay-file-store-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

let opened = 0;
const fresh = () => join(dir, String(opened++));

describeObjectStore({
  name: 'directory',
  open: async () => new FileStore({ dir: fresh() }),
  reopen: (store) => new FileStore({ dir: store.url.slice('file:'.length) }),
  manyObjects: 5_100,
});

it('leaves nothing beside the objects', async () => {
  const root = fresh();
  const store = new FileStore({ dir: root });
  await store.putIfAbsent('log/0', new Uint8Array(3));
  await store.putIfAbsent('log/0', new Uint8Array(4));
  await store.put('log/1', new Uint8Array(3));
  const source = join(dir, 'source.bin');
  await writeFile(source, 'x');
  await store.putFile('log/2', source);
  expect((await readdir(join(root, 'log'))).sort()).toEqual(['0', '1', '2']);
});

it('never lists what a killed process left unfinished', async () => {
  const root = fresh();
  const store = new FileStore({ dir: root });
  await store.put('log/0', new Uint8Array(3));
  await writeFile(join(root, 'log', '.assay-0b5c1f0e-6b0e-4d0c-8f57-0f8f6f1c2a11.tmp'), 'half');
  await writeFile(join(root, 'log', '.0.json.crc'), 'Spark leaves these');
  const keys = [];
  for await (const { key } of store.list('')) keys.push(key);
  expect(keys).toEqual(['log/.0.json.crc', 'log/0']);
});

it('names the operation, the key and the cause of trouble with the disk', async () => {
  const store = new FileStore({ dir: fresh() });
  await store.put('a', new Uint8Array(1));
  await expect(store.put('a/b', new Uint8Array(1))).rejects.toMatchObject({ code: 'storage/file-io', retry: 'later', facts: { operation: 'put', key: 'a/b' } });
  await expect(store.put('x'.repeat(300), new Uint8Array(1))).rejects.toMatchObject({ code: 'storage/refused', retry: 'never' });
});
