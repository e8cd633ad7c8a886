import { describe, expect, test } from 'vitest';
import { checkOffsets } from './check-offsets.ts';
import type { BronzeRow, ListedGap, TopicLife } from './check-offsets.ts';

/* 0 record, 1 aborted, 2 marker, 3 record, 4 compacted or expired where the life says so, 5 record */
const life: TopicLife = {
  topic: 't', incarnation: 'one', compacts: false, over: false, whole: true, logStarts: [0],
  written: [['d0c', 'd1a', undefined, 'd3c', 'd4c', 'd5c']],
  readable: [['d0', undefined, undefined, 'd3', 'd4', 'd5']],
};
const row = (offset: number, digest = `d${offset}`): BronzeRow => ({ topic: 't', incarnation: 'one', partition: 0, offset, digest });
const gap = (first: number, last: number, cause: string): ListedGap => ({ topic: 't', incarnation: 'one', partition: 0, first, last, cause });
const rows = [0, 3, 4, 5].map((offset) => row(offset));
const gaps = [gap(1, 1, 'aborted'), gap(2, 2, 'transaction_marker')];
const without4: TopicLife = { ...life, readable: [['d0', undefined, undefined, 'd3', undefined, 'd5']] };

describe('what is held against the truth of a topic', () => {
  test('is right where each offset is a row once, or a gap of its cause', () => {
    expect(checkOffsets([life], rows, gaps)).toEqual({ problems: [], rows: 4, missing: { aborted: 1, transaction_marker: 1 } });
  });

  test('an offset in Bronze is no gap, whatever is listed', () => {
    expect(checkOffsets([life], rows, [...gaps, gap(3, 4, 'unavailable')]).problems).toEqual([]);
  });

  test('the broker has the last word on what was aborted', () => {
    const committedAfterAll: TopicLife = { ...life, readable: [['d0', 'd1', undefined, 'd3', 'd4', 'd5']] };
    expect(checkOffsets([committedAfterAll], [...rows, row(1)], [gap(2, 2, 'transaction_marker')]).problems).toEqual([]);
    expect(checkOffsets([committedAfterAll], rows, gaps).problems.join()).toContain('not in Bronze');
  });

  test.each<[string, TopicLife, BronzeRow[], ListedGap[]]>([
    ['doubled', life, [...rows, row(3)], gaps],
    ['other bytes', life, [...rows.slice(0, 3), row(5, 'd4')], gaps],
    ['nobody wrote', life, [...rows, row(2)], [gaps[0]]],
    ['aborted', life, [...rows, row(1)], [gaps[1]]],
    ['in silence', life, rows, [gaps[0]]],
    ['not in Bronze', life, rows.slice(0, 3), gaps],
    ['another cause', life, rows, [gap(1, 2, 'aborted')]],
    ['gaps that are none', life, [row(0), row(3), row(5)], [...gaps, gap(4, 4, 'compacted')]],
    ['listed twice', life, rows, [...gaps, gap(2, 2, 'transaction_marker')]],
    ['life nobody wrote', life, [...rows, { ...row(0), incarnation: 'two' }], gaps],
    ['another cause', without4, [row(0), row(3), row(5)], [...gaps, gap(4, 4, 'compacted')]],
  ])('%s', (problem, truth, found, listed) => {
    expect(checkOffsets([truth], found, listed).problems.join()).toContain(problem);
  });

  test('compaction, retention and the end of a life each allow their own cause', () => {
    const found = [row(0), row(3), row(5)];
    const check = (truth: TopicLife, cause: string) => checkOffsets([truth], found, [...gaps, gap(4, 4, cause)]).problems;
    expect(check({ ...without4, compacts: true }, 'compacted')).toEqual([]);
    expect(check({ ...without4, logStarts: [5], whole: false }, 'expired')).toEqual([]);
    expect(check({ ...life, over: true, whole: false }, 'unavailable')).toEqual([]);
    expect(check({ ...life, over: true, whole: true }, 'unavailable').join()).toContain('not in Bronze');
  });
});
