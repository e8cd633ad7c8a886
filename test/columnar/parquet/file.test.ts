import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../../shared/columnar/duckdb.ts';
import type { Row } from '../../../shared/columnar/duckdb.ts';
import type { ColumnKind, LoadColumn } from '../../../shared/columnar/load-column.ts';
import { rowCount } from '../../../shared/columnar/load-column.ts';
import { writeParquetFile } from '../../../shared/columnar/parquet/file.ts';
import type { FileFacts } from '../../../shared/columnar/parquet/file.ts';
import { literal } from '../../../shared/columnar/sql-text.ts';

let folder: string;
let engine: Engine;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-parquet-'));
  engine = new Engine({ memoryMb: 512, threads: 2, tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const sql = (text: string) => engine.session((session) => session.rows(text));

async function written(columns: readonly LoadColumn[]): Promise<{ path: string; facts: FileFacts; rows: Row[] }> {
  const path = join(folder, `${files++}.parquet`);
  const facts = await writeParquetFile(path, { columns, rows: rowCount(columns) });
  return { path, facts, rows: await sql(`SELECT * FROM read_parquet(${literal(path)})`) };
}

/** The slow way: the rows as DuckDB loads them, in a file of its own. */
async function byDuckDb(columns: readonly LoadColumn[]): Promise<{ path: string; rows: Row[] }> {
  const path = join(folder, `${files++}.parquet`);
  const rows = await engine.session(async (session) => {
    await session.load('t', columns);
    await session.run(`COPY t TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
    return session.rows('SELECT * FROM t');
  });
  return { path, rows };
}

const bytes = fc.uint8Array({ maxLength: 12 });
const words = fc.string({ unit: 'binary', maxLength: 8 });
const VALUES: Readonly<Record<ColumnKind, fc.Arbitrary<unknown>>> = {
  text: words, utf8: words.map((text) => Buffer.from(text)), blob: bytes, integer: fc.integer(), date: fc.integer({ min: -719_162, max: 2_932_896 }),
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), timestamp: fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }),
  double: fc.double(), boolean: fc.boolean(), headers: fc.array(fc.record({ key: words, value: fc.option(bytes) }), { maxLength: 3 }),
};

/** A column of each kind, of values with and without nulls, constants and codes among them. */
const anyColumns = fc.integer({ min: 1, max: 40 }).chain((rows) => fc.tuple(
  ...Object.entries(VALUES).map(([kind, value]) => fc.oneof(
    fc.array(fc.option(value, { freq: 4 }), { minLength: rows, maxLength: rows }).map((values) => ({ name: kind, kind: kind as ColumnKind, values })),
    fc.array(value, { minLength: rows, maxLength: rows }).map((values) => ({ name: kind, kind: kind as ColumnKind, values })),
    fc.constant({ name: kind, kind: kind as ColumnKind, values: Array.from({ length: rows }, () => null) }),
  )),
  fc.record({ name: fc.constant('codes'), kind: fc.constant('text' as const), texts: fc.array(words, { minLength: 1, maxLength: 5 }), codes: fc.array(fc.integer({ min: -1, max: 6 }), { minLength: rows, maxLength: rows }).map((codes) => Int32Array.from(codes)) }),
  fc.record({ name: fc.constant('k1'), kind: fc.constant('text' as const), constant: fc.option(words) }),
  fc.record({ name: fc.constant('k2'), kind: fc.constant('long' as const), constant: fc.option(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })) }),
  fc.record({ name: fc.constant('k3'), kind: fc.constant('boolean' as const), constant: fc.option(fc.boolean()) }),
  fc.record({ name: fc.constant('k4'), kind: fc.constant('timestamp' as const), constant: fc.constant(1_743_508_800_123_457n) }),
  fc.record({ name: fc.constant('k5'), kind: fc.constant('date' as const), constant: fc.constant(20_179) }),
)) as fc.Arbitrary<LoadColumn[]>;

test('any rows come back as DuckDB loads them, under the schema that DuckDB writes', async () => {
  await fc.assert(fc.asyncProperty(anyColumns, async (columns) => {
    const [ours, theirs] = [await written(columns), await byDuckDb(columns)];
    expect(ours.rows).toEqual(theirs.rows);
    const schema = ({ path }: { path: string }) => sql(`SELECT name, type, repetition_type, num_children, converted_type, logical_type FROM parquet_schema(${literal(path)}) OFFSET 1`);
    expect(await schema(ours)).toEqual(await schema(theirs));
    expect(ours.facts.columns.map(({ nulls }) => nulls)).toEqual(columns.map(({ name }) => theirs.rows.filter((row) => row[name] === null).length));
    expect(ours.facts.bytes).toBe((await readFile(ours.path)).length);
  }), { numRuns: 60 });
});

describe('the footer', () => {
  const statistics = (path: string) => sql(`SELECT row_group_id AS g, path_in_schema AS c, stats_min_value AS min, stats_max_value AS max, stats_null_count AS nulls, num_values AS n, compression AS codec FROM parquet_metadata(${literal(path)}) ORDER BY 1, 2`);

  test('has exact bounds of short values, none of long ones, none with a NaN', async () => {
    const { path } = await written([
      { name: 'a', kind: 'long', values: BigInt64Array.of(5n, -7n, 3n) }, { name: 'b', kind: 'utf8', values: ['b', null, 'ä'].map((text) => (text === null ? null : Buffer.from(text))) },
      { name: 'c', kind: 'text', values: ['x'.repeat(100), 'y', null] }, { name: 'd', kind: 'double', values: [1, Number.NaN, 2] }, { name: 'e', kind: 'double', values: [0, 1.5, null] }]);
    expect((await statistics(path)).map(({ c, min, max, nulls }) => [c, min, max, nulls])).toEqual([
      ['a', '-7', '5', 0n], ['b', 'b', 'ä', 1n], ['c', null, null, 1n], ['d', null, null, 0n], ['e', '-0.0', '1.5', 1n]]);
  });

  test('is of groups bounded by rows', async () => {
    const { path, facts, rows } = await written([{ name: 'n', kind: 'integer', values: Int32Array.from({ length: 250_000 }, (_value, i) => i) }]);
    expect((await statistics(path)).map(({ min, max, n }) => [min, max, n])).toEqual([['0', '122879', 122_880n], ['122880', '245759', 122_880n], ['245760', '249999', 4_240n]]);
    expect(rows.every(({ n }, i) => n === i)).toBe(true);
    expect(facts.columns).toEqual([{ nulls: 0, bounds: { min: 0, max: 249_999 } }]);
  });

  test('and by bytes, however large a row is', async () => {
    const [mega, giant] = [Buffer.alloc(1024 * 1024, 'm'), Buffer.alloc(40 * 1024 * 1024, 'g')];
    const values = [...Array.from({ length: 40 }, () => mega), giant, mega, null];
    const { path } = await written([{ name: 'v', kind: 'utf8', values }, { name: 'n', kind: 'integer', values: Int32Array.from(values, (_value, i) => i) }]);
    expect((await statistics(path)).filter(({ c }) => c === 'n').map(({ min, max }) => [min, max])).toEqual([['0', '31'], ['32', '40'], ['41', '42']]);
    expect(await sql(`SELECT n, octet_length(v::BLOB) AS bytes FROM read_parquet(${literal(path)}) WHERE n IN (0, 39, 40, 41, 42) ORDER BY n`))
      .toEqual([[0, mega.length], [39, mega.length], [40, giant.length], [41, mega.length], [42, null]].map(([n, length]) => ({ n, bytes: length === null ? null : BigInt(length) })));
  });
});

test('many pages of text, compressed on another thread, keep their order', async () => {
  const values = Array.from({ length: 60_000 }, (_value, i) => (i % 7 === 0 ? null : Buffer.from(`${i} `.repeat(1 + (i % 40)))));
  const { rows, facts } = await written([{ name: 'v', kind: 'utf8', values }]);
  expect(rows.map(({ v }) => v)).toEqual(values.map((value) => value?.toString() ?? null));
  expect(facts.columns[0].nulls).toBe(values.filter((value) => value === null).length);
});

test('a header without a value is a null, also where it is left out', async () => {
  const values = [[{ key: 'a' }], [{ key: 'b', value: Buffer.from('z') }, { key: 'c', value: null }], null];
  const { rows } = await written([{ name: 'h', kind: 'headers', values }]);
  const lists = rows.map(({ h }) => JSON.stringify(h, (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value)));
  expect(lists[0]).toContain('"a"');
  expect(lists[1]).toMatch(/"b".*"c".*null/s);
  expect(rows[2]['h']).toBeNull();
});
