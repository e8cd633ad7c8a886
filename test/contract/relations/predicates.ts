import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import { and, compare, evaluate, isNull, not, or } from '../../../shared/columnar/predicate.ts';
import type { Comparison, Predicate, Scalar } from '../../../shared/columnar/predicate.ts';
import type { RelationsBench } from '../relations.ts';
import { ODD_DATES, ODD_DOUBLES, ODD_LONGS, ODD_TEXTS, ODD_TIMES, expectedRows } from './reading.ts';

/** Values to compare, near each other, so that each outcome comes up. */
const DOMAINS = {
  text: ODD_TEXTS, integer: [-(2 ** 31), -1, 0, 1, 2 ** 31 - 1], long: ODD_LONGS, double: ODD_DOUBLES, boolean: [true, false], timestamp: ODD_TIMES, date: ODD_DATES,
} as const;
type Kind = keyof typeof DOMAINS;
const KINDS = Object.keys(DOMAINS) as Kind[];

const scalar = (kind: Kind): fc.Arbitrary<Scalar> => fc.constantFrom<Scalar>(...DOMAINS[kind]);

const leaf: fc.Arbitrary<Predicate> = fc.constantFrom(...KINDS).chain((column) => fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom<Comparison[]>('=', '<>', '<', '<=', '>', '>='), column: fc.constant(column), value: scalar(column) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('in' as const), column: fc.constant(column), values: fc.array(scalar(column), { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('is-null' as const, 'is-not-null' as const), column: fc.constant(column) }) },
));

/** Conditions over columns named by their kind. */
const predicates: fc.Arbitrary<Predicate> = fc.letrec<{ tree: Predicate }>((tie) => ({
  tree: fc.oneof({ maxDepth: 3, depthSize: 'small' }, leaf,
    fc.record({ op: fc.constantFrom('and' as const, 'or' as const), of: fc.array(tie('tree'), { maxLength: 3 }) }),
    fc.record({ op: fc.constant('not' as const), of: tie('tree') })),
})).tree;

function tableOf(rows: number): fc.Arbitrary<LoadColumn[]> {
  return fc.tuple(...KINDS.map((kind) => fc.array(fc.option(scalar(kind), { freq: 5 }), { minLength: rows, maxLength: rows })))
    .map((lists) => lists.map((values, i) => ({ name: KINDS[i], kind: KINDS[i], values })));
}

export function describePredicates(bench: RelationsBench): void {
  describe('where', () => {
    /** Numbers of the rows that are left. */
    const left = (column: LoadColumn & { values: ArrayLike<unknown> }, predicate: Predicate) => bench.engine.session(async (session) => {
      const relation = await session.values([column, { name: 'row', kind: 'integer', values: Int32Array.from({ length: column.values.length }, (_v, i) => i) }]);
      return (await session.rows(session.where(relation, predicate))).map((row) => row['row']);
    });

    it.each<{ what: string; predicate: Predicate; rows: number[] }>([
      { what: 'what is unknown does not hold', predicate: compare('x', '<>', 1n), rows: [1, 3] },
      { what: 'nor does its contrary', predicate: not(compare('x', '=', 1n)), rows: [1, 3] },
      { what: 'unknown or true is true', predicate: or(compare('x', '>', 5n), isNull('x')), rows: [2] },
      { what: 'unknown and false is false', predicate: not(and(compare('x', '>', 5n), not(isNull('x')))), rows: [0, 1, 2, 3] },
      { what: 'is not null', predicate: { op: 'is-not-null', column: 'x' }, rows: [0, 1, 3] },
      { what: 'in', predicate: { op: 'in', column: 'x', values: [3n, 1n, 4n, 1n] }, rows: [0, 3] },
      { what: 'not in leaves out null', predicate: not({ op: 'in', column: 'x', values: [3n] }), rows: [0, 1] },
      { what: 'in nothing is false', predicate: { op: 'in', column: 'x', values: [] }, rows: [] },
      { what: 'not in nothing is true, for null too', predicate: not({ op: 'in', column: 'x', values: [] }), rows: [0, 1, 2, 3] },
      { what: 'and of nothing is true', predicate: and(), rows: [0, 1, 2, 3] },
      { what: 'or of nothing is false', predicate: or(), rows: [] },
    ])('$what', async ({ predicate, rows }) => {
      expect(await left({ name: 'x', kind: 'long', values: [1n, 2n, null, 3n] }, predicate)).toEqual(rows);
    });

    it('text goes by UTF-8 bytes, and has no other equals', async () => {
      const values = ['\uffff', '\u{10000}', 'Z', 'a', 'é', 'e\u0301', 'a\0', ''];
      expect(await left({ name: 'x', kind: 'text', values }, compare('x', '>', '\uffff'))).toEqual([1]);
      expect(await left({ name: 'x', kind: 'text', values }, compare('x', '<', 'a'))).toEqual([2, 7]);
      expect(await left({ name: 'x', kind: 'text', values }, compare('x', '=', 'é'))).toEqual([4]);
      expect(await left({ name: 'x', kind: 'text', values }, compare('x', '=', 'a\0'))).toEqual([6]);
    });

    it('NaN equals itself and is above all numbers, −0.0 is 0.0', async () => {
      const column = { name: 'x', kind: 'double', values: [Number.NaN, Infinity, -0, 0, null] } as const;
      expect(await left(column, compare('x', '=', Number.NaN))).toEqual([0]);
      expect(await left(column, compare('x', '>', Infinity))).toEqual([0]);
      expect(await left(column, compare('x', '<', Number.NaN))).toEqual([1, 2, 3]);
      expect(await left(column, compare('x', '=', 0))).toEqual([2, 3]);
      expect(await left(column, compare('x', '<', 0))).toEqual([]);
      expect(await left(column, { op: 'in', column: 'x', values: [Number.NaN, -0] })).toEqual([0, 2, 3]);
    });

    it('thousands of values in one condition', async () => {
      const values = Array.from({ length: 5_000 }, (_v, i) => `key ${i}`);
      expect(await left({ name: 'x', kind: 'text', values: ['key 4999', 'key 5000', 'key 0'] }, { op: 'in', column: 'x', values })).toEqual([0, 2]);
    });

    it('any condition on any rows holds where predicate.ts says so', async () => {
      await fc.assert(fc.asyncProperty(tableOf(12), fc.array(predicates, { minLength: 1, maxLength: 8 }), async (columns, conditions) => {
        await bench.engine.session(async (session) => {
          const relation = await session.values([...columns, { name: 'row', kind: 'integer', values: Int32Array.from({ length: 12 }, (_v, i) => i) }]);
          const rows = expectedRows(columns);
          for (const predicate of conditions) {
            const held = rows.flatMap((row, i) => (evaluate(predicate, (column) => row[column]) === true ? [i] : []));
            expect((await session.rows(session.where(relation, predicate))).map((row) => row['row']), JSON.stringify(predicate, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v))).toEqual(held);
          }
        });
      }), { numRuns: 50 });
    });
  });
}
