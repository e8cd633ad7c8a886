import type { FetchedBatch, FetchedPartition } from '../../shared/sources/committed-records.ts';

/** Answers to a Fetch, as the client parses them. */

const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;

/** Records at `firstOffset` and the `count − 1` offsets after it, each with its offset as its value. */
export function batch(firstOffset: number, count: number, more: Partial<FetchedBatch> = {}): FetchedBatch {
  const offsets = Array.from({ length: count }, (_, offsetDelta) => firstOffset + offsetDelta);
  return { ...holding(firstOffset, firstOffset + count - 1, offsets), ...more };
}

/** A batch that was written as `firstOffset` to `lastOffset`, of which compaction has left `offsets`. */
export function holding(firstOffset: number, lastOffset: number, offsets: readonly number[], more: Partial<FetchedBatch> = {}): FetchedBatch {
  const records = offsets.map((offset) => ({ timestampDelta: BigInt(offset - firstOffset), offsetDelta: offset - firstOffset, key: null, value: Buffer.from(String(offset)), headers: [] }));
  return { firstOffset: BigInt(firstOffset), lastOffsetDelta: lastOffset - firstOffset, attributes: 0, producerId: -1n, firstTimestamp: 1000n, maxTimestamp: 5000n, records, ...more };
}

export function written(firstOffset: number, count: number, producerId: bigint): FetchedBatch {
  return batch(firstOffset, count, { attributes: TRANSACTIONAL, producerId });
}

export function marker(offset: number, producerId: bigint, kind: 'abort' | 'commit'): FetchedBatch {
  const made = batch(offset, 1);
  const records = [{ ...made.records[0], key: Buffer.from([0, 0, 0, kind === 'abort' ? 0 : 1]) }];
  return { ...made, attributes: TRANSACTIONAL | CONTROL, producerId, records };
}

export function fetched(records: readonly FetchedBatch[], aborted: readonly (readonly [producerId: bigint, firstOffset: bigint])[] = []): FetchedPartition {
  return { partitionIndex: 3, abortedTransactions: aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset })), records };
}
