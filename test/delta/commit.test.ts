import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Action } from '../../shared/delta/actions.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { readCommit } from '../../shared/delta/log-reader.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import { AssayError, ConflictError, TransientError } from '../../shared/errors.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { collect } from '../support/collect.ts';
import { noCheckpoints, patientClock } from '../support/delta.ts';
import { METADATA } from '../support/random-log.ts';
import { MemoryStore } from '../support/memory-store.ts';
import type { Fault, StoreOperation } from '../support/memory-store.ts';

const DEFINITION: TableDefinition = { name: 't', description: '', schema: struct(field('a', 'long')), partitionColumns: [], configuration: {} };
const clock = patientClock();

const add = (path: string): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } });
const remove = (path: string): Action => ({ remove: { path, dataChange: true, deletionTimestamp: 1 } });
const txn = (appId: string, version: bigint): Action => ({ txn: { appId, version } });
const append = (...actions: Action[]) => ({ operation: 'WRITE', actions, reads: 'nothing' as const });
const upsert = (...actions: Action[]) => ({ operation: 'MERGE', actions, reads: 'table' as const });

/** Faults that the test sets while it runs. */
const faults = { next: (_operation: StoreOperation, _key: string): Fault => 'none' };
let source: LogSource;

beforeEach(() => {
  faults.next = () => 'none';
  source = { store: new MemoryStore({ faults: (operation, key) => faults.next(operation, key) }), codec: noCheckpoints, table: 't' };
});

const table = () => DeltaTable.ensure(source, DEFINITION, clock);
const versions = async (store: ObjectStore) => (await collect(store.list('_delta_log/'))).map(({ key }) => key);

/** The first `times` puts of this version meet the fault. */
function faultOn(version: bigint, fault: Fault, times = 1): void {
  let left = times;
  faults.next = (operation, key) => (operation === 'putIfAbsent' && key === commitKey(version) && left-- > 0 ? fault : 'none');
}

