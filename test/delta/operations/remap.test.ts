import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compare } from '../../../shared/columnar/predicate.ts';
import type { Row } from '../../../shared/columnar/relation.ts';
import { removeOf } from '../../../shared/delta/actions.ts';
import { packVectors, withVector } from '../../../shared/delta/deletion-vector-file.ts';
import { withoutPlace } from '../../../shared/delta/operations/change-rows.ts';
import { restore } from '../../../shared/delta/operations/restore.ts';
import { scanLive } from '../../../shared/delta/operations/scan.ts';
import { writeFiles } from '../../../shared/delta/operations/write.ts';
import { field } from '../../../shared/delta/schema.ts';
import { ROW_MODES, RowTables, VECTOR_MODES, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const row = (id: number, text: string): Row => ({ id: BigInt(id), text });
const rowsOf = (from: number, to: number, text: string) => Array.from({ length: to - from + 1 }, (_value, i) => row(from + i, text));
const key = ['id'];
const keys = (...ids: number[]) => ids.map((id) => row(id, ''));

/** Three files of four rows: 1 to 4, 5 to 8, 9 to 12; and another writer who has seen them. */
async function three(mode: RowMode): Promise<{ table: TestTable; rival: TestTable }> {
  const table = await tables.create(mode, { fields: [field('id', 'long'), field('text', 'string')] });
  for (const from of [1, 5, 9]) await table.apply(table.append(rowsOf(from, from + 3, 'old')));
  return { table, rival: await table.another() };
}

const others = (...ids: number[]) => rowsOf(1, 12, 'old').filter(({ id }) => !ids.includes(Number(id)));
const vectorsOf = ({ files }: TestTable) => files.map(({ deletionVector }) => deletionVector?.cardinality ?? 0).sort((a, b) => a - b);

/** As another engine's Z-order would: every live file into one, rows in an order of its own. */
async function reorder(table: TestTable, by: string): Promise<void> {
  const snapshot = await table.table.delta.refresh();
  const removed = table.files;
  const { adds } = await table.table.engine.session(async (session) => {
    const rows = withoutPlace(session, await scanLive(session, table.table, snapshot));
    const reversed = sorted(await session.rows(rows)).reverse();
    const ordered = await session.values([
      { name: 'id', kind: 'long', values: reversed.map(({ id }) => id) }, { name: 'text', kind: 'text', values: reversed.map(({ text }) => text) },
    ]);
    return writeFiles(session, table.table, snapshot, ordered, { dataChange: false });
  });
  await table.apply({ snapshot, transaction: {
    operation: 'OPTIMIZE', operationParameters: { zOrderBy: by }, reads: 'nothing', dataChange: false,
    actions: [...removed.map((file) => ({ remove: removeOf(file, { nowMs: 1, dataChange: false }) })), ...adds.map((add) => ({ add }))],
  } });
}

describe.each(VECTOR_MODES)('%s: OPTIMIZE commits what it wrote', (_name, mode) => {
  test.each<[string, (rival: TestTable) => Promise<unknown>, Row[], number[]]>([
    ['an upsert on one input', async (rival) => rival.apply(rival.upsert([row(2, 'new')], key)), [...others(2), row(2, 'new')], [0, 1]],
    ['one upsert on every input', async (rival) => rival.apply(rival.upsert([row(1, 'new'), row(8, 'new'), row(10, 'new')], key)), [...others(1, 8, 10), row(1, 'new'), row(8, 'new'), row(10, 'new')], [0, 3]],
    ['several, also twice on one input', async (rival) => {
      await rival.apply(rival.upsert([row(2, 'new'), row(7, 'new')], key));
      await rival.apply(rival.deleteByKey(keys(4, 12), key));
      await rival.apply(rival.upsert([row(2, 'newer')], key));
    }, [...others(2, 4, 7, 12), row(2, 'newer'), row(7, 'new')], [0, 1, 4]],
    ['a delete by predicate', async (rival) => rival.apply(rival.deleteWhere(compare('id', '>', 6n))), rowsOf(1, 6, 'old'), [6]],
    ['an append', async (rival) => rival.apply(rival.append([row(99, 'new')])), [...others(), row(99, 'new')], [0, 0]],
    ['an input emptied', async (rival) => rival.apply(rival.deleteByKey(keys(5, 6, 7, 8), key)), others(5, 6, 7, 8), [4]],
    ['an input emptied in two goes, and an upsert on another', async (rival) => {
      await rival.apply(rival.upsert([row(5, 'new'), row(6, 'new')], key));
      await rival.apply(rival.deleteByKey(keys(7, 8, 1), key));
    }, [...others(1, 5, 6, 7, 8), row(5, 'new'), row(6, 'new')], [0, 5]],
    ['rows taken away, and put back', async (rival) => {
      const { snapshot: before } = rival;
      await rival.apply(rival.deleteByKey(keys(1), key));
      const [shrunk] = rival.files.filter(({ deletionVector }) => deletionVector);
      const [whole] = [...before.files.values()].filter(({ path }) => path === shrunk.path);
      await rival.apply({ snapshot: rival.snapshot, transaction: { operation: 'RESTORE', reads: 'table', actions: [{ remove: removeOf(shrunk, { nowMs: 1, dataChange: true }) }, { add: whole }] } });
    }, others(), [0]],
  ])('after %s', async (_what, act, expected, vectors) => {
    const { table, rival } = await three(mode);
    const planned = await table.compact();
    await act(rival);
    const outcome = await table.commit(planned);
    expect(outcome).toMatchObject({ kind: 'committed', retries: 1 });
    expect(await table.rows()).toEqual(sorted(expected));
    expect(vectorsOf(table)).toEqual(vectors);
    const reopened = await table.another();
    expect(await reopened.rows()).toEqual(sorted(expected));
    expect(reopened.files.filter(({ path }) => [...planned.snapshot.files.values()].some((input) => input.path === path))).toEqual([]);
  });

  test('of inputs that had vectors already', async () => {
    const { table } = await three(mode);
    await table.apply(table.deleteByKey(keys(1, 6, 7), key));
    const rival = await table.another();
    const planned = await table.compact();
    await rival.apply(rival.deleteByKey(keys(3, 8, 9), key));
    expect(await table.commit(planned)).toMatchObject({ kind: 'committed' });
    expect(await table.rows()).toEqual(sorted(others(1, 3, 6, 7, 8, 9)));
    expect(vectorsOf(table)).toEqual([3]);
  });

  test('where no row of the output is left: inputs without rows go, and nothing comes', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.compact(table.files.slice(0, 2));
    // Another engine may leave a file that has no row.
    for (const file of rival.files.slice(0, 2)) {
      const { descriptors } = packVectors([BigInt64Array.of(0n, 1n, 2n, 3n)], { uuid: randomUUID(), inlineBytesMax: 1e6 });
      const emptied = { ...withVector(file, descriptors[0]), dataChange: true };
      await rival.apply({ snapshot: rival.snapshot, transaction: { operation: 'DELETE', reads: 'table', actions: [{ remove: removeOf(file, { nowMs: 1, dataChange: true }) }, { add: emptied }] } });
    }
    await table.apply(planned);
    expect(table.files).toHaveLength(1);
    expect(await table.rows()).toEqual(sorted(rowsOf(9, 12, 'old')));
  });

  test('unless no input is left: there is nothing to do', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.compact(table.files.slice(0, 2));
    await rival.apply(rival.deleteByKey(keys(1, 2, 3, 4), key));
    await rival.apply(rival.deleteByKey(keys(5, 6, 7), key));
    await rival.apply(rival.deleteByKey(keys(8), key));
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'removed-file' });
    expect(await (await table.another()).rows()).toEqual(sorted(rowsOf(9, 12, 'old')));
  });

  test('clashes with another OPTIMIZE of an input, not with one of other files', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.compact(table.files.slice(0, 2));
    await rival.apply(rival.compact(rival.files.slice(2)));
    const second = await rival.compact(rival.files.filter(({ path }) => table.files[1].path === path));
    expect(await table.commit(planned)).toMatchObject({ kind: 'committed' });
    expect(await rival.commit(second)).toMatchObject({ kind: 'clash', over: 'removed-file' });
    expect(await (await table.another()).rows()).toEqual(sorted(others()));
  });

  test('clashes where a restore gave an input rows back', async () => {
    const { table, rival } = await three(mode);
    const before = (await rival.table.delta.refresh()).version;
    await rival.apply(rival.deleteByKey(keys(2), key));
    await table.table.delta.refresh();
    const planned = await table.compact();
    await restore(rival.table.delta, { version: before, nowMs: Date.now(), initialProgress: () => -1n });
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'removed-file' });
    expect(await table.rows()).toEqual(sorted(others()));
  });

  test('clashes with a change of metadata', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.compact();
    await rival.apply({ snapshot: rival.snapshot, transaction: { operation: 'X', reads: 'table', actions: [{ metaData: { ...rival.snapshot.metaData, configuration: {} } }] } });
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'metadata' });
  });
});

