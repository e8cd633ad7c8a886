import { describe, expect, it, test } from 'vitest';
import * as fc from 'fast-check';
import { balance, worst, type BalanceFacts, type PartitionFacts, type TableRows } from '../../shared/monitoring/balance.ts';

/** 100 offsets from 0: 97 rows and 3 gaps; refine has read 90: 80 kept, 4 duplicates, 1 superseded, 5 quarantined. */
function partition(change: Partial<PartitionFacts> = {}): PartitionFacts {
  return {
    topic: 'events', incarnation: 'AbC', partition: 0, base: -1n, last: 99n, bronzeRows: 97n, gapOffsets: 3n, bronzeRowsAtSilver: 90n,
    counted: { bronze: 90n, silver: 80n, duplicate: 4n, superseded: 1n, quarantine: 5n, elsewhere: 0n },
    ...change,
  };
}

function rows(count: bigint | null, change: Partial<TableRows> = {}): TableRows {
  return { rows: count, erased: 0n, expired: 0n, ...change };
}

function facts(change: Partial<BalanceFacts> = {}): BalanceFacts {
  return { partitions: [partition()], silver: rows(80n), quarantine: rows(5n), silverAtGold: rows(70n), gold: rows(70n), ...change };
}

function counted(change: Partial<PartitionFacts['counted']>): BalanceFacts {
  return facts({ partitions: [partition({ counted: { ...partition().counted, ...change } })] });
}

const gone = partition({ partition: 1, counted: { bronze: 90n, silver: 80n, duplicate: 4n, superseded: 1n, quarantine: 5n, elsewhere: 0n } });

const cases: [name: string, facts: BalanceFacts, verdict: string, wrong: [equation: string, by: bigint | null][]][] = [
  ['everything accounted for', facts(), 'ok', []],
  ['nothing anywhere yet', facts({ partitions: [], silver: rows(0n), quarantine: rows(0n), silverAtGold: rows(0n), gold: rows(0n) }), 'ok', []],
  ['a start in the middle of a log', facts({ partitions: [partition({ base: 999n, last: 1_099n })] }), 'ok', []],
  ['an offset lost before Bronze', facts({ partitions: [partition({ bronzeRows: 96n })] }), 'broken', [['consumed', 1n]]],
  ['an offset twice in Bronze', facts({ partitions: [partition({ bronzeRows: 98n })] }), 'broken', [['consumed', -1n]]],
  ['a gap counted that is in Bronze', facts({ partitions: [partition({ gapOffsets: 4n })] }), 'broken', [['consumed', -1n]]],
  ['Bronze rows that refine never read', facts({ partitions: [partition({ bronzeRowsAtSilver: 92n })] }), 'broken', [['read', 2n]]],
  ['a row lost in refine', counted({ duplicate: 3n }), 'broken', [['refined', 1n]]],
  ['a row doubled in refine', counted({ superseded: 3n }), 'broken', [['refined', -2n]]],
  ['a counted row that Silver does not hold', facts({ silver: rows(79n) }), 'broken', [['silver', 1n]]],
  ['a quarantined row that is not there', facts({ quarantine: rows(3n) }), 'broken', [['quarantine', 2n]]],
  ['a Silver row that Gold lacks', facts({ gold: rows(69n) }), 'broken', [['gold', 1n]]],
  ['a Gold row too many', facts({ gold: rows(71n) }), 'broken', [['gold', -1n]]],
  ['rows expired from Silver stay in Gold', facts({ silver: rows(60n, { expired: 20n }), silverAtGold: rows(50n, { expired: 20n }) }), 'ok', []],
  ['rows erased from Silver and from Gold', facts({ silver: rows(78n, { erased: 2n }), silverAtGold: rows(68n, { erased: 2n }), gold: rows(68n, { erased: 2n }) }), 'ok', []],
  ['a count below zero that another hides', counted({ duplicate: -1n, superseded: 6n }), 'broken', [['refined', 0n]]],
  ['a broken partition beside an unknown one', facts({ partitions: [partition({ bronzeRows: 96n }), { ...gone, bronzeRows: null }], silver: rows(160n), quarantine: rows(10n) }), 'broken', [['consumed', 1n], ['consumed', null]]],
];

