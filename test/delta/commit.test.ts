import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Action } from '../../shared/delta/actions.ts';
import type { Transaction } from '../../shared/delta/commit.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { readCommit } from '../../shared/delta/log-reader.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { TransientError } from '../../shared/errors.ts';
import { FaultyLog, add, append, overriding, remove, txn, upsert } from '../support/commits.ts';
import { patientClock } from '../support/delta.ts';
import type { Fault } from '../support/memory-store.ts';
import { METADATA } from '../support/random-log.ts';

const clock = patientClock();
const deletionVector = { storageType: 'i' as const, pathOrInlineDv: 'x', sizeInBytes: 1, cardinality: 1 };
let log: FaultyLog;

beforeEach(() => {
  log = new FaultyLog(clock);
});
// Whatever a commit met: what it may have written stays.
afterEach(() => expect(log.asked).not.toContain('delete'));

const table = () => log.table();

describe('what is written', () => {
  test('commitInfo comes first and says what other engines ask for', async () => {
    const t = await table();
    await t.commit(t.snapshot, { ...append(add('a')), operationParameters: { mode: '"Append"' }, operationMetrics: { numFiles: '1' } });
    const [first, ...rest] = (await readCommit(log.source, 1n))!;
    expect(rest).toEqual([add('a')]);
    expect(first.commitInfo).toMatchObject({ operation: 'WRITE', operationParameters: { mode: '"Append"' }, operationMetrics: { numFiles: '1' }, readVersion: 0, isBlindAppend: true, isolationLevel: 'Serializable' });
    expect(first.commitInfo!.txnId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each<[string, boolean, Transaction]>([
    ['an append', true, append(add('b'))],
    ['an append with progress', true, append(txn('x', 1n), add('b'))],
    ['progress alone', true, append(txn('x', 1n))],
    ['an upsert of new rows alone', false, upsert(add('b'))],
    ['an upsert', false, upsert(remove('a'), add('b'))],
    ['new rows where a predicate was looked at', false, { ...append(add('b')), reads: () => false }],
    ['a removal', false, { ...append(remove('a')), operation: 'DELETE' }],
    ['a compaction', false, { ...append(remove('a', false), add('b', { dataChange: false })), operation: 'OPTIMIZE', dataChange: false }],
    ['new metadata', false, append({ metaData: METADATA })],
    ['a new protocol', false, append({ protocol: { minReaderVersion: 1, minWriterVersion: 3 } })],
    ['a domain', false, append(add('b'), { domainMetadata: { domain: 'd', configuration: '{}', removed: false } })],
  ])('%s: isBlindAppend %s', async (_name, isBlindAppend, transaction) => {
    const t = await table();
    await t.commit(t.snapshot, append(add('a')));
    expect(await t.commit(t.snapshot, transaction)).toMatchObject({ kind: 'committed', retries: 0 });
    expect(await log.commitInfo(2n)).toMatchObject({ operation: transaction.operation, isBlindAppend, readVersion: 1 });
  });

  test('a removal says its intent; nothing else has one', async () => {
    const t = await table();
    await t.commit(t.snapshot, append(add('a')));
    await t.commit(t.snapshot, { ...upsert(remove('a')), removalIntent: 'expire' });
    expect(await log.commitInfo(1n)).not.toHaveProperty('intent');
    expect(await log.commitInfo(2n)).toMatchObject({ intent: 'expire' });
  });

  test.each<[string, Action[]]>([
    ['a path added twice', [add('a'), add('a')]],
    ['a path added twice, under two vectors', [add('a'), add('a', { deletionVector })]],
    ['a file removed twice', [remove('old'), remove('old')]],
    ['a file both added and removed', [remove('old'), add('old')]],
    ['a txn twice', [txn('x', 1n), txn('x', 2n)]],
    ['two metaData', [{ metaData: METADATA }, { metaData: METADATA }]],
    ['a domain twice', [1, 2].map((n) => ({ domainMetadata: { domain: 'd', configuration: String(n), removed: false } }))],
  ])('%s is a bug, caught before the put', async (_name, actions) => {
    const t = await table();
    await t.commit(t.snapshot, append(add('old')));
    await expect(t.commit(t.snapshot, append(...actions))).rejects.toThrow(/^bug: a commit names/);
    expect(await log.versions()).toHaveLength(2);
  });

  test('removing what the snapshot does not have is a bug: its rows would come back in what replaces it', async () => {
    const t = await table();
    await expect(t.commit(t.snapshot, upsert(remove('a'), add('b')))).rejects.toThrow(/^bug: a commit removes a/);
    expect(await log.versions()).toEqual([commitKey(0n)]);
  });

  test('the same path under two vectors is legal', async () => {
    const t = await log.table({ configuration: { 'delta.enableDeletionVectors': 'true' } });
    await t.commit(t.snapshot, append(add('a')));
    expect(await t.commit(t.snapshot, upsert(remove('a'), add('a', { deletionVector })))).toMatchObject({ kind: 'committed' });
  });
});

describe('answers that do not tell', () => {
  test('a lost reply is settled by reading the version back: won, once', async () => {
    const t = await table();
    log.faultOn(1n, 'lost-reply');
    expect(await t.commit(t.snapshot, append(add('a')))).toMatchObject({ kind: 'committed', retries: 0 });
    expect([...t.snapshot.files.keys()]).toEqual(['a']);
    expect(await log.versions()).toEqual([commitKey(0n), commitKey(1n)]);
  });

  test('a resend that meets its own object (409 on our own write) has won', async () => {
    const t = await log.table({ store: overriding(log.store, { putIfAbsent: (store) => async (key, body) => (await store.putIfAbsent(key, body), store.putIfAbsent(key, body)) }) });
    expect(await t.commit(t.snapshot, append(add('a'), txn('x', 7n)))).toMatchObject({ kind: 'committed', retries: 0 });
    expect(await log.versions()).toEqual([commitKey(0n), commitKey(1n)]);
    expect(t.snapshot.txns.get('x')).toMatchObject({ version: 7n });
  });

  test('a put that never arrived is repeated at the same version', async () => {
    const t = await table();
    log.faultOn(1n, 'fail-before', 3);
    expect(await t.commit(t.snapshot, append(add('a')))).toMatchObject({ kind: 'committed', retries: 3 });
    expect(await log.versions()).toEqual([commitKey(0n), commitKey(1n)]);
  });

  /** The first put of version 1 gets no answer, and takes effect `when`; where somebody was there before, never. */
  async function late(when: 'once its version was read back' | 'after the second put', rival: boolean): Promise<{ outcome: unknown; files: string[]; versions: number }> {
    let [puts, landing]: [number, (() => Promise<unknown>) | null] = [0, null];
    const land = async () => {
      await landing?.();
      landing = null;
    };
    const store = overriding(log.store, {
      putIfAbsent: (inner) => async (key, body) => {
        if (key === commitKey(1n) && puts++ === 0) {
          landing = () => inner.putIfAbsent(key, body);
          return 'unknown';
        }
        const outcome = await inner.putIfAbsent(key, body);
        await land();
        return outcome;
      },
      get: (inner) => async (key) => {
        const found = await inner.get(key);
        if (key !== commitKey(1n) || landing === null) return found;
        if (rival) await log.rival(add('rival'));
        if (when === 'once its version was read back') await land();
        return found;
      },
    });
    const t = await log.table({ store });
    const outcome = await t.commit(t.snapshot, append(add('a')));
    return { outcome, files: [...(await (await table()).refresh()).files.keys()].sort(), versions: (await log.versions()).length };
  }

  test('stored late, after the version was read back as missing: the repeat finds it, and it counts once', async () => {
    const { outcome, files, versions } = await late('once its version was read back', false);
    expect(outcome).toMatchObject({ kind: 'committed', retries: 1 });
    expect({ files, versions }).toEqual({ files: ['a'], versions: 2 });
  });

  test('later than its repeat, it finds the version taken', async () => {
    const { outcome, files, versions } = await late('after the second put', false);
    expect(outcome).toMatchObject({ kind: 'committed', retries: 1 });
    expect({ files, versions }).toEqual({ files: ['a'], versions: 2 });
  });

  test.each(['once its version was read back', 'after the second put'] as const)('late (%s), and a rival was there first: both stand, once', async (when) => {
    const { outcome, files, versions } = await late(when, true);
    expect(outcome).toMatchObject({ kind: 'committed', retries: 2 });
    expect({ files, versions }).toEqual({ files: ['a', 'rival'], versions: 3 });
  });

  test('a lost reply while a rival waits: our version stands, the rival clashes with it', async () => {
    const [a, b] = [await table(), await table()];
    log.faultOn(1n, 'lost-reply');
    expect(await a.commit(a.snapshot, append(txn('x', 1n), add('a')))).toMatchObject({ kind: 'committed' });
    expect(await b.commit(b.snapshot, append(txn('x', 1n), add('b')))).toMatchObject({ kind: 'clash', over: 'txn', retries: 1 });
    expect(b.snapshot.version).toBe(1n);
    expect([...b.snapshot.files.keys()]).toEqual(['a']);
  });

  test('no answer within the budget is a TransientError', async () => {
    const t = await table();
    log.faultOn(1n, 'fail-before', 100);
    await expect(t.commit(t.snapshot, append(add('a')))).rejects.toMatchObject({ constructor: TransientError, code: 'delta/commit-unknown' });
    expect(await log.versions()).toEqual([commitKey(0n)]);
  });

  test('throttling passes through as a TransientError', async () => {
    const t = await table();
    log.faultOn(1n, 'throttle');
    await expect(t.commit(t.snapshot, append(add('a')))).rejects.toBeInstanceOf(TransientError);
    expect(await t.commit(t.snapshot, append(add('a')))).toMatchObject({ kind: 'committed' });
  });

  test('an unreadable version after an unknown put is a TransientError; the next attempt finds what stands', async () => {
    const t = await table();
    let broken = true;
    log.faults = (operation, key) => (!broken || key !== commitKey(1n) ? 'none' : operation === 'putIfAbsent' ? 'lost-reply' : 'throttle');
    await expect(t.commit(t.snapshot, append(txn('x', 1n), add('a')))).rejects.toBeInstanceOf(TransientError);
    broken = false;
    expect(await t.commit(t.snapshot, append(txn('x', 1n), add('b')))).toMatchObject({ kind: 'clash', over: 'txn' });
    expect([...t.snapshot.files.keys()]).toEqual(['a']);
  });
});

describe('creating', () => {
  test.each<Fault>(['lost-reply', 'fail-before', 'none'])('one table comes of many workers (%s)', async (fault) => {
    log.faultOn(0n, fault);
    const opened = await Promise.allSettled(Array.from({ length: 5 }, () => table()));
    const again = await table();
    const ids = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []));
    expect(new Set([...ids, again.id]).size).toBe(1);
    expect(ids.length).toBeGreaterThanOrEqual(4);
    expect(await log.versions()).toEqual([commitKey(0n)]);
  });

  test('no answer and no table is a TransientError', async () => {
    log.faultOn(0n, 'fail-before', 100);
    await expect(table()).rejects.toMatchObject({ constructor: TransientError, code: 'delta/commit-unknown' });
    expect(await DeltaTable.open(log.source, clock)).toBeNull();
  });
});
