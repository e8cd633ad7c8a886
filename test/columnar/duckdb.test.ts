import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine, EngineError } from '../../shared/columnar/duckdb.ts';
import { fileList, literal, quote } from '../../shared/columnar/sql-text.ts';
import type { LoadColumn } from '../../shared/columnar/load-column.ts';
import { sqlType } from '../../shared/columnar/sql-type.ts';

let folder: string;
let engine: Engine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-duckdb-'));
  engine = new Engine({ memoryMb: 256, threads: 2, tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const there = (columns: readonly LoadColumn[], sql = 'SELECT * FROM t') => engine.session(async (session) => {
  await session.load('t', columns);
  return session.rows(sql);
});

describe('loading', () => {
  const INT64_MAX = 2n ** 63n - 1n;
  test.each<[LoadColumn['kind'], readonly unknown[]]>([
    ['text', ['', 'a\0b', 'päivä ☃ 😀', "it's \"quoted\"", null]],
    ['integer', [0, -(2 ** 31), 2 ** 31 - 1, null]],
    ['long', [0n, -INT64_MAX - 1n, INT64_MAX, null]],
    ['double', [0, 5e-324, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null]],
    ['boolean', [true, false, null]],
    ['date', [0, -719_162, 2_932_896, null]],
    ['timestamp', [0n, -1n, -62_135_596_800_000_000n, 253_402_300_799_999_999n, null]],
  ])('%s comes back as it was', async (kind, values) => {
    expect((await there([{ name: 'v', kind, values }])).map(({ v }) => v)).toEqual(values);
  });

  test('bytes stay bytes, and valid UTF-8 becomes text', async () => {
    const bytes = [Buffer.from([0, 255, 254]), Buffer.alloc(0), null];
    expect((await there([{ name: 'v', kind: 'blob', values: bytes }], 'SELECT hex(v) AS v FROM t')).map(({ v }) => v)).toEqual(['00FFFE', '', null]);
    const text = ['a\0b', '', '☃'];
    expect((await there([{ name: 'v', kind: 'utf8', values: text.map((value) => Buffer.from(value)) }])).map(({ v }) => v)).toEqual(text);
  });

  test('Kafka headers, with the same key twice and a null value', async () => {
    const headers = [{ key: 'a', value: Buffer.from('x') }, { key: 'a', value: null }];
    const [row] = await there([{ name: 'v', kind: 'headers', values: [headers, null] }], `SELECT len(v) AS n, v[1].key AS k, hex(v[1]."value") AS x, v[2]."value" AS y FROM t WHERE v IS NOT NULL`);
    expect(row).toEqual({ n: 2n, k: 'a', x: '78', y: null });
  });

  test('any text survives, but for lone surrogates, which UTF-8 does not have', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), async (values) => {
      expect((await there([{ name: 'v', kind: 'text', values }])).map(({ v }) => v)).toEqual(values.map((value) => value.toWellFormed()));
    }), { numRuns: 30 });
  });

  test.each([0, 1, 2048, 2049, 10_000])('%s rows, in order', async (count) => {
    const values = Array.from({ length: count }, (_value, i) => i);
    expect((await there([{ name: 'v', kind: 'integer', values }])).map(({ v }) => v)).toEqual(values);
  });

  test('a name is loaded anew, also with other columns, and stays in its session', async () => {
    await engine.session(async (session) => {
      await session.load('odd "name"', [{ name: 'a "b"', kind: 'integer', values: [1] }]);
      await session.load('odd "name"', [{ name: 'c', kind: 'text', values: ['x', 'y'] }]);
      expect(await session.rows(`SELECT * FROM ${quote('odd "name"')}`)).toEqual([{ c: 'x' }, { c: 'y' }]);
    });
    await expect(engine.session((session) => session.rows(`SELECT * FROM ${quote('odd "name"')}`))).rejects.toBeInstanceOf(EngineError);
  });
});

test('chunks together are the rows', async () => {
  await engine.session(async (session) => {
    const values: unknown[] = [];
    let rows = 0;
    for await (const chunk of session.chunks(`SELECT range AS a, range::VARCHAR AS b FROM range(5000)`)) {
      rows += chunk.rows;
      values.push(...Array.from(chunk.columns[1]));
    }
    expect(rows).toBe(5000);
    expect(values).toEqual(Array.from({ length: 5000 }, (_value, i) => String(i)));
  });
});

