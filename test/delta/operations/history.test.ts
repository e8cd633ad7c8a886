import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compare } from '../../../shared/columnar/predicate.ts';
import { commitKey } from '../../../shared/delta/log-path.ts';
import { addColumns, setProperties } from '../../../shared/delta/operations/alter.ts';
import { history } from '../../../shared/delta/operations/history.ts';
import { restore } from '../../../shared/delta/operations/restore.ts';
import { field } from '../../../shared/delta/schema.ts';
import { collect } from '../../support/collect.ts';
import { ROW_MODES, RowTables } from '../../support/row-tables.ts';
import type { TestTable } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const key = ['id'];
const row = (id: number) => ({ id: BigInt(id) });
const MEMORY = { engine: 'memory', vectors: true } as const;
const entriesOf = ({ table }: TestTable) => collect(history(table.delta));

describe.each(ROW_MODES.filter(([, { engine }]) => engine === 'memory'))('%s', (_name, mode) => {
  test('every operation of ours says truthfully what it did', async () => {
    const table = await tables.create(mode, { fields: [field('id', 'long')] });
    await table.apply(table.append([row(1), row(2)]));
    await table.apply(table.upsert([row(2), row(3)], key));
    await table.apply(table.upsert([row(9)], key));
    await table.apply(table.deleteByKey([row(1)], key));
    await table.apply(table.deleteWhere(compare('id', '=', 9n)));
    await table.apply(table.replaceWhere([row(4)], compare('id', '>', 3n)));
    await table.apply(table.compact());
    await table.apply(table.overwrite([row(5)]));
    await setProperties(table.table.delta, { a: 'b' });
    await addColumns(table.table.delta, [field('x', 'long')]);
    await restore(table.table.delta, { version: 1n, nowMs: 1, initialProgress: () => -1n });
    await table.apply({ snapshot: table.snapshot, transaction: { operation: 'STREAMING UPDATE', reads: 'nothing', actions: [{ txn: { appId: 'a', version: 1n } }] } });

    const entries = (await entriesOf(table)).reverse();
    expect(entries.map(({ version, operation, isBlindAppend, intent }) => [Number(version), operation, isBlindAppend, intent])).toEqual([
      [0, 'CREATE TABLE', false, null],
      [1, 'WRITE', true, null],
      [2, 'MERGE', false, 'replace'],
      // It adds a row alone, but only after it has looked for the key.
      [3, 'MERGE', false, 'replace'],
      [4, 'DELETE', false, 'erase'],
      [5, 'DELETE', false, 'expire'],
      [6, 'WRITE', false, 'replace'],
      [7, 'OPTIMIZE', false, null],
      [8, 'WRITE', false, 'replace'],
      [9, 'SET TBLPROPERTIES', false, null],
      [10, 'ADD COLUMNS', false, null],
      [11, 'RESTORE', false, 'replace'],
      [12, 'STREAMING UPDATE', true, null],
    ]);
    for (const { operationMetrics, operationParameters } of entries) {
      for (const value of [...Object.values(operationMetrics), ...Object.values(operationParameters)]) expect(value).toBeTypeOf('string');
    }
    expect(entries.slice(1).map(({ readVersion }) => Number(readVersion))).toEqual(entries.slice(0, -1).map(({ version }) => Number(version)));
    expect(new Set(entries.map(({ engineInfo }) => engineInfo)).size).toBe(1);
    expect(entries[2].operationMetrics['numTargetRowsDeleted']).toBe('1');
  });
});

test('goes over many versions, newest first, also one at a time', async () => {
  const table = await tables.create(MEMORY, { fields: [field('id', 'long')] });
  for (let version = 1; version <= 120; version++) await table.apply({ snapshot: table.snapshot, transaction: { operation: `op ${version}`, reads: 'nothing', actions: [{ txn: { appId: 'a', version: BigInt(version) } }] } });
  expect((await entriesOf(table)).map(({ version }) => Number(version))).toEqual(Array.from({ length: 121 }, (_value, i) => 120 - i));
  for await (const { operation } of history(table.table.delta)) {
    expect(operation).toBe('op 120');
    break;
  }
});

test('ends where the log was cleaned, and reads what foreign commits leave out', async () => {
  const table = await tables.create(MEMORY, { fields: [field('id', 'long')] });
  const { store } = table.table.delta.source;
  for (let version = 1; version <= 4; version++) await table.apply(table.append([row(version)]));
  await table.table.delta.checkpoint();
  for (const version of [0n, 1n, 2n]) await store.delete(commitKey(version));
  await store.put(commitKey(4n), Buffer.from('{"commitInfo":{"operation":"CONVERT","inCommitTimestamp":123456}}\n'));
  await store.put(commitKey(5n), Buffer.from('{"txn":{"appId":"b","version":1}}\n'));
  await table.table.delta.refresh();
  expect((await entriesOf(table)).map(({ version, operation, timestampMs }) => [Number(version), operation, timestampMs])).toEqual([
    [5, null, null], [4, 'CONVERT', 123_456], [3, 'WRITE', expect.any(Number)],
  ]);
});
