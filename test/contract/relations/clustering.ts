import { describe, expect, it } from 'vitest';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import type { RelationSession } from '../../../shared/columnar/relation.ts';
import type { RelationsBench } from '../relations.ts';

export function describeClustering(bench: RelationsBench): void {
  const session = (use: (session: RelationSession) => Promise<void>) => () => bench.engine.session(use);
  const orderOf = async (s: RelationSession, columns: readonly LoadColumn[], by: readonly string[]) =>
    (await s.rows(await s.clustered(await s.values(columns), by))).map((row) => Object.values(row));

  describe('clustered', () => {
    it('goes along the curve', session(async (s) => {
      const cells = [0, 1, 2, 3].flatMap((x) => [0, 1, 2, 3].map((y) => [x, y]));
      const found = await orderOf(s, [{ name: 'x', kind: 'integer', values: cells.map(([x]) => x) }, { name: 'y', kind: 'integer', values: cells.map(([, y]) => y) }], ['x', 'y']);
      expect(found).toEqual([[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 0], [2, 1], [3, 0], [3, 1], [2, 2], [2, 3], [3, 2], [3, 3]]);
    }));

    it.each<{ kind: 'text' | 'double' | 'timestamp' | 'long' | 'date' | 'boolean'; sorted: unknown[] }>([
      { kind: 'text', sorted: ['', 'Z', 'a', 'a\0', 'ab', '\ue000', '\u{10000}', null] },
      { kind: 'double', sorted: [-Infinity, -1, 0, 5e-324, Infinity, Number.NaN, null] },
      { kind: 'timestamp', sorted: [-62_135_596_800_000_000n, -1n, 0n, 253_402_300_799_999_999n, null] },
      { kind: 'long', sorted: [-(2n ** 63n), 9_007_199_254_740_992n, 9_007_199_254_740_993n, null] },
      { kind: 'date', sorted: [-719_162, 0, 5, null] },
      { kind: 'boolean', sorted: [false, true, null] },
    ])('takes $kind; a null is in the last rank', ({ kind, sorted }) => session(async (s) => {
      const found = await orderOf(s, [{ name: 'k', kind, values: sorted.slice(0, -1).toReversed().concat(null) }], ['k']);
      expect(found).toEqual(sorted.map((k) => [k]));
    })());

    it('keeps the order of rows in one place: nulls, constants, no rows', session(async (s) => {
      const n: LoadColumn = { name: 'n', kind: 'integer', values: [3, 1, 2] };
      expect(await orderOf(s, [n, { name: 'k', kind: 'text', values: ['a', 'a', 'a'] }], ['k'])).toEqual([[3, 'a'], [1, 'a'], [2, 'a']]);
      expect(await orderOf(s, [n, { name: 'k', kind: 'text', values: [null, null, null] }], ['k'])).toEqual([[3, null], [1, null], [2, null]]);
      expect(await orderOf(s, [{ name: 'n', kind: 'integer', values: [] }], ['n'])).toEqual([]);
    }));

    it('brings near rows together among many, in four columns too, and loses none', session(async (s) => {
      const rows = bench.manyRows;
      const values = [7919, 104_729, 1_299_709, 15_485_863].map((factor) => Int32Array.from({ length: rows }, (_v, n) => (n * factor) % 1009));
      const columns = values.map((each, i): LoadColumn => ({ name: `c${i}`, kind: 'integer', values: each }));
      const found = (await orderOf(s, columns, ['c0', 'c1', 'c2', 'c3'])) as number[][];
      const texts = (all: readonly (readonly number[])[]) => all.map((row) => row.join()).sort();
      expect(texts(found)).toEqual(texts(Array.from({ length: rows }, (_v, n) => values.map((each) => each[n]))));
      // The first bit of all is the first column's: rows of the first quarter are below those of the last.
      const firsts = found.map(([first]) => first);
      const greatest = firsts.slice(0, rows >> 2).reduce((most, value) => Math.max(most, value), -1);
      const least = firsts.slice(rows - (rows >> 2)).reduce((most, value) => Math.min(most, value), Infinity);
      expect(greatest).toBeLessThan(least);
    }));
  });
}
