import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DuckSession, LocalObjects } from '../../shared/columnar/duck-relations.ts';
import { EngineError } from '../../shared/columnar/duckdb.ts';
import { compare } from '../../shared/columnar/predicate.ts';
import { FILE, ROW } from '../../shared/columnar/relation.ts';
import type { Column, Relation, ScanColumn, ScanFile } from '../../shared/columnar/relation.ts';
import { literal, quote } from '../../shared/columnar/sql-text.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { LocalFiles } from '../../shared/storage/local-files.ts';
import { readColumns } from '../contract/relations/reading.ts';
import { collect } from '../support/collect.ts';
import { openDuckBench } from '../support/duck-relations.ts';
import type { DuckBench } from '../support/duck-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';

/** What is DuckDB's own: files that others wrote, files of this machine, and the SQL beside the contract. */
let bench: DuckBench;
let store: FileStore;
beforeAll(async () => {
  bench = await openDuckBench();
  store = new FileStore({ dir: join(bench.folder, 'lake') });
});
afterAll(() => bench.close());

const plain = (...columns: Column[]): ScanColumn[] => columns.map(({ name, type }) => ({ name, type, physicalName: name, physicalType: type, isPartition: false }));
const N: Column = { name: 'n', type: 'integer' };
const whole = (key: string, partitionValues: ScanFile['partitionValues'] = {}): ScanFile => ({ key, partitionValues });
const positions = (...values: (number | bigint)[]) => BigInt64Array.from(values, BigInt);
let keys = 0;
const freshKey = () => `${keys++}.parquet`;
const inSession = <T>(use: (session: DuckSession) => Promise<T>): Promise<T> => bench.of(store).session(use);

