import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';
import { describeObjectStore } from '../contract/object-store.ts';
import type { TestAzurite } from '../support/azurite.ts';
import { freshName, startTestAzurite } from '../support/azurite.ts';
import { collect } from '../support/collect.ts';

let azurite: TestAzurite;
beforeAll(async () => {
  azurite = await startTestAzurite();
});
afterAll(() => azurite.close());

describeObjectStore({ name: 'Azure Blob Storage on Azurite', open: () => azurite.container(), manyObjects: 120 });
describeObjectStore({ name: 'a folder of a container, pages of 2', open: () => azurite.container({ prefix: 'lake/ä b', pageSize: 2 }), manyObjects: 9 });

it('names itself without a secret', () => {
  const url = (prefix?: string) => new BlobStore({ access: { connectionString: azurite.connectionString }, container: 'lake', ...(prefix && { prefix }) }).url;
  expect(url()).toBe('az://devstoreaccount1/lake');
  expect(url('a/b')).toBe('az://devstoreaccount1/lake/a/b');
});

it('creates a container once', async () => {
  const store = await azurite.container();
  await store.put('x', Buffer.from('x'));
  await store.ensureContainer();
  expect(await store.get('x')).toHaveLength(1);
});

it('takes the folders of a hierarchical account for no objects', async () => {
  const container = freshName();
  const store = new BlobStore({ access: { connectionString: azurite.connectionString }, container });
  await store.ensureContainer();
  const client = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(container);
  await client.getBlockBlobClient('folder').upload('', 0, { metadata: { hdi_isfolder: 'true' } });
  await store.put('folder/x', Buffer.from('x'));
  expect((await collect(store.list(''))).map(({ key }) => key)).toEqual(['folder/x']);
  expect(await store.get('folder')).toBeNull();
  expect(await store.head('folder')).toBeNull();
  expect(await store.getFile('folder', join(tmpdir(), freshName()))).toBe(false);
});

it('puts a file of up to 64 MiB with one write, a larger one in blocks of 32 MiB', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-blocks-'));
  let requests: string[] = [];
  const store = await azurite.container({ onRequest: (kind) => void requests.push(kind) });
  requests = [];
  const body = Buffer.alloc(64 * 1024 * 1024 + 1, 'some bytes ');
  await writeFile(join(dir, 'small'), body.subarray(0, 40_000_000));
  await store.putFile('small', join(dir, 'small'));
  expect(requests).toEqual(['put']);
  requests = [];
  await writeFile(join(dir, 'large'), body);
  await store.putFile('large', join(dir, 'large'));
  expect(requests).toEqual(['put', 'put', 'put', 'put']);
  await store.getFile('large', join(dir, 'back'));
  expect(Buffer.compare(await readFile(join(dir, 'back')), body)).toBe(0);
  await rm(dir, { recursive: true });
});

it.each<[string, (store: BlobStore) => Promise<unknown>]>([
  ['a put', (store) => store.putIfAbsent('x', Buffer.from('x'))],
  ['a 404', (store) => store.get('missing')],
])('takes the time from the reply to %s, whatever this machine\'s clock says', async (_, request) => {
  const container = freshName();
  await new BlobStore({ access: { connectionString: azurite.connectionString }, container }).ensureContainer();
  const clock = { ...systemClock, nowMs: () => Date.now() - 86_400_000 };
  const store = new BlobStore({ access: { connectionString: azurite.connectionString }, container, clock });
  expect(store.nowMs()).toBeLessThan(Date.now() - 80_000_000);
  await request(store);
  expect(Math.abs(store.nowMs() - Date.now())).toBeLessThan(3_000);
});
