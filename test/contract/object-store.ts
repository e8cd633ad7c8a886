import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { collect } from '../support/collect.ts';

export interface ObjectStoreContract {
  readonly name: string;
  /** An empty store. Called once a test. */
  readonly open: () => Promise<ObjectStore>;
  /** Another handle on the same objects, as another process would have. */
  readonly reopen?: (store: ObjectStore) => ObjectStore;
  /** For the listing test. */
  readonly manyObjects: number;
}

const text = (value: string) => new TextEncoder().encode(value);
function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8);
  return bytes;
}

const ODD_KEYS = [
  'a b', 'a%b', 'a%2Fb', 'a%20b', 'a+b', 'päivä/event_type=klick', '☃/snow man', '𝒳/astral', 'q?x=1&y=2', 'h#frag', 'a;b=c,d', "it's (1)",
  'event_type=p%C3%A4iv%C3%A4%2520/part-0.parquet', '_delta_log/00000000000000000000.json', '.hidden/.file', 'tilde~', 'colon:x', '[x]{y}', '"quoted"', 'e\u0301 and é',
];

/** What every ObjectStore must do. */
export function describeObjectStore({ name, open, reopen = (store) => store, manyObjects }: ObjectStoreContract): void {
  describe(`ObjectStore contract: ${name}`, () => {
    let dir: string;
    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'assay-contract-'));
    });
    afterAll(() => rm(dir, { recursive: true, force: true }));

    const localFile = async (body: Uint8Array) => {
      const path = join(dir, `${Math.random()}.bin`);
      await writeFile(path, body);
      return path;
    };

    it('gives null for what is not there', async () => {
      const store = await open();
      expect(await store.get('missing')).toBeNull();
      expect(await store.get('folder/missing')).toBeNull();
      expect(await store.head('folder/missing')).toBeNull();
      expect(await store.getFile('missing', join(dir, 'not-written'))).toBe(false);
      await expect(readFile(join(dir, 'not-written'))).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await keys(store, '')).toEqual([]);
      expect(await keys(store, 'no/such/folder/')).toEqual([]);
    });

    it('takes a folder for no object', async () => {
      const store = await open();
      await store.put('folder/object', text('x'));
      expect(await store.get('folder')).toBeNull();
      expect(await store.head('folder')).toBeNull();
      expect(await store.getFile('folder', join(dir, 'no-folder'))).toBe(false);
      await store.delete('folder');
      expect(asText(await store.get('folder/object'))).toBe('x');
      expect(await store.get('folder/object/below')).toBeNull();
    });

    it('puts if absent: the first stays, whole', async () => {
      const store = await open();
      expect(await store.putIfAbsent('log/0.json', text('first'))).toBe('created');
      expect(await store.putIfAbsent('log/0.json', text('second, longer'))).toBe('exists');
      expect(asText(await store.get('log/0.json'))).toBe('first');
    });

    it('puts if absent even over an empty object', async () => {
      const store = await open();
      await store.put('empty', new Uint8Array());
      expect(await store.putIfAbsent('empty', text('x'))).toBe('exists');
      expect(await store.get('empty')).toHaveLength(0);
      expect(await store.head('empty')).toMatchObject({ key: 'empty', size: 0 });
    });

    it('lets exactly one of 20 racing writers create, for each of 10 names', async () => {
      const store = await open();
      for (let version = 0; version < 10; version++) {
        const key = `_delta_log/${String(version).padStart(20, '0')}.json`;
        const bodies = Array.from({ length: 20 }, (_, writer) => text(`writer ${writer} `.repeat(writer + 1)));
        const outcomes = await Promise.all(bodies.map((body) => reopen(store).putIfAbsent(key, body)));
        expect(outcomes.toSorted()).toEqual(['created', ...Array.from({ length: 19 }, () => 'exists')]);
        expect(asText(await store.get(key))).toBe(asText(bodies[outcomes.indexOf('created')]));
      }
      expect(await keys(store, '_delta_log/')).toHaveLength(10);
    });

    it('overwrites with put, longer and shorter', async () => {
      const store = await open();
      for (const body of ['one', 'a longer one', '']) {
        await store.put('_last_checkpoint', text(body));
        expect(asText(await store.get('_last_checkpoint'))).toBe(body);
      }
    });

    it('keeps every byte', async () => {
      const store = await open();
      const body = bytesOf(70_000);
      await store.putIfAbsent('bytes', body);
      expect(Buffer.compare((await store.get('bytes'))!, body)).toBe(0);
      expect(await store.head('bytes')).toMatchObject({ key: 'bytes', size: 70_000 });
    });

    it('is not changed through the arrays that went in or came out', async () => {
      const store = await open();
      const body = text('abc');
      await store.put('x', body);
      body[0] = 0;
      (await store.get('x'))![1] = 0;
      expect(asText(await store.get('x'))).toBe('abc');
    });

    it('moves a large file in and out', async () => {
      const store = await open();
      const body = bytesOf(9 * 1024 * 1024 + 1);
      const stored = await store.putFile('big/file.parquet', await localFile(body));
      expect(await store.head('big/file.parquet')).toEqual({ key: 'big/file.parquet', size: body.length, lastModifiedMs: stored.kind === 'created' && stored.storedAtMs });
      const copy = join(dir, 'copy.bin');
      expect(await store.getFile('big/file.parquet', copy)).toBe(true);
      expect(Buffer.compare(await readFile(copy), body)).toBe(0);
    });

    it('says so where a file\'s name is taken, and leaves what is there', async () => {
      const store = await open();
      expect(await store.putFile('data.parquet', await localFile(text('first')))).toMatchObject({ kind: 'created' });
      expect(await store.putFile('data.parquet', await localFile(text('other')))).toEqual({ kind: 'exists' });
      expect(asText(await store.get('data.parquet'))).toBe('first');
    });

    it('gives a file the time of its put, not of its making', async () => {
      const store = await open();
      const path = await localFile(text('old'));
      await utimes(path, new Date('2020-01-01'), new Date('2020-01-01'));
      const before = store.nowMs();
      const stored = await store.putFile('old.parquet', path);
      expect(stored).toEqual({ kind: 'created', storedAtMs: (await store.head('old.parquet'))!.lastModifiedMs });
      expect((stored as { storedAtMs: number }).storedAtMs).toBeGreaterThan(before - 2_000);
    });

    it('has a clock, the one of its objects\' times', async () => {
      const store = await open();
      await store.put('x', text('x'));
      const { lastModifiedMs } = (await store.head('x'))!;
      expect(Math.abs(store.nowMs() - lastModifiedMs)).toBeLessThan(2_000);
      expect(Math.abs(store.sub('below').nowMs() - lastModifiedMs)).toBeLessThan(2_000);
    });

    it('takes odd keys as they are', async () => {
      const store = await open();
      for (const key of ODD_KEYS) expect([key, await store.putIfAbsent(key, text(key))]).toEqual([key, 'created']);
      for (const key of ODD_KEYS) expect(asText(await store.get(key))).toBe(key);
      expect((await keys(store, '')).toSorted()).toEqual(ODD_KEYS.toSorted());
      expect(await keys(store, 'a%2')).toEqual(['a%20b', 'a%2Fb']);
      for (const key of ODD_KEYS) await store.delete(key);
      expect(await keys(store, '')).toEqual([]);
    });

    it('lists in the order of UTF-8 bytes, folders among names', async () => {
      const store = await open();
      const sorted = ['A', 'a', 'a!x', 'a-b', 'a.b', 'a/b', 'a/b-c', 'a/b/c', 'a0', 'b', 'z', 'ä', '\ud7ff', '\ue000', '\uffee', '\u{10000}', '\u{1f600}', '\u{1f600}/x'];
      const storable = sorted.filter((key) => key !== 'a' && key !== 'a/b' && key !== '\u{1f600}');
      for (const key of storable.toReversed()) await store.put(key, text(key));
      expect(await keys(store, '')).toEqual(storable);
      expect(await keys(store, 'a')).toEqual(storable.filter((key) => key.startsWith('a')));
      expect(await keys(store, 'a/b')).toEqual(['a/b-c', 'a/b/c']);
      expect(await keys(store, 'a/b/')).toEqual(['a/b/c']);
      expect(await keys(store, 'a/bx')).toEqual([]);
    });

    it('lists size and time', async () => {
      const store = await open();
      const before = Date.now();
      await store.put('t/x', text('12345'));
      const [info] = await collect(store.list('t/'));
      expect(info).toEqual(await store.head('t/x').then((head) => ({ ...head, key: 't/x' })));
      expect(info.size).toBe(5);
      // Azure's times are whole seconds; a directory's clock may tick coarsely.
      expect(info.lastModifiedMs).toBeGreaterThan(before - 2_000);
      expect(info.lastModifiedMs).toBeLessThan(Date.now() + 2_000);
    });

    it(`lists ${manyObjects} objects`, async () => {
      const store = await open();
      const names = Array.from({ length: manyObjects }, (_, i) => `many/${String(i).padStart(6, '0')}`);
      for (let i = 0; i < names.length; i += 50) await Promise.all(names.slice(i, i + 50).map((key) => store.put(key, text('x'))));
      expect(await keys(store, 'many/')).toEqual(names);
    });

    it('deletes, and deletes again', async () => {
      const store = await open();
      await store.put('gone/x', text('x'));
      await store.put('gone/y', text('y'));
      await store.delete('gone/x');
      await store.delete('gone/x');
      await store.delete('never/was');
      expect(await store.get('gone/x')).toBeNull();
      expect(await keys(store, '')).toEqual(['gone/y']);
      expect(await store.putIfAbsent('gone/x', text('again'))).toBe('created');
    });

    it('is the same store below a folder', async () => {
      const store = await open();
      const table = store.sub('tables/bronze events');
      const log = table.sub('_delta_log');
      await log.putIfAbsent('0.json', text('zero'));
      await store.put('tables/bronze events2/x', text('neighbour'));
      expect(asText(await store.get('tables/bronze events/_delta_log/0.json'))).toBe('zero');
      expect(await log.head('0.json')).toMatchObject({ key: '0.json', size: 4 });
      expect(await keys(log, '')).toEqual(['0.json']);
      expect(await keys(table, '')).toEqual(['_delta_log/0.json']);
      expect(await keys(table, '_delta')).toEqual(['_delta_log/0.json']);
      expect(table.url).toBe(`${store.url}/tables/bronze events`);
    });

    it('names a local path only where the object is a local file', async () => {
      const store = await open();
      await store.put('local/ö x', text('here'));
      const path = store.localPath('local/ö x');
      if (path !== null) expect(await readFile(path, 'utf8')).toBe('here');
      expect(store.localPath('not/there') === null).toBe(path === null);
    });

    it.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', 'a\0b', 'a\ud800b'])('fails on the key %j, a bug', async (key) => {
      const store = await open();
      await expect(store.get(key)).rejects.toThrow(/^bug: /);
      await expect(store.putIfAbsent(key, text('x'))).rejects.toThrow(/^bug: /);
    });
  });
}

async function keys(store: ObjectStore, prefix: string): Promise<string[]> {
  return (await collect(store.list(prefix))).map((info) => info.key);
}

function asText(body: Uint8Array | null): string | null {
  return body === null ? null : new TextDecoder().decode(body);
}
