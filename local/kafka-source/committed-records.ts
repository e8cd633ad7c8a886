import type { Consumer } from '@platformatic/kafka';
import type { KafkaHeader, KafkaRecord } from '../../shared/sources/record.ts';

export type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;
export type FetchedPartition = FetchResponse['responses'][number]['partitions'][number];
type Batch = NonNullable<FetchedPartition['records']>[number];

/* RecordBatch attributes (kafka.apache.org/documentation, "Record Batch"): bit 3 timestampType, bit 4 isTransactional, bit 5 isControl. */
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
/** Control record key => version INT16, type INT16: 0 abort, 1 commit. */
const ABORT = 0;
const NO_HEADERS: readonly KafkaHeader[] = [];

/**
 * The committed records of one fetched partition from `position` on, and the offset to fetch next, which also passes control records,
 * aborted and compacted ones.
 *
 * The broker names the aborted transactions that overlap the answer; the rule is that of Kafka's own consumer (CompletedFetch): a producer
 * is aborted from the first offset of its aborted transaction until its abort marker. The client filters some of them, but not one whose
 * marker lies past this answer, nor the first of two of one producer.
 */
export function committedRecords(fetched: FetchedPartition, topic: string, position: bigint): { records: KafkaRecord[]; next: bigint } {
  const aborted = [...(fetched.abortedTransactions ?? [])].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const abortedProducers = new Set<bigint>();
  const records: KafkaRecord[] = [];
  let next = position;
  for (const batch of fetched.records ?? []) {
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (aborted.length > 0 && aborted[0].firstOffset <= lastOffset) abortedProducers.add(aborted.shift()!.producerId);
    if (batch.attributes & CONTROL) {
      if (isAbortMarker(batch)) abortedProducers.delete(batch.producerId);
    } else if (!(batch.attributes & TRANSACTIONAL && abortedProducers.has(batch.producerId))) {
      appendBatch(records, batch, topic, fetched.partitionIndex, position);
    }
    if (lastOffset >= next) next = lastOffset + 1n;
  }
  return { records, next };
}

function isAbortMarker(batch: Batch): boolean {
  return batch.records[0]?.key?.readInt16BE(2) === ABORT;
}

/** A batch may begin before the offset asked for: the broker sends it whole. */
function appendBatch(into: KafkaRecord[], batch: Batch, topic: string, partition: number, position: bigint): void {
  const logAppendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  const maxTimestampMs = Number(batch.maxTimestamp);
  const firstTimestampMs = Number(batch.firstTimestamp);
  for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
    const offset = batch.firstOffset + BigInt(offsetDelta);
    if (offset < position) continue;
    into.push({
      topic,
      partition,
      offset,
      // With LogAppendTime the batch's maximum holds for all of its records; their deltas are the producer's clock.
      timestampMs: logAppendTime ? maxTimestampMs : firstTimestampMs + Number(timestampDelta),
      timestampType: logAppendTime ? 'LogAppendTime' : 'CreateTime',
      key,
      value,
      headers: headers.length === 0 ? NO_HEADERS : headers.map(([name, bytes]) => ({ key: name?.toString('utf8') ?? '', value: bytes })),
    });
  }
}
