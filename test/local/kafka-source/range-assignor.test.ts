import type { ClusterMetadata } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignRanges } from '../../../local/kafka-source/range-assignor.ts';

function assigned(members: Record<string, string[]>, partitions: Record<string, number>): Map<string, Map<string, number[]>> {
  const metadata = { topics: new Map(Object.entries(partitions).map(([topic, partitionsCount]) => [topic, { partitionsCount }])) } as unknown as ClusterMetadata;
  const subscriptions = new Map(Object.entries(members).map(([memberId, topics]) => [memberId, { memberId, version: 1, topics }]));
  const [leader] = Object.keys(members);
  return new Map(assignRanges(leader, subscriptions, new Set(members[leader]), metadata).map(({ memberId, assignments }) =>
    [memberId, new Map([...assignments].map(([topic, own]) => [topic, own.partitions]))]));
}

describe('range assignment', () => {
  test('runs of partitions in the order of the member ids, the first ones one longer', () => {
    expect(assigned({ b: ['t'], a: ['t'], c: ['t'] }, { t: 8 })).toEqual(new Map([
      ['a', new Map([['t', [0, 1, 2]]])], ['b', new Map([['t', [3, 4, 5]]])], ['c', new Map([['t', [6, 7]]])],
    ]));
    expect(assigned({ a: ['t'], b: ['t'] }, { t: 1 })).toEqual(new Map([['a', new Map([['t', [0]]])], ['b', new Map()]]));
  });

  test('a topic goes to those that read it, also where the leader does not', () => {
    expect(assigned({ a: ['s'], b: ['t'] }, { s: 2, t: 2 })).toEqual(new Map([['a', new Map([['s', [0, 1]]])], ['b', new Map([['t', [0, 1]]])]]));
  });

  test('each partition of each topic goes to exactly one of its readers', () => {
    const topics = fc.uniqueArray(fc.constantFrom('r', 's', 't'), { minLength: 1 });
    const group = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), topics, { minKeys: 1, maxKeys: 6 });
    fc.assert(fc.property(group, fc.record({ r: fc.nat(20), s: fc.nat(20), t: fc.nat(20) }), (members, counts) => {
      const result = assigned(members, counts);
      expect([...result.keys()].sort()).toEqual(Object.keys(members).sort());
      for (const [topic, count] of Object.entries(counts)) {
        const readers = Object.keys(members).filter((member) => (members[member] as string[]).includes(topic));
        const given = [...result].flatMap(([member, own]) => (own.get(topic) ?? []).map((partition) => ({ member, partition })));
        expect(given.every(({ member }) => readers.includes(member))).toBe(true);
        expect(given.map(({ partition }) => partition).sort((a, b) => a - b)).toEqual(readers.length === 0 ? [] : Array.from({ length: count }, (_, i) => i));
        const sizes = readers.map((member) => result.get(member)!.get(topic)?.length ?? 0);
        expect(Math.max(0, ...sizes) - Math.min(...sizes, Infinity)).toBeLessThanOrEqual(1);
      }
    }));
  });
});