/** A file as another engine might leave it; its key. */
async function foreign(select: string, options = ''): Promise<string> {
  const path = store.localPath(freshKey());
  await mkdir(dirname(path), { recursive: true });
  await bench.engine.session((session) => session.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet${options})`));
  return path.slice(dirname(path).length + 1);
}

/** Rows of the relation in order, by every way there is to see an order. */
async function everyWay(session: DuckSession, relation: Relation, column: string): Promise<unknown[][]> {
  const [target] = relation.columns.filter(({ name }) => name === column);
  const [{ key }] = await session.write(relation, { columns: [target], partitionBy: [], statistics: [], keyOf: freshKey });
  const written = await session.scan({ columns: plain(target), files: [whole(key)] });
  const read = async (from: Relation) => (await readColumns(session, from, [column]))[0];
  const kept = await session.materialise(relation);
  return [
    await read(relation), await read(kept), await read(written), await read(await session.numbered(relation, [], 'number')),
    (await session.rows(session.select(relation, [column]))).map((row) => row[column]), await read(session.select(session.union(relation, session.where(kept, compare(column, '<', -1))), [column])),
  ];
}

/** Where `found` first differs: large lists are no use in a message. */
function firstDifference(found: readonly unknown[], expected: readonly unknown[]): number {
  return found.length === expected.length ? found.findIndex((value, i) => value !== expected[i]) : Math.min(found.length, expected.length);
}

describe('order, with several row groups and two threads', () => {
  const rows = 250_000;
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_value, i) => from + i);

  async function expectOrder(session: DuckSession, relation: Relation, expected: readonly number[]): Promise<void> {
    for (const found of await everyWay(session, relation, 'n')) expect(firstDifference(found, expected)).toBe(-1);
  }

  test('files under vectors beside whole ones', async () => {
    const [a, b] = [await foreign(`SELECT range::INTEGER AS n FROM range(${rows})`, ', ROW_GROUP_SIZE 20480'), await foreign(`SELECT ${rows} + range::INTEGER AS n FROM range(${rows})`)];
    const gone = BigInt64Array.from({ length: rows / 5 }, (_value, i) => BigInt(5 * i + 2));
    await inSession(async (session) => {
      const scan = await session.scan({ columns: plain(N), files: [whole(b), { ...whole(a), rows: { except: gone } }, { ...whole(b), rows: { only: positions(rows - 1, rows) } }, { ...whole(a), rows: { only: gone } }] });
      await expectOrder(session, scan, [...numbers(rows, rows), ...numbers(0, rows).filter((n) => n % 5 !== 2), 2 * rows - 1, ...Array.from(gone, Number)]);
    });
  });

  test('partitions that alternate more often than they are read one by one', async () => {
    const count = 80;
    const files = await Promise.all(numbers(0, count).map(async (i) => foreign(`SELECT ${i * 5000} + range::INTEGER AS n FROM range(5000)`)));
    await inSession(async (session) => {
      const columns = [...plain(N), { ...plain({ name: 'p', type: 'string' })[0], isPartition: true }];
      const scan = await session.scan({ columns, files: files.map((key, i) => whole(key, { p: `p${i % 3}` })) });
      expect(session.sqlOf(scan).match(/read_parquet/g)!.length).toBe(3);
      await expectOrder(session, scan, numbers(0, count * 5000));
      const [place] = await session.rows(session.where(session.select(scan, [FILE, ROW, 'n', 'p']), compare('n', '=', 37 * 5000 + 11)));
      expect(place).toEqual({ [FILE]: 37, [ROW]: 11n, n: 37 * 5000 + 11, p: 'p1' });

      const wide = await session.scan({ columns, files: files.map((key, i) => ({ ...whole(key, { p: `p${i % 3}` }), rows: { except: positions(i) } })) });
      const later = await session.values([{ name: 'n', kind: 'integer', values: numbers(1_000_000, 9) }, { name: 'p', kind: 'text', values: numbers(0, 9).map((i) => `p${i % 3}`) }]);
      const all = [...numbers(0, count * 5000).filter((n) => n % 5000 !== Math.floor(n / 5000)), ...numbers(1_000_000, 9)];
      const partOf = (n: number) => (n < 1_000_000 ? Math.floor(n / 5000) : n - 1_000_000) % 3;
      for (const relation of [session.union(wide, later), session.union(session.where(wide, compare('n', '>=', 0)), later)]) {
        const written = await session.write(relation, { columns: [N], partitionBy: [{ name: 'p', type: 'string' }], statistics: [], keyOf: freshKey });
        expect(written.map(({ partition }) => partition['p'])).toEqual(['p0', 'p1', 'p2']);
        for (const [part, { key }] of written.entries()) {
          const [n] = await readColumns(session, await session.scan({ columns: plain(N), files: [whole(key)] }), ['n']);
          expect(firstDifference(n, all.filter((value) => partOf(value) === part))).toBe(-1);
        }
        await expectOrder(session, relation, all);
      }
    });
  });

  test('what passed a join, or a list so long that DuckDB joins it', async () => {
    const key = await foreign(`SELECT range::INTEGER AS n, (range % 10)::INTEGER AS digit FROM range(${rows})`, ', ROW_GROUP_SIZE 20480');
    await inSession(async (session) => {
      const scan = await session.scan({ columns: plain(N, { name: 'digit', type: 'integer' }), files: [whole(key)] });
      for (const digits of [[0, 2, 5, 9], [0, 2, 3, 5, 9]]) {
        const some = session.where(scan, { op: 'in', column: 'digit', values: digits });
        await expectOrder(session, session.union(some, scan), [...numbers(0, rows).filter((n) => digits.includes(n % 10)), ...numbers(0, rows)]);
      }
      const half = await session.values([{ name: 'n', kind: 'integer', values: numbers(0, rows).filter((n) => n % 2 === 0).reverse() }]);
      await expectOrder(session, session.union(session.semiJoin(scan, half, ['n']), scan), [...numbers(0, rows).filter((n) => n % 2 === 0), ...numbers(0, rows)]);
      const joined = session.select(session.join(session.select(scan, ['n']), half, ['n']), ['n']);
      const [n] = await readColumns(session, session.union(scan, joined, scan), ['n']);
      expect([firstDifference(n.slice(0, rows), numbers(0, rows)), firstDifference(n.slice(-rows), numbers(0, rows)), n.length]).toEqual([-1, -1, 2.5 * rows]);
    });
  });
});

describe('files that others wrote', () => {
  const read = (columns: ScanColumn[], ...files: ScanFile[]) => inSession(async (session) => session.rows(session.select(await session.scan({ columns, files }), columns.map(({ name }) => name))));

  test('columns with the names of what DuckDB adds', async () => {
    const key = await foreign(`SELECT 7 AS file_index, 8::BIGINT AS file_row_number, 'x' AS filename, 9 AS c_n, 1 AS n`);
    const columns = plain({ name: 'file_index', type: 'integer' }, { name: 'file_row_number', type: 'long' }, { name: 'filename', type: 'string' }, { name: 'c_n', type: 'integer' }, N);
    const [row] = await inSession(async (session) => session.rows(await session.scan({ columns, files: [{ ...whole(key), rows: { except: positions(1) } }] })));
    expect(row).toEqual({ file_index: 7, file_row_number: 8n, filename: 'x', c_n: 9, n: 1, [FILE]: 0, [ROW]: 0n });
  });

  test.each([FILE, ROW])('a column called %s is refused', async (name) => {
    await expect(read(plain({ name, type: 'integer' }), whole('x.parquet'))).rejects.toMatchObject({ code: 'columnar/name', retry: 'never' });
  });

  test('by field id, whatever the names; in structs by name', async () => {
    const inner = { type: 'struct', fields: [{ name: 'col-4', type: 'string' }] } as const;
    const columns: ScanColumn[] = [
      { name: 'a', type: 'long', physicalName: 'col-1', physicalType: 'long', fieldId: 1, isPartition: false },
      { name: 's', type: { type: 'struct', fields: [{ name: 'z', type: 'string' }] }, physicalName: 'col-3', physicalType: inner, fieldId: 3, isPartition: false },
      { name: 'p', type: 'integer', physicalName: 'col-2', physicalType: 'integer', isPartition: true }];
    const one = await foreign(`SELECT 5::BIGINT AS "col-1", {'col-4': 'q'} AS "col-3"`, `, FIELD_IDS {"col-1": 1, "col-3": 3}`);
    const two = await foreign(`SELECT 'no' AS "col-1", 6::INTEGER AS other`, ', FIELD_IDS {"col-1": 9, other: 1}');
    expect(await read(columns, whole(one, { 'col-2': '7' }), whole(two))).toEqual([{ a: 5n, s: { z: 'q' }, p: 7 }, { a: 6n, s: null, p: null }]);
  });

  test('NaN is above all bounds, and DuckDB is told that row groups may hold it', async () => {
    const key = await foreign(`SELECT unnest([1, 'NaN'::DOUBLE, -5]) AS d`);
    await inSession(async (session) => {
      const scan = await session.scan({ columns: plain({ name: 'd', type: 'double' }), files: [whole(key)] });
      expect(await session.rows(session.select(session.where(scan, compare('d', '>', 100)), ['d']))).toEqual([{ d: Number.NaN }]);
      expect(session.sqlOf(scan)).toContain('can_have_nan');
    });
  });

  test('files without rows, and selections that reach past the end', async () => {
    const [empty, three] = [await foreign('SELECT 1 AS n WHERE false'), await foreign('SELECT range::INTEGER AS n FROM range(3)')];
    expect(await read(plain(N), { ...whole(empty), rows: { except: positions(0, 5) } })).toEqual([]);
    expect(await read(plain(N), { ...whole(empty), rows: { only: positions(0) } }, { ...whole(three), rows: { only: positions(2, 3, 2n ** 62n) } })).toEqual([{ n: 2 }]);
    expect(await read(plain(N), { ...whole(three), rows: { except: positions(0, 3, 2n ** 40n) } }, { ...whole(three), rows: { except: positions(1) } })).toEqual([{ n: 1 }, { n: 2 }, { n: 0 }, { n: 2 }]);
  });

  test('decimals are compared as numbers', async () => {
    const key = await foreign(`SELECT unnest([9.50, 10.25, -1])::DECIMAL(10, 2) AS x`);
    await inSession(async (session) => {
      const scan = session.select(await session.scan({ columns: plain({ name: 'x', type: 'decimal(10,2)' }), files: [whole(key)] }), ['x']);
      expect(await session.rows(session.where(scan, compare('x', '>', '9.5')))).toEqual([{ x: '10.25' }]);
      expect(await session.bounds(scan, ['x'])).toEqual([{ min: null, max: null }]);
      expect(await readColumns(session, scan, ['x', { name: 'x', as: 'double' }])).toEqual([['9.50', '10.25', '-1.00'], [9.5, 10.25, -1]]);
    });
  });

  test('a file that is no Parquet is named', async () => {
    const key = freshKey();
    await writeFile(store.localPath(key), 'this is no Parquet file');
    const reading = read(plain(N), whole(key));
    await expect(reading).rejects.toBeInstanceOf(EngineError);
    await expect(reading).rejects.toThrow(key);
  });
});

describe('files of this machine', () => {
  /** Counts what is handed out and given back. */
  function counted(objects: LocalObjects): LocalObjects & { readonly held: () => number } {
    let held = 0;
    return {
      put: (key, path) => objects.put(key, path),
      acquire: async (wanted) => {
        const { paths, release } = await objects.acquire(wanted);
        held++;
        return { paths, release: () => { held--; release(); } };
      },
      held: () => held,
    };
  }
  const local = () => counted(new LocalFiles({ store, dir: join(bench.folder, 'cache'), bytesMax: 1e9 }));

  test('are held while the session runs, and given back when it ends or fails', async () => {
    const objects = local();
    const key = await foreign('SELECT 1 AS n');
    await bench.on(objects).session(async (session) => {
      await session.scan({ columns: plain(N), files: [whole(key)] });
      await session.scan({ columns: plain(N), files: [whole(key)] });
      expect(objects.held()).toBe(2);
      expect(session.pathsOf()).toEqual([store.localPath(key)]);
    });
    expect(objects.held()).toBe(0);
    await expect(bench.on(objects).session(async (session) => {
      await session.scan({ columns: plain(N), files: [whole(key)] });
      await session.scan({ columns: plain(N), files: [whole('missing.parquet')] });
    })).rejects.toMatchObject({ code: 'storage/missing-file', retry: 'never' });
    expect(objects.held()).toBe(0);
  });

  test.each(['throttle', 'none'] as const)('a written file is gone after the upload: %s', async (fault) => {
    const remote = new MemoryStore({ faults: (operation) => (operation === 'putFile' ? fault : 'none') });
    const writing = bench.of(remote).session(async (session) =>
      session.write(await session.values([{ name: 'n', kind: 'integer', values: [1] }]), { columns: [N], partitionBy: [], statistics: [], keyOf: freshKey }));
    await (fault === 'none' ? expect(writing).resolves.toHaveLength(1) : expect(writing).rejects.toMatchObject({ retry: 'later' }));
    expect(await readdir(bench.tempDir)).toEqual([]);
  });

  test('a partition that is refused leaves nothing', async () => {
    const remote = new MemoryStore();
    await expect(bench.of(remote).session(async (session) => session.write(await session.values([{ name: 'n', kind: 'integer', values: [1] }]), {
      columns: [], partitionBy: [N], statistics: [], keyOf: () => { throw new RangeError('no such folder'); },
    }))).rejects.toThrow('no such folder');
    expect(await collect(remote.list(''))).toEqual([]);
  });
});

describe('SQL beside the contract', () => {
  test('a relation serves as a view', async () => {
    const key = await foreign('SELECT range::INTEGER AS n FROM range(4)');
    await inSession(async (session) => {
      const scan = await session.scan({ columns: plain(N), files: [{ ...whole(key), rows: { except: positions(1) } }] });
      await session.sql.run(`CREATE TEMP VIEW ${quote('rows')} AS ${session.sqlOf(session.select(scan, ['n']))}`);
      expect(await session.sql.rows('SELECT * FROM "rows" WHERE n > 0 ORDER BY n')).toEqual([{ n: 2 }, { n: 3 }]);
    });
  });

  test('what a statement does not ask for is not read', async () => {
    const key = await foreign(`SELECT range::INTEGER AS n, 'x' AS wide FROM range(4)`);
    await inSession(async (session) => {
      const scan = await session.scan({ columns: plain(N, { name: 'wide', type: 'string' }), files: [whole(key)] });
      const [plan] = await session.sql.rows(`EXPLAIN SELECT n FROM (${session.sqlOf(scan)})`);
      expect(plan['explain_value']).not.toMatch(/wide|file_row_number|file_index|ORDER_BY/);
    });
  });

  test('a relation of another engine is refused', async () => {
    await expect(inSession(async (session) => session.count({ columns: [N] }))).rejects.toThrow('another engine');
  });
});
