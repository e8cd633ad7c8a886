import { describe, expect, it } from 'vitest';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import type { ReadColumn, Relation, RelationSession, Row } from '../../../shared/columnar/relation.ts';
import type { RelationsBench } from '../relations.ts';

export const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Text that engines stumble over: empty, NUL, quotes, a byte order mark, surrogate pairs, names of null. */
export const ODD_TEXTS = ['', ' ', '\0', 'a\0b', "it's", '"', '\\', '\n', '\ufeffmark', 'päivä ☃', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}', 'NULL', '%_', 'x'.repeat(3000)];
/** The first and the last microsecond of years 0001 to 9999, and moments around 1970 that are no whole millisecond. */
export const ODD_TIMES = [-62_135_596_800_000_000n, 253_402_300_799_999_999n, -1n, 0n, 1n, -1_001n, 1_743_508_800_123_457n];
export const ODD_DOUBLES = [0, -0, 0.1, 5e-324, -1.7976931348623157e308, Number.NaN, Infinity, -Infinity, 9_007_199_254_740_992];
export const ODD_LONGS = [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n, 9_007_199_254_740_993n];
export const ODD_DATES = [-719_162, 0, -1, 20_179, 2_932_896];
export const ODD_HEADERS = [[], [{ key: '', value: null }], [{ key: 'k', value: bytes() }, { key: 'k', value: bytes(0, 255) }]];

/** Every kind but `utf8`, with a null in front; as many rows as the longest list has. */
export function everyKind(): LoadColumn[] {
  const lists = {
    text: ODD_TEXTS, blob: [bytes(), bytes(0), bytes(255, 254, 0)], integer: [-(2 ** 31), 2 ** 31 - 1, 0], long: ODD_LONGS, double: ODD_DOUBLES,
    boolean: [true, false], timestamp: ODD_TIMES, date: ODD_DATES, headers: ODD_HEADERS,
  } as const;
  const rows = 1 + Math.max(...Object.values(lists).map((list) => list.length));
  return Object.entries(lists).map(([kind, list]) =>
    ({ name: kind, kind: kind as keyof typeof lists, values: Array.from({ length: rows }, (_value, i) => (i === 0 ? null : list[(i - 1) % list.length])) }));
}

/** Rows as an engine must give them, of columns of values. */
export function expectedRows(columns: readonly LoadColumn[]): Row[] {
  const listed = columns as readonly Extract<LoadColumn, { values: unknown }>[];
  return Array.from({ length: listed[0].values.length }, (_row, i) => Object.fromEntries(listed.map(({ name, values }) => [name, values[i]])));
}

/** Chunks joined: one list a column. */
export async function readColumns(session: RelationSession, relation: Relation, columns: readonly ReadColumn[]): Promise<unknown[][]> {
  const read: unknown[][] = columns.map(() => []);
  for await (const chunk of session.chunks(relation, columns)) {
    expect(chunk.columns.map(({ length }) => length)).toEqual(columns.map(() => chunk.rows));
    for (const [i, column] of chunk.columns.entries()) for (const value of Array.from(column)) read[i].push(value);
  }
  return read;
}