describe.each(ROW_MODES.filter(([, { vectors }]) => !vectors))('%s: OPTIMIZE', (_name, mode) => {
  test.each<[string, (rival: TestTable) => Promise<unknown>, Row[]]>([
    ['an upsert of an input', async (rival) => rival.apply(rival.upsert([row(2, 'new')], key)), [...others(2), row(2, 'new')]],
    ['the end of an input', async (rival) => rival.apply(rival.deleteByKey(keys(1, 2, 3, 4), key)), others(1, 2, 3, 4)],
  ])('clashes with %s', async (_what, act, expected) => {
    const { table, rival } = await three(mode);
    const planned = await table.compact();
    await act(rival);
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'removed-file' });
    expect(await table.rows()).toEqual(sorted(expected));
    await table.apply(table.compact());
    expect(await table.rows()).toEqual(sorted(expected));
  });
});

type Change = [string, (table: TestTable) => ReturnType<TestTable['upsert']>, Row[]];
const CHANGES: Change[] = [
  ['an upsert', (table) => table.upsert([row(1, 'new'), row(6, 'new'), row(50, 'new')], key), [...others(1, 6), row(1, 'new'), row(6, 'new'), row(50, 'new')]],
  ['an upsert of a whole file and of rows elsewhere', (table) => table.upsert([...rowsOf(5, 8, 'new'), row(12, 'new')], key), [...others(5, 6, 7, 8, 12), ...rowsOf(5, 8, 'new'), row(12, 'new')]],
  ['deleteByKey', (table) => table.deleteByKey(keys(3, 9, 77), key), others(3, 9)],
  ['deleteWhere', (table) => table.deleteWhere(compare('id', '<', 7n)), rowsOf(7, 12, 'old')],
  ['replaceWhere', (table) => table.replaceWhere([row(3, 'new'), row(2, 'new')], compare('id', '<', 6n)), [...rowsOf(6, 12, 'old'), row(2, 'new'), row(3, 'new')]],
];

