import { describe, expect, it } from 'vitest';
import type { Relation, RelationSession, Row } from '../../../shared/columnar/relation.ts';
import type { RelationsBench } from '../relations.ts';
import { bytes } from './reading.ts';

const NAN = Number.NaN;

export function describeCombining(bench: RelationsBench): void {
  const session = (use: (session: RelationSession) => Promise<void>) => () => bench.engine.session(use);
  const numbers = (session: RelationSession, name: string, values: readonly (number | null)[]): Promise<Relation> => session.values([{ name, kind: 'integer', values }]);

  describe('union', () => {
    it('goes by name: the first one\'s columns, then what others have beyond; what one lacks is null', session(async (s) => {
      const first = await s.values([{ name: 'a', kind: 'integer', values: [1, 2] }, { name: 'b', kind: 'text', values: ['x', null] }]);
      const second = await s.values([{ name: 'c', kind: 'timestamp', values: [5n] }, { name: 'b', kind: 'text', values: ['y'] }]);
      const third = await s.values([{ name: 'd', kind: 'headers', values: [[{ key: 'k', value: bytes(1) }]] }, { name: 'a', kind: 'integer', values: [3] }]);
      const all = s.union(first, second, third);
      expect(all.columns.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
      expect(all.columns.slice(0, 3).map(({ type }) => type)).toEqual(['integer', 'string', 'timestamp']);
      expect(await s.rows(all)).toEqual([
        { a: 1, b: 'x', c: null, d: null }, { a: 2, b: null, c: null, d: null }, { a: null, b: 'y', c: 5n, d: null }, { a: 3, b: null, c: null, d: [{ key: 'k', value: bytes(1) }] }]);
      expect(await s.rows(s.union(first))).toEqual([{ a: 1, b: 'x' }, { a: 2, b: null }]);
    }));

    it('keeps rows as often as they come, in order, also among many', session(async (s) => {
      const one = await s.values([{ name: 'n', kind: 'integer', values: Int32Array.from({ length: bench.manyRows }, (_v, i) => i) }]);
      const all = s.union(one, await numbers(s, 'n', [7, 7]), one);
      const read: number[] = [];
      for await (const chunk of s.chunks(all, ['n'])) read.push(...Array.from(chunk.columns[0] as ArrayLike<number>));
      expect(read.length).toBe(2 * bench.manyRows + 2);
      expect(read.every((n, i) => n === (i < bench.manyRows ? i : i < bench.manyRows + 2 ? 7 : i - bench.manyRows - 2))).toBe(true);
    }));
  });

  describe('join', () => {
    it('gives every pair: columns of the left, then those of the right that are not in `on`', session(async (s) => {
      const left = await s.values([{ name: 'l', kind: 'integer', values: [1, 2, 3] }, { name: 'k', kind: 'text', values: ['a', 'b', 'a'] }]);
      const right = await s.values([{ name: 'r', kind: 'long', values: [10n, 20n, 30n] }, { name: 'k', kind: 'text', values: ['a', 'a', 'c'] }]);
      const joined = s.join(left, right, ['k']);
      expect(joined.columns).toEqual([{ name: 'l', type: 'integer' }, { name: 'k', type: 'string' }, { name: 'r', type: 'long' }]);
      expect(sorted(await s.rows(joined), ['l', 'r'])).toEqual([{ l: 1, k: 'a', r: 10n }, { l: 1, k: 'a', r: 20n }, { l: 3, k: 'a', r: 10n }, { l: 3, k: 'a', r: 20n }]);
    }));

    it('joins nothing on null; on several columns all must be equal', session(async (s) => {
      const left = await s.values([{ name: 'a', kind: 'text', values: [null, 'x', 'x', ''] }, { name: 'b', kind: 'long', values: [1n, null, 1n, 1n] }]);
      const right = await s.values([
        { name: 'a', kind: 'text', values: [null, 'x', 'x', 'x1'] }, { name: 'b', kind: 'long', values: [1n, null, 1n, null] }, { name: 'r', kind: 'integer', values: [1, 2, 3, 4] }]);
      expect(await s.rows(s.join(left, right, ['a', 'b']))).toEqual([{ a: 'x', b: 1n, r: 3 }]);
      expect(await s.rows(s.semiJoin(left, right, ['a', 'b']))).toEqual([{ a: 'x', b: 1n }]);
    }));

    it('has its own idea of equality for doubles, times, truths and bytes: the values\'', session(async (s) => {
      const left = await s.values([{ name: 'k', kind: 'double', values: [NAN, 0, 1] }]);
      const right = await s.values([{ name: 'k', kind: 'double', values: [NAN, -0, 2] }]);
      expect(await s.count(s.join(left, right, ['k']))).toBe(2);
      for (const [kind, values] of [['timestamp', [1n, 2n]], ['boolean', [true, false]], ['blob', [bytes(1), bytes(1, 0)]], ['date', [0, 1]]] as const) {
        const [all, one] = [await s.values([{ name: 'k', kind, values }]), await s.values([{ name: 'k', kind, values: [values[1]] }])];
        expect(await s.rows(s.join(all, one, ['k'])), kind).toEqual([{ k: values[1] }]);
      }
    }));
  });

  describe('semiJoin', () => {
    it('keeps rows of the left, once each, in order', session(async (s) => {
      const left = await s.values([{ name: 'k', kind: 'integer', values: [3, null, 1, 2, 3, 1] }, { name: 'n', kind: 'integer', values: [0, 1, 2, 3, 4, 5] }]);
      const right = await s.values([{ name: 'k', kind: 'integer', values: [1, 3, 3, null, 9] }, { name: 'other', kind: 'text', constant: 'x' }]);
      const kept = s.semiJoin(left, right, ['k']);
      expect(kept.columns).toEqual(left.columns);
      expect(await s.rows(kept)).toEqual([{ k: 3, n: 0 }, { k: 1, n: 2 }, { k: 3, n: 4 }, { k: 1, n: 5 }]);
    }));

    it('keeps the order of many rows', session(async (s) => {
      const left = await s.values([{ name: 'k', kind: 'integer', values: Int32Array.from({ length: bench.manyRows }, (_v, i) => (i * 7919) % bench.manyRows) }, { name: 'n', kind: 'integer', values: Int32Array.from({ length: bench.manyRows }, (_v, i) => i) }]);
      const right = await s.values([{ name: 'k', kind: 'integer', values: Int32Array.from({ length: bench.manyRows / 2 }, (_v, i) => i * 2) }]);
      const read: number[] = [];
      for await (const chunk of s.chunks(s.semiJoin(left, right, ['k']), ['n'])) read.push(...Array.from(chunk.columns[0] as ArrayLike<number>));
      expect(read).toEqual(Array.from({ length: bench.manyRows }, (_v, i) => i).filter((i) => ((i * 7919) % bench.manyRows) % 2 === 0));
    }));
  });

  describe('numbered', () => {
    it('counts from 0 in ascending order, nulls last; equal rows keep their order', session(async (s) => {
      const relation = await s.values([{ name: 'k', kind: 'integer', values: [2, null, 1, 2, null, 1] }, { name: 'n', kind: 'integer', values: [0, 1, 2, 3, 4, 5] }]);
      const numbered = await s.numbered(relation, ['k'], 'no');
      expect(numbered.columns).toEqual([{ name: 'k', type: 'integer' }, { name: 'n', type: 'integer' }, { name: 'no', type: 'integer' }]);
      expect(await s.rows(numbered)).toEqual([{ k: 1, n: 2, no: 0 }, { k: 1, n: 5, no: 1 }, { k: 2, n: 0, no: 2 }, { k: 2, n: 3, no: 3 }, { k: null, n: 1, no: 4 }, { k: null, n: 4, no: 5 }]);
      expect(await s.rows(await s.numbered(relation, [], 'no'))).toMatchObject([{ n: 0, no: 0 }, { n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5, no: 5 }]);
    }));

    it.each<{ kind: 'text' | 'double' | 'timestamp' | 'long' | 'date' | 'boolean'; sorted: unknown[] }>([
      { kind: 'text', sorted: ['', '\0', 'Z', 'a', 'a\0', 'ab', '\ud7ff', '\ue000', '\uffff', '\u{10000}', null] },
      { kind: 'double', sorted: [-Infinity, -1, 0, 5e-324, Infinity, NAN, null] },
      { kind: 'timestamp', sorted: [-62_135_596_800_000_000n, -1n, 0n, 253_402_300_799_999_999n, null] },
      { kind: 'long', sorted: [-(2n ** 63n), 9_007_199_254_740_992n, 9_007_199_254_740_993n, null] },
      { kind: 'date', sorted: [-719_162, 0, 5, null] },
      { kind: 'boolean', sorted: [false, true, null] },
    ])('orders $kind', ({ kind, sorted }) => session(async (s) => {
      const relation = await s.values([{ name: 'k', kind, values: sorted.toReversed() }]);
      expect(await s.rows(await s.numbered(relation, ['k'], 'no'))).toEqual(sorted.map((k, no) => ({ k, no })));
    })());

    it('goes by several columns', session(async (s) => {
      const relation = await s.values([{ name: 'a', kind: 'text', values: ['b', 'a', null, 'a'] }, { name: 'b', kind: 'long', values: [1n, 2n, 0n, 1n] }]);
      expect(await s.rows(await s.numbered(relation, ['a', 'b'], 'no'))).toEqual([{ a: 'a', b: 1n, no: 0 }, { a: 'a', b: 2n, no: 1 }, { a: 'b', b: 1n, no: 2 }, { a: null, b: 0n, no: 3 }]);
    }));
  });

  describe('coded', () => {
    it('numbers the combinations, nulls included, and counts their rows', session(async (s) => {
      const relation = await s.values([
        { name: 'a', kind: 'text', values: ['x', null, 'x', null, 'x', ''] }, { name: 'b', kind: 'integer', values: [1, 1, 2, 1, 1, null] }, { name: 'n', kind: 'integer', values: [0, 1, 2, 3, 4, 5] }]);
      const { relation: coded, tuples } = await s.coded(relation, ['a', 'b'], 'code');
      expect(coded.columns.map(({ name }) => name)).toEqual(['a', 'b', 'n', 'code']);
      expect(coded.columns[3].type).toBe('integer');
      expect(sorted(tuples, ['rows']).map(({ rows }) => rows)).toEqual([1, 1, 2, 2]);
      const rows = sorted(await s.rows(coded), ['n']);
      expect(rows.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5]);
      for (const { a, b, code } of rows) {
        expect(tuples[code as number].values).toEqual({ a, b });
        expect(tuples[code as number].rows).toBe(rows.filter((row) => row['a'] === a && row['b'] === b).length);
      }
    }));

    it('takes NaN for equal to NaN', session(async (s) => {
      const { tuples } = await s.coded(await s.values([{ name: 'd', kind: 'double', values: [NAN, 1, NAN] }]), ['d'], 'code');
      expect(sorted(tuples, ['rows'])).toEqual([{ values: { d: 1 }, rows: 1 }, { values: { d: NAN }, rows: 2 }]);
    }));

    it('of nothing is nothing', session(async (s) => {
      const { relation, tuples } = await s.coded(await numbers(s, 'n', []), ['n'], 'code');
      expect([await s.rows(relation), tuples]).toEqual([[], []]);
    }));
  });

  describe('repeated', () => {
    it('counts combinations that stand more than once, none with a null', session(async (s) => {
      const relation = await s.values([{ name: 'a', kind: 'text', values: ['x', 'x', 'x', 'y', 'y', null, null, 'z'] }, { name: 'b', kind: 'integer', values: [1, 1, 1, 2, 2, 1, 1, null] }]);
      expect(await s.repeated(relation, ['a', 'b'])).toBe(2);
      expect(await s.repeated(relation, ['a'])).toBe(2);
      expect(await s.repeated(relation, ['b'])).toBe(2);
      expect(await s.repeated(await numbers(s, 'n', [1, 2, null, null]), ['n'])).toBe(0);
      expect(await s.repeated(await numbers(s, 'n', []), ['n'])).toBe(0);
    }));
  });

  describe('a chain of all', () => {
    it('computes from plans what was asked', session(async (s) => {
      const kept = await s.values([{ name: 'id', kind: 'text', values: ['a', 'b', 'c', 'd'] }, { name: 'v', kind: 'double', values: [1, 2, 3, 4] }]);
      const wanted = await s.values([{ name: 'id', kind: 'text', values: ['d', 'b', 'x'] }]);
      const some = await s.materialise(s.semiJoin(s.where(kept, { op: 'in', column: 'id', values: ['a', 'b', 'd'] }), wanted, ['id']));
      const joined = s.join(s.union(s.select(some, ['id']), wanted), await s.numbered(kept, ['v'], 'no'), ['id']);
      expect(sorted(await s.rows(s.select(joined, ['no', 'id'])), ['no'])).toEqual([{ no: 1, id: 'b' }, { no: 1, id: 'b' }, { no: 3, id: 'd' }, { no: 3, id: 'd' }]);
    }));
  });
}

/** Rows in order of these columns, for results without one. */
export function sorted<T extends object>(rows: readonly T[], by: readonly string[]): T[] {
  const key = (row: T) => by.map((name) => (row as Row)[name] as number | bigint | string);
  return rows.toSorted((a, b) => {
    const [x, y] = [key(a), key(b)];
    const i = x.findIndex((value, j) => value !== y[j]);
    return i < 0 ? 0 : x[i] < y[i] ? -1 : 1;
  });
}
