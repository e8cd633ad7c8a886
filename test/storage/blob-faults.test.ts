import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';
import type { TestAzurite } from '../support/azurite.ts';
import { freshName, startTestAzurite } from '../support/azurite.ts';
import { collect } from '../support/collect.ts';
import type { FlakyProxy, Flaw } from '../support/flaky-proxy.ts';
import { startFlakyProxy } from '../support/flaky-proxy.ts';

let azurite: TestAzurite;
let proxy: FlakyProxy;
let dir: string;
let store: BlobStore;
let sleptMs: number[];
let reported: string[];

beforeAll(async () => {
  azurite = await startTestAzurite();
  proxy = await startFlakyProxy(azurite.connectionString);
  dir = await mkdtemp(join(tmpdir(), 'assay-faults-'));
});
afterAll(async () => {
  await proxy.close();
  await azurite.close();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  sleptMs = [];
  reported = [];
  const clock: Clock = { ...systemClock, random: () => 0.5, sleep: async (ms) => void sleptMs.push(ms) };
  const backoff = { attemptsMax: 3, delayMsBase: 100, delayMsMax: 1_000 };
  store = new BlobStore({ access: { connectionString: proxy.connectionString }, container: freshName(), clock, backoff, stallMs: 1_000, onRequest: (kind) => void reported.push(kind) });
  await store.ensureContainer();
  proxy.seen();
  reported = [];
});

const BODY = Buffer.from('body');
const busy: Flaw = { refuse: 503, code: 'ServerBusy' };

describe('putIfAbsent', () => {
  it.each<[string, Flaw, boolean]>([
    ['a lost reply', 'drop-reply', true],
    ['a request cut off', 'drop-request', false],
    ['a reply that never comes', 'hang', true],
    ['500', { refuse: 500, code: 'InternalError' }, false],
    ['503', busy, false],
    ['a 500 without a code', { refuse: 500 }, false],
  ])('is unknown after %s, and is sent once', async (_, flaw, stored) => {
    proxy.next(flaw);
    expect(await store.putIfAbsent('x', BODY)).toBe('unknown');
    expect(proxy.seen()).toEqual(['PUT']);
    expect((await store.get('x')) !== null).toBe(stored);
    expect(sleptMs).toEqual([]);
  });

  it.each<[string, Flaw]>([
    ['409 BlobAlreadyExists', { refuse: 409, code: 'BlobAlreadyExists' }],
    ['412 ConditionNotMet', { refuse: 412, code: 'ConditionNotMet' }],
  ])('exists after %s', async (_, flaw) => {
    proxy.next(flaw);
    expect(await store.putIfAbsent('x', BODY)).toBe('exists');
  });

  it('is sent again after a 429, which says that nothing was done', async () => {
    proxy.next({ refuse: 429, code: 'TooManyRequests' });
    expect(await store.putIfAbsent('x', BODY)).toBe('created');
    expect(proxy.seen()).toEqual(['PUT', 'PUT']);
    expect(sleptMs).toEqual([50]);
  });

  it('gives up after its attempts', async () => {
    proxy.next({ refuse: 429 }, { refuse: 429 }, { refuse: 429 });
    await expect(store.putIfAbsent('x', BODY)).rejects.toMatchObject({ retry: 'later', facts: { operation: 'putIfAbsent', key: 'x', status: 429, attempts: 3 } });
  });
});

describe('what may be repeated', () => {
  it.each<Flaw>(['drop-reply', 'drop-request', 'hang', busy, { refuse: 429 }, { refuse: 500 }, 'cut-body'])('is read again after %j', async (flaw) => {
    await store.put('x', BODY);
    proxy.seen();
    proxy.next(flaw);
    expect(Buffer.from((await store.get('x'))!).toString()).toBe('body');
    expect(proxy.seen()).toEqual(['GET', 'GET']);
    expect(reported).toEqual(['put', 'get', 'get']);
  });

  it('goes on for every operation', async () => {
    proxy.next(busy);
    await store.put('x', BODY);
    proxy.next(busy);
    expect(await store.head('x')).toMatchObject({ size: 4 });
    proxy.next('drop-reply');
    expect((await collect(store.list(''))).map((info) => info.key)).toEqual(['x']);
    proxy.next('drop-reply');
    await store.delete('x');
    expect(await store.get('x')).toBeNull();
    expect(reported).toEqual(['put', 'put', 'head', 'head', 'list', 'list', 'delete', 'delete', 'get']);
  });

  it('backs off with full jitter, then throws a TransientError with the facts', async () => {
    proxy.next(busy, busy, busy);
    const error = await store.get('x').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({ code: 'storage/unavailable', facts: { operation: 'get', key: 'x', status: 503, code: 'ServerBusy', attempts: 3 } });
    expect(sleptMs).toEqual([50, 100]);
  });

  it('says so when it was a timeout', async () => {
    proxy.next('hang', 'hang', 'hang');
    await expect(store.head('x')).rejects.toMatchObject({ code: 'storage/timeout', facts: { operation: 'head', attempts: 3 } });
  });
});

