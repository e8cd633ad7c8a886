import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { laneAppId, laneOf, laneStartAppId, parseLaneAppId, partitionsOf, planLane } from '../../shared/pipeline/bronze-plan.ts';
import { record } from '../support/test-lake.ts';

const lane = { topic: 'events', incarnation: 'i', partition: 2 };
const plan = (offsets: readonly number[], progress: bigint) =>
  planLane({ ...lane, appId: laneAppId(lane), topicId: 'i', records: offsets.map((offset) => record(offset, 'x', { partition: 2 })) }, progress);

describe('planLane', () => {
  test.each([
    { what: 'all new', offsets: [0, 1, 2], progress: -1n, rows: [0, 1, 2], gaps: [], last: 2n },
    { what: 'the first half known', offsets: [3, 4, 5, 6], progress: 4n, rows: [5, 6], gaps: [], last: 6n },
    { what: 'a gap at the front', offsets: [7, 8], progress: 4n, rows: [7, 8], gaps: [[5n, 6n]], last: 8n },
    { what: 'a gap at the very front', offsets: [2], progress: -1n, rows: [2], gaps: [[0n, 1n]], last: 2n },
    { what: 'gaps inside', offsets: [0, 3, 4, 9], progress: -1n, rows: [0, 3, 4, 9], gaps: [[1n, 2n], [5n, 8n]], last: 9n },
    { what: 'a gap below the progress is none', offsets: [0, 3, 4], progress: 3n, rows: [4], gaps: [], last: 4n },
    { what: 'a stretch twice in one batch', offsets: [0, 1, 2, 1, 2, 3], progress: -1n, rows: [0, 1, 2, 3], gaps: [], last: 3n },
    { what: 'the later part first', offsets: [4, 5, 2, 3], progress: 1n, rows: [2, 3, 4, 5], gaps: [], last: 5n },
  ])('$what', ({ offsets, progress, rows, gaps, last }) => {
    const planned = plan(offsets, progress)!;
    expect(planned.records.map(({ offset }) => Number(offset))).toEqual(rows);
    expect(planned.gaps.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual(gaps);
    expect(planned.lastOffset).toBe(last);
  });

  test('nothing is left of a lane that the progress covers', () => {
    expect(plan([0, 1, 2], 2n)).toBeNull();
    expect(plan([0, 1, 2], 900n)).toBeNull();
  });

  test('rows and gaps tile the offsets from the progress to the last, whatever comes', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1 }), fc.integer({ min: -1, max: 60 }), (offsets, progress) => {
      const planned = plan(offsets, BigInt(progress));
      const above = new Set(offsets.filter((offset) => offset > progress));
      if (planned === null) {
        expect(above.size).toBe(0);
        return;
      }
      const inGaps = planned.gaps.flatMap(({ firstOffset, lastOffset }) => Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_v, i) => Number(firstOffset) + i));
      const rows = planned.records.map(({ offset }) => Number(offset));
      expect(rows).toEqual([...above].sort((a, b) => a - b));
      expect([...rows, ...inGaps].sort((a, b) => a - b)).toEqual(Array.from({ length: Number(planned.lastOffset) - progress }, (_v, i) => progress + 1 + i));
    }));
  });
});

describe('lanes', () => {
  test('a batch falls apart by topic and partition, also where names look alike', () => {
    const records = [record(0, 'a', { topic: '1', partition: 12 }), record(0, 'b', { topic: '11', partition: 2 }), record(1, 'c', { topic: '1', partition: 12 })];
    const lanes = partitionsOf(records).map((partition) => laneOf(partition, { incarnation: 'x', topicId: null }));
    expect(lanes.map(({ appId, records: rows }) => [appId, rows.length])).toEqual([['bronze/1/x/12', 2], ['bronze/11/x/2', 1]]);
  });

  test('appIds read back; those of others do not', () => {
    const odd = { topic: 'a.b_c-1', incarnation: 'none-2', partition: 0 };
    expect(parseLaneAppId(laneAppId(odd))).toEqual(odd);
    expect(parseLaneAppId(laneAppId({ ...odd, topic: '123' }))).toEqual({ ...odd, topic: '123' });
    for (const other of [laneStartAppId(odd), 'count/bronze/a/b/0', 'refine/0f', 'bronze/a/b', 'bronze/a/b/c', 'heal/1']) expect(parseLaneAppId(other)).toBeNull();
  });
});
