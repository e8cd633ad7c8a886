import { readdir } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import type { DuckRelations } from '../../../shared/columnar/duck-relations.ts';
import type { AddFile } from '../../../shared/delta/actions.ts';
import type { RowTable } from '../../../shared/delta/operations/row-table.ts';
import { writeFiles } from '../../../shared/delta/operations/write.ts';
import { field, struct } from '../../../shared/delta/schema.ts';
import type { StructField } from '../../../shared/delta/schema.ts';
import { parseStats } from '../../../shared/delta/stats.ts';
import { DeltaTable } from '../../../shared/delta/table.ts';
import { Meter, meterDifference } from '../../../shared/storage/meter.ts';
import { MeteredStore } from '../../../shared/storage/metered-store.ts';
import type { ObjectStore } from '../../../shared/storage/object-store.ts';
import { collect } from '../../support/collect.ts';
import { openDeltaBench, patientClock } from '../../support/delta.ts';
import type { DeltaBench } from '../../support/delta.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { countFalseBounds } from '../../support/true-statistics.ts';

const clock = patientClock();
let bench: DeltaBench;
beforeAll(async () => {
  bench = await openDeltaBench(clock);
});
afterAll(() => bench.close());

async function create(fields: StructField[], partitionColumns: string[] = [], store: ObjectStore = new MemoryStore()): Promise<RowTable<DuckRelations>> {
  const definition = { name: 't', description: '', schema: struct(...fields), partitionColumns, configuration: {} };
  return bench.io(store, await DeltaTable.ensure(bench.source(store), definition, clock));
}

/** Writes these columns and commits them. */
async function append(table: RowTable<DuckRelations>, columns: readonly LoadColumn[]): Promise<readonly AddFile[]> {
  const { snapshot } = table.delta;
  const { adds } = await table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(columns)));
  await table.delta.commit(snapshot, { operation: 'WRITE', reads: 'nothing', actions: adds.map((add) => ({ add })) });
  return adds;
}

const FIELDS = [field('s', 'string'), field('n', 'long'), field('i', 'integer'), field('d', 'double'), field('t', 'timestamp'), field('y', 'date'), field('b', 'boolean'), field('x', 'binary')];
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.constantFrom('', '\0', `${'z'.repeat(40)}\u{10ffff}`, '\u{10ffff}'.repeat(70), '\uffff', '\u{10000}')).map((value) => value.toWellFormed());
const row = fc.record({
  s: fc.option(text), n: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), i: fc.option(fc.integer()), d: fc.option(fc.oneof(fc.double(), fc.constantFrom(-0, 0, 1e308))),
  t: fc.option(fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })), y: fc.option(fc.integer({ min: -719_162, max: 2_932_896 })), b: fc.option(fc.boolean()), x: fc.option(fc.uint8Array()),
});
const KINDS: Readonly<Record<string, LoadColumn['kind']>> = { s: 'text', n: 'long', i: 'integer', d: 'double', t: 'timestamp', y: 'date', b: 'boolean', x: 'blob' };
type Sample = Record<string, unknown>;
const columnsOf = (rows: readonly Sample[]): LoadColumn[] => FIELDS.map(({ name }) => ({ name, kind: KINDS[name], values: rows.map((sample) => sample[name]) }));

describe('what is written', () => {
  test('comes back row for row, and its statistics never hide one', async () => {
    await fc.assert(fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async (rows) => {
      const table = await create(FIELDS);
      const [add] = await append(table, columnsOf(rows));
      const stats = parseStats(add.stats)!;
      expect(stats.numRecords).toBe(BigInt(rows.length));
      for (const { name } of FIELDS) expect(stats.nullCount[name]).toBe(rows.filter((sample: Sample) => sample[name] === null).length);
      expect(await bench.rows(table, countFalseBounds(FIELDS, stats))).toEqual([{ wrong: 0n }]);
      const read = await bench.rows(table, 'SELECT s, n, i, d + 0 AS d, epoch_us(t) AS t, (y - DATE \'1970-01-01\')::INTEGER AS y, b, hex(x) AS x FROM rows');
      // A dictionary of Parquet holds one zero for both signs.
      expect(read).toEqual(rows.map(({ s, n, i, d, t, y, b, x }) => ({ s, n, i, d: d === 0 ? 0 : d, t, y, b, x: x === null ? null : Buffer.from(x).toString('hex').toUpperCase() })));
    }), { numRuns: 60 });
  });

  test('a NaN leaves a column without bounds', async () => {
    const table = await create([field('d', 'double'), field('f', 'double')]);
    const [add] = await append(table, [{ name: 'd', kind: 'double', values: [1, Number.NaN, null] }, { name: 'f', kind: 'double', values: [1, -5, null] }]);
    expect(JSON.parse(add.stats!)).toEqual({ numRecords: 3, minValues: { f: -5 }, maxValues: { f: 1 }, nullCount: { d: 1, f: 1 }, tightBounds: true });
  });
});