describe('files', () => {
  const local = async (name: string, body: string | Uint8Array) => {
    const path = join(dir, `${freshName()}-${name}`);
    await writeFile(path, body);
    return path;
  };

  it('takes the object of its own lost reply for its own', async () => {
    proxy.next('drop-reply');
    const stored = await store.putFile('a.parquet', await local('a', 'aaa'));
    expect(proxy.seen()).toEqual(['PUT', 'PUT', 'HEAD']);
    expect(stored).toEqual({ kind: 'created', storedAtMs: (await store.head('a.parquet'))!.lastModifiedMs });
  });

  it('does not take another object for its own, not even one of equal size', async () => {
    await store.put('a.parquet', Buffer.from('aaa'));
    proxy.next('drop-request');
    expect(await store.putFile('a.parquet', await local('a', 'aaa'))).toEqual({ kind: 'exists' });
    expect(await store.putFile('a.parquet', await local('b', 'aaa'))).toEqual({ kind: 'exists' });
  });

  it('does not guess when no attempt is answered', async () => {
    proxy.next('drop-reply', 'drop-reply', busy);
    await expect(store.putFile('a.parquet', await local('a', 'aaa'))).rejects.toThrow(TransientError);
  });

  it('gets a file whole through a cut connection', async () => {
    const body = Buffer.alloc(3_000_000, 'abcdefgh');
    await store.put('big', body);
    proxy.next('cut-body');
    const path = join(dir, 'big');
    expect(await store.getFile('big', path)).toBe(true);
    expect(Buffer.compare(await readFile(path), body)).toBe(0);
  });
});

describe('what trying again does not help', () => {
  it.each([
    ['no container', (denied: BlobStore) => denied.get('x')],
    ['no container', (denied: BlobStore) => denied.head('x')],
    ['no container', (denied: BlobStore) => denied.putIfAbsent('x', BODY)],
    ['no container', (denied: BlobStore) => denied.delete('x')],
    ['no container', (denied: BlobStore) => collect(denied.list(''))],
  ])('%s is a ConfigError', async (_, work) => {
    const nowhere = new BlobStore({ access: { connectionString: azurite.connectionString }, container: freshName() });
    await expect(work(nowhere)).rejects.toMatchObject({ code: 'storage/no-container', retry: 'never' });
  });

  it('a wrong key is a ConfigError that does not show it', async () => {
    const wrong = azurite.connectionString.replace(/AccountKey=[^;]+/, `AccountKey=${Buffer.from('SECRET').toString('base64')}`);
    const denied = new BlobStore({ access: { connectionString: wrong }, container: freshName() });
    const error = (await denied.get('x').catch((caught: unknown) => caught)) as ConfigError;
    expect(error).toMatchObject({ name: 'ConfigError', code: 'storage/denied', facts: { status: 403 } });
    expect(error.message + JSON.stringify(error.facts) + denied.url).not.toContain(Buffer.from('SECRET').toString('base64'));
  });

  it('a connection string without a key is a ConfigError', () => {
    expect(() => new BlobStore({ access: { connectionString: 'BlobEndpoint=http://127.0.0.1:1/x' }, container: 'c' })).toThrow(ConfigError);
  });

  it('nobody listening is tried again, then a TransientError', async () => {
    const gone = new BlobStore({ access: { connectionString: azurite.connectionString.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:1') }, container: 'lake', backoff: { attemptsMax: 3, delayMsBase: 1, delayMsMax: 1 } });
    await expect(gone.putIfAbsent('x', BODY)).rejects.toMatchObject({ retry: 'later', facts: { code: 'ECONNREFUSED', attempts: 3 } });
  });
});
