import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeletionVector } from '../../../shared/delta/actions.ts';
import { scanFiles } from '../../../shared/delta/operations/scan.ts';
import { array, field, struct } from '../../../shared/delta/schema.ts';
import type { DataType, StructField } from '../../../shared/delta/schema.ts';
import { openDeltaBench } from '../../support/delta.ts';
import type { DeltaBench } from '../../support/delta.ts';
import { ForeignTable } from '../../support/foreign-table.ts';
import { encodeRoaring64, encodeZ85, vectorFile, vectorPayload } from '../../support/roaring.ts';

let bench: DeltaBench;
beforeAll(async () => {
  bench = await openDeltaBench();
});
afterAll(() => bench.close());

let count = 0;
const create = (fields: StructField[], options: Partial<Parameters<typeof ForeignTable.create>[2]> = {}) => ForeignTable.create(bench, `t${count++}`, { fields, ...options });
const long = field('a', 'long');

describe('files that are not as the schema', () => {
  test('columns that a file lacks are null, those it has beyond the schema are left out', async () => {
    const t = await create([long, field('b', 'string')]);
    await t.commit({ add: await t.file('old.parquet', 'SELECT 1::BIGINT AS a') }, { add: await t.file('new.parquet', `SELECT 2::BIGINT AS a, 'x' AS b, 'update' AS _change_type, 9 AS dropped`) });
    expect(await bench.rows(await t.open(), 'SELECT * FROM rows ORDER BY a')).toEqual([{ a: 1n, b: null }, { a: 2n, b: 'x' }]);
  });

  test('columns are in the order of the schema, whatever that of the file', async () => {
    const t = await create([long, field('b', 'string'), field('c', 'double')], { partitionColumns: ['b'] });
    await t.commit({ add: await t.file('f.parquet', 'SELECT 1.5::DOUBLE AS c, 1::BIGINT AS a', { partitionValues: { b: 'p' } }) });
    const [row] = await bench.rows(await t.open(), 'SELECT * FROM rows');
    expect(Object.keys(row)).toEqual(['a', 'b', 'c']);
  });

  test('a column of no file at all', async () => {
    const t = await create([long, field('later', 'timestamp')]);
    await t.commit({ add: await t.file('f.parquet', 'SELECT 1::BIGINT AS a') });
    expect(await bench.rows(await t.open())).toEqual([{ a: 1n, later: null }]);
  });

  test('a partition column that also stands in the file: the log counts', async () => {
    const t = await create([long, field('p', 'string')], { partitionColumns: ['p'] });
    await t.commit({ add: await t.file('f.parquet', `SELECT 1::BIGINT AS a, 'file' AS p`, { partitionValues: { p: 'log' } }) });
    expect(await bench.rows(await t.open())).toEqual([{ a: 1n, p: 'log' }]);
  });

  test('narrower types of older files are widened', async () => {
    const t = await create([long, field('d', 'double'), field('n', 'decimal(20,2)')]);
    await t.commit({ add: await t.file('f.parquet', 'SELECT 7::INTEGER AS a, 1.5::FLOAT AS d, 1.50::DECIMAL(5,2) AS n') }, { add: await t.file('g.parquet', 'SELECT 9223372036854775807 AS a, 2::DOUBLE AS d, 2::DECIMAL(20,2) AS n') });
    expect(await bench.rows(await t.open(), 'SELECT a, typeof(a) AS t, d, n FROM rows ORDER BY a')).toEqual([{ a: 7n, t: 'BIGINT', d: 1.5, n: '1.50' }, { a: 2n ** 63n - 1n, t: 'BIGINT', d: 2, n: '2.00' }]);
  });

  test('times of any unit and zone are UTC microseconds', async () => {
    const t = await create([field('t', 'timestamp'), field('i', 'integer')]);
    await t.commit(...(await Promise.all([`TIMESTAMP '2020-01-01 00:00:00'`, `TIMESTAMP_NS '2020-01-01 00:00:00'`, `TIMESTAMP_MS '2020-01-01 00:00:00'`, `TIMESTAMPTZ '2020-01-01 02:00:00+02'`]
      .map(async (sql, i) => ({ add: await t.file(`f${i}.parquet`, `SELECT ${sql} AS t, ${i} AS i`) })))));
    expect(await bench.rows(await t.open(), 'SELECT DISTINCT epoch_us(t) AS us, typeof(t) AS type FROM rows')).toEqual([{ us: BigInt(Date.parse('2020-01-01T00:00:00Z')) * 1000n, type: 'TIMESTAMP WITH TIME ZONE' }]);
  });

  test('a struct gains and loses fields', async () => {
    const t = await create([field('s', struct(field('x', 'long'), field('y', 'string'))), field('l', array(struct(field('k', 'string'), field('v', 'long'))))]);
    await t.commit({ add: await t.file('f.parquet', `SELECT {'x': 1::BIGINT, 'gone': 5} AS s, [{'k': 'a'}] AS l`) }, { add: await t.file('g.parquet', `SELECT {'y': 'q'} AS s, NULL::STRUCT(v BIGINT)[] AS l`) });
    expect(await bench.rows(await t.open(), 'SELECT s, l FROM rows ORDER BY s.x')).toEqual([{ s: { x: 1n, y: null }, l: [{ k: 'a', v: null }] }, { s: { x: null, y: 'q' }, l: null }]);
  });

  test('names that spell patterns, spaces, percent signs and umlauts', async () => {
    const t = await create([long]);
    const names = ['a[1].parquet', 'a1.parquet', 'b*.parquet', "it's.parquet", 'p=100%/päivä ☃.parquet', 'q?/x #1.parquet'];
    for (const [i, name] of names.entries()) {
      const path = name.split('/').map(encodeURIComponent).join('/');
      await t.commit({ add: await t.file(name, `SELECT ${i}::BIGINT AS a`, { path: i % 2 === 0 ? path : path.replaceAll('%C3%A4', 'ä') }) });
    }
    expect(await bench.rows(await t.open(), 'SELECT list(a ORDER BY a) AS l FROM rows')).toEqual([{ l: [0n, 1n, 2n, 3n, 4n, 5n] }]);
  });

  test('an absolute path below the table, and one outside', async () => {
    const t = await create([long]);
    const file = await t.file('x y.parquet', 'SELECT 1::BIGINT AS a');
    await t.commit({ add: { ...file, path: encodeURI(`${t.store.url}/x y.parquet`) } });
    expect(await bench.rows(await t.open())).toEqual([{ a: 1n }]);
    await t.commit({ add: { ...file, path: 'abfss://c@other.dfs.core.windows.net/t/x.parquet' } });
    await expect(bench.rows(await t.open())).rejects.toMatchObject({ code: 'delta/absolute-path' });
  });

  test('a type we do not know is refused by name', async () => {
    const t = await create([field('v', 'variant')]);
    await t.commit({ add: await t.file('f.parquet', 'SELECT 1 AS v') });
    await expect(bench.rows(await t.open())).rejects.toMatchObject({ code: 'columnar/type', message: expect.stringContaining('variant') as string });
  });
});

