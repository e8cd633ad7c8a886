import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { printActions } from '../../shared/delta/actions.ts';
import type { Transaction } from '../../shared/delta/commit.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import type { DeltaTable } from '../../shared/delta/table.ts';
import { AssayError, ConflictError, TransientError } from '../../shared/errors.ts';
import { FaultyLog, add, append, overriding, remove, txn, upsert } from '../support/commits.ts';
import { patientClock } from '../support/delta.ts';

/** Commits that lose the race: what follows, what they may follow, and when they must not. */
let clock: ReturnType<typeof patientClock>;
let log: FaultyLog;

beforeEach(() => {
  clock = patientClock();
  log = new FaultyLog(clock);
});
afterEach(() => expect(log.asked).not.toContain('delete'));

const table = () => log.table();

describe('a lost race', () => {
  test('retries count the puts that were lost, to rivals and to silence', async () => {
    const t = await table();
    const base = t.snapshot;
    await log.rival(add('r1'));
    await log.rival(add('r2'));
    log.faultOn(3n, 'fail-before', 2);
    expect(await t.commit(base, append(add('a')))).toMatchObject({ kind: 'committed', retries: 3, snapshot: { version: 3n } });
    expect([...t.snapshot.files.keys()]).toEqual(['r1', 'r2', 'a']);
    // The version that was read stays the one that the plan was made on.
    expect(await log.commitInfo(3n)).toMatchObject({ readVersion: 0 });
  });

  test('all rivals are judged, also one between two harmless ones; the snapshot holds them all', async () => {
    const t = await table();
    const base = t.snapshot;
    for (const actions of [[add('r1')], [txn('x', 5n)], [add('r3')]]) await log.rival(...actions);
    expect(await t.commit(base, append(txn('x', 5n), add('a')))).toMatchObject({ kind: 'clash', over: 'txn', retries: 1 });
    expect(t.snapshot.version).toBe(3n);
    expect([...t.snapshot.files.keys()]).toEqual(['r1', 'r3']);
  });

  test('what a rival made unwritable is not written to', async () => {
    const t = await table();
    const base = t.snapshot;
    await log.rival({ protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking', 'domainMetadata'] } });
    expect(await t.commit(base, append(add('a')))).toMatchObject({ kind: 'clash', over: 'metadata' });
    await expect(t.commit(t.snapshot, append(add('a')))).rejects.toMatchObject({ code: 'delta/protocol' });
  });

  test('who waited reads on before the next put: what came meanwhile costs no further one', async () => {
    const t = await table();
    const base = t.snapshot;
    await log.rival(add('r1'));
    const sleep = clock.sleep.bind(clock);
    clock.sleep = async (ms) => {
      await log.rival(add('r2'));
      await log.rival(add('r3'));
      await sleep(ms);
    };
    expect(await t.commit(base, append(add('a')))).toMatchObject({ kind: 'committed', retries: 1, snapshot: { version: 4n } });
  });

  test('who always loses is told so', async () => {
    let rivals = 0;
    const beaten = overriding(log.store, {
      putIfAbsent: (store) => async (key) => {
        rivals++;
        return (await store.putIfAbsent(key, Buffer.from(printActions([{ commitInfo: { txnId: key } }, add(`rival ${key}`)]))), 'exists');
      },
    });
    await table();
    const victim = await log.table({ store: beaten });
    await expect(victim.commit(victim.snapshot, append(add('a')))).rejects.toMatchObject({ constructor: ConflictError, code: 'delta/contended', retry: 'now' });
    expect(await log.versions()).toHaveLength(1 + rivals);
  });
});

describe('following rows that a rival moved', () => {
  /** The table has the files a and b. Ours replaces rows of a, by vectors as it were. */
  async function planned(remap: (to: Snapshot) => Promise<Transaction | null>): Promise<{ t: DeltaTable; base: Snapshot; transaction: Transaction; txnIds: string[] }> {
    const txnIds: string[] = [];
    const t = await log.table({
      store: overriding(log.store, {
        putIfAbsent: (store) => (key, body) => {
          txnIds.push((JSON.parse(Buffer.from(body).toString().split('\n')[0]) as { commitInfo: { txnId: string } }).commitInfo.txnId);
          return store.putIfAbsent(key, body);
        },
      }),
    });
    await t.commit(t.snapshot, append(add('a'), add('b')));
    txnIds.length = 0;
    return { t, base: t.snapshot, transaction: { ...upsert(remove('a'), add('new')), remap }, txnIds };
  }

  const moved = (from: string, to: string) => log.rival(remove(from, false), add(to, { dataChange: false }));

  test('the hook sees the newest snapshot; what it gives is committed as the same transaction', async () => {
    const seen: bigint[] = [];
    const { t, base, transaction, txnIds } = await planned((to) => {
      seen.push(to.version);
      expect([...to.files.keys()].sort()).toEqual(['b', 'c']);
      return Promise.resolve({ ...upsert(remove('c'), add('new')), operation: 'MERGE again' });
    });
    await moved('a', 'c');
    await log.rival(txn('other', 1n));
    expect(await t.commit(base, transaction)).toMatchObject({ kind: 'committed', retries: 1, snapshot: { version: 4n } });
    expect(seen).toEqual([3n]);
    expect([...t.snapshot.files.keys()].sort()).toEqual(['b', 'new']);
    expect(txnIds).toHaveLength(2);
    expect(new Set([...txnIds, (await log.commitInfo(4n)).txnId]).size).toBe(1);
    expect(await log.commitInfo(4n)).toMatchObject({ operation: 'MERGE again', readVersion: 1, isBlindAppend: false });
  });

  test('again and again, as long as each time the rows are found', async () => {
    const { t, base } = await planned(() => Promise.resolve(null));
    const names = ['a', 'c', 'd', 'e'];
    // Each time but the last, the rival moves the rows on before what follows them is put.
    const at = (i: number): Transaction => ({
      ...upsert(remove(names[i]), add('new')),
      remap: async () => {
        if (i + 2 < names.length) await moved(names[i + 1], names[i + 2]);
        return at(i + 1);
      },
    });
    await moved('a', 'c');
    expect(await t.commit(base, at(0))).toMatchObject({ kind: 'committed', retries: 3, snapshot: { version: 5n } });
    expect([...t.snapshot.files.keys()].sort()).toEqual(['b', 'new']);
  });

  test('not found again: the plan is made anew', async () => {
    const { t, base, transaction } = await planned(() => Promise.resolve(null));
    await moved('a', 'c');
    expect(await t.commit(base, transaction)).toMatchObject({ kind: 'clash', over: 'removed-file', retries: 1 });
    expect([...t.snapshot.files.keys()].sort()).toEqual(['b', 'c']);
  });

  test.each([
    ['took them away', [remove('a')], 'removed-file'],
    ['added rows beside', [remove('a', false), add('c', { dataChange: false }), add('d')], 'added-rows'],
  ] as const)('a rival that %s: the hook is not asked', async (_name, actions, over) => {
    const { t, base, transaction } = await planned(() => Promise.reject(new Error('it was asked')));
    await log.rival(...actions);
    expect(await t.commit(base, transaction)).toMatchObject({ kind: 'clash', over });
  });

  test.each([['before', 0], ['after', 1]])('a clash %s the move decides', async (_name, at) => {
    const { t, base, transaction } = await planned(() => Promise.reject(new Error('it was asked')));
    const rivals = [() => moved('a', 'c')].toSpliced(at, 0, () => log.rival(add('d')));
    for (const rival of rivals) await rival();
    expect(await t.commit(base, transaction)).toMatchObject({ kind: 'clash', over: 'added-rows', snapshot: { version: 3n } });
  });

  test('without the hook a moved file is a clash', async () => {
    const { t, base, transaction: { remap: _remap, ...transaction } } = await planned(() => Promise.resolve(null));
    await moved('a', 'c');
    expect(await t.commit(base, transaction)).toMatchObject({ kind: 'clash', over: 'removed-file' });
  });
});

describe('the age of new files, by the store\'s clock (semantics.md, section 6)', () => {
  const HOUR_MS = 3_600_000;

  test.each<[string, Record<string, string>, number]>([
    ['an hour', {}, HOUR_MS],
    ['a quarter of the retention', { 'delta.deletedFileRetentionDuration': 'interval 2 hours' }, HOUR_MS / 2],
    ['an hour of a long retention', { 'delta.deletedFileRetentionDuration': 'interval 60 days' }, HOUR_MS],
  ])('%s is the bound', async (_name, configuration, boundMs) => {
    const t = await log.table({ configuration });
    expect(await t.commit(t.snapshot, { ...append(add('a')), writtenAtMs: log.store.nowMs() - boundMs })).toMatchObject({ kind: 'committed' });
    expect(await t.commit(t.snapshot, { ...append(add('b')), writtenAtMs: log.store.nowMs() - boundMs - 1 })).toMatchObject({ kind: 'clash', over: 'age', retries: 0 });
    expect([...(await t.refresh()).files.keys()]).toEqual(['a']);
  });

  test('what brings no file has no age', async () => {
    const t = await table();
    const transaction = append(txn('x', 1n));
    clock.advance(2 * HOUR_MS);
    expect(await t.commit(await t.refresh(), transaction)).toMatchObject({ kind: 'committed' });
  });

  test('files that grow old between two puts are not named any more', async () => {
    const t = await table();
    const base = t.snapshot;
    await log.rival(add('r'));
    const writtenAtMs = log.store.nowMs() - HOUR_MS + 1_000;
    log.faults = (operation, key) => {
      if (operation === 'putIfAbsent' && key === commitKey(1n)) clock.advance(2_000);
      return 'none';
    };
    expect(await t.commit(base, { ...append(add('a')), writtenAtMs })).toMatchObject({ kind: 'clash', over: 'age', retries: 1 });
    expect([...t.snapshot.files.keys()]).toEqual(['r']);
  });

  test('but while a put of theirs may still land, nobody plans again', async () => {
    const t = await table();
    const writtenAtMs = log.store.nowMs() - HOUR_MS + 1_000;
    log.faults = (operation) => (operation === 'putIfAbsent' ? (clock.advance(2_000), 'fail-before') : 'none');
    await expect(t.commit(t.snapshot, { ...append(add('a')), writtenAtMs })).rejects.toMatchObject({ constructor: TransientError, code: 'delta/commit-unknown' });
    expect(log.asked.filter((operation) => operation === 'putIfAbsent')).toHaveLength(2);
  });

  test('a put without an answer that did land has won, whatever its age', async () => {
    const t = await table();
    const writtenAtMs = log.store.nowMs() - HOUR_MS + 1_000;
    log.faults = (operation, key) => (operation === 'putIfAbsent' && key === commitKey(1n) ? (clock.advance(2_000), 'lost-reply') : 'none');
    expect(await t.commit(t.snapshot, { ...append(add('a')), writtenAtMs })).toMatchObject({ kind: 'committed', retries: 0 });
  });
});

describe('many writers', () => {
  const WRITERS = 8;
  const COMMITS = 10;

  /** As a host does: what fails with a retry is repeated, unless the progress says that it was done. */
  async function untilThere(t: DeltaTable, appId: string, version: bigint): Promise<void> {
    while ((progressOf(await t.refresh(), appId) ?? -1n) < version) {
      try {
        await t.commit(t.snapshot, append(add(`${appId}-${version}`), txn(appId, version)));
      } catch (error) {
        if (!(error instanceof AssayError) || error.retry === 'never') throw error;
      }
    }
  }

  test('with a fault on every third put: contiguous versions, each file once', async () => {
    await table();
    let puts = 0;
    log.faults = (operation) => (operation === 'putIfAbsent' && puts++ % 3 === 2 ? (puts % 2 === 0 ? 'lost-reply' : 'fail-before') : 'none');
    await Promise.all(Array.from({ length: WRITERS }, async (_value, writer) => {
      const t = await table();
      for (let i = 0; i < COMMITS; i++) await untilThere(t, `w${writer}`, BigInt(i));
    }));
    const { snapshot } = await table();
    expect(await log.versions()).toEqual(Array.from({ length: WRITERS * COMMITS + 1 }, (_value, i) => commitKey(BigInt(i))));
    expect([...snapshot.files.keys()].sort()).toEqual(Array.from({ length: WRITERS * COMMITS }, (_value, i) => `w${Math.floor(i / COMMITS)}-${i % COMMITS}`).sort());
    expect([...snapshot.txns.values()].map(({ version }) => version)).toEqual(Array.from({ length: WRITERS }, () => BigInt(COMMITS - 1)));
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
        const outcome = await t.commit(base, upsert(...files.map((file) => remove(file)), add(next)));
        if (outcome.kind === 'committed') done++;
        else clashes++;
      }
      return clashes;
    }));
    expect([...(await table()).snapshot.files.keys()]).toEqual(['n20']);
    expect(counts.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
  });
});
