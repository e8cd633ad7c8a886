import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { and, compare, evaluate, isNull } from '../../../shared/columnar/predicate.ts';
import type { Predicate } from '../../../shared/columnar/predicate.ts';
import type { Row } from '../../../shared/columnar/relation.ts';
import { fileKey } from '../../../shared/delta/actions.ts';
import type { AddFile } from '../../../shared/delta/actions.ts';
import { addColumns, setProperties } from '../../../shared/delta/operations/alter.ts';
import { history } from '../../../shared/delta/operations/history.ts';
import { restore } from '../../../shared/delta/operations/restore.ts';
import { VectorReader } from '../../../shared/delta/operations/scan.ts';
import { field } from '../../../shared/delta/schema.ts';
import { mayHold } from '../../../shared/delta/skipping.ts';
import type { Snapshot } from '../../../shared/delta/snapshot.ts';
import { parseStats } from '../../../shared/delta/stats.ts';
import { collect } from '../../support/collect.ts';
import { RowTables, rowText, sorted } from '../../support/row-tables.ts';
import type { RowMode, TestTable } from '../../support/row-tables.ts';

/** Random sequences of operations against a plain list of rows. */
let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open();
});
afterAll(() => tables.close());

const FIELDS = [field('id', 'long'), field('part', 'string'), field('n', 'long'), field('x', 'double'), field('s', 'string')];
const ADDED = field('later', 'long');

type Change =
  | { readonly do: 'append' | 'overwrite' | 'upsert'; readonly rows: readonly Row[] }
  | { readonly do: 'delete keys'; readonly ids: readonly bigint[] }
  | { readonly do: 'delete where'; readonly where: Predicate }
  | { readonly do: 'replace'; readonly from: bigint; readonly to: bigint; readonly rows: readonly Row[] };
type Maintenance =
  | { readonly do: 'compact' | 'restore'; readonly pick: number }
  | { readonly do: 'vectors'; readonly on: boolean }
  | { readonly do: 'checkpoint' | 'reopen' | 'add a column' };
type Operation = Change | Maintenance;

const id = fc.option(fc.bigInt({ min: 0n, max: 9n }), { freq: 12 });
const n = fc.bigInt({ min: -3n, max: 6n });
const row = fc.record({
  id, part: fc.option(fc.constantFrom('a', 'b', 'ü %')), n: fc.option(n, { freq: 8 }),
  x: fc.option(fc.constantFrom(0, -0, 1.5, -2, Number.NaN, Number.POSITIVE_INFINITY, 5e-324)), s: fc.option(fc.constantFrom('', 'z', '\u{1f600}', '', 'long '.repeat(9))),
});
const rows = (maxLength: number) => fc.array(row, { maxLength });
const where: fc.Arbitrary<Predicate> = fc.oneof(
  fc.tuple(fc.constantFrom('=' as const, '<' as const, '>=' as const), n).map(([op, value]) => compare('n', op, value)),
  fc.constantFrom('a', 'b').map((value) => compare('part', '=', value)),
  fc.constantFrom(0, Number.NaN).map((value) => compare('x', '=', value)),
  fc.constantFrom('part', 'n', 's').map(isNull),
);
const operations: fc.Arbitrary<Operation[]> = fc.array(fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), rows: rows(5) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('upsert' as const), rows: rows(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overwrite' as const), rows: rows(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete keys' as const), ids: fc.array(fc.bigInt({ min: 0n, max: 9n }), { maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete where' as const), where }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const), from: n, to: n, rows: rows(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'restore' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('vectors' as const), on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('checkpoint' as const, 'reopen' as const, 'add a column' as const) }) },
), { minLength: 1, maxLength: 12 });

/** What the table must be, and what its history must say. */
class Model {
  rows: readonly Row[] = [];
  columns = FIELDS.map(({ name }) => name);
  readonly versions: { readonly rows: readonly Row[]; readonly columns: readonly string[] }[] = [];
  readonly said: string[] = [];