test.each<[DataType, string | null, string | null]>([
  ['string', "it's \0 100% ☃", "it's \0 100% ☃"], ['string', '', null], ['string', null, null], ['long', '-9223372036854775808', '-9223372036854775808'], ['byte', '-128', '-128'],
  ['boolean', 'true', 'true'], ['double', '1.0E7', '10000000.0'], ['double', 'NaN', 'nan'], ['double', '-Infinity', '-inf'], ['float', '-0.0', '-0.0'], ['decimal(10,3)', '1.500', '1.500'],
  ['date', '0001-01-01', '0001-01-01'], ['timestamp', '2021-09-08 11:11:11', '2021-09-08 11:11:11+00'], ['timestamp', '2021-09-08T11:11:11.000001Z', '2021-09-08 11:11:11.000001+00'],
  ['timestamp', '2021-09-08T11:11:11+02:00', '2021-09-08 09:11:11+00'], ['timestamp_ntz', '2021-09-08 11:11:11.5', '2021-09-08 11:11:11.5'], ['binary', 'a\\x41ä', 'a\\x5Cx41\\xC3\\xA4'],
])('a partition value of type %s, %j', async (type, value, expected) => {
  const t = await create([long, field('p', type)], { partitionColumns: ['p'] });
  await t.commit({ add: await t.file('f.parquet', 'SELECT 1::BIGINT AS a', { partitionValues: { p: value } }) });
  expect(await bench.rows(await t.open(), 'SELECT p::VARCHAR AS p FROM rows')).toEqual([{ p: expected }]);
});