describe('partitions', () => {
  test('one file a combination, values in the log and not in the file', async () => {
    const table = await create([field('p', 'string'), field('y', 'date'), field('n', 'long')], ['p', 'y']);
    const p = ["it's \0", "it's \0", '', null, 'a/b=c %25', '☃'];
    const adds = await append(table, [{ name: 'p', kind: 'text', values: p }, { name: 'y', kind: 'date', values: [0, 0, 1, 1, -1, null] }, { name: 'n', kind: 'long', values: [0n, 1n, 2n, 3n, 4n, 5n] }]);
    expect(adds.map(({ partitionValues }) => JSON.stringify(partitionValues)).sort()).toEqual([
      { p: null, y: '1970-01-02' }, { p: null, y: '1970-01-02' }, { p: 'a/b=c %25', y: '1969-12-31' }, { p: "it's \0", y: '1970-01-01' }, { p: '☃', y: null },
    ].map((value) => JSON.stringify(value)).sort());
    for (const { path, stats } of adds) {
      expect(path).toMatch(/^p=[^/]+\/y=[^/]+\/[0-9a-f-]{36}\.parquet$/);
      expect(Object.keys(parseStats(stats)!.nullCount)).toEqual(['n']);
    }
    // The protocol has no empty partition value: it is read as null.
    expect(await bench.rows(table, 'SELECT p, n FROM rows ORDER BY n')).toEqual(p.map((value, i) => ({ p: value === '' ? null : value, n: BigInt(i) })));
  });

  test('a partition column of an unfit type is refused, and leaves nothing', async () => {
    const store = new MemoryStore();
    const table = await create([field('p', 'double'), field('n', 'long')], ['p'], store);
    await expect(append(table, [{ name: 'p', kind: 'double', values: [1] }, { name: 'n', kind: 'long', values: [1n] }])).rejects.toMatchObject({ code: 'delta/partition-type' });
    expect((await collect(store.list(''))).map(({ key }) => key)).toEqual(['_delta_log/00000000000000000000.json']);
  });
});

test('no rows, no file', async () => {
  expect(await append(await create([field('n', 'long')]), [{ name: 'n', kind: 'long', values: [] }])).toEqual([]);
});

test('a table that we must not write gets no file', async () => {
  const store = new MemoryStore();
  const table = await create([field('n', 'long')], [], store);
  await table.delta.commit(table.delta.snapshot, { operation: 'X', reads: 'table', actions: [{ protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking', 'domainMetadata'] } }] });
  await expect(append(table, [{ name: 'n', kind: 'long', values: [1n] }])).rejects.toMatchObject({ code: 'delta/protocol', message: expect.stringContaining('rowTracking (for new files)') as string });
  expect((await collect(store.list(''))).filter(({ key }) => key.endsWith('.parquet'))).toEqual([]);
});

test('a null where the table allows none is refused by name', async () => {
  const table = await create([{ ...field('n', 'long'), nullable: false }, field('m', 'long')]);
  await expect(append(table, [{ name: 'n', kind: 'long', values: [1n, null] }, { name: 'm', kind: 'long', values: [1n, null] }]))
    .rejects.toMatchObject({ code: 'delta/null-value', message: expect.stringContaining('1 rows without n') as string });
  expect(table.delta.snapshot.version).toBe(0n);
});

test('a failed upload leaves no file on this machine', async () => {
  const table = await create([field('n', 'long')], [], new MemoryStore({ faults: (operation) => (operation === 'putFile' ? 'throttle' : 'none') }));
  await expect(append(table, [{ name: 'n', kind: 'long', values: [1n] }])).rejects.toMatchObject({ retry: 'later' });
  expect((await readdir(bench.folder)).filter((name) => name.endsWith('.parquet'))).toEqual([]);
});

test('an append on a warm snapshot is one data file and one commit; a scan reads each file once', async () => {
  const meter = new Meter();
  const table = await create([field('n', 'long')], [], new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' }));
  const start = meter.read();
  await append(table, [{ name: 'n', kind: 'long', values: [1n] }]);
  const written = meter.read();
  expect(meterDifference(written, start).byOperation).toEqual({ put: 2, get: 0, list: 0, head: 0, delete: 0 });
  await bench.rows(table);
  await bench.rows(table);
  expect(meterDifference(meter.read(), written).byOperation).toEqual({ put: 0, get: 1, list: 0, head: 0, delete: 0 });
});