describe('one writer', () => {
  test('commitInfo comes first and says what other engines ask for', async () => {
    const t = await table();
    await t.commit(t.snapshot, { ...append(add('a')), operationParameters: { mode: '"Append"' }, operationMetrics: { numFiles: '1' } });
    const [first, ...rest] = (await readCommit(source, 1n))!;
    expect(rest).toEqual([add('a')]);
    expect(first.commitInfo).toMatchObject({ operation: 'WRITE', operationParameters: { mode: '"Append"' }, operationMetrics: { numFiles: '1' }, readVersion: 0, isBlindAppend: true, isolationLevel: 'Serializable' });
    expect(first.commitInfo!.txnId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each<[string, Parameters<DeltaTable['commit']>[1]]>([
    ['reads', upsert(add('b'))],
    ['removes', append(remove('a'), add('b'))],
  ])('what %s is no blind append', async (_name, transaction) => {
    const t = await table();
    await t.commit(t.snapshot, append(add('a')));
    await t.commit(t.snapshot, transaction);
    expect((await readCommit(source, 2n))![0].commitInfo).toMatchObject({ isBlindAppend: false });
  });

  test('a removal says its intent', async () => {
    const t = await table();
    await t.commit(t.snapshot, append(add('a')));
    await t.commit(t.snapshot, { ...upsert(remove('a')), removalIntent: 'expire' });
    expect((await readCommit(source, 2n))![0].commitInfo).toMatchObject({ intent: 'expire' });
  });

  test.each<[string, Action[]]>([
    ['a path added twice', [add('a'), add('a')]],
    ['a file both added and removed', [add('a'), remove('a')]],
    ['a txn twice', [txn('x', 1n), txn('x', 2n)]],
    ['two metaData', [{ metaData: METADATA }, { metaData: METADATA }]],
  ])('%s is a bug, caught before the put', async (_name, actions) => {
    const t = await table();
    await expect(t.commit(t.snapshot, append(...actions))).rejects.toThrow(/^bug: a commit names/);
    expect(await versions(source.store)).toEqual([commitKey(0n)]);
  });

  test('removing what the snapshot does not have is a bug: its rows would come back in what replaces it', async () => {
    const t = await table();
    await expect(t.commit(t.snapshot, upsert(remove('a'), add('b')))).rejects.toThrow(/^bug: a commit removes a/);
    expect(await versions(source.store)).toEqual([commitKey(0n)]);
  });

  test('the same path under two vectors is legal', async () => {
    const t = await table();
    await t.commit(t.snapshot, append(add('a')));
    const deletionVector = { storageType: 'i' as const, pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 };
    expect(await t.commit(t.snapshot, upsert(remove('a'), { add: { ...add('a').add!, deletionVector } }))).toMatchObject({ kind: 'committed' });
  });
});

describe('answers that do not tell', () => {
  test('a lost reply is settled by reading the version back: won, once', async () => {
    const t = await table();
    faultOn(1n, 'lost-reply');
    expect(await t.commit(t.snapshot, append(add('a')))).toMatchObject({ kind: 'committed', retries: 0 });
    expect([...t.snapshot.files.keys()]).toEqual(['a']);
    expect(await versions(source.store)).toEqual([commitKey(0n), commitKey(1n)]);
  });

  test('a resend that meets its own object (409 on our own write) has won', async () => {
    const inner = source.store;
    const resending: ObjectStore = new Proxy(inner, {
      get: (target, name) => (name === 'putIfAbsent'
        ? async (key: string, body: Uint8Array) => (await target.putIfAbsent(key, body), target.putIfAbsent(key, body))
        : Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)) as unknown,
    });
    const t = await DeltaTable.ensure({ ...source, store: resending }, DEFINITION, clock);
    expect(await t.commit(t.snapshot, append(add('a'), txn('x', 7n)))).toMatchObject({ kind: 'committed' });
    expect(await versions(inner)).toEqual([commitKey(0n), commitKey(1n)]);
    expect(t.snapshot.txns.get('x')).toMatchObject({ version: 7n });
  });

  test('a put that never arrived is repeated at the same version', async () => {
    const t = await table();
    faultOn(1n, 'fail-before', 3);
    expect(await t.commit(t.snapshot, append(add('a')))).toMatchObject({ kind: 'committed', retries: 3 });
    expect(await versions(source.store)).toEqual([commitKey(0n), commitKey(1n)]);
  });

  test('a lost reply while a rival waits: our version stands, the rival clashes with it', async () => {
    const [a, b] = [await table(), await table()];
    faultOn(1n, 'lost-reply');
    expect(await a.commit(a.snapshot, upsert(add('a'), txn('x', 1n)))).toMatchObject({ kind: 'committed' });
    expect(await b.commit(b.snapshot, upsert(add('b'), txn('x', 1n)))).toMatchObject({ kind: 'clash', over: 'txn' });
    expect(b.snapshot.version).toBe(1n);
  });

  test('no answer within the budget is a TransientError, and nothing is deleted', async () => {
    const t = await table();
    faultOn(1n, 'fail-before', 100);
    await expect(t.commit(t.snapshot, append(add('a')))).rejects.toMatchObject({ constructor: TransientError, code: 'delta/commit-unknown' });
    expect(await versions(source.store)).toEqual([commitKey(0n)]);
  });

  test('throttling passes through as a TransientError', async () => {
    const t = await table();
    faultOn(1n, 'throttle');
    await expect(t.commit(t.snapshot, append(add('a')))).rejects.toBeInstanceOf(TransientError);
    expect(await t.commit(t.snapshot, append(add('a')))).toMatchObject({ kind: 'committed' });
  });

  test('an unreadable version after an unknown put is a TransientError; the next attempt finds what stands', async () => {
    const t = await table();
    let broken = true;
    faults.next = (operation, key) => (!broken || key !== commitKey(1n) ? 'none' : operation === 'putIfAbsent' ? 'lost-reply' : 'throttle');
    await expect(t.commit(t.snapshot, append(add('a'), txn('x', 1n)))).rejects.toBeInstanceOf(TransientError);
    broken = false;
    expect(await t.commit(t.snapshot, append(add('b'), txn('x', 1n)))).toMatchObject({ kind: 'clash', over: 'txn' });
    expect([...t.snapshot.files.keys()]).toEqual(['a']);
  });
});

describe('creating', () => {
  test.each<Fault>(['lost-reply', 'fail-before', 'none'])('one table comes of many workers (%s)', async (fault) => {
    faultOn(0n, fault);
    const opened = await Promise.allSettled(Array.from({ length: 5 }, () => table()));
    const again = await table();
    const ids = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []));
    expect(new Set([...ids, again.id]).size).toBe(1);
    expect(ids.length).toBeGreaterThanOrEqual(4);
    expect(await versions(source.store)).toEqual([commitKey(0n)]);
  });

  test('no answer and no table is a TransientError', async () => {
    faultOn(0n, 'fail-before', 100);
    await expect(table()).rejects.toMatchObject({ constructor: TransientError, code: 'delta/commit-unknown' });
  });
});