export function describeReading(bench: RelationsBench): void {
  describe('values, rows and chunks', () => {
    it('give back every kind of value, in order', async () => {
      await bench.engine.session(async (session) => {
        const columns = everyKind();
        const relation = await session.values(columns);
        expect(relation.columns.map(({ name, type }) => [name, typeof type === 'string' ? type : type.type])).toEqual([
          ['text', 'string'], ['blob', 'binary'], ['integer', 'integer'], ['long', 'long'], ['double', 'double'], ['boolean', 'boolean'],
          ['timestamp', 'timestamp'], ['date', 'date'], ['headers', 'array']]);
        expect(await session.rows(relation)).toEqual(expectedRows(columns));
      });
    });

    it('know text in bytes, constants, codes, and nulls that travel as nothing', async () => {
      await bench.engine.session(async (session) => {
        const relation = await session.values([
          { name: 'n', kind: 'integer', values: Int32Array.of(0, 1, 2) },
          { name: 'utf8', kind: 'utf8', values: [utf8('\ufeffpäivä\0\u{1f600}'), null, utf8('')] },
          { name: 'none', kind: 'utf8', values: [utf8('x'), null, utf8('')], emptyIsNull: true },
          { name: 'blob', kind: 'blob', values: [bytes(0), null, bytes()], emptyIsNull: true },
          { name: 'code', kind: 'text', codes: Int32Array.of(1, 0, 1), texts: ["it's", '\0'] },
          { name: 'nulls', kind: 'headers', values: [null, null, null] },
          { name: 'text', kind: 'text', constant: "it's\0" }, { name: 'long', kind: 'long', constant: 9_007_199_254_740_993n },
          { name: 'number', kind: 'integer', constant: -7 }, { name: 'truth', kind: 'boolean', constant: false },
          { name: 'time', kind: 'timestamp', constant: -1n }, { name: 'day', kind: 'date', constant: -1 }, { name: 'nothing', kind: 'timestamp', constant: null },
        ]);
        const always = { nulls: null, text: "it's\0", long: 9_007_199_254_740_993n, number: -7, truth: false, time: -1n, day: -1, nothing: null };
        expect(await session.rows(relation)).toEqual([
          { ...always, n: 0, utf8: '\ufeffpäivä\0\u{1f600}', none: 'x', blob: bytes(0), code: '\0' },
          { ...always, n: 1, utf8: null, none: null, blob: null, code: "it's" },
          { ...always, n: 2, utf8: '', none: null, blob: null, code: '\0' }]);
        expect(await session.count(relation)).toBe(3);
      });
    });

    it('take typed arrays', async () => {
      await bench.engine.session(async (session) => {
        const relation = await session.values([
          { name: 'a', kind: 'integer', values: Int32Array.of(1, -1) }, { name: 'b', kind: 'long', values: BigInt64Array.of(2n ** 60n, -1n) },
          { name: 'c', kind: 'double', values: Float64Array.of(-0, Number.NaN) }, { name: 'd', kind: 'timestamp', values: BigInt64Array.of(1n, -1n) }]);
        expect(await session.rows(relation)).toEqual([{ a: 1, b: 2n ** 60n, c: -0, d: 1n }, { a: -1, b: -1n, c: Number.NaN, d: -1n }]);
      });
    });

    it('of no rows keep their columns', async () => {
      await bench.engine.session(async (session) => {
        const relation = await session.values([{ name: 'a', kind: 'long', values: [] }, { name: 'b', kind: 'text', constant: 'x' }]);
        expect(relation.columns).toEqual([{ name: 'a', type: 'long' }, { name: 'b', type: 'string' }]);
        expect(await session.rows(relation)).toEqual([]);
        expect(await session.count(relation)).toBe(0);
        expect(await readColumns(session, relation, ['a'])).toEqual([[]]);
      });
    });

    it('read columns as they are, in the order asked for', async () => {
      await bench.engine.session(async (session) => {
        const columns = everyKind();
        const names = columns.map(({ name }) => name).toReversed();
        const read = await readColumns(session, await session.values(columns), names);
        expect(read).toEqual(names.map((name) => expectedRows(columns).map((row) => row[name])));
      });
    });

    it('read numbers as doubles with NaN for null, and text with "" for null', async () => {
      await bench.engine.session(async (session) => {
        const relation = await session.values([
          { name: 'i', kind: 'integer', values: [1, null] }, { name: 'l', kind: 'long', values: [9_007_199_254_740_993n, null] },
          { name: 'd', kind: 'double', values: [-0.5, null] }, { name: 't', kind: 'text', values: ['x\0', null] }]);
        expect(await readColumns(session, relation, [{ name: 'i', as: 'double' }, { name: 'l', as: 'double' }, { name: 'd', as: 'double' }, { name: 't', as: 'text-or-empty' }, 't', 'i']))
          .toEqual([[1, Number.NaN], [9_007_199_254_740_992, Number.NaN], [-0.5, Number.NaN], ['x\0', ''], ['x\0', null], [1, null]]);
      });
    });

    it('read many rows in order, and let the session go on after a reader that stops', async () => {
      await bench.engine.session(async (session) => {
        const relation = await session.values([
          { name: 'n', kind: 'integer', values: Int32Array.from({ length: bench.manyRows }, (_n, i) => i) },
          { name: 'odd', kind: 'text', values: Array.from({ length: bench.manyRows }, (_n, i) => (i % 3 === 0 ? null : `row ${i}`)) }]);
        const [n, odd] = await readColumns(session, relation, ['n', 'odd']);
        expect(n.every((value, i) => value === i) && n.length).toBe(bench.manyRows);
        expect(odd.every((value, i) => value === (i % 3 === 0 ? null : `row ${i}`))).toBe(true);
        for await (const chunk of session.chunks(relation, ['n'])) if (chunk.rows > 0) break;
        expect(await session.count(relation)).toBe(bench.manyRows);
      });
    });

    it('select picks columns, in any order, and keeps rows', async () => {
      await bench.engine.session(async (session) => {
        const relation = await session.values([{ name: 'a', kind: 'integer', values: [2, 1, 2] }, { name: 'b b', kind: 'text', values: ['x', null, 'z'] }]);
        const selected = session.select(relation, ['b b', 'a']);
        expect(selected.columns).toEqual([{ name: 'b b', type: 'string' }, { name: 'a', type: 'integer' }]);
        expect(await session.rows(session.select(selected, ['b b']))).toEqual([{ 'b b': 'x' }, { 'b b': null }, { 'b b': 'z' }]);
        expect(await session.rows(await session.materialise(selected))).toEqual([{ 'b b': 'x', a: 2 }, { 'b b': null, a: 1 }, { 'b b': 'z', a: 2 }]);
      });
    });

    it('a session gives what its user returns, and fails as its user fails', async () => {
      expect(await bench.engine.session(async () => 7)).toBe(7);
      await expect(bench.engine.session(() => Promise.reject(new RangeError('mine')))).rejects.toThrow(RangeError);
    });

    it('sessions know nothing of each other', async () => {
      const read = (n: number) => bench.engine.session(async (session) => {
        const relation = await session.values([{ name: 'n', kind: 'integer', values: [n] }]);
        const numbered = await session.numbered(relation, ['n'], 'no');
        return session.rows(await session.materialise(numbered));
      });
      expect(await Promise.all([1, 2, 3].map(read))).toEqual([1, 2, 3].map((n) => [{ n, no: 0 }]));
    });
  });
}
