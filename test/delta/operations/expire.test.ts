import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compare, isNull } from '../../../shared/columnar/predicate.ts';
import type { Row } from '../../../shared/columnar/relation.ts';
import { expire, oldFiles } from '../../../shared/delta/operations/expire.ts';
import type { ExpireOptions } from '../../../shared/delta/operations/expire.ts';
import { history } from '../../../shared/delta/operations/history.ts';
import { field } from '../../../shared/delta/schema.ts';
import { collect } from '../../support/collect.ts';
import { ROW_MODES, RowTables, sorted } from '../../support/row-tables.ts';
import type { TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const row = (id: number, day: number | null): Row => ({ id: BigInt(id), day: day === null ? null : BigInt(day) });
const where = compare('day', '<', 10n);

describe.each(ROW_MODES)('%s', (_name, mode) => {
  let table: TestTable;
  beforeEach(async () => {
    table = await tables.create(mode, { fields: [field('id', 'long'), field('day', 'long')] });
    await table.apply(table.append([row(1, 1), row(2, 2)]));
    await table.apply(table.append([row(3, 3), row(4, 14)]));
    await table.apply(table.append([row(5, 5), row(6, null)]));
    await table.apply(table.append([row(7, 17)]));
  });
  const run = async (options: Partial<ExpireOptions> = {}) => expire(table.table, { where, ...options });
  const ids = async () => (await (await table.another()).rows()).map(({ id }) => Number(id)).sort((a, b) => a - b);

  test('whole files go, for rows that are neither old nor young theirs stays; the commit says why', async () => {
    expect(oldFiles(table.snapshot, where).map(({ length }) => length)).toEqual([1, 2]);
    expect(await run()).toEqual({ rows: 2n, files: 1, version: 5n, more: false });
    expect(await ids()).toEqual([3, 4, 5, 6, 7]);
    const [{ intent, operation, operationMetrics }] = await collect(history(table.table.delta));
    expect([operation, intent, operationMetrics['numDeletedRows']]).toEqual(['DELETE', 'expire', '2']);
    expect(await run()).toEqual({ rows: 0n, files: 0, version: null, more: false });
    expect(table.snapshot.version).toBe(5n);
  });

  test('of mixed files the old rows, where it is worth it; counted, in one commit with its txns', async () => {
    const outcome = await run({ isWorth: () => true, counted: compare('id', '>', 1n), txns: (_now, counted) => [{ appId: 'gone', version: BigInt(counted) }] });
    expect(outcome).toEqual({ rows: 4n, files: 3, version: 5n, more: false });
    expect(await ids()).toEqual([4, 6, 7]);
    expect(table.snapshot.txns.get('gone')?.version).toBe(3n);
  });

  test('files that may not go stay; at most so many go at once', async () => {
    expect(await run({ mayGo: () => false })).toMatchObject({ files: 0, version: null });
    await table.apply(table.append([row(8, 8)]));
    expect(await run({ filesMax: 1, isWorth: () => true })).toMatchObject({ files: 1, more: true });
    expect(await run({ filesMax: 1, isWorth: () => true })).toMatchObject({ files: 1, more: true });
    await run({ isWorth: () => true });
    expect(await ids()).toEqual([4, 6, 7]);
  });

  test('a rival that merged the files first: planned again', async () => {
    const rival = await table.another();
    await rival.apply(rival.compact());
    expect(await run({ isWorth: () => true })).toMatchObject({ rows: 4n });
    expect(sorted(await (await table.another()).rows())).toEqual(sorted([row(4, 14), row(6, null), row(7, 17)]));
  });

  test('rows may be old by having no value', () => {
    expect(oldFiles(table.snapshot, isNull('day')).map(({ length }) => length)).toEqual([0, 1]);
  });
});