  filled(added: readonly Row[]): Row[] {
    return added.map((each) => Object.fromEntries(this.columns.map((name) => [name, each[name] ?? null])));
  }

  /** After a commit of ours. */
  commit(kept: readonly Row[], said: string): void {
    this.rows = kept;
    this.said.push(said);
    this.versions.push({ rows: kept, columns: this.columns });
  }
}

/** A later row of a key takes the place of the earlier one; null keys all stay. */
function oneAKey(all: readonly Row[]): Row[] {
  return all.filter((each, i) => each['id'] === null || all.findLastIndex((other) => other['id'] === each['id']) === i);
}

async function run(mode: RowMode, sequence: readonly Operation[]): Promise<void> {
  const model = new Model();
  let table = await tables.create(mode, { fields: FIELDS, partitionColumns: ['part'] });
  model.commit([], 'CREATE TABLE blind:false intent:null');
  for (const operation of sequence) {
    table = await step(table, model, operation);
    expect((await table.rows()).map(rowText)).toEqual(sorted(model.rows).map(rowText));
    await checkFiles(table);
    const again = await table.another();
    expect(stateOf(again.snapshot)).toEqual(stateOf(table.snapshot));
  }
  const entries = (await collect(history(table.table.delta))).reverse();
  expect(entries.map(({ operation, isBlindAppend, intent }) => `${operation} blind:${isBlindAppend} intent:${intent}`)).toEqual(model.said);
}

async function step(table: TestTable, model: Model, operation: Operation): Promise<TestTable> {
  const keeping = (isGone: (each: Row) => boolean) => model.rows.filter((each) => !isGone(each));
  switch (operation.do) {
    case 'append': {
      await table.apply(table.append(operation.rows));
      model.commit([...model.rows, ...model.filled(operation.rows)], 'WRITE blind:true intent:null');
      break;
    }
    case 'upsert': {
      const added = oneAKey(operation.rows);
      await table.apply(table.upsert(added, ['id']));
      const ids = new Set(added.map((each) => each['id']));
      model.commit([...keeping((each) => each['id'] !== null && ids.has(each['id'])), ...model.filled(added)], 'MERGE blind:false intent:replace');
      break;
    }
    case 'overwrite':
      await table.apply(table.overwrite(operation.rows));
      model.commit(model.filled(operation.rows), 'WRITE blind:false intent:replace');
      break;
    case 'delete keys':
      await table.apply(table.deleteByKey(operation.ids.map((each) => ({ id: each })), ['id']));
      model.commit(keeping((each) => operation.ids.includes(each['id'] as bigint)), 'DELETE blind:false intent:erase');
      break;
    case 'delete where':
      await table.apply(table.deleteWhere(operation.where));
      model.commit(keeping((each) => evaluate(operation.where, (name) => each[name]) === true), 'DELETE blind:false intent:expire');
      break;
    case 'replace': {
      const { from, to } = operation;
      const isInside = (value: unknown) => value !== null && (value as bigint) >= from && (value as bigint) <= to;
      const inside = operation.rows.filter((each) => isInside(each['n']));
      await table.apply(table.replaceWhere(inside, and(compare('n', '>=', from), compare('n', '<=', to))));
      model.commit([...keeping((each) => isInside(each['n'])), ...model.filled(inside)], 'WRITE blind:false intent:replace');
      break;
    }
    case 'compact': case 'restore': case 'vectors': case 'checkpoint': case 'reopen': case 'add a column': return maintenance(table, model, operation);
  }
  return table;
}

