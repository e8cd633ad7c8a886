import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compare } from '../../../shared/columnar/predicate.ts';
import type { Row } from '../../../shared/columnar/relation.ts';
import { addColumns, metaDataActions, setProperties } from '../../../shared/delta/operations/alter.ts';
import { field, struct } from '../../../shared/delta/schema.ts';
import { ROW_MODES, RowTables, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const FIELDS = [field('id', 'string', { nullable: false }), field('n', 'long')];
const row = (id: string, n: number | null, more: Row = {}): Row => ({ id, n: n === null ? null : BigInt(n), ...more });
const failsWith = (code: string): object => expect.objectContaining({ name: 'TableError', code });
const VECTORS = 'delta.enableDeletionVectors';

async function filled(mode: RowMode, options: { configuration?: Record<string, string>; partitionColumns?: string[] } = {}): Promise<TestTable> {
  const table = await tables.create(mode, { fields: FIELDS, ...options });
  await table.apply(table.append([row('a', 1), row('b', 2), row('c', 3)]));
  return table;
}

describe.each(ROW_MODES)('%s', (_name, mode) => {
  test('a new column is null in old rows, and in what is left of them when their file is written anew', async () => {
    const table = await filled(mode);
    await addColumns(table.table.delta, [field('x', 'double'), field('y', 'string')]);
    expect(await table.rows()).toEqual([row('a', 1, { x: null, y: null }), row('b', 2, { x: null, y: null }), row('c', 3, { x: null, y: null })]);
    await table.apply(table.upsert([row('b', 2, { x: 0.5, y: 'ü' })], ['id']));
    const rows = [row('a', 1, { x: null, y: null }), row('b', 2, { x: 0.5, y: 'ü' }), row('c', 3, { x: null, y: null })];
    expect(await table.rows()).toEqual(rows);
    await table.apply(table.compact());
    expect(await table.rows()).toEqual(rows);
    expect(await (await table.another()).rows()).toEqual(rows);
    await table.apply(table.deleteWhere(compare('x', '=', 0.5)));
    expect(await table.rows()).toEqual([rows[0], rows[2]]);
  });

  test('a column that a row was upserted by may be new', async () => {
    const table = await filled(mode);
    await addColumns(table.table.delta, [field('x', 'long')]);
    await table.apply(table.upsert([row('a', 9, { x: 1n })], ['id', 'x']));
    await table.apply(table.upsert([row('a', 10, { x: 1n })], ['id', 'x']));
    expect(await table.rows()).toEqual(sorted([row('a', 1, { x: null }), row('a', 10, { x: 1n }), row('b', 2, { x: null }), row('c', 3, { x: null })]));
  });
});

describe.each(ROW_MODES.filter(([, { vectors }]) => !vectors))('%s, switched to vectors and back', (_name, mode) => {
  test('the protocol gets the feature, and what the versions before implied', async () => {
    const table = await filled(mode);
    expect(table.snapshot.protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
    const snapshot = await setProperties(table.table.delta, { [VECTORS]: 'true' });
    expect(snapshot.protocol).toEqual({
      minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures: ['appendOnly', 'deletionVectors', 'invariants'],
    });
    await table.apply(table.upsert([row('b', 20)], ['id']));
    expect(table.files.map(({ deletionVector }) => deletionVector?.cardinality ?? 0)).toEqual(expect.arrayContaining([0, 1]));
    expect(await table.rows()).toEqual([row('a', 1), row('b', 20), row('c', 3)]);
  });

  test('back: vectors that are there still count, rows go by writing files anew', async () => {
    const table = await filled(mode);
    await setProperties(table.table.delta, { [VECTORS]: 'true' });
    await table.apply(table.append([row('d', 4), row('e', 5)]));
    await table.apply(table.deleteByKey([row('b', null), row('d', null)], ['id']));
    const before = table.files;
    const { protocol, metaData } = await setProperties(table.table.delta, { [VECTORS]: 'false' });
    expect([protocol.minReaderVersion, protocol.minWriterVersion, metaData.configuration]).toEqual([3, 7, { [VECTORS]: 'false' }]);
    expect(await table.rows()).toEqual([row('a', 1), row('c', 3), row('e', 5)]);
    await table.apply(table.upsert([row('a', 10)], ['id']));
    expect(await table.rows()).toEqual([row('a', 10), row('c', 3), row('e', 5)]);
    expect(table.files.filter((file) => !before.includes(file)).map(({ deletionVector }) => deletionVector ?? null)).toEqual([null]);
    await setProperties(table.table.delta, { [VECTORS]: null });
    expect(table.snapshot.metaData.configuration).toEqual({});
  });
});

const MEMORY: RowMode = { engine: 'memory', vectors: false };

describe('properties', () => {
  test('are merged, taken away by null, and not committed where nothing changes', async () => {
    const table = await filled(MEMORY, { configuration: { a: '1', b: '2' } });
    await setProperties(table.table.delta, { b: null, c: '3' });
    expect(table.snapshot.metaData.configuration).toEqual({ a: '1', c: '3' });
    const { version } = table.snapshot;
    await setProperties(table.table.delta, { c: '3', nowhere: null });
    expect(table.snapshot.version).toBe(version);
  });

  test('that two writers set at once are both there', async () => {
    const table = await filled(MEMORY);
    const other = await table.another();
    await Promise.all([setProperties(table.table.delta, { a: '1' }), setProperties(other.table.delta, { b: '2' }), addColumns(table.table.delta, [field('x', 'long')])]);
    const { metaData, schema } = await (await table.another()).table.delta.refresh();
    expect(metaData.configuration).toEqual({ a: '1', b: '2' });
    expect(schema.fields.map(({ name }) => name)).toEqual(['id', 'n', 'x']);
  });

  test('win over an upsert that was planned before: it has to be planned again', async () => {
    const table = await filled(MEMORY);
    const planned = await table.upsert([row('a', 10)], ['id']);
    await setProperties((await table.another()).table.delta, { a: '1' });
    expect(await table.commit(planned)).toMatchObject({ kind: 'clash', over: 'metadata' });
  });

  test('that this code could not write under are refused before a commit', async () => {
    const table = await filled(MEMORY);
    await expect(setProperties(table.table.delta, { 'delta.constraints.positive': 'n > 0' })).rejects.toEqual(failsWith('delta/protocol'));
    await expect(setProperties(table.table.delta, { 'delta.enableInCommitTimestamps': 'true' })).rejects.toEqual(failsWith('delta/protocol'));
    expect((await table.another()).snapshot.version).toBe(1n);
  });

  test('appendOnly holds from then on', async () => {
    const table = await filled(MEMORY);
    await setProperties(table.table.delta, { 'delta.appendOnly': 'true' });
    await expect(table.deleteWhere(compare('n', '=', 1n))).rejects.toEqual(failsWith('delta/protocol'));
    await setProperties(table.table.delta, { 'delta.appendOnly': null });
    await table.apply(table.deleteWhere(compare('n', '=', 1n)));
  });
});

describe('changes that old rows would not survive are refused, and nothing is committed', () => {
  test.each([
    ['a column that is there in other letters', field('N', 'long')],
    ['a column that is there', field('n', 'long')],
    ['a column that is NOT NULL', field('x', 'long', { nullable: false })],
    ['a name that Parquet readers refuse', field('a b', 'long')],
  ])('%s', async (_what, added) => {
    const table = await filled(MEMORY);
    await expect(addColumns(table.table.delta, [added])).rejects.toEqual(failsWith('delta/alter'));
    expect((await table.another()).snapshot.version).toBe(1n);
  });

  test('another partitioning, another id, a column gone, another type, NOT NULL dropped or set', async () => {
    const { snapshot } = await filled(MEMORY);
    const { metaData } = snapshot;
    const schema = (...fields: ReturnType<typeof field>[]) => ({ ...metaData, schemaString: JSON.stringify(struct(...fields)) });
    for (const next of [
      { ...metaData, partitionColumns: ['n'] }, { ...metaData, id: 'another' }, schema(FIELDS[0]),
      schema(FIELDS[0], field('n', 'string')), schema(field('id', 'string'), FIELDS[1]), schema(FIELDS[0], field('n', 'long', { nullable: false })),
    ]) expect(() => metaDataActions(snapshot, next, 'test')).toThrow(failsWith('delta/alter'));
    expect(metaDataActions(snapshot, metaData, 'test')).toEqual([]);
  });
});
