import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { TERMS, Tally, countAppId, parseCountAppId } from '../../shared/pipeline/counts.ts';

const a = { topic: 't', incarnation: 'i', partition: 0 };
const b = { topic: 't', incarnation: 'i', partition: 1 };

function snapshotWith(counts: Readonly<Record<string, bigint>>): Snapshot {
  return { txns: new Map(Object.entries(counts).map(([appId, version]) => [appId, { appId, version }])) } as unknown as Snapshot;
}

function totals(tally: Tally, snapshot: Snapshot): Record<string, bigint> {
  return Object.fromEntries(tally.txns(snapshot, 1).map(({ txn }) => [txn!.appId, txn!.version]));
}

describe('running totals', () => {
  test('appIds read back, for a topic of digits too; others do not', () => {
    for (const term of TERMS) expect(parseCountAppId(countAppId(term, { ...a, topic: '123' }))).toEqual({ term, lane: { ...a, topic: '123' } });
    for (const other of ['count/rows/t/i/0', 'count/bronze/t/i', 'bronze/t/i/0', 'count/bronze/t/i/0/1']) expect(parseCountAppId(other)).toBeNull();
  });

  test('a touched lane gets every term, so that an absent one means an unknown one', () => {
    const tally = new Tally();
    tally.add('bronze', a);
    expect(totals(tally, snapshotWith({}))).toEqual(Object.fromEntries(TERMS.map((term) => [countAppId(term, a), term === 'bronze' ? 1n : 0n])));
  });

  test('totals go on from the snapshot, lane by lane, also downward', () => {
    const tally = new Tally();
    tally.add('bronze', a, 3);
    tally.add('silver', b, -1);
    tally.add('superseded', b);
    const after = totals(tally, snapshotWith({ [countAppId('bronze', a)]: 2n ** 60n, [countAppId('silver', b)]: 5n, [countAppId('silver', a)]: 7n }));
    expect(after).toMatchObject({ 'count/bronze/t/i/0': 2n ** 60n + 3n, 'count/silver/t/i/0': 7n, 'count/silver/t/i/1': 4n, 'count/superseded/t/i/1': 1n, 'count/duplicate/t/i/1': 0n });
  });

  test('merging keeps the other as it is', () => {
    const [one, two] = [new Tally(), new Tally()];
    one.add('quarantine', a, 2);
    two.add('quarantine', a);
    two.merge(one);
    two.add('quarantine', b);
    expect([one.total('quarantine'), two.total('quarantine')]).toEqual([2, 4]);
  });

  test('lanes that differ only in where their slashes would stand stay apart', () => {
    const tally = new Tally();
    tally.add('bronze', { topic: 'a-b', incarnation: 'c', partition: 1 });
    tally.add('bronze', { topic: 'a', incarnation: 'b-c', partition: 1 });
    expect(Object.keys(totals(tally, snapshotWith({})))).toHaveLength(2 * TERMS.length);
  });
});
