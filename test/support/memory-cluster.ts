import { RANKS, boundaryIndex, checkZColumns, curvePart, sampleStep } from '../../shared/columnar/z-order.ts';
import { compareNullsLast } from './memory-keys.ts';
import type { MemoryRelation } from './memory-relation.ts';

/** The Z-order of relation.ts, in memory. */
export function clustered(relation: MemoryRelation, by: readonly string[]): MemoryRelation {
  checkZColumns(by);
  const step = sampleStep(relation.rows.length);
  const ranks = by.map((name) => {
    const place = relation.place(name);
    const sample = relation.rows.filter((row, i) => i % step === 0 && row[place] !== null).map((row) => row[place]).sort(compareNullsLast);
    const picked = sample.length === 0 ? [] : Array.from({ length: RANKS - 1 }, (_value, i) => sample[boundaryIndex(i + 1, sample.length)]);
    const bounds = picked.filter((value, i) => i === 0 || compareNullsLast(picked[i - 1], value) !== 0);
    const rankOf = (value: unknown) => (value === null ? bounds.length : bounds.filter((bound) => compareNullsLast(bound, value) <= 0).length);
    return { place, bounds, rankOf };
  });
  const placed = relation.rows.map((row) => ({ row, z: ranks.reduce((sum, { place, bounds, rankOf }, column) =>
    sum + curvePart(rankOf(row[place]), { boundaries: bounds.length, column, columns: by.length }), 0) }));
  return relation.withRows(placed.sort((a, b) => a.z - b.z).map(({ row }) => row));
}
