import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compare, isNull, or } from '../../../shared/columnar/predicate.ts';
import type { Row } from '../../../shared/columnar/relation.ts';
import { field } from '../../../shared/delta/schema.ts';
import { numRecords } from '../../../shared/delta/stats.ts';
import { ROW_MODES, RowTables, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const FIELDS = [field('id', 'string'), field('kind', 'string'), field('n', 'long')];
const row = (id: string | null, kind: string | null, n: number | null): Row => ({ id, kind, n: n === null ? null : BigInt(n) });
const failsWith = (code: string): object => expect.objectContaining({ name: 'TableError', code });

describe.each(ROW_MODES)('%s', (_name, mode: RowMode) => {
  /** Two files: a, b, c and d, e. */
  async function letters(partitionColumns: readonly string[] = []): Promise<TestTable> {
    const table = await tables.create(mode, { fields: FIELDS, partitionColumns });
    await table.apply(table.append([row('a', 'x', 1), row('b', 'x', 2), row('c', 'x', 3)]));
    await table.apply(table.append([row('d', 'y', 4), row('e', 'y', 5)]));
    return table;
  }
  const others = (rows: readonly Row[], ...ids: (string | null)[]) => rows.filter(({ id }) => !ids.includes(id as string | null));
  const touchedBy = ({ files }: TestTable, before: TestTable['files']) => before.filter((file) => !files.includes(file)).length;

  describe('upsert', () => {
    test('replaces what is there and adds what is not; files without a key of it stay as they are', async () => {
      const table = await letters();
      const before = table.files;
      const rows = await table.rows();
      await table.apply(table.upsert([row('b', 'x', 20), row('z', 'x', 26)], ['id']));
      expect(await table.rows()).toEqual(sorted([...others(rows, 'b'), row('b', 'x', 20), row('z', 'x', 26)]));
      expect(touchedBy(table, before)).toBe(1);
      expect(table.files.some(({ deletionVector }) => deletionVector)).toBe(mode.vectors);
    });

    test('moves a row into another partition, a null one too', async () => {
      const table = await letters(['kind']);
      await table.apply(table.upsert([row('a', 'y', 1), row('b', null, 2)], ['id']));
      expect(await table.rows()).toEqual(sorted([row('a', 'y', 1), row('b', null, 2), row('c', 'x', 3), row('d', 'y', 4), row('e', 'y', 5)]));
      for (const file of table.files) for (const { kind } of await table.read(table.snapshot, [file])) expect(kind).toBe(file.partitionValues['kind']);
    });

    test('of every row of a file lets it go, and leaves it no vector', async () => {
      const table = await letters();
      const before = table.files;
      await table.apply(table.upsert([row('d', 'y', 40), row('e', 'y', 50)], ['id']));
      expect(table.files.filter((file) => !before.includes(file))).toHaveLength(1);
      expect(table.files.map(({ deletionVector }) => deletionVector ?? null)).toEqual([null, null]);
      expect(await table.rows()).toEqual(sorted([row('a', 'x', 1), row('b', 'x', 2), row('c', 'x', 3), row('d', 'y', 40), row('e', 'y', 50)]));
    });

    test('of what a vector leaves of a file lets it go as well', async () => {
      const table = await letters();
      for (const n of [1, 2, 3]) await table.apply(table.upsert([row('abc'[n - 1], 'x', 10 * n)], ['id']));
      expect(await table.rows()).toEqual(sorted([row('a', 'x', 10), row('b', 'x', 20), row('c', 'x', 30), row('d', 'y', 4), row('e', 'y', 5)]));
      expect(table.files.filter(({ deletionVector }) => deletionVector)).toEqual([]);
    });

    test('of no rows changes no file', async () => {
      const table = await letters();
      const before = table.files;
      await table.apply(table.upsert([], ['id']));
      expect(table.files).toEqual(before);
    });

    test('into an empty table', async () => {
      const table = await tables.create(mode, { fields: FIELDS });
      await table.apply(table.upsert([row('a', 'x', 1)], ['id']));
      expect(await table.rows()).toEqual([row('a', 'x', 1)]);
    });

    test('refuses a key that stands twice in the input, and writes nothing', async () => {
      const table = await letters();
      await expect(table.upsert([row('q', 'x', 1), row('b', 'x', 2), row('b', 'x', 3)], ['id'])).rejects.toEqual(failsWith('delta/ambiguous-key'));
      expect(table.snapshot.version).toBe(2n);
    });

    test('a null in a key equals nothing: such rows are only added', async () => {
      const table = await letters();
      await table.apply(table.upsert([row(null, 'x', 7), row(null, 'x', 8)], ['id']));
      await table.apply(table.upsert([row(null, 'x', 9)], ['id']));
      await table.apply(table.upsert([row(null, 'x', 1), row('a', null, 2)], ['id', 'kind']));
      expect(await table.rows()).toEqual(sorted([
        row('a', 'x', 1), row('b', 'x', 2), row('c', 'x', 3), row('d', 'y', 4), row('e', 'y', 5),
        row(null, 'x', 7), row(null, 'x', 8), row(null, 'x', 9), row(null, 'x', 1), row('a', null, 2),
      ]));
    });

    test('replaces all rows of a key that stands more than once in the table', async () => {
      const table = await letters();
      await table.apply(table.append([row('a', 'x', 100), row('a', 'y', 101)]));
      await table.apply(table.upsert([row('a', 'z', 0)], ['id']));
      expect((await table.rows()).filter(({ id }) => id === 'a')).toEqual([row('a', 'z', 0)]);
    });

    test('by columns the table lacks names those that it has', async () => {
      const table = await letters();
      await expect(table.deleteByKey([], ['nothing'])).rejects.toEqual(failsWith('delta/no-such-column'));
    });

    test('by several columns of several types, values of the log and of files alike', async () => {
      const fields = [field('l', 'long'), field('t', 'timestamp'), field('d', 'date'), field('i', 'integer'), field('s', 'string'), field('b', 'boolean'), field('v', 'double')];
      const table = await tables.create(mode, { fields, partitionColumns: ['d', 's'] });
      const key = ['l', 't', 'd', 'i', 's', 'b'];
      const keys: Row[] = [
        { l: 2n ** 63n - 1n, t: 1_743_508_800_123_457n, d: 20_000, i: -5, s: 'päivä %20/☃', b: true },
        { l: -(2n ** 63n), t: -1n, d: -1, i: 0, s: "it's", b: false },
        { l: 9_007_199_254_740_993n, t: 253_402_300_799_999_999n, d: 2_932_896, i: 7, s: ' ', b: true },
      ];
      await table.apply(table.append(keys.map((each) => ({ ...each, v: 0 }))));
      // A neighbour in each column is another key.
      const near = keys.slice(2).flatMap((each) => [{ ...each, l: (each['l'] as bigint) - 1n }, { ...each, t: (each['t'] as bigint) - 1n }, { ...each, d: 0 }, { ...each, i: 8 }, { ...each, s: '  ' }, { ...each, b: false }]);
      await table.apply(table.upsert([...keys, ...near].map((each) => ({ ...each, v: 1 })), key));
      expect(await table.rows()).toEqual(sorted([...keys, ...near].map((each) => ({ ...each, v: 1 }))));
      await table.apply(table.deleteByKey([...near, keys[0]], key));
      expect(await table.rows()).toEqual(sorted(keys.slice(1).map((each) => ({ ...each, v: 1 }))));
    });
  });

  describe('deleteByKey', () => {
    test('takes every row of the keys, one that stands twice among them too', async () => {
      const table = await letters();
      await table.apply(table.append([row('a', 'z', 9)]));
      const outcome = await table.deleteByKey([row('a', null, null), row('a', null, null), row('e', null, null), row('q', null, null), row(null, null, null)], ['id']);
      expect(outcome.transaction.operationMetrics).toMatchObject({ numTargetRowsDeleted: '3', numTargetFilesRemoved: mode.vectors ? '1' : '3' });
      await table.apply(outcome);
      expect(await table.rows()).toEqual(sorted([row('b', 'x', 2), row('c', 'x', 3), row('d', 'y', 4)]));
    });

    test('of keys that are not there changes no file', async () => {
      const table = await letters();
      const before = table.files;
      await table.apply(table.deleteByKey([row('bb', null, null)], ['id']));
      expect(table.files).toEqual(before);
    });
  });

  describe('deleteWhere', () => {
    test('takes the rows for which it is true, not those for which it is unknown', async () => {
      const table = await letters();
      await table.apply(table.append([row('f', null, null)]));
      await table.apply(table.deleteWhere(or(compare('n', '>', 4n), compare('kind', '=', 'x'))));
      expect(await table.rows()).toEqual(sorted([row('d', 'y', 4), row('f', null, null)]));
      await table.apply(table.deleteWhere(isNull('n')));
      expect(await table.rows()).toEqual([row('d', 'y', 4)]);
    });

    test('of everything leaves no file', async () => {
      const table = await letters(['kind']);
      await table.apply(table.deleteWhere(compare('id', '>=', '')));
      expect([table.files, await table.rows()]).toEqual([[], []]);
    });
  });

  describe('replaceWhere', () => {
    test('exchanges what is inside', async () => {
      const table = await letters();
      await table.apply(table.replaceWhere([row('b', 'x', 2), row('q', 'x', 3)], compare('n', '<=', 3n)));
      expect(await table.rows()).toEqual(sorted([row('b', 'x', 2), row('q', 'x', 3), row('d', 'y', 4), row('e', 'y', 5)]));
      await table.apply(table.replaceWhere(null, compare('n', '<=', 3n)));
      expect(await table.rows()).toEqual(sorted([row('d', 'y', 4), row('e', 'y', 5)]));
    });

    test.each([['outside', row('q', 'x', 6)], ['where it is unknown', row('q', 'x', null)]])('refuses a row %s, and writes nothing', async (_where, wrong) => {
      const table = await letters();
      await expect(table.replaceWhere([row('p', 'x', 1), wrong], compare('n', '<=', 5n))).rejects.toEqual(failsWith('delta/replace-where'));
      expect(await table.rows()).toHaveLength(5);
    });

    test('repeated gives the same rows', async () => {
      const table = await letters();
      for (let i = 0; i < 3; i++) await table.apply(table.replaceWhere([row('r', 'y', 4), row('s', 'y', 5)], compare('n', '>=', 4n)));
      expect(await table.rows()).toEqual(sorted([row('a', 'x', 1), row('b', 'x', 2), row('c', 'x', 3), row('r', 'y', 4), row('s', 'y', 5)]));
    });
  });

  describe('overwrite', () => {
    test('leaves the new rows alone, files under vectors included', async () => {
      const table = await letters(['kind']);
      await table.apply(table.deleteByKey([row('a', null, null)], ['id']));
      await table.apply(table.overwrite([row('q', 'x', 1), row('r', null, 2)]));
      expect(await table.rows()).toEqual(sorted([row('q', 'x', 1), row('r', null, 2)]));
      await table.apply(table.overwrite([]));
      expect([table.files, await table.rows()]).toEqual([[], []]);
      expect(await table.rows(3n)).toHaveLength(4);
    });
  });

  describe('a table that forbids it', () => {
    test('a null in a column that is NOT NULL: nothing is committed', async () => {
      const table = await tables.create(mode, { fields: [field('id', 'string', { nullable: false }), field('n', 'long')] });
      await expect(table.append([{ id: null, n: 1n }])).rejects.toEqual(failsWith('delta/null-value'));
      await expect(table.upsert([{ id: 'a', n: 1n }, { id: null, n: 1n }], ['id'])).rejects.toEqual(failsWith('delta/null-value'));
      expect(table.snapshot.version).toBe(0n);
    });

    test('appendOnly: rows come, none goes', async () => {
      const table = await tables.create(mode, { fields: FIELDS, configuration: { 'delta.appendOnly': 'true' } });
      await table.apply(table.upsert([row('a', 'x', 1), row('b', 'x', 1)], ['id']));
      for (const planned of [() => table.upsert([row('a', 'x', 2)], ['id']), () => table.deleteByKey([row('a', null, null)], ['id']), () => table.deleteWhere(compare('n', '=', 1n)), () => table.replaceWhere([row('q', 'x', 1)], compare('n', '=', 1n)), () => table.overwrite([])]) {
        await expect(planned()).rejects.toEqual(failsWith('delta/protocol'));
      }
      await table.apply(table.append([row('c', 'x', 1)]));
      await table.apply(table.compact());
      expect(await table.rows()).toHaveLength(3);
    });
  });

  test('old rows keep their place: under a vector, an upsert writes only what is new', async () => {
    const table = await letters();
    const before = table.files;
    await table.apply(table.upsert([row('a', 'x', 10)], ['id']));
    const written = table.files.filter(({ path }) => !before.some((file) => file.path === path)).map(numRecords);
    expect(written).toEqual([mode.vectors ? 1n : 3n]);
  });
});