async function maintenance(table: TestTable, model: Model, operation: Maintenance): Promise<TestTable> {
  const { delta } = table.table;
  switch (operation.do) {
    case 'reopen': return table.another();
    case 'checkpoint':
      if (table.snapshot.version > 0n) await delta.checkpoint();
      break;
    case 'compact': {
      const parts = [...Map.groupBy(table.files, ({ partitionValues }) => partitionValues['part']).values()];
      if (parts.length === 0) break;
      await table.apply(table.compact(parts[operation.pick % parts.length]));
      model.commit(model.rows, 'OPTIMIZE blind:false intent:null');
      break;
    }
    case 'restore': {
      const version = operation.pick % model.versions.length;
      const restored = await restore(delta, { version: BigInt(version), nowMs: 1, initialProgress: () => -1n });
      if (restored === null) break;
      model.columns = [...model.versions[version].columns];
      model.commit(model.versions[version].rows, 'RESTORE blind:false intent:replace');
      break;
    }
    case 'vectors': {
      const { version } = table.snapshot;
      if ((await setProperties(delta, { 'delta.enableDeletionVectors': String(operation.on) })).version > version) model.commit(model.rows, 'SET TBLPROPERTIES blind:false intent:null');
      break;
    }
    case 'add a column':
      if (model.columns.includes(ADDED.name)) break;
      await addColumns(delta, [ADDED]);
      model.columns = [...model.columns, ADDED.name];
      model.commit(model.filled(model.rows), 'ADD COLUMNS blind:false intent:null');
      break;
  }
  return table;
}

/** The log's word on each live file, against its rows: those that vectors take away included. */
async function checkFiles(table: TestTable): Promise<void> {
  const vectors = new VectorReader(table.table);
  for (const file of table.files) {
    const physical = await table.read(table.snapshot, [{ ...file, deletionVector: null }]);
    const stats = parseStats(file.stats)!;
    expect(stats.numRecords).toBe(BigInt(physical.length));
    const deleted = await vectors.read(file);
    expect(deleted).toHaveLength(file.deletionVector?.cardinality ?? 0);
    expect(deleted.length).toBeLessThan(physical.length);
    expect(deleted.at(-1) ?? -1n).toBeLessThan(BigInt(physical.length));
    expect((JSON.parse(file.stats!) as { tightBounds: boolean }).tightBounds).toBe(!file.deletionVector);
    for (const [name, nulls] of Object.entries(stats.nullCount)) expect([name, Number(nulls)]).toEqual([name, physical.filter((each) => each[name] === null).length]);
    for (const each of physical) for (const [name, value] of Object.entries(each)) expect(holdsValue(table.snapshot, file, name, value)).toBe(true);
  }
}

function holdsValue(snapshot: Snapshot, file: AddFile, name: string, value: unknown): boolean {
  return mayHold(value === null ? isNull(name) : compare(name, '=', value as bigint), file, snapshot);
}

/** In any order, without what a checkpoint need not keep. */
function stateOf({ version, files, txns, metaData, protocol }: Snapshot): object {
  const filesOf = [...files.values()].map((file) => ({ key: fileKey(file), stats: file.stats, size: file.size, partitionValues: file.partitionValues, deleted: file.deletionVector?.cardinality }));
  return {
    version, files: filesOf.sort((a, b) => (a.key < b.key ? -1 : 1)), txns: [...txns.values()], properties: metaData.configuration, schema: metaData.schemaString, id: metaData.id,
    protocol: [protocol.minReaderVersion, protocol.minWriterVersion, protocol.readerFeatures ?? [], protocol.writerFeatures ?? []],
  };
}

describe('random operations leave the rows that a plain list has, and a log that tells the truth', () => {
  test.each([['copy-on-write at first', false], ['vectors at first', true]])('in memory, %s', async (_name, vectors) => {
    await fc.assert(fc.asyncProperty(operations, (sequence) => run({ engine: 'memory', vectors }, sequence)), { numRuns: 100 });
  });

  test.each([['copy-on-write at first', false], ['vectors at first', true]])('DuckDB, %s', async (_name, vectors) => {
    await fc.assert(fc.asyncProperty(operations, (sequence) => run({ engine: 'duckdb', vectors }, sequence)), { numRuns: 5, endOnFailure: true });
  });
});