test('nested values come plain, decimals as text', async () => {
  const [row] = await engine.session((session) => session.rows(`SELECT [1, NULL] AS l, {'a': DATE '1970-01-02', 'b': [TIMESTAMP '1970-01-01 00:00:01']} AS s, 1.50::DECIMAL(5,2) AS d, MAP {'k': 1} AS m`));
  expect(row).toEqual({ l: [1, null], s: { a: 1, b: [1_000_000n] }, d: '1.50', m: [{ key: 'k', value: 1 }] });
});

test('times are UTC, whatever the zone of the machine', async () => {
  const [row] = await engine.session((session) => session.rows(`SELECT epoch_us('2021-09-08 11:11:11'::TIMESTAMPTZ) AS us, current_setting('TimeZone') AS zone`));
  expect(row).toEqual({ us: BigInt(Date.parse('2021-09-08T11:11:11Z')) * 1000n, zone: 'UTC' });
});

test('a refused statement is shown in its error', async () => {
  await expect(engine.session((session) => session.run('SELECT nonsense'))).rejects.toMatchObject({ code: 'columnar/statement', retry: 'later', message: expect.stringContaining('SELECT nonsense') as string });
});

test('an engine that could not start is tried again; a closed one starts anew', async () => {
  const options = { memoryMb: 128, threads: 0, tempDir: join(folder, 'spill2') };
  const own = new Engine(options);
  await expect(own.session((session) => session.rows('SELECT 1'))).rejects.toThrow();
  options.threads = 1;
  expect(await own.session((session) => session.rows('SELECT 1 AS a'))).toEqual([{ a: 1 }]);
  await own.close();
  expect(await own.session((session) => session.rows('SELECT 2 AS a'))).toEqual([{ a: 2 }]);
  await own.close();
});

describe('SQL text', () => {
  test('any text is itself as a literal', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()), async (text) => {
      expect(await engine.session((session) => session.rows(`SELECT ${literal(text)} AS v`))).toEqual([{ v: text }]);
    }), { numRuns: 100 });
    expect(await engine.session((session) => session.rows(`SELECT ${literal("a\0'; DROP\0")} AS v`))).toEqual([{ v: "a\0'; DROP\0" }]);
  });

  test('a path is that file, not a pattern', async () => {
    for (const name of ['a1', 'a[1]', 'b*', 'bc', 'd?', 'de']) {
      await mkdir(join(folder, name));
      await engine.session((session) => session.run(`COPY (SELECT ${literal(name)} AS v) TO ${literal(join(folder, name, "f'[x].parquet"))} (FORMAT parquet)`));
    }
    for (const name of ['a[1]', 'b*', 'd?', 'a1']) {
      const path = join(folder, name, "f'[x].parquet");
      expect(await engine.session((session) => session.rows(`SELECT * FROM read_parquet(${fileList([path])}, filename = '_file')`))).toEqual([{ v: name, _file: path }]);
    }
  });
});

test.each([
  ['string', 'VARCHAR'], ['timestamp', 'TIMESTAMP WITH TIME ZONE'], ['timestamp_ntz', 'TIMESTAMP'], ['decimal(38,18)', 'DECIMAL(38, 18)'], ['decimal(5, -2)', 'DECIMAL(5, -2)'],
])('%s is %s', (type, sql) => {
  expect(sqlType(type)).toBe(sql);
});

test('nested types, and one that neither knows', () => {
  expect(sqlType({ type: 'map', keyType: 'string', valueType: { type: 'array', elementType: { type: 'struct', fields: [{ name: 'a "b"', type: 'long' }] } } })).toBe('MAP(VARCHAR, STRUCT("a ""b""" BIGINT)[])');
  expect(() => sqlType('variant')).toThrow(expect.objectContaining({ code: 'columnar/type', message: expect.stringContaining('variant') as string }));
});

describe('loads that wait for their first statement', () => {
  const values = (n: number): LoadColumn[] => [{ name: 'n', kind: 'long', values: BigInt64Array.from({ length: n }, (_v, i) => BigInt(i)) }];

  test('are there for every statement, also for one that comes while the first one loads them', async () => {
    await engine.session(async (session) => {
      session.loadLater('a', values(50_000));
      session.loadLater('b', values(3));
      const both = ['a', 'b', 'a'].map(async (table) => (await session.rows(`SELECT count(*) AS n FROM ${table}`))[0]['n']);
      expect(await Promise.all(both)).toEqual([50_000n, 3n, 50_000n]);
    });
  });
});
