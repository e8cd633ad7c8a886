import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactFiles } from '../../../shared/delta/operations/optimize.ts';
import { planClustering } from '../../../shared/delta/operations/plan-clustering.ts';
import { field } from '../../../shared/delta/schema.ts';
import { ROW_MODES, RowTables, sorted } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const options = { zOrderBy: ['x', 'y'], cubeBytesFull: 1e9, binBytesMax: 1e9, deletedShareMin: 0.2 };

describe.each(ROW_MODES)('%s: compactFiles with zOrderBy', (_name, mode) => {
  test('puts the same rows along the curve, tags the file through vectors, and then plans nothing', async () => {
    const table = await tables.create(mode, { fields: [field('x', 'long'), field('y', 'long'), field('id', 'long')] });
    const rows = [0, 1, 2, 3].flatMap((x) => [0, 1, 2, 3].map((y) => ({ x: BigInt(x), y: BigInt(y), id: BigInt(4 * x + y) })));
    for (let file = 0; file < 4; file++) await table.apply(table.append(rows.filter((_row, i) => i % 4 === file)));
    const [bin, ...others] = planClustering(table.snapshot, options);
    expect([bin.files.length, others.length]).toEqual([4, 0]);
    const transaction = await compactFiles(table.table, table.snapshot, bin.files, options);
    expect(transaction).toMatchObject({ operation: 'OPTIMIZE', operationParameters: { zOrderBy: '["x","y"]' }, dataChange: false });
    await table.apply({ snapshot: table.snapshot, transaction });
    expect((await table.read(table.snapshot)).map(({ id }) => Number(id))).toEqual([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
    expect(planClustering(table.snapshot, options)).toEqual([]);
    if (!mode.vectors) return;
    await table.apply(table.deleteByKey([{ id: 3n }], ['id']));
    expect(table.files).toMatchObject([{ tags: { ZCUBE_ZORDER_BY: '["x","y"]' }, deletionVector: { cardinality: 1 } }]);
    expect(planClustering(table.snapshot, options)).toEqual([]);
    expect(await table.rows()).toEqual(sorted(rows.filter(({ id }) => id !== 3n)));
  });

  test('clashes with a rival that took a row of an input, and nothing comes back', async () => {
    const table = await tables.create(mode, { fields: [field('x', 'long'), field('y', 'long')] });
    await table.apply(table.append([{ x: 1n, y: 2n }, { x: 2n, y: 1n }]));
    const { snapshot } = table;
    const transaction = await compactFiles(table.table, snapshot, table.files, options);
    const rival = await table.another();
    await rival.apply(rival.deleteByKey([{ x: 1n }], ['x']));
    expect(await table.commit({ snapshot, transaction })).toMatchObject({ kind: 'clash', over: 'removed-file' });
    expect(await (await table.another()).rows()).toEqual([{ x: 2n, y: 1n }]);
  });
});
