import { describe, expect, test } from 'vitest';
import { committedRecords } from '../../shared/sources/committed-records.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { batch, fetched, marker, written } from '../support/fetched.ts';

function offsets(records: readonly KafkaRecord[]): number[] {
  return records.map((r) => Number(r.offset));
}

describe('committedRecords', () => {
  test('drops what a batch holds before the position', () => {
    const { records, next } = committedRecords(fetched([batch(0, 5), batch(5, 2)]), 't', 3n);
    expect(offsets(records)).toEqual([3, 4, 5, 6]);
    expect(next).toBe(7n);
    expect(records[0]).toEqual({ topic: 't', partition: 3, offset: 3n, timestampMs: 1003, timestampType: 'CreateTime', key: null, value: Buffer.from('3'), headers: [] });
  });

  test('passes over control records, also at the end', () => {
    const { records, next } = committedRecords(fetched([written(0, 2, 7n), marker(2, 7n, 'commit')]), 't', 0n);
    expect(offsets(records)).toEqual([0, 1]);
    expect(next).toBe(3n);
  });

  test('passes over a control batch that compaction has emptied', () => {
    const emptied = { ...marker(2, 7n, 'abort'), records: [] };
    const { records, next } = committedRecords(fetched([batch(0, 2), emptied, batch(3, 1)]), 't', 0n);
    expect(offsets(records)).toEqual([0, 1, 3]);
    expect(next).toBe(4n);
  });

  test('leaves out aborted records between a producer’s first offset and its marker, and keeps those after it and of others', () => {
    const batches = [written(0, 1, 7n), written(1, 1, 8n), marker(2, 7n, 'abort'), written(3, 1, 7n), marker(4, 7n, 'commit'), marker(5, 8n, 'commit')];
    expect(offsets(committedRecords(fetched(batches, [[7n, 0n]]), 't', 0n).records)).toEqual([1, 3]);
  });

  test('two aborted transactions of one producer in one answer are both left out', () => {
    const batches = [written(0, 1, 7n), marker(1, 7n, 'abort'), written(2, 1, 7n), marker(3, 7n, 'abort'), batch(4, 1)];
    const aborted: [bigint, bigint][] = [[7n, 2n], [7n, 0n]];
    expect(offsets(committedRecords(fetched(batches, aborted), 't', 0n).records)).toEqual([4]);
  });

  test('an aborted transaction whose marker, or whose start, lies outside the answer is left out', () => {
    expect(offsets(committedRecords(fetched([written(10, 2, 7n)], [[7n, 10n]]), 't', 10n).records)).toEqual([]);
    const { records, next } = committedRecords(fetched([written(12, 2, 7n), marker(14, 7n, 'abort')], [[7n, 10n]]), 't', 12n);
    expect(offsets(records)).toEqual([]);
    expect(next).toBe(15n);
  });

  test('with LogAppendTime the batch’s maximum is every record’s time', () => {
    const { records } = committedRecords(fetched([batch(0, 2, { attributes: 1 << 3 })]), 't', 0n);
    expect(records.map((r) => [r.timestampMs, r.timestampType])).toEqual([[5000, 'LogAppendTime'], [5000, 'LogAppendTime']]);
  });

  test('a batch emptied by compaction moves the position; nothing fetched leaves it', () => {
    expect(committedRecords(fetched([batch(0, 0, { lastOffsetDelta: 9 })]), 't', 0n)).toEqual({ records: [], next: 10n });
    expect(committedRecords(fetched([]), 't', 6n)).toEqual({ records: [], next: 6n });
  });

  test('keeps header bytes and a null header value', () => {
    const made = batch(0, 1);
    const records = [{ ...made.records[0], headers: [[Buffer.from('a'), Buffer.from([255])], [Buffer.from('b'), null]] as const }];
    expect(committedRecords(fetched([{ ...made, records }]), 't', 0n).records[0].headers).toEqual([{ key: 'a', value: Buffer.from([255]) }, { key: 'b', value: null }]);
  });
});