describe.each(VECTOR_MODES)('%s: rows are followed to where an OPTIMIZE has put them', (_name, mode) => {
  describe.each(CHANGES)('by %s', (_change, plan, expected) => {
    test.each<[string, (rival: TestTable) => Promise<unknown>]>([
      ['once', async (rival) => rival.apply(rival.compact())],
      ['twice, in a row', async (rival) => {
        await rival.apply(rival.compact(rival.files.slice(0, 2)));
        await rival.apply(rival.compact());
      }],
      ['in parts', async (rival) => {
        await rival.apply(rival.compact(rival.files.slice(1)));
      }],
      ['in another order', (rival) => reorder(rival, 'text')],
    ])('%s', async (_how, move) => {
      const { table, rival } = await three(mode);
      const planned = await plan(table);
      await move(rival);
      expect(await table.commit(planned)).toMatchObject({ kind: 'committed' });
      expect(await table.rows()).toEqual(sorted(expected));
      expect(await (await table.another()).rows()).toEqual(sorted(expected));
    });
  });

  test('twice: moved again between the first attempt and the second', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.upsert([row(1, 'new'), row(10, 'new')], key);
    await rival.apply(rival.compact());
    const { remap } = planned.transaction;
    let remaps = 0;
    // A transaction that has followed may have to follow again: its own remap is asked, not the first one's.
    const outcome = await table.commit({ ...planned, transaction: { ...planned.transaction, remap: async (to) => {
      const followed = await remap!(to);
      if (remaps++ === 0) await rival.apply(rival.compact());
      return followed;
    } } });
    expect(outcome).toMatchObject({ kind: 'committed', retries: 2 });
    expect(await table.rows()).toEqual(sorted([...others(1, 10), row(1, 'new'), row(10, 'new')]));
  });

  test('what the change brought is there once, in the files of the first attempt', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.upsert([row(1, 'new'), row(50, 'new')], key, { actions: [{ txn: { appId: 'app', version: 7n } }] });
    await rival.apply(rival.compact());
    await table.apply(planned);
    const brought = planned.transaction.actions.flatMap(({ add }) => (add && !add.deletionVector ? [add.path] : []));
    expect(brought).toHaveLength(1);
    expect(table.files.filter(({ path }) => path === brought[0])).toHaveLength(1);
    expect(table.snapshot.txns.get('app')?.version).toBe(7n);
  });

  test('an OPTIMIZE together with an upsert elsewhere, before or after, clashes', async () => {
    for (const order of ['before', 'after']) {
      const { table, rival } = await three(mode);
      const planned = await table.upsert([row(1, 'new')], key);
      if (order === 'before') await rival.apply(rival.upsert([row(9, 'rival')], key));
      await rival.apply(rival.compact());
      if (order === 'after') await rival.apply(rival.upsert([row(9, 'rival')], key));
      expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'added-rows' });
      await table.apply(table.upsert([row(1, 'new')], key));
      expect(await table.rows()).toEqual(sorted([...others(1, 9), row(1, 'new'), row(9, 'rival')]));
    }
  });

  test('a delete of the same rows clashes', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.deleteByKey(keys(1, 2, 3, 4), key);
    await rival.apply(rival.deleteByKey(keys(4, 1, 2, 3), key));
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'removed-file' });
  });

  test('a delete of the same rows out of the file an OPTIMIZE made clashes', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.deleteByKey(keys(1, 2), key);
    await rival.apply(rival.compact());
    await rival.apply(rival.deleteByKey(keys(2), key));
    expect((await table.commit(planned)).kind).toBe('clash');
    expect(await (await table.another()).rows()).toEqual(sorted(others(2)));
  });

  test('an append that a predicate can\'t mean is no conflict', async () => {
    const { table, rival } = await three(mode);
    const planned = await table.replaceWhere([row(3, 'new')], compare('id', '<', 6n));
    await rival.apply(rival.compact());
    await rival.apply(rival.append([row(100, 'rival')]));
    expect(await table.commit(planned)).toMatchObject({ kind: 'committed' });
    expect(await table.rows()).toEqual(sorted([...rowsOf(6, 12, 'old'), row(3, 'new'), row(100, 'rival')]));
    const again = await table.replaceWhere(null, compare('id', '<', 6n));
    await (await rival.another()).apply((await rival.another()).append([row(4, 'rival')]));
    expect(await table.commit(again)).toMatchObject({ kind: 'clash', over: 'added-rows' });
  });
});

describe.each(ROW_MODES.filter(([, { vectors }]) => !vectors))('%s: a change that wrote files anew', (_name, mode) => {
  test.each(CHANGES)('%s clashes with an OPTIMIZE', async (_change, plan, expected) => {
    const { table, rival } = await three(mode);
    const planned = await plan(table);
    await rival.apply(rival.compact());
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'removed-file' });
    await table.apply(plan(table));
    expect(await table.rows()).toEqual(sorted(expected));
  });
});
