import { expect, test } from 'vitest';
import { planOptimize } from '../../../shared/delta/operations/optimize-table.ts';
import type { Snapshot } from '../../../shared/delta/snapshot.ts';
import { field, struct } from '../../../shared/delta/schema.ts';

const file = (path: string, more: object = {}) => ({ path, size: 10, partitionValues: {}, modificationTime: 0, dataChange: true, stats: '{"numRecords":100}', ...more });
const vector = (cardinality: number) => ({ deletionVector: { storageType: 'u', pathOrInlineDv: 'x', sizeInBytes: 1, cardinality } });
const cube = (id: string) => ({ tags: { ZCUBE_ID: id, ZCUBE_ZORDER_BY: '["a"]' } });
const snapshot = (...files: ReturnType<typeof file>[]) =>
  ({ files: new Map(files.map((each) => [each.path, each])), schema: struct(field('a', 'string')), metaData: { partitionColumns: [] } }) as unknown as Snapshot;
const pathsOf = (...args: Parameters<typeof planOptimize>) => planOptimize(...args).map((bin) => bin.map(({ path }) => path));

test.each([
  { what: 'small files become one', of: snapshot(file('1'), file('2')), by: {}, bins: [['1', '2']] },
  { what: 'one file has nobody to be merged with', of: snapshot(file('1')), by: {}, bins: [] },
  { what: 'files in Z-order are not merged, which would end it', of: snapshot(file('1', cube('x')), file('2', cube('y'))), by: {}, bins: [] },
  { what: 'nor put in the same order again', of: snapshot(file('1', cube('x')), file('2', cube('y'))), by: { zOrderBy: ['a'] }, bins: [] },
  { what: 'what is in no order yet is', of: snapshot(file('1', { ...cube('x'), size: 1000 }), file('2')), by: { zOrderBy: ['a'] }, bins: [['2']] },
  { what: 'deleted rows stay where few', of: snapshot(file('1', { ...cube('x'), ...vector(1) })), by: { zOrderBy: ['a'] }, bins: [] },
  { what: 'unless they are to be purged', of: snapshot(file('1', { ...cube('x'), ...vector(1) }), file('2', { size: 1e9 })), by: { purge: true }, bins: [['1']] },
  { what: 'each file in one bin', of: snapshot(file('1', vector(1)), file('2')), by: { purge: true }, bins: [['1', '2']] },
])('$what', ({ of, by, bins }) => {
  expect(pathsOf(of, by)).toEqual(bins);
});
