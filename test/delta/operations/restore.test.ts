import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Row } from '../../../shared/columnar/relation.ts';
import { removeOf } from '../../../shared/delta/actions.ts';
import { addColumns, setProperties } from '../../../shared/delta/operations/alter.ts';
import { planRestore, restore } from '../../../shared/delta/operations/restore.ts';
import type { RestoreOptions } from '../../../shared/delta/operations/restore.ts';
import { field } from '../../../shared/delta/schema.ts';
import { vectorKey } from '../../../shared/delta/deletion-vector.ts';
import { collect } from '../../support/collect.ts';
import { ROW_MODES, RowTables, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const key = ['id'];
const row = (id: number, text: string, more: Row = {}): Row => ({ id: BigInt(id), text, ...more });
const MEMORY: RowMode = { engine: 'memory', vectors: true };
const progress = (version: number) => ({ actions: [{ txn: { appId: 'app', version: BigInt(version) } }] });
const failsWith = (code: string): object => expect.objectContaining({ name: 'TableError', code });

const back = ({ table }: TestTable, version: number, initialProgress: RestoreOptions['initialProgress'] = () => -1n) =>
  restore(table.delta, { version: BigInt(version), nowMs: 5, initialProgress });

/** 1: two rows; 2: one replaced, one new, progress 2; 3: all in one file, progress 3 of another app. */
async function filled(mode: RowMode): Promise<TestTable> {
  const table = await tables.create(mode, { fields: [field('id', 'long'), field('text', 'string')] });
  await table.apply(table.append([row(1, 'a'), row(2, 'b')]));
  await table.apply(table.upsert([row(2, 'B'), row(3, 'C')], key, progress(2)));
  const { snapshot, transaction } = await table.compact();
  await table.apply({ snapshot, transaction: { ...transaction, actions: [...transaction.actions, { txn: { appId: 'other', version: 3n } }] } });
  return table;
}

describe.each(ROW_MODES)('%s', (_name, mode) => {
  test('rows, files, vectors and progress of each version come back, and go forward again', async () => {
    const table = await filled(mode);
    const states = await Promise.all([0, 1, 2, 3].map(async (version) => ({ version, snapshot: await table.table.delta.at(BigInt(version)), rows: await table.rows(BigInt(version)) })));
    for (const target of [1, 2, 0, 3, 2]) {
      const { snapshot, rows } = states[target];
      const restored = await back(table, target);
      expect([...restored!.snapshot.files.keys()].sort()).toEqual([...snapshot.files.keys()].sort());
      const reopened = await table.another();
      for (const each of [table, reopened]) {
        expect(await each.rows()).toEqual(rows);
        expect([...each.snapshot.files.keys()].sort()).toEqual([...snapshot.files.keys()].sort());
        const progressNow = Object.fromEntries([...each.snapshot.txns.values()].map(({ appId, version }) => [appId, version]));
        expect({ app: -1n, other: -1n, ...progressNow }).toEqual({ app: target >= 2 ? 2n : -1n, other: target >= 3 ? 3n : -1n });
      }
    }
    await table.apply(table.upsert([row(1, 'x')], key));
    expect(await table.rows()).toEqual(sorted([row(1, 'x'), row(2, 'B'), row(3, 'C')]));
  });

  test('columns and properties come back; the protocol and the id stay', async () => {
    const table = await filled(mode);
    const { metaData: before } = table.snapshot;
    await addColumns(table.table.delta, [field('x', 'long')]);
    await setProperties(table.table.delta, { 'delta.enableDeletionVectors': 'true', a: 'b' });
    await table.apply(table.upsert([row(1, 'x', { x: 9n })], key));
    const { protocol } = table.snapshot;
    await back(table, 3);
    expect(await table.rows()).toEqual(sorted([row(1, 'a'), row(2, 'B'), row(3, 'C')]));
    expect([table.snapshot.metaData.configuration, table.snapshot.metaData.id, table.snapshot.protocol]).toEqual([before.configuration, before.id, protocol]);
    await back(table, 6);
    expect(await table.rows()).toEqual(sorted([row(1, 'x', { x: 9n }), row(2, 'B', { x: null }), row(3, 'C', { x: null })]));
    await table.apply(table.upsert([row(2, 'y', { x: 8n })], key));
    expect(await table.rows()).toHaveLength(3);
  });
});

test('says what it did: files, and every progress that changed', async () => {
  const table = await filled(MEMORY);
  const asked: string[] = [];
  const restored = await back(table, 1, (appId, current) => {
    asked.push(`${appId} at ${current.version}`);
    return 7n;
  });
  expect(restored).toMatchObject({
    restored: [expect.anything()], removed: [expect.anything()], metaData: null, snapshot: { version: 4n },
    progress: [{ appId: 'app', from: 2n, to: 7n }, { appId: 'other', from: 3n, to: 7n }],
  });
  expect(asked).toEqual(['app at 3', 'other at 3']);
  const [commit] = await collect(table.table.delta.versions(4n, 4n));
  expect(commit.actions[0].commitInfo).toMatchObject({ operation: 'RESTORE', operationParameters: { version: '"1"' }, operationMetrics: { numRestoredFiles: '1', numRemovedFiles: '1' }, intent: 'replace', isBlindAppend: false });
});

test('to what the table is like already commits nothing, also after a checkpoint, and where only columns or properties differ it does', async () => {
  const table = await filled(MEMORY);
  await table.table.delta.checkpoint();
  const reopened = await table.another();
  expect(await back(reopened, 3)).toBeNull();
  expect(reopened.snapshot.version).toBe(3n);
  await setProperties(reopened.table.delta, { a: 'b' });
  expect(await back(reopened, 3)).toMatchObject({ restored: [], removed: [], progress: [], metaData: expect.anything() });
  expect(reopened.snapshot.metaData.configuration).not.toHaveProperty('a');
});

test('progress may be set to something else than it was then, also where there was none', async () => {
  const table = await filled(MEMORY);
  const otherProgress = new Map([['app', 9n], ['new', 5n], ['other', 3n]]);
  const planned = await planRestore(table.table.delta, { version: 1n, nowMs: 5, initialProgress: () => -1n, otherProgress });
  expect(planned?.progress).toEqual([{ appId: 'app', from: 2n, to: 9n }, { appId: 'new', from: null, to: 5n }]);
  expect(table.snapshot.version).toBe(3n);
  await restore(table.table.delta, { version: 1n, nowMs: 5, initialProgress: () => -1n, otherProgress });
  expect(Object.fromEntries([...table.snapshot.txns.values()].map(({ appId, version }) => [appId, version]))).toEqual({ app: 9n, new: 5n, other: 3n });
});

test('a version that never was', async () => {
  const table = await filled(MEMORY);
  await expect(back(table, 99)).rejects.toEqual(failsWith('delta/no-such-version'));
});

test.each([['a data file', (table: TestTable) => table.files[0].path], ['the file of a vector', (table: TestTable) => {
  const file = table.files.find(({ deletionVector }) => deletionVector)!;
  return vectorKey(file.deletionVector!, table.table.delta.source.store.url)!;
}]])('%s that VACUUM took: TableError, and nothing is committed', async (_what, keyOf) => {
  const table = await tables.create(MEMORY, { fields: [field('id', 'long'), field('text', 'string')] });
  // A vector of every other row is too large for the log.
  await table.apply(table.append(Array.from({ length: 4_000 }, (_value, i) => row(i, ''))));
  await table.apply(table.deleteByKey(Array.from({ length: 2_000 }, (_value, i) => row((i * 7919) % 4_000, '')), key));
  const gone = keyOf(table);
  await table.apply(table.compact());
  await table.table.delta.source.store.delete(gone);
  await expect(back(table, 2)).rejects.toEqual(failsWith('delta/missing-file'));
  expect((await table.another()).snapshot.version).toBe(3n);
});

test('files that the table still has are not asked for, and need not be there', async () => {
  const table = await filled(MEMORY);
  const heads: string[] = [];
  const { store } = table.table.delta.source;
  const head = store.head.bind(store);
  store.head = (asked) => (heads.push(asked), head(asked));
  const [kept] = table.files;
  await table.apply(table.append([row(9, 'z')]));
  await back(table, 3);
  expect(heads).not.toContain(kept.path);
});

describe('a rival', () => {
  test('who commits first: its rows go too, for the version is what it was', async () => {
    const table = await filled(MEMORY);
    const rival = await table.another();
    const { delta } = table.table;
    const commit = delta.commit.bind(delta);
    let plans = 0;
    delta.commit = async (base, transaction) => {
      if (plans++ === 0) await rival.apply(rival.upsert([row(50, 'rival')], key, progress(4)));
      return commit(base, transaction);
    };
    const restored = await back(table, 1);
    expect(plans).toBe(2);
    expect(restored?.progress).toContainEqual({ appId: 'app', from: 4n, to: -1n });
    expect(await (await table.another()).rows()).toEqual([row(1, 'a'), row(2, 'b')]);
  });

  test('who planned on what was there before has to plan again', async () => {
    const table = await filled(MEMORY);
    const rival = await table.another();
    const [upsert, append] = [await rival.upsert([row(1, 'rival')], key), await rival.append([row(8, 'rival')])];
    await back(table, 1);
    expect(await rival.commit(upsert)).toMatchObject({ kind: 'clash' });
    expect(await rival.commit(append)).toMatchObject({ kind: 'committed' });
    expect(await rival.rows()).toEqual(sorted([row(1, 'a'), row(2, 'b'), row(8, 'rival')]));
  });

  test('who had progress the restore took back has to plan again', async () => {
    const table = await filled(MEMORY);
    const rival = await table.another();
    const next = await rival.append([row(8, 'rival')]);
    await back(table, 1);
    const carried = { ...next, transaction: { ...next.transaction, actions: [...next.transaction.actions, ...progress(3).actions] } };
    expect(await rival.commit(carried)).toMatchObject({ kind: 'clash', over: 'txn' });
  });
});

test('a foreign removal that says no more than the path is restored by the add of the version itself', async () => {
  const table = await filled(MEMORY);
  const [{ path }] = table.files;
  await table.apply({ snapshot: table.snapshot, transaction: { operation: 'DELETE', reads: 'table', actions: [{ remove: { ...removeOf(table.files[0], { nowMs: 1, dataChange: true }), partitionValues: null, size: null } }] } });
  expect(await table.rows()).toEqual([]);
  await back(table, 3);
  expect([table.files.map((file) => file.path), await table.rows()]).toEqual([[path], sorted([row(1, 'a'), row(2, 'B'), row(3, 'C')])]);
});
