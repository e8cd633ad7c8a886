import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHANGE, FILE } from '../../../shared/columnar/relation.ts';
import type { LoadColumn } from '../../../shared/columnar/load-column.ts';
import type { RelationSession, Row } from '../../../shared/columnar/relation.ts';
import type { RelationsBench } from '../relations.ts';
import { sorted } from './combining.ts';
import { bytes } from './reading.ts';

type Key = string | null;
/** Key, value. */
type Came = readonly [Key, number | null];
/** Key, value, file. */
type Went = readonly [Key, number | null, number];

function columnsOf(rows: readonly (Came | Went)[]): LoadColumn[] {
  return [{ name: 'id', kind: 'text', values: rows.map(([id]) => id) }, { name: 'v', kind: 'double', values: rows.map(([, v]) => v) }];
}

async function net(session: RelationSession, added: readonly Came[], removed: readonly Went[]): Promise<Row[]> {
  const sides = {
    added: await session.values(columnsOf(added)),
    removed: await session.values([...columnsOf(removed), { name: FILE, kind: 'integer', values: removed.map(([, , file]) => file) }]),
  };
  const relation = await session.net(sides, { key: ['id'], columns: ['id', 'v'] });
  expect(relation.columns).toEqual([{ name: 'id', type: 'string' }, { name: 'v', type: 'double' }, { name: CHANGE, type: 'string' }, { name: FILE, type: 'integer' }]);
  return session.rows(relation);
}

const changed = (id: Key, v: number | null, change: string, file: number | null) => ({ id, v, [CHANGE]: change, [FILE]: file });

