import { describe, expect, it } from 'vitest';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import { compare } from '../../../shared/columnar/predicate.ts';
import { FILE, ROW } from '../../../shared/columnar/relation.ts';
import type { Column, Relation, RelationSession, Row, ScanColumn, ScanFile, WriteTarget, WrittenFile } from '../../../shared/columnar/relation.ts';
import type { SqlSource } from '../../../shared/columnar/sql-type.ts';
import { TableError } from '../../../shared/errors.ts';
import type { RelationsBench } from '../relations.ts';
import { sorted } from './combining.ts';
import { bytes, everyKind, expectedRows, readColumns } from './reading.ts';

export const HEADERS: SqlSource = { type: 'array', elementType: { type: 'struct', fields: [{ name: 'key', type: 'string' }, { name: 'value', type: 'binary' }] } };

export const targetOf = (columns: readonly Column[], freshKey: () => string, more: Partial<WriteTarget> = {}): WriteTarget =>
  ({ columns, partitionBy: [], statistics: [], keyOf: freshKey, ...more });

/** Files that have the columns as they are. */
const plain = (columns: readonly Column[]): ScanColumn[] => columns.map(({ name, type }) => ({ name, type, physicalName: name, physicalType: type, isPartition: false }));
const whole = (key: string, partitionValues: ScanFile['partitionValues'] = {}): ScanFile => ({ key, partitionValues });
const positions = (...values: number[]) => BigInt64Array.from(values, BigInt);