describe('column mapping', () => {
  const mapped = (name: string, id: number, type: DataType): StructField => ({ ...field(name, type), metadata: { 'delta.columnMapping.id': id, 'delta.columnMapping.physicalName': `col-${id}` } });
  const protocol = { minReaderVersion: 2, minWriterVersion: 5 };

  test('by name, at every depth, with partition values under the physical name', async () => {
    const inner = struct(mapped('x y', 3, 'long'), mapped('z', 4, 'string'));
    const t = await create([
      mapped('a;b', 1, 'long'), mapped('s', 2, inner), mapped('l', 5, array(inner)), mapped('m', 6, { type: 'map', keyType: 'string', valueType: inner, valueContainsNull: true }), mapped('p', 7, 'string'),
    ], { protocol, configuration: { 'delta.columnMapping.mode': 'name' }, partitionColumns: ['p'] });
    const physical = `{'col-3': 5::BIGINT, 'col-4': 'q'}`;
    await t.commit(
      { add: await t.file('f.parquet', `SELECT 1::BIGINT AS "col-1", ${physical} AS "col-2", [${physical}, NULL] AS "col-5", MAP {'k': ${physical}} AS "col-6"`, { partitionValues: { 'col-7': 'part' } }) },
      { add: await t.file('g.parquet', `SELECT 2::BIGINT AS "col-1", NULL::STRUCT("col-3" BIGINT) AS "col-2", 'wrong' AS "a;b"`, { partitionValues: { 'col-7': null } }) },
    );
    const value = { 'x y': 5n, z: 'q' };
    expect(await bench.rows(await t.open(), 'SELECT "a;b", s, l, m[\'k\'] AS mk, p FROM rows ORDER BY 1')).toEqual([
      { 'a;b': 1n, s: value, l: [value, null], mk: value, p: 'part' }, { 'a;b': 2n, s: null, l: null, mk: null, p: null },
    ]);
  });

  test('by id: names in the files do not count', async () => {
    const t = await create([mapped('a', 1, 'long'), mapped('b', 2, 'long'), mapped('c', 3, 'string'), mapped('p', 4, 'integer')],
      { protocol, configuration: { 'delta.columnMapping.mode': 'id' }, partitionColumns: ['p'] });
    await t.commit(
      { add: await t.file('f.parquet', `SELECT 10::BIGINT AS "col-1", 20::BIGINT AS "col-2"`, { partitionValues: { 'col-4': '7' } }, ', FIELD_IDS {"col-1": 1, "col-2": 2}') },
      { add: await t.file('g.parquet', `SELECT 21::BIGINT AS "col-1", 11::BIGINT AS x, 'q' AS y`, { partitionValues: { 'col-4': '7' } }, ', FIELD_IDS {"col-1": 2, x: 1, y: 3}') },
    );
    expect(await bench.rows(await t.open(), 'SELECT * FROM rows ORDER BY a')).toEqual([{ a: 10n, b: 20n, c: null, p: 7 }, { a: 11n, b: 21n, c: 'q', p: 7 }]);
  });
});

