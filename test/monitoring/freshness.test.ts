import { describe, expect, it, test } from 'vitest';
import { freshness, lag, type FreshnessFacts, type PartitionLagFacts } from '../../shared/monitoring/freshness.ts';

const nowMs = 1_750_000_000_000;
const facts = (change: Partial<FreshnessFacts> = {}): FreshnessFacts => ({
  nowMs, eventMsMax: nowMs - 20_000, kafkaMsMax: nowMs - 10_500, commitMs: nowMs - 2_000, waiting: 5n, targetS: 30, ...change,
});

describe('freshness', () => {
  it('is in seconds', () => {
    expect(freshness(facts())).toEqual({ eventS: 20, brokerS: 10.5, commitS: 2, state: 'fresh' });
  });

  it('is negative where a clock is ahead, not cut to zero', () => {
    expect(freshness(facts({ eventMsMax: nowMs + 3_500 })).eventS).toBe(-3.5);
  });

  test.each<[string, Partial<FreshnessFacts>, string]>([
    ['nothing committed yet', { commitMs: null, eventMsMax: null, kafkaMsMax: null, waiting: 0n }, 'empty'],
    ['nothing committed while records wait', { commitMs: null, eventMsMax: null, kafkaMsMax: null, waiting: 9n }, 'empty'],
    ['an idle topic, a day old, all consumed', { kafkaMsMax: nowMs - 86_400_000, commitMs: nowMs - 86_400_000, waiting: 0n }, 'current'],
    ['old and something waits', { kafkaMsMax: nowMs - 31_000 }, 'late'],
    ['exactly at the target', { kafkaMsMax: nowMs - 30_000 }, 'fresh'],
    ['catching up: fresh commits of old records', { kafkaMsMax: nowMs - 3_600_000, commitMs: nowMs }, 'late'],
    ['old and nobody knows what waits', { kafkaMsMax: nowMs - 31_000, waiting: null }, 'unknown'],
    ['within the target and nobody knows what waits', { waiting: null }, 'fresh'],
    ['no broker time: the commit decides', { kafkaMsMax: null, commitMs: nowMs - 31_000 }, 'late'],
  ])('%s', (_name, change, state) => {
    expect(freshness(facts(change)).state).toBe(state);
  });
});

describe('lag', () => {
  const partition = (change: Partial<PartitionLagFacts> = {}): PartitionLagFacts => ({
    topic: 'events', partition: 0, endOffset: 100n, nextOffset: 90n, sinceMs: nowMs - 4_000, ...change,
  });

  test.each<[string, PartitionLagFacts[], bigint | null, number | null]>([
    ['ten records, four seconds', [partition()], 10n, 4],
    ['the sum of records, the greatest age', [partition(), partition({ partition: 1, sinceMs: nowMs - 9_000, nextOffset: 99n })], 11n, 9],
    ['nothing waits: no age, however old the last record', [partition({ nextOffset: 100n, sinceMs: 0 })], 0n, 0],
    ['an empty partition', [partition({ endOffset: 0n, nextOffset: 0n, sinceMs: null })], 0n, 0],
    ['a broker clock ahead of ours', [partition({ sinceMs: nowMs + 5_000 })], 10n, 0],
    ['records wait but no time is known', [partition({ sinceMs: null })], 10n, null],
    ['one partition without an end offset', [partition(), partition({ partition: 1, endOffset: null })], null, null],
    ['no progress', [partition({ nextOffset: null })], null, null],
    ['an end before our progress', [partition({ endOffset: 89n })], null, null],
    ['no partitions', [], null, null],
  ])('%s', (_name, partitions, records, seconds) => {
    const result = lag(partitions, nowMs);
    expect([result.records, result.seconds]).toEqual([records, seconds]);
    expect(result.unknown.length > 0).toBe(records === null);
  });

  it('says which partition ended before our progress', () => {
    expect(lag([partition({ endOffset: 3n })], nowMs).unknown).toEqual(['events/0: the log ends at 3, before our next offset 90']);
  });
});
