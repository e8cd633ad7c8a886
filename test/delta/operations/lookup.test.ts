import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import type { DuckRelations } from '../../../shared/columnar/duck-relations.ts';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import { findByKey } from '../../../shared/delta/operations/lookup.ts';
import type { RowTable } from '../../../shared/delta/operations/row-table.ts';
import { writeFiles } from '../../../shared/delta/operations/write.ts';
import { field, struct } from '../../../shared/delta/schema.ts';
import { DeltaTable } from '../../../shared/delta/table.ts';
import { Meter, meterDifference } from '../../../shared/storage/meter.ts';
import { MeteredStore } from '../../../shared/storage/metered-store.ts';
import { openDeltaBench } from '../../support/delta.ts';
import type { DeltaBench } from '../../support/delta.ts';
import { MemoryStore } from '../../support/memory-store.ts';

interface Key { readonly s: string | null; readonly n: bigint | null }

let bench: DeltaBench;
beforeAll(async () => {
  bench = await openDeltaBench();
});
afterAll(() => bench.close());

const columnsOf = (keys: readonly Key[]): LoadColumn[] => [{ name: 's', kind: 'text', values: keys.map(({ s }) => s) }, { name: 'n', kind: 'long', values: keys.map(({ n }) => n) }];

/** A table with one file a list of keys. */
async function tableOf(files: readonly (readonly Key[])[], meter = new Meter()): Promise<RowTable<DuckRelations>> {
  const store = new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' });
  const definition = { name: 't', description: '', schema: struct(field('s', 'string'), field('n', 'long')), partitionColumns: [], configuration: {} };
  const table = bench.io(store, await DeltaTable.ensure(bench.source(store), definition, systemClock));
  for (const keys of files) {
    const { snapshot } = table.delta;
    const { adds } = await table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(columnsOf(keys))));
    await table.delta.commit(snapshot, { operation: 'WRITE', reads: 'nothing', actions: adds.map((add) => ({ add })) });
  }
  return table;
}

/** What is found of these keys, and how many files were looked into; null where none could hold one. */
async function find(table: RowTable<DuckRelations>, keys: readonly Key[]): Promise<{ rows: string[]; files: number } | null> {
  return table.engine.session(async (session) => {
    const found = await findByKey(session, table, table.delta.snapshot, { keys: await session.values(columnsOf(keys)), key: ['s', 'n'] });
    return found && { rows: (await session.rows(found.rows)).map(({ s, n }) => name({ s, n } as Key)).sort(), files: found.files.length };
  });
}

const name = ({ s, n }: Key) => `${JSON.stringify(s)} ${n}`;

test('every row of the table with one of the keys is found, whatever files are left out', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.constantFrom('', '\0', `${'z'.repeat(40)}\u{10ffff}`, '\u{10ffff}'.repeat(70), '\uffff', '\u{10000}')).map((value) => value.toWellFormed());
  const key = fc.record({ s: fc.option(text, { freq: 10 }), n: fc.option(fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(2n ** 53n + 1n, 2n ** 53n, -1n)), { freq: 10 }) });
  let leftOut = 0;
  await fc.assert(fc.asyncProperty(fc.array(fc.uniqueArray(key, { minLength: 1, maxLength: 6, selector: name }), { minLength: 1, maxLength: 5 }), fc.array(key, { maxLength: 3 }), fc.nat(), async (files, others, pick) => {
    const wanted = new Map([...others, ...files.flat().filter((_key, i) => (i + pick) % 3 === 0)].map((each) => [name(each), each]));
    const found = await find(await tableOf(files), [...wanted.values()]);
    expect(found?.rows ?? []).toEqual(files.flat().filter((each) => each.s !== null && each.n !== null && wanted.has(name(each))).map(name).sort());
    leftOut += files.length - (found?.files ?? 0);
  }), { numRuns: 40 });
  expect(leftOut).toBeGreaterThan(0);
});

test('files that can hold none of the keys are not read', async () => {
  const meter = new Meter();
  const table = await tableOf([[{ s: 'a', n: 1n }, { s: 'c', n: 2n }], [{ s: 'd', n: 3n }, { s: 'f', n: 9n }], [{ s: 'd', n: 10n }]], meter);
  const before = meter.read();
  expect(await find(table, [{ s: 'e', n: 5n }, { s: 'd', n: 3n }])).toEqual({ rows: ['"d" 3'], files: 1 });
  expect(await find(table, [{ s: 'x', n: 3n }])).toBeNull();
  expect(await find(table, [])).toBeNull();
  expect(meterDifference(meter.read(), before).byOperation).toMatchObject({ get: 1, head: 0, list: 0 });
});
