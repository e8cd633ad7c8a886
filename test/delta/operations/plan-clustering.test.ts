import { describe, expect, test } from 'vitest';
import type { AddFile } from '../../../shared/delta/actions.ts';
import { cubeTags, planClustering } from '../../../shared/delta/operations/plan-clustering.ts';
import type { Snapshot } from '../../../shared/delta/snapshot.ts';

const options = { zOrderBy: ['a', 'b'], cubeBytesFull: 1000, binBytesMax: 2000, deletedShareMin: 0.2 };
let made = 0;
const file = (size: number, more: Partial<AddFile> = {}): AddFile => ({ path: `f${made++}`, partitionValues: {}, size, modificationTime: made, dataChange: true, stats: '{"numRecords":100}', ...more });
const cube = (size: number, id: string, more: Partial<AddFile> = {}) => file(size, { tags: cubeTags(options.zOrderBy, id), ...more });
/** Of a snapshot the plan reads these alone. */
const snapshot = (files: readonly AddFile[], partitionColumns: string[] = []) => ({ metaData: { partitionColumns }, files: new Map(files.map((each) => [each.path, each])) }) as unknown as Snapshot;
const bins = (files: readonly AddFile[], partitionColumns?: string[]) => planClustering(snapshot(files, partitionColumns), options).map(({ bytes }) => bytes);

describe('planClustering', () => {
  test('takes what is not clustered by these columns, in bins of one partition and a bounded size', () => {
    expect(bins([])).toEqual([]);
    expect(bins([file(900), file(900), file(900), file(5000)])).toEqual([1800, 900, 5000]);
    expect(bins([file(1, { partitionValues: { p: 'x' } }), file(2, { partitionValues: { p: 'y' } }), file(4, { partitionValues: { p: 'x' } })], ['p'])).toEqual([5, 2]);
    expect(bins([file(5, { tags: cubeTags(['b', 'a'], 'other') })])).toEqual([5]);
  });

  test('leaves alone what is clustered, full or not', () => {
    expect(bins([cube(1200, 'x'), cube(10, 'y'), cube(10, 'y')])).toEqual([]);
    expect(bins([cube(1200, 'x'), file(700)])).toEqual([700]);
  });

  test('merges new files into a cube that they are a quarter of', () => {
    expect(bins([cube(400, 'x'), file(99)])).toEqual([99]);
    expect(bins([cube(200, 'x'), cube(200, 'x'), file(100)])).toEqual([500]);
    expect(bins([cube(100, 'x'), cube(530, 'y'), file(30)])).toEqual([130]);
    expect(bins([cube(100, 'x'), cube(530, 'y'), file(50)])).toEqual([680]);
  });

  test('takes a cube with many rows deleted, full or not', () => {
    const deletionVector = (cardinality: number) => ({ storageType: 'u' as const, pathOrInlineDv: 'x', sizeInBytes: 1, cardinality });
    expect(bins([cube(1500, 'x', { deletionVector: deletionVector(20) })])).toEqual([1500]);
    expect(bins([cube(1500, 'x', { deletionVector: deletionVector(19) })])).toEqual([]);
  });

  test.each([10, 37, 100])('appends of %i bytes are rewritten a bounded number of times, and a second run plans nothing', (appended) => {
    let files: AddFile[] = [];
    let rewritten = 0;
    const rounds = 2000;
    for (let round = 0; round < rounds; round++) {
      files.push(file(appended));
      for (const { files: inputs, bytes } of planClustering(snapshot(files), options)) {
        rewritten += bytes;
        files = [...files.filter((each) => !inputs.includes(each)), cube(bytes, `cube ${made}`)];
      }
      expect(bins(files)).toEqual([]);
    }
    const most = 1 + Math.log(options.cubeBytesFull / appended) / Math.log(1.25);
    expect(rewritten).toBeLessThanOrEqual(most * rounds * appended);
    expect(files.length).toBeLessThanOrEqual((rounds * appended) / options.cubeBytesFull * 2 + 50);
  });
});
