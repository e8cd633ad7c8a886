import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
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

it('lets exactly one of four processes create each of 200 names', async () => {
  const root = fresh();
  const script = fileURLToPath(new URL('../support/file-store-racer.ts', import.meta.url));
  const racers = ['a', 'b', 'c', 'd'].map((body) => {
    const child = spawn(process.execPath, [script, root, body, '200'], { stdio: ['pipe', 'pipe', 'inherit'] });
    return { body, child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  for (const { lines } of racers) expect((await lines.next()).value).toBe('ready');
  for (const { child } of racers) child.stdin.write('go');
  const winners = new Map<string, string[]>();
  for (const { body, lines } of racers) {
    for await (const name of { [Symbol.asyncIterator]: () => lines }) winners.set(name, [...(winners.get(name) ?? []), body]);
  }
  const store = new FileStore({ dir: root });
  const stored = await Promise.all(Array.from({ length: 200 }, async (_, i) => Buffer.from((await store.get(`log/${i}`))!).toString()));
  expect(stored).toEqual(Array.from({ length: 200 }, (_, i) => winners.get(String(i))!.join('').repeat(1_000)));
  expect(await readdir(join(root, 'log'))).toHaveLength(200);
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