export function describeFiles(bench: RelationsBench): void {
  const inSession = (use: (session: RelationSession) => Promise<void>) => () => bench.engine.session(use);
  /** A file with these columns; its key. */
  async function file(session: RelationSession, columns: readonly LoadColumn[]): Promise<string> {
    const relation = await session.values(columns);
    const [written] = await session.write(relation, targetOf(relation.columns, bench.freshKey));
    return written.key;
  }
  const integers = (session: RelationSession, name: string, values: ArrayLike<number | null>) => file(session, [{ name, kind: 'integer', values }]);
  const N: Column = { name: 'n', type: 'integer' };

  describe('write and scan', () => {
    it('bring every kind of value back, with the file and the place of each row', inSession(async (session) => {
      const columns = everyKind();
      const relation = await session.values(columns);
      const [{ key, rows }] = await session.write(relation, targetOf(relation.columns, bench.freshKey));
      const scan = await session.scan({ columns: plain(relation.columns), files: [whole(key)] });
      expect(scan.columns).toEqual([...relation.columns, { name: FILE, type: 'integer' }, { name: ROW, type: 'long' }]);
      expect(await session.rows(scan)).toEqual(expectedRows(columns).map((row, i) => ({ ...row, [FILE]: 0, [ROW]: BigInt(i) })));
      expect(rows).toBe(BigInt(expectedRows(columns).length));
    }));

    it('tell what the store has of each new object', inSession(async (session) => {
      const [written] = await session.write(await session.values([{ name: 'n', kind: 'integer', values: [1] }]), targetOf([N], bench.freshKey));
      expect(await bench.store.head(written.key)).toEqual({ key: written.key, size: written.bytes, lastModifiedMs: written.storedAtMs });
      expect(written).toMatchObject({ rows: 1n, partition: {}, aggregates: {} });
    }));

    it('make no file of no rows', inSession(async (session) => {
      const keys: string[] = [];
      const keyOf = () => keys[keys.push(bench.freshKey()) - 1];
      for (const partitionBy of [[], [{ name: 'p', type: 'string' }]]) {
        expect(await session.write(await session.values([{ name: 'n', kind: 'integer', values: [] }]), targetOf([N], keyOf, { partitionBy }))).toEqual([]);
      }
      for (const key of keys) expect(await bench.store.head(key)).toBeNull();
    }));

    it('write the target\'s columns in its order and types: what the relation lacks is null, what it has beyond is left out', inSession(async (session) => {
      const relation = await session.values([
        { name: 'beyond', kind: 'text', constant: 'x' }, { name: 'a', kind: 'integer', values: [1, null] }, { name: 'b', kind: 'double', values: [2.5, -3.5] },
        { name: 'c', kind: 'text', values: ['9007199254740993', '-1'] }, { name: 'd', kind: 'long', values: [7n, null] }, { name: 'e', kind: 'boolean', values: [true, false] }]);
      const columns: Column[] = [
        { name: 'c', type: 'long' }, { name: 'missing', type: 'timestamp' }, { name: 'a', type: 'long' }, { name: 'b', type: 'integer' }, { name: 'd', type: 'string' },
        { name: 'e', type: 'integer' }, { name: 'lists', type: HEADERS }];
      const [{ key }] = await session.write(relation, targetOf(columns, bench.freshKey));
      const scan = await session.scan({ columns: plain(columns), files: [whole(key)] });
      expect(await session.rows(session.select(scan, columns.map(({ name }) => name)))).toEqual([
        { c: 9_007_199_254_740_993n, missing: null, a: 1n, b: 2, d: '7', e: 1, lists: null }, { c: -1n, missing: null, a: null, b: -4, d: null, e: 0, lists: null }]);
    }));

    it('fail where a value does not fit the target\'s type', inSession(async (session) => {
      const relation = await session.values([{ name: 'n', kind: 'long', values: [3_000_000_000n] }]);
      await expect(session.write(relation, targetOf([N], bench.freshKey))).rejects.toThrow(/3000000000/);
    }));

    it('make one file of each combination of partition values, rows in order', inSession(async (session) => {
      const relation = await session.values([
        { name: 'n', kind: 'integer', values: [0, 1, 2, 3, 4, 5, 6] }, { name: 'day', kind: 'date', values: [-1, 20_000, -1, null, 20_000, -1, -1] },
        { name: 'p', kind: 'text', values: ['a', 'a', 'a', null, 'a', "it's ü/%", 'a'] }, { name: 'l', kind: 'long', constant: 9_007_199_254_740_993n }]);
      const partitionBy: Column[] = [{ name: 'p', type: 'string' }, { name: 'day', type: 'date' }, { name: 'l', type: 'long' }];
      const asked: Row[] = [];
      const written = await session.write(relation, targetOf([N], (() => bench.freshKey()), { partitionBy, keyOf: (partition) => {
        asked.push(partition);
        return bench.freshKey();
      } }));
      const l = 9_007_199_254_740_993n;
      const rowsOf = async ({ key, partition, rows }: WrittenFile) => {
        const [n] = await readColumns(session, await session.scan({ columns: plain([N]), files: [whole(key)] }), ['n']);
        return { partition, rows, n };
      };
      const found: Awaited<ReturnType<typeof rowsOf>>[] = [];
      for (const one of written) found.push(await rowsOf(one));
      expect(sorted(found.map(({ n, ...rest }) => ({ ...rest, n, first: n[0] as number })), ['first'])).toEqual([
        { partition: { p: 'a', day: -1, l }, rows: 3n, n: [0, 2, 6], first: 0 }, { partition: { p: 'a', day: 20_000, l }, rows: 2n, n: [1, 4], first: 1 },
        { partition: { p: null, day: null, l }, rows: 1n, n: [3], first: 3 }, { partition: { p: "it's ü/%", day: -1, l }, rows: 1n, n: [5], first: 5 }]);
      expect(asked).toEqual(written.map(({ partition }) => partition));
    }));

    it('partition by time, truth and double too; what the relation lacks is null', inSession(async (session) => {
      const relation = await session.values([
        { name: 'n', kind: 'integer', values: [0, 1] }, { name: 't', kind: 'timestamp', values: [-1n, 1_743_508_800_123_457n] }, { name: 'b', kind: 'boolean', values: [true, false] }, { name: 'd', kind: 'double', values: [0.1, 1e300] }]);
      const partitionBy: Column[] = [{ name: 't', type: 'timestamp' }, { name: 'b', type: 'boolean' }, { name: 'd', type: 'double' }, { name: 'none', type: 'string' }];
      const written = await session.write(relation, targetOf([N], bench.freshKey, { partitionBy }));
      expect(sorted(written.map(({ partition }) => partition), ['t'])).toEqual([{ t: -1n, b: true, d: 0.1, none: null }, { t: 1_743_508_800_123_457n, b: false, d: 1e300, none: null }]);
    }));
  });

  describe('scan', () => {
    it('of no files has its columns', inSession(async (session) => {
      const scan = await session.scan({ columns: [...plain([N]), { name: 'lists', type: HEADERS, physicalName: 'l', physicalType: HEADERS, isPartition: false }], files: [] });
      expect(scan.columns.map(({ name }) => name)).toEqual(['n', 'lists', FILE, ROW]);
      expect(await session.rows(scan)).toEqual([]);
      const more = await session.values([{ name: 'n', kind: 'integer', values: [1] }]);
      expect(await session.rows(session.union(session.select(scan, ['n']), more))).toEqual([{ n: 1 }]);
    }));

    it('gives files in order, rows by position, whatever their partitions', inSession(async (session) => {
      const [a, b, c] = [await integers(session, 'n', [1, 2]), await integers(session, 'n', [3]), await integers(session, 'n', [4, 5])];
      const columns = [...plain([N]), { name: 'p', type: 'string', physicalName: 'p', physicalType: 'string', isPartition: true }];
      const scan = await session.scan({ columns, files: [whole(c, { p: 'x' }), whole(a, { p: 'y' }), whole(b, { p: 'x' })] });
      const [n, p, at, row] = await readColumns(session, scan, ['n', 'p', FILE, ROW]);
      expect([n, p, at, row]).toEqual([[4, 5, 1, 2, 3], ['x', 'x', 'y', 'y', 'x'], [0, 0, 1, 1, 2], [0n, 1n, 0n, 1n, 0n]]);
      const [{ key }] = await session.write(scan, targetOf([N], bench.freshKey));
      expect(await readColumns(session, await session.scan({ columns: plain([N]), files: [whole(key)] }), ['n'])).toEqual([[4, 5, 1, 2, 3]]);
    }));

    it('leaves rows out, or takes these alone, in each file as it says', inSession(async (session) => {
      const key = await integers(session, 'n', Int32Array.from({ length: 100 }, (_v, i) => i));
      const other = await integers(session, 'n', [1000, 1001, 1002]);
      const files: ScanFile[] = [
        { ...whole(key), rows: { only: positions(0, 7, 99) } }, { ...whole(other), rows: { except: positions(1) } }, { ...whole(key), rows: { only: positions() } },
        { ...whole(key), rows: { except: BigInt64Array.from({ length: 98 }, (_v, i) => BigInt(i)) } }, { ...whole(other), rows: { except: positions() } }, { ...whole(other), rows: { except: positions(0, 1, 2) } }];
      const scan = await session.scan({ columns: plain([N]), files });
      expect(await readColumns(session, scan, [FILE, ROW, 'n'])).toEqual([
        [0, 0, 0, 1, 1, 3, 3, 4, 4, 4], [0n, 7n, 99n, 0n, 2n, 98n, 99n, 0n, 1n, 2n], [0, 7, 99, 1000, 1002, 98, 99, 1000, 1001, 1002]]);
      expect(await session.count(scan)).toBe(10);
    }));

    it('takes one object more than once, whole too', inSession(async (session) => {
      const key = await integers(session, 'n', [5, 6]);
      const scan = await session.scan({ columns: plain([N]), files: [whole(key), { ...whole(key), rows: { only: positions(1) } }, whole(key)] });
      expect(await readColumns(session, scan, ['n', FILE, ROW])).toEqual([[5, 6, 6, 5, 6], [0, 0, 1, 2, 2], [0n, 1n, 1n, 0n, 1n]]);
    }));

    it('FILE and ROW are columns like others', inSession(async (session) => {
      const keys = [await integers(session, 'n', [1, 2, 3]), await integers(session, 'n', [2, 3])];
      const scan = await session.scan({ columns: plain([N]), files: keys.map((key) => whole(key)) });
      expect(await session.rows(session.where(scan, compare(FILE, '=', 1)))).toEqual([{ n: 2, [FILE]: 1, [ROW]: 0n }, { n: 3, [FILE]: 1, [ROW]: 1n }]);
      expect(await session.rows(session.where(scan, compare(ROW, '>=', 2n)))).toEqual([{ n: 3, [FILE]: 0, [ROW]: 2n }]);
      const wanted = await session.values([{ name: 'n', kind: 'integer', values: [3] }]);
      expect(await session.rows(session.semiJoin(scan, wanted, ['n']))).toEqual([{ n: 3, [FILE]: 0, [ROW]: 2n }, { n: 3, [FILE]: 1, [ROW]: 1n }]);
      expect(sorted(await session.rows(session.select(session.join(wanted, scan, ['n']), [ROW, FILE])), [FILE])).toEqual([{ [ROW]: 2n, [FILE]: 0 }, { [ROW]: 1n, [FILE]: 1 }]);
    }));

    it('takes values of partition columns from the log\'s text', inSession(async (session) => {
      const key = await integers(session, 'n', [1]);
      const types = { s: 'string', l: 'long', i: 'integer', d: 'double', b: 'boolean', day: 'date', t: 'timestamp', x: 'binary', dec: 'decimal(5,2)' };
      const columns = Object.entries(types).map(([name, type]) => ({ name, type, physicalName: `col-${name}`, physicalType: type, isPartition: true }));
      const read = async (values: Readonly<Record<string, string | null>>) => {
        const partitionValues = Object.fromEntries(Object.entries(values).map(([name, value]) => [`col-${name}`, value]));
        const [{ [FILE]: _file, [ROW]: _row, ...row }] = await session.rows(await session.scan({ columns, files: [whole(key, partitionValues)] }));
        return row;
      };
      expect(await read({ s: "it's %20 ü", l: '9007199254740993', i: '-5', d: '1.0E7', b: 'true', day: '0001-01-01', t: '2025-04-01T12:00:00.123457Z', x: 'ü', dec: '-1.50' }))
        .toEqual({ s: "it's %20 ü", l: 9_007_199_254_740_993n, i: -5, d: 1e7, b: true, day: -719_162, t: 1_743_508_800_123_457n, x: bytes(0xc3, 0xbc), dec: '-1.50' });
      expect(await read({ d: 'NaN', b: 'false', t: '1969-12-31 23:59:59.5', day: '9999-12-31' })).toMatchObject({ s: null, d: Number.NaN, b: false, t: -500_000n, day: 2_932_896 });
      expect(await read(Object.fromEntries(Object.keys(types).map((name) => [name, null])))).toEqual(Object.fromEntries(Object.keys(types).map((name) => [name, null])));
      expect(await read(Object.fromEntries(Object.keys(types).map((name) => [name, ''])))).toEqual(Object.fromEntries(Object.keys(types).map((name) => [name, null])));
    }));

    it('reads files of an older schema and of a newer one: missing is null, columns beyond are left out', inSession(async (session) => {
      const old = await file(session, [{ name: 'n', kind: 'integer', values: [1] }]);
      const recent = await file(session, [{ name: 'dropped', kind: 'text', values: ['x'] }, { name: 'lists', kind: 'headers', values: [[{ key: 'k', value: null }]] }, { name: 'n', kind: 'integer', values: [2] }]);
      const columns = plain([{ name: 'n', type: 'long' }, { name: 'added', type: 'string' }, { name: 'lists', type: HEADERS }]);
      const scan = await session.scan({ columns, files: [whole(old), whole(recent)] });
      expect(await session.rows(session.select(scan, ['n', 'added', 'lists']))).toEqual([{ n: 1n, added: null, lists: null }, { n: 2n, added: null, lists: [{ key: 'k', value: null }] }]);
      expect(await session.rows(session.select(await session.scan({ columns, files: [whole(old)] }), ['lists', 'n']))).toEqual([{ lists: null, n: 1n }]);
    }));

    it('reads columns by their physical names, inside structs too', inSession(async (session) => {
      const key = await file(session, [
        { name: 'col-1', kind: 'text', values: ['x', null] }, { name: 'a', kind: 'integer', values: [1, 2] },
        { name: 'col-2', kind: 'headers', values: [[{ key: 'k', value: bytes(1) }, { key: '', value: null }], null] }]);
      const renamed: SqlSource = { type: 'array', elementType: { type: 'struct', fields: [{ name: 'Name', type: 'string' }, { name: 'body bytes', type: 'binary' }] } };
      const columns: ScanColumn[] = [
        // The column that is now called `a` is not the one that files know by this name.
        { name: 'a', type: 'string', physicalName: 'col-1', physicalType: 'string', isPartition: false },
        { name: 'was a', type: 'integer', physicalName: 'a', physicalType: 'integer', isPartition: false },
        { name: 'headers', type: renamed, physicalName: 'col-2', physicalType: HEADERS, isPartition: false }];
      const scan = await session.scan({ columns, files: [whole(key)] });
      expect(scan.columns[2]).toEqual({ name: 'headers', type: renamed });
      expect(await session.rows(session.select(scan, ['a', 'was a', 'headers']))).toEqual([
        { a: 'x', 'was a': 1, headers: [{ Name: 'k', 'body bytes': bytes(1) }, { Name: '', 'body bytes': null }] }, { a: null, 'was a': 2, headers: null }]);
    }));

    it('fails with a TableError where an object is missing', inSession(async (session) => {
      const key = await integers(session, 'n', [1]);
      const read = async () => session.rows(await session.scan({ columns: plain([N]), files: [whole(key), whole('no/such object.parquet')] }));
      await expect(read()).rejects.toThrow(TableError);
      await expect(read()).rejects.toMatchObject({ code: 'storage/missing-file' });
    }));

    it('keeps the order of many rows of many files, and their places', inSession(async (session) => {
      const half = Math.floor(bench.manyRows / 2);
      const ramp = (from: number, length: number) => Int32Array.from({ length }, (_v, i) => from + i);
      const keys = [await integers(session, 'n', ramp(0, half)), await integers(session, 'n', ramp(half, half)), await integers(session, 'n', ramp(2 * half, 10))];
      const odd = BigInt64Array.from({ length: Math.floor(half / 2) }, (_v, i) => BigInt(2 * i + 1));
      const scan = await session.scan({ columns: plain([N]), files: [whole(keys[2]), whole(keys[1]), { ...whole(keys[0]), rows: { except: odd } }] });
      const expected = [...ramp(2 * half, 10), ...ramp(half, half), ...ramp(0, half).filter((n) => n % 2 === 0 || n >= 2 * odd.length)];
      const check = async (relation: Relation, place: (n: number, i: number) => bigint, at: (n: number) => number) => {
        const [n, files, rows] = await readColumns(session, relation, ['n', FILE, ROW]) as [number[], number[], bigint[]];
        expect(n.length).toBe(expected.length);
        expect(n.findIndex((value, i) => value !== expected[i] || rows[i] !== place(value, i) || files[i] !== at(value))).toBe(-1);
      };
      await check(scan, (n) => BigInt(n % half), (n) => 2 - Math.floor(n / half));
      const [{ key }] = await session.write(scan, targetOf([N], bench.freshKey));
      await check(await session.scan({ columns: plain([N]), files: [whole(key)] }), (_n, i) => BigInt(i), () => 0);
    }));
  });
}