describe('many writers', () => {
  const WRITERS = 8;
  const COMMITS = 10;

  /** As a host does: what fails with a retry is repeated, unless the progress says that it was done. */
  async function untilThere(t: DeltaTable, appId: string, version: bigint, file: Action): Promise<void> {
    while ((progressOf(await t.refresh(), appId) ?? -1n) < version) {
      try {
        await t.commit(t.snapshot, append(file, txn(appId, version)));
      } catch (error) {
        if (!(error instanceof AssayError) || error.retry === 'never') throw error;
      }
    }
  }

  async function race(store: ObjectStore): Promise<void> {
    const own: LogSource = { store, codec: noCheckpoints, table: 't' };
    await DeltaTable.ensure(own, DEFINITION, clock);
    await Promise.all(Array.from({ length: WRITERS }, async (_value, writer) => {
      const t = (await DeltaTable.open(own, clock))!;
      for (let i = 0; i < COMMITS; i++) await untilThere(t, `w/${writer}`, BigInt(i), add(`${writer}-${i}`));
    }));
    const end = (await DeltaTable.open(own, clock))!;
    expect(end.snapshot.version).toBe(BigInt(WRITERS * COMMITS));
    expect(await versions(store)).toEqual(Array.from({ length: WRITERS * COMMITS + 1 }, (_value, i) => commitKey(BigInt(i))));
    const wanted = Array.from({ length: WRITERS * COMMITS }, (_value, i) => `${Math.floor(i / COMMITS)}-${i % COMMITS}`);
    expect([...end.snapshot.files.keys()].sort()).toEqual(wanted.sort());
    for (let writer = 0; writer < WRITERS; writer++) expect(end.snapshot.txns.get(`w/${writer}`)!.version).toBe(BigInt(COMMITS - 1));
  }

  test('in memory: contiguous versions, each file once', () => race(new MemoryStore()));

  test('in memory, with faults on every third put', async () => {
    let puts = 0;
    await race(new MemoryStore({ faults: (operation) => (operation === 'putIfAbsent' && puts++ % 3 === 2 ? (puts % 2 === 0 ? 'lost-reply' : 'fail-before') : 'none') }));
  });

  test('in a directory', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'assay-race-'));
    try {
      await race(new FileStore({ dir: folder }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('upserts clash until each has seen the others: a counter loses nothing', async () => {
    await table();
    const counts = await Promise.all(Array.from({ length: 4 }, async () => {
      const t = await table();
      let clashes = 0;
      for (let done = 0; done < 5; ) {
        const base = t.snapshot;
        const files = [...base.files.keys()];
        const next = `n${files.length === 0 ? 1 : Number(files[0].slice(1)) + 1}`;
        const outcome = await t.commit(base, upsert(...files.map(remove), add(next)));
        if (outcome.kind === 'committed') done++;
        else clashes++;
      }
      return clashes;
    }));
    expect([...(await table()).snapshot.files.keys()]).toEqual(['n20']);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
  });

  test('who always loses the race is told so', async () => {
    const t = await table();
    const rival = await table();
    const beaten: ObjectStore = new Proxy(source.store, {
      get: (target, name) => (name === 'putIfAbsent'
        ? async (key: string) => {
            await rival.refresh();
            await rival.commit(rival.snapshot, append(add(`rival ${key}`)));
            return 'exists';
          }
        : Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)) as unknown,
    });
    const victim = (await DeltaTable.open({ ...source, store: beaten }, clock))!;
    await expect(victim.commit(t.snapshot, append(add('a')))).rejects.toMatchObject({ constructor: ConflictError, code: 'delta/contended' });
  });
});