describe('deletion vectors', () => {
  const protocol = { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures: ['deletionVectors'] };
  const inline = (rows: bigint[]): DeletionVector => {
    const payload = vectorPayload(encodeRoaring64(rows));
    return { storageType: 'i', pathOrInlineDv: encodeZ85(payload), sizeInBytes: payload.length, cardinality: rows.length };
  };
  const numbers = (n: number, from = 0) => `SELECT range::BIGINT + ${from} AS a FROM range(${n})`;
  const left = async (t: ForeignTable) => (await bench.rows(await t.open(), 'SELECT a FROM rows ORDER BY a')).map(({ a }) => Number(a));

  test('in the log, in a file beside, in one file for many; files without one stay whole', async () => {
    const t = await create([long], { protocol });
    const [one, two] = [vectorPayload(encodeRoaring64([0n, 2n])), vectorPayload(encodeRoaring64([1n, 2n]))];
    const { file, offsets } = vectorFile([one, two]);
    await t.store.putIfAbsent('x y/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin', file);
    const stored = (payload: Buffer, i: number): DeletionVector => ({ storageType: 'u', pathOrInlineDv: 'x y^-aqEH.-t@S}K{vb[*k^', offset: offsets[i], sizeInBytes: payload.length, cardinality: 2 });
    await t.commit(
      { add: await t.file('a.parquet', numbers(3), { deletionVector: stored(one, 0) }) },
      { add: await t.file('b.parquet', numbers(3, 10), { deletionVector: stored(two, 1) }) },
      { add: await t.file('c.parquet', numbers(3, 20), { deletionVector: inline([1n]) }) },
      { add: await t.file('d.parquet', numbers(3, 30)) },
      { add: await t.file('e.parquet', numbers(3, 40), { deletionVector: { ...stored(one, 0), storageType: 'p', pathOrInlineDv: `${encodeURI(t.store.url)}/x%20y/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin` } }) },
    );
    expect(await left(t)).toEqual([1, 10, 20, 22, 30, 31, 32, 41]);
  });

  test('past the first row group and the first vector of rows', async () => {
    const t = await create([long], { protocol });
    const gone = Array.from({ length: 100_000 }, (_value, i) => BigInt(3 * i));
    await t.commit({ add: await t.file('a.parquet', numbers(300_000), { deletionVector: inline(gone) }, ', ROW_GROUP_SIZE 20000') });
    expect(await bench.rows(await t.open(), 'SELECT count(*) AS n, count(*) FILTER (a % 3 = 0) AS wrong, sum(a)::BIGINT AS s FROM rows')).toEqual([{ n: 200_000n, wrong: 0n, s: 300_000n * 299_999n / 2n - 3n * (99_999n * 100_000n / 2n) }]);
  });

  test('with partition values, a filter and a projection without the vector\'s file', async () => {
    const t = await create([long, field('p', 'string')], { protocol, partitionColumns: ['p'] });
    await t.commit(
      { add: await t.file('a.parquet', numbers(5), { partitionValues: { p: 'x' }, deletionVector: inline([1n, 4n]) }) },
      { add: await t.file('b.parquet', numbers(5), { partitionValues: { p: 'y' } }) },
    );
    const table = await t.open();
    expect(await bench.rows(table, `SELECT count(*) AS n FROM rows WHERE p = 'x' AND a > 0`)).toEqual([{ n: 2n }]);
    expect(await bench.rows(table, 'SELECT p, count(*) AS n FROM rows GROUP BY p ORDER BY p')).toEqual([{ p: 'x', n: 3n }, { p: 'y', n: 5n }]);
  });

  test('one path under two vectors in one scan: each with its own rows', async () => {
    const t = await create([long], { protocol });
    const add = await t.file('a.parquet', numbers(5));
    await t.commit({ add });
    const table = await t.open();
    const files = [add, { ...add, deletionVector: inline([0n]) }, { ...add, deletionVector: inline([0n, 1n, 2n]) }].map((file) => ({ file }));
    const rows = await table.engine.session(async (session) => {
      const scan = await scanFiles(session, table, table.delta.snapshot, files);
      expect(session.pathsOf()).toHaveLength(1);
      return session.sql.rows(`SELECT a, count(*) AS n FROM (${session.sqlOf(scan)}) GROUP BY a ORDER BY a`);
    });
    expect(rows.map(({ n }) => n)).toEqual([1n, 2n, 2n, 3n, 3n]);
  });

  test.each<[string, (vector: DeletionVector) => DeletionVector, string]>([
    ['a wrong cardinality', (vector) => ({ ...vector, cardinality: 9 }), 'delta/deletion-vector'],
    ['a missing file', (vector) => ({ ...vector, storageType: 'u', pathOrInlineDv: '^-aqEH.-t@S}K{vb[*k^', offset: 1 }), 'delta/missing-file'],
    ['a file outside the table', (vector) => ({ ...vector, storageType: 'p', pathOrInlineDv: 's3://bucket/x.bin' }), 'delta/absolute-path'],
  ])('%s is refused before any row is read', async (_name, change, code) => {
    const t = await create([long], { protocol });
    await t.commit({ add: await t.file('a.parquet', numbers(5), { deletionVector: change(inline([1n])) }) });
    await expect(left(t)).rejects.toMatchObject({ code, retry: 'never' });
  });
});
