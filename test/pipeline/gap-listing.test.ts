import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { relist } from '../../shared/pipeline/gap-listing.ts';
import type { GapCause, ListedGap } from '../../shared/pipeline/gap-listing.ts';

const lane = { topic: 'events', incarnation: 'i', partition: 0 };
const gap = (first: number, last: number, cause: GapCause = 'unavailable', healed = false): ListedGap => ({ ...lane, firstOffset: BigInt(first), lastOffset: BigInt(last), cause, healed, seenAtUs: 0n });
const print = ({ firstOffset, lastOffset, cause, healed }: ListedGap) => `${firstOffset}-${lastOffset} ${healed ? 'healed' : cause}`;

describe('relist', () => {
  test.each([
    { what: 'a first gap', listed: [], news: [gap(5, 9)], remove: [], add: ['5-9 unavailable'] },
    { what: 'one that is known changes nothing', listed: [gap(5, 9)], news: [gap(6, 7)], remove: [], add: [] },
    { what: 'one that grew: only the rest', listed: [gap(5, 9)], news: [gap(5, 19)], remove: [], add: ['10-19 unavailable'] },
    { what: 'another cause in the middle: three gaps', listed: [gap(5, 9)], news: [gap(6, 7, 'compacted')], remove: ['5-9 unavailable'], add: ['5-5 unavailable', '6-7 compacted', '8-9 unavailable'] },
    { what: 'healed whole', listed: [gap(5, 9)], news: [gap(5, 9, 'unavailable', true)], remove: ['5-9 unavailable'], add: ['5-9 healed'] },
    { what: 'over two gaps and what is between', listed: [gap(0, 1), gap(4, 5), gap(8, 9)], news: [gap(1, 5, 'expired')], remove: ['0-1 unavailable', '4-5 unavailable'], add: ['0-0 unavailable', '1-5 expired'] },
    { what: 'missing again after it was healed', listed: [gap(5, 9, 'unavailable', true)], news: [gap(5, 9, 'expired')], remove: ['5-9 healed'], add: ['5-9 expired'] },
  ])('$what', ({ listed, news, remove, add }) => {
    const change = relist(listed, news);
    expect([change.remove.map(print), change.add.map(print)]).toEqual([remove, add]);
  });

  test('each offset is listed once, as the last news have it', () => {
    const stretches = fc.array(fc.record({ from: fc.nat(30), length: fc.integer({ min: 1, max: 8 }), cause: fc.constantFrom<GapCause>('unavailable', 'compacted', 'expired'), healed: fc.boolean() }), { maxLength: 12 });
    fc.assert(fc.property(stretches, (rounds) => {
      let listed: readonly ListedGap[] = [];
      const expected = new Map<number, string>();
      for (const { from, length, cause, healed } of rounds) {
        const { remove, add } = relist(listed, [gap(from, from + length - 1, cause, healed)]);
        listed = [...listed.filter((each) => !remove.includes(each)), ...add];
        for (let at = from; at < from + length; at++) expected.set(at, `${cause} ${healed}`);
      }
      const found = listed.flatMap(({ firstOffset, lastOffset, cause, healed }) => Array.from({ length: Number(lastOffset - firstOffset) + 1 }, (_v, i) => [Number(firstOffset) + i, `${cause} ${healed}`] as const));
      expect(found.toSorted(([a], [b]) => a - b)).toEqual([...expected].toSorted(([a], [b]) => a - b));
    }));
  });
});
