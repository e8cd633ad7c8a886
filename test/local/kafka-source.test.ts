import { describe, expect, test } from 'vitest';
import { committedRecords } from '../../shared/sources/committed-records.ts';
import { PartitionFeed } from '../../local/kafka-source/partition-feed.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { batch, fetched } from '../support/fetched.ts';

function offsets(records: readonly KafkaRecord[]): number[] {
  return records.map((r) => Number(r.offset));
}

describe('PartitionFeed', () => {
  const records = committedRecords(fetched([batch(0, 3)]), 't', 0n).records;

  test('its position is the first record not yet delivered, and past trailing offsets without one', () => {
    const feed = new PartitionFeed(3, 0n);
    feed.add(records, 5n);
    const taken: KafkaRecord[] = [];
    expect([feed.take(taken, 2), feed.position, feed.waiting]).toEqual([2, 2n, 1]);
    expect(feed.settled(2n)).toBe(2n);
    expect([feed.take(taken, 9), feed.position]).toEqual([1, 5n]);
    expect(offsets(taken)).toEqual([0, 1, 2]);
    expect(feed.settled(3n)).toBe(5n);
    expect(feed.settled(2n)).toBe(2n);
  });

  test('what is added waits behind what is there', () => {
    const feed = new PartitionFeed(3, 0n);
    feed.add(records.slice(0, 2), 2n);
    feed.take([], 1);
    feed.add(records.slice(2), 3n);
    const taken: KafkaRecord[] = [];
    feed.take(taken, 9);
    expect(offsets(taken)).toEqual([1, 2]);
  });
});
