import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TableError, TransientError } from '../../shared/errors.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { LocalFiles } from '../../shared/storage/local-files.ts';
import type { Fault } from '../support/memory-store.ts';
import { MemoryStore } from '../support/memory-store.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-local-files-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let opened = 0;

/** Objects `0`, `1`, … of 10 bytes each, a count of downloads, and room for `objectsMax` of them. */
async function withObjects({ objects, objectsMax }: { objects: number; objectsMax: number }) {
  const downloads: string[] = [];
  let fault: Fault = 'none';
  const store = new MemoryStore({
    faults: (operation, key) => {
      if (operation === 'getFile') downloads.push(key);
      return operation === 'getFile' ? fault : 'none';
    },
  });
  for (let i = 0; i < objects; i++) await store.put(String(i), Buffer.alloc(10, i));
  const dir = join(root, String(opened++));
  const files = new LocalFiles({ store, dir, bytesMax: objectsMax * 10 });
  const use = async (...keys: string[]) => (await files.acquire(keys)).release();
  const kept = async () => (await readdir(dir)).length;
  return { store, dir, files, downloads, use, kept, setFault: (next: Fault) => (fault = next) };
}

it('hands out a directory store’s own files and copies nothing', async () => {
  const store = new FileStore({ dir: join(root, 'lake') });
  await store.put('t/a.parquet', Buffer.from('a'));
  const cache = join(root, 'unused');
  const files = new LocalFiles({ store: store.sub('t'), dir: cache, bytesMax: 0 });
  const { paths, release } = await files.acquire(['a.parquet']);
  expect([...paths]).toEqual([['a.parquet', store.localPath('t/a.parquet')]]);
  release();
  expect(await readFile(store.localPath('t/a.parquet'), 'utf8')).toBe('a');
  await expect(readdir(cache)).rejects.toMatchObject({ code: 'ENOENT' });
});

it('downloads an object once, however many ask at once', async () => {
  const { files, downloads } = await withObjects({ objects: 2, objectsMax: 2 });
  const acquired = await Promise.all(Array.from({ length: 8 }, () => files.acquire(['0', '1', '0'])));
  expect(downloads.sort()).toEqual(['0', '1']);
  expect(await readFile(acquired[3].paths.get('1')!)).toEqual(Buffer.alloc(10, 1));
  for (const { release } of acquired) release();
});

it('keeps the most recently used up to bytesMax', async () => {
  const { downloads, use, kept } = await withObjects({ objects: 4, objectsMax: 2 });
  await use('0');
  await use('1');
  await use('0');
  await use('2');
  expect(await kept()).toBe(2);
  await use('0', '2');
  expect(downloads).toEqual(['0', '1', '2']);
  await use('1');
  expect(downloads).toEqual(['0', '1', '2', '1']);
});

it('never deletes what is handed out, and makes room when it comes back', async () => {
  const { files, use, kept } = await withObjects({ objects: 4, objectsMax: 1 });
  const first = await files.acquire(['0', '1', '2']);
  await use('3');
  for (const path of first.paths.values()) expect(await readFile(path)).toHaveLength(10);
  first.release();
  first.release();
  expect(await kept()).toBe(1);
});

it.each(['memory', 'directory'])('throws a TableError for a missing object and holds nothing (%s)', async (kind) => {
  const { files, store, kept, dir } = await withObjects({ objects: 1, objectsMax: 0 });
  const asked = kind === 'memory' ? files : new LocalFiles({ store: new FileStore({ dir: join(root, 'empty') }), dir, bytesMax: 0 });
  await expect(asked.acquire(['0', 'missing'])).rejects.toThrow(TableError);
  await expect(asked.acquire(['missing'])).rejects.toMatchObject({ code: 'storage/missing-file', facts: { key: 'missing' } });
  if (kind === 'directory') return;
  expect(await kept()).toBe(0);
  await store.put('missing', Buffer.from('now'));
  expect((await files.acquire(['missing'])).paths.size).toBe(1);
});

it('tries a failed download again, for the next who asks', async () => {
  const { files, setFault, kept } = await withObjects({ objects: 1, objectsMax: 1 });
  setFault('lost-reply');
  await expect(files.acquire(['0'])).rejects.toThrow(TransientError);
  expect(await kept()).toBe(0);
  setFault('none');
  const { paths } = await files.acquire(['0']);
  expect(await readFile(paths.get('0')!)).toHaveLength(10);
});

it('removes what an earlier process left, and nothing else', async () => {
  const { files, store, dir, kept } = await withObjects({ objects: 2, objectsMax: 2 });
  (await files.acquire(['0', '1'])).release();
  await writeFile(join(dir, `${'a'.repeat(64)}.parquet.00000000-0000-4000-8000-000000000000.tmp`), 'half');
  await writeFile(join(dir, 'notes.txt'), 'mine');
  (await new LocalFiles({ store, dir, bytesMax: 100 }).acquire(['0'])).release();
  expect(await kept()).toBe(2);
  expect(await readFile(join(dir, 'notes.txt'), 'utf8')).toBe('mine');
});