export function describeNet(bench: RelationsBench): void {
  describe('net', () => {
    it.each<{ what: string; added: Came[]; removed: Went[]; left: Row[] }>([
      { what: 'nothing from nothing', added: [], removed: [], left: [] },
      { what: 'a row came', added: [['a', 1]], removed: [], left: [changed('a', 1, 'added', null)] },
      { what: 'a row went', added: [], removed: [['a', 1, 3]], left: [changed('a', 1, 'removed', 3)] },
      { what: 'a row came for another of its key', added: [['a', 2]], removed: [['a', 1, 3]], left: [changed('a', 2, 'replaced', 3)] },
      { what: 'a row that was rewritten is no change', added: [['a', 1]], removed: [['a', 1, 3]], left: [] },
      { what: 'rows cancel one for one: one more came', added: [['a', 1], ['a', 1]], removed: [['a', 1, 0]], left: [changed('a', 1, 'added', 0)] },
      { what: 'rows cancel one for one: one more went', added: [['a', 1]], removed: [['a', 1, 5], ['a', 1, 2]], left: [changed('a', 1, 'removed', 5)] },
      { what: 'two and two', added: [['a', 1], ['a', 1]], removed: [['a', 1, 5], ['a', 1, 2]], left: [] },
      { what: 'the file is the greatest of the key, cancelled rows too', added: [['a', 1], ['a', 3]], removed: [['a', 1, 7], ['a', 2, 4]], left: [changed('a', 3, 'replaced', 7)] },
      { what: 'a value of null is a value', added: [['a', null], ['b', null]], removed: [['a', null, 0], ['b', 0, 0]], left: [changed('b', null, 'replaced', 0)] },
      { what: 'NaN equals NaN', added: [['a', Number.NaN], ['b', Number.NaN]], removed: [['a', Number.NaN, 0], ['b', 1, 1]], left: [changed('b', Number.NaN, 'replaced', 1)] },
      { what: 'null is a key like any other', added: [[null, 1], [null, 2]], removed: [[null, 1, 4]], left: [changed(null, 2, 'added', 4)] },
      { what: 'keys are apart', added: [['a', 1], ['c', 3], ['', 1]], removed: [['b', 1, 1], ['a', 2, 0]], left: [changed('', 1, 'added', null), changed('a', 1, 'replaced', 0), changed('b', 1, 'removed', 1), changed('c', 3, 'added', null)] },
    ])('$what', ({ added, removed, left }) => bench.engine.session(async (session) => {
      expect(sorted(await net(session, added, removed), ['id'])).toEqual(left);
    }));

    it('gives one row a key, whichever, where several came', () => bench.engine.session(async (session) => {
      const rows = await net(session, [['a', 1], ['a', 2]], [['a', 3, 0], ['a', 4, 9]]);
      expect(rows).toEqual([changed('a', expect.toSatisfy((v) => v === 1 || v === 2) as number, 'replaced', 9)]);
    }));

    it('compares every kind of column, nested ones too', () => bench.engine.session(async (session) => {
      const header = (key: string) => [[{ key, value: bytes(1) }]];
      const row = (time: bigint, key: string, value: Uint8Array): LoadColumn[] => [
        { name: 'id', kind: 'long', values: [1n] }, { name: 'time', kind: 'timestamp', values: [time] }, { name: 'headers', kind: 'headers', values: header(key) }, { name: 'value', kind: 'blob', values: [value] }];
      const columns = ['id', 'time', 'headers', 'value'];
      const changes = async (came: LoadColumn[]) => (await session.rows(await session.net(
        { added: await session.values(came), removed: await session.values([...row(1n, 'k', bytes(0)), { name: FILE, kind: 'integer', values: [0] }]) }, { key: ['id'], columns })))
        .map((change) => change[CHANGE]);
      expect(await changes(row(1n, 'k', bytes(0)))).toEqual([]);
      expect(await changes(row(2n, 'k', bytes(0)))).toEqual(['replaced']);
      expect(await changes(row(1n, 'K', bytes(0)))).toEqual(['replaced']);
      expect(await changes(row(1n, 'k', bytes(1)))).toEqual(['replaced']);
    }));

    it('takes keys of several columns, and leaves other columns out', () => bench.engine.session(async (session) => {
      const side = async (rows: readonly (readonly [string | null, bigint | null, string])[]) => session.values([
        { name: 'noise', kind: 'text', values: rows.map((_row, i) => String(i)) }, { name: 'a', kind: 'text', values: rows.map(([a]) => a) },
        { name: 'b', kind: 'long', values: rows.map(([, b]) => b) }, { name: 'v', kind: 'text', values: rows.map(([, , v]) => v) }, { name: FILE, kind: 'integer', constant: 2 }]);
      const added = await side([['x', 1n, 'new'], ['x', null, 'same'], [null, 1n, 'new']]);
      const removed = await side([['x', null, 'same'], ['x', 1n, 'old']]);
      const rows = await session.rows(await session.net({ added, removed }, { key: ['a', 'b'], columns: ['v', 'a', 'b'] }));
      expect(sorted(rows, [CHANGE])).toEqual([
        { v: 'new', a: null, b: 1n, [CHANGE]: 'added', [FILE]: null }, { v: 'new', a: 'x', b: 1n, [CHANGE]: 'replaced', [FILE]: 2 }]);
    }));

    it('is what counting says, for any rows', async () => {
      const row = fc.tuple(fc.constantFrom('a', 'b', 'c', null), fc.constantFrom(1, 2, null, Number.NaN));
      const sides = fc.tuple(fc.array(row, { maxLength: 12 }), fc.array(fc.tuple(row, fc.nat(5)), { maxLength: 12 }));
      await fc.assert(fc.asyncProperty(sides, async ([added, taken]) => {
        const removed = taken.map(([[id, v], file]): Went => [id, v, file]);
        const rows = await bench.engine.session((session) => net(session, added, removed));
        const keys = [...new Set([...added, ...removed].map(([id]) => id))];
        const expected = keys.flatMap((id) => {
          const values = [1, 2, null, Number.NaN].map((v) => ({ v, net: times(added, id, v) - times(removed, id, v) }));
          const [came, went] = [values.filter(({ net }) => net > 0), values.filter(({ net }) => net < 0)];
          if (came.length + went.length === 0) return [];
          const files = removed.flatMap((row) => (row[0] === id ? [row[2]] : []));
          return [{ id, change: came.length === 0 ? 'removed' : went.length === 0 ? 'added' : 'replaced', file: files.length === 0 ? null : Math.max(...files), values: (came.length > 0 ? came : went).map(({ v }) => v) }];
        });
        expect(rows.length).toBe(expected.length);
        for (const { id, change, file, values } of expected) {
          const found = rows.find((row) => row['id'] === id)!;
          expect([found[CHANGE], found[FILE]]).toEqual([change, file]);
          expect(values.some((v) => Object.is(v, found['v']))).toBe(true);
        }
      }), { numRuns: 60 });
    });
  });
}

function times(rows: readonly (Came | Went)[], id: Key, v: number | null): number {
  return rows.filter((row) => row[0] === id && Object.is(row[1], v)).length;
}
