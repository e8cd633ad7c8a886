import { describe, expect, it } from 'vitest';
import type { ColumnKind, LoadColumn } from '../../../shared/columnar/load-column.ts';
import type { Column, ColumnAggregate } from '../../../shared/columnar/relation.ts';
import type { RelationsBench } from '../relations.ts';
import { targetOf } from './files.ts';
import { bytes } from './reading.ts';

const NAN = Number.NaN;
const NONE = { min: null, max: null };

interface Case { readonly what: string; readonly kind: ColumnKind; readonly values: readonly unknown[]; readonly aggregate: ColumnAggregate }

const CASES: readonly Case[] = [
  { what: 'integers', kind: 'integer', values: [3, null, -5, 3], aggregate: { nulls: 1n, min: -5, max: 3 } },
  { what: 'longs, with every digit', kind: 'long', values: [9_007_199_254_740_993n, -(2n ** 63n)], aggregate: { nulls: 0n, min: -(2n ** 63n), max: 9_007_199_254_740_993n } },
  { what: 'doubles', kind: 'double', values: [0.1, null, 5e-324, 1e300], aggregate: { nulls: 1n, min: 5e-324, max: 1e300 } },
  { what: 'infinities', kind: 'double', values: [Infinity, 0.5, -Infinity], aggregate: { nulls: 0n, min: -Infinity, max: Infinity } },
  { what: 'doubles with a NaN', kind: 'double', values: [1, NAN, null], aggregate: { nulls: 1n, ...NONE } },
  { what: 'NaN alone', kind: 'double', values: [NAN], aggregate: { nulls: 0n, ...NONE } },
  { what: 'text by UTF-8 bytes', kind: 'text', values: ['b', '\u{10000}', '\uffff', 'Z', null], aggregate: { nulls: 1n, min: 'Z', max: '\u{10000}' } },
  { what: 'empty and long text', kind: 'text', values: ['', 'x'.repeat(1000), 'x'.repeat(999)], aggregate: { nulls: 0n, min: '', max: 'x'.repeat(1000) } },
  { what: 'times in microseconds', kind: 'timestamp', values: [-62_135_596_800_000_000n, 253_402_300_799_999_999n, -1n], aggregate: { nulls: 0n, min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n } },
  { what: 'dates in days', kind: 'date', values: [20_179, -719_162, null], aggregate: { nulls: 1n, min: -719_162, max: 20_179 } },
  { what: 'nulls alone', kind: 'text', values: [null, null], aggregate: { nulls: 2n, ...NONE } },
  { what: 'truths', kind: 'boolean', values: [true, null, false], aggregate: { nulls: 1n, ...NONE } },
  { what: 'bytes', kind: 'blob', values: [bytes(1), null], aggregate: { nulls: 1n, ...NONE } },
  { what: 'nested values', kind: 'headers', values: [null, [], [{ key: 'k', value: null }]], aggregate: { nulls: 1n, ...NONE } },
];

export function describeStatistics(bench: RelationsBench): void {
  const column = ({ kind, values }: Case): LoadColumn => ({ name: 'x', kind, values });

  describe('aggregates of a written file', () => {
    it.each(CASES)('$what', (one) => bench.engine.session(async (session) => {
      const relation = await session.values([column(one)]);
      const [{ aggregates, rows }] = await session.write(relation, targetOf(relation.columns, bench.freshKey, { statistics: ['x'] }));
      expect({ aggregates, rows }).toEqual({ aggregates: { x: one.aggregate }, rows: BigInt(one.values.length) });
    }));

    it('−0.0 and 0.0 are one bound', () => bench.engine.session(async (session) => {
      const relation = await session.values([{ name: 'x', kind: 'double', values: [0, -0] }]);
      const [{ aggregates: { x } }] = await session.write(relation, targetOf(relation.columns, bench.freshKey, { statistics: ['x'] }));
      expect([x.nulls, Number(x.min) === 0, Number(x.max) === 0]).toEqual([0n, true, true]);
    }));

    it('are of the columns asked for, as written, file by file', () => bench.engine.session(async (session) => {
      const relation = await session.values([
        { name: 'p', kind: 'text', values: ['a', 'b', 'a'] }, { name: 'x', kind: 'text', values: ['10', '9', null] }, { name: 'y', kind: 'integer', values: [1, 2, 3] }]);
      const columns: Column[] = [{ name: 'y', type: 'integer' }, { name: 'x', type: 'long' }, { name: 'missing', type: 'string' }];
      const written = await session.write(relation, targetOf(columns, bench.freshKey, { partitionBy: [{ name: 'p', type: 'string' }], statistics: ['x', 'missing'] }));
      expect(Object.fromEntries(written.map(({ partition, aggregates }) => [partition['p'], aggregates]))).toEqual({
        a: { x: { nulls: 1n, min: 10n, max: 10n }, missing: { nulls: 2n, ...NONE } }, b: { x: { nulls: 0n, min: 9n, max: 9n }, missing: { nulls: 1n, ...NONE } } });
    }));

    it('of narrow numbers and times without zone', () => bench.engine.session(async (session) => {
      const relation = await session.values([
        { name: 'short', kind: 'integer', values: [-3, 7] }, { name: 'byte', kind: 'integer', values: [-3, 7] }, { name: 'float', kind: 'double', values: [0.5, -0.25] }, { name: 'ntz', kind: 'timestamp', values: [-1n, 1n] }]);
      const columns: Column[] = [{ name: 'short', type: 'short' }, { name: 'byte', type: 'byte' }, { name: 'float', type: 'float' }, { name: 'ntz', type: 'timestamp_ntz' }];
      const [{ aggregates, key }] = await session.write(relation, targetOf(columns, bench.freshKey, { statistics: columns.map(({ name }) => name) }));
      expect(aggregates).toEqual({
        short: { nulls: 0n, min: -3, max: 7 }, byte: { nulls: 0n, min: -3, max: 7 }, float: { nulls: 0n, min: -0.25, max: 0.5 }, ntz: { nulls: 0n, min: -1n, max: 1n } });
      const scan = await session.scan({ columns: columns.map(({ name, type }) => ({ name, type, physicalName: name, physicalType: type, isPartition: false })), files: [{ key, partitionValues: {} }] });
      expect(await session.rows(session.select(scan, columns.map(({ name }) => name)))).toEqual([{ short: -3, byte: -3, float: 0.5, ntz: -1n }, { short: 7, byte: 7, float: -0.25, ntz: 1n }]);
    }));
  });

  describe('bounds', () => {
    it.each(CASES)('$what', (one) => bench.engine.session(async (session) => {
      const { min, max } = one.aggregate;
      expect(await session.bounds(await session.values([column(one)]), ['x'])).toEqual([{ min, max }]);
    }));

    it('come in the order asked for, of no rows too', () => bench.engine.session(async (session) => {
      const relation = await session.values([{ name: 'a', kind: 'integer', values: [1, 2] }, { name: 'b', kind: 'text', values: ['y', 'x'] }]);
      expect(await session.bounds(relation, ['b', 'a'])).toEqual([{ min: 'x', max: 'y' }, { min: 1, max: 2 }]);
      expect(await session.bounds(session.where(relation, { op: 'is-null', column: 'a' }), ['a', 'b'])).toEqual([NONE, NONE]);
    }));
  });
}