describe('balance', () => {
  test.each(cases)('%s', (_name, given, verdict, wrong) => {
    const result = balance(given);
    expect(result.equations.filter((e) => e.verdict !== 'ok').map((e) => [e.name, e.by])).toEqual(wrong);
    expect(result.verdict).toBe(verdict);
  });

  it('tells which partition is off, by how much, with the numbers', () => {
    const { equations } = balance(facts({ partitions: [partition({ bronzeRows: 95n })] }));
    expect(equations[0].text).toBe('events/AbC/0: 100 offsets consumed = 95 Bronze rows + 3 gap offsets (off by +2)');
    expect(equations[0].partition).toMatchObject({ topic: 'events', incarnation: 'AbC', partition: 0 });
  });

  it('keeps incarnations of one partition apart', () => {
    const second = partition({ incarnation: 'XyZ', bronzeRows: 90n });
    const result = balance(facts({ partitions: [partition(), second], silver: rows(160n), quarantine: rows(10n) }));
    expect(result.equations.filter((e) => e.verdict === 'broken').map((e) => e.partition?.incarnation)).toEqual(['XyZ']);
  });

  it('refuses the same partition twice', () => {
    expect(() => balance(facts({ partitions: [partition(), partition()] }))).toThrow('twice');
  });
});

describe('a missing term', () => {
  const partitionTerms = ['base', 'last', 'bronzeRows', 'gapOffsets', 'bronzeRowsAtSilver'] as const;
  test.each(partitionTerms)('%s makes the verdict unknown', (term) => {
    expect(balance(facts({ partitions: [partition({ [term]: null })] })).verdict).toBe('unknown');
  });

  test.each(['bronze', 'silver', 'duplicate', 'superseded', 'quarantine', 'elsewhere'] as const)('count/%s makes the verdict unknown', (term) => {
    expect(balance(counted({ [term]: null })).verdict).toBe('unknown');
  });

  const tables = ['silver', 'quarantine', 'silverAtGold', 'gold'] as const;
  test.each(tables.flatMap((table) => (['rows', 'erased', 'expired'] as const).map((term) => [table, term] as const)))(
    '%s.%s makes the verdict unknown',
    (table, term) => {
      const given = facts();
      expect(balance({ ...given, [table]: { ...given[table], [term]: null } }).verdict).toBe('unknown');
    },
  );

  it('shows as a question mark', () => {
    const { equations } = balance(facts({ gold: rows(null) }));
    expect(equations.at(-1)!.text).toBe('70 Silver rows at the version in Gold\'s txn = ? rows in Gold (a term is not known)');
  });
});

const count = fc.bigInt({ min: 0n, max: 10n ** 15n });

it('is ok for every consistent lake and broken after any one-off in it', () => {
  const lake = fc.record({ base: fc.bigInt({ min: -1n, max: 10n ** 15n }), gaps: count, waiting: count, silver: count, duplicate: count, superseded: count, quarantine: count, elsewhere: count });
  fc.assert(fc.property(fc.array(lake, { minLength: 1, maxLength: 4 }), fc.nat(), fc.constantFrom(1n, -1n), (lakes, pick, step) => {
    const partitions = lakes.map((l, index): PartitionFacts => {
      const read = l.silver + l.duplicate + l.superseded + l.quarantine + l.elsewhere;
      const bronzeRows = read + l.waiting;
      const counted = { bronze: read, silver: l.silver, duplicate: l.duplicate, superseded: l.superseded, quarantine: l.quarantine, elsewhere: l.elsewhere };
      return { topic: 't', incarnation: 'none', partition: index, base: l.base, last: l.base + bronzeRows + l.gaps, bronzeRows, gapOffsets: l.gaps, bronzeRowsAtSilver: read, counted };
    });
    const sum = (term: 'silver' | 'quarantine') => lakes.reduce((total, l) => total + l[term], 0n);
    const whole = facts({ partitions, silver: rows(sum('silver')), quarantine: rows(sum('quarantine')) });
    expect(balance(whole).verdict).toBe('ok');
    const hurt = partitions.map((p, index) => (index === pick % partitions.length ? { ...p, bronzeRows: p.bronzeRows! + step } : p));
    expect(balance({ ...whole, partitions: hurt }).verdict).toBe('broken');
  }));
});

test('worst of nothing is unknown', () => {
  expect([worst([]), worst(['ok']), worst(['ok', 'unknown']), worst(['unknown', 'broken', 'ok'])]).toEqual(['unknown', 'ok', 'unknown', 'broken']);
});
