import type { KafkaHeader, KafkaRecord } from './record.ts';

/** A fetched partition, as the client parses it: no more of it than is needed here. */
export interface FetchedPartition {
  readonly partitionIndex: number;
  readonly abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[] | null;
  readonly records?: readonly FetchedBatch[] | null;
}

export interface FetchedBatch {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  readonly attributes: number;
  readonly firstTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producerId: bigint;
  readonly records: readonly FetchedRecord[];
}

export interface FetchedRecord {
  readonly offsetDelta: number;
  readonly timestampDelta: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

export type BatchKind = 'committed' | 'aborted' | 'transaction_marker';

/* RecordBatch attributes (kafka.apache.org/documentation, "Record Batch"): bit 3 timestampType, bit 4 isTransactional, bit 5 isControl. */
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
/** Control record key => version INT16, type INT16: 0 abort, 1 commit. */
const ABORT = 0;
const NO_HEADERS: readonly KafkaHeader[] = [];

/**
 * The batches of one fetched partition in order, and what each is.
 *
 * The broker names the aborted transactions that overlap the answer; the rule is that of Kafka's own consumer (CompletedFetch): a producer
 * is aborted from the first offset of its aborted transaction until its abort marker. The client's consumer filters some of them, but not
 * one whose marker lies past this answer, nor the first of two of one producer.
 */
export function* batchesOf(fetched: FetchedPartition): Generator<{ readonly batch: FetchedBatch; readonly kind: BatchKind; readonly lastOffset: bigint }> {
  const aborted = [...(fetched.abortedTransactions ?? [])].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const abortedProducers = new Set<bigint>();
  for (const batch of fetched.records ?? []) {
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (aborted.length > 0 && aborted[0].firstOffset <= lastOffset) abortedProducers.add(aborted.shift()!.producerId);
    if ((batch.attributes & CONTROL) !== 0) {
      if (isAbortMarker(batch)) abortedProducers.delete(batch.producerId);
      yield { batch, kind: 'transaction_marker', lastOffset };
    } else {
      const isAborted = (batch.attributes & TRANSACTIONAL) !== 0 && abortedProducers.has(batch.producerId);
      yield { batch, kind: isAborted ? 'aborted' : 'committed', lastOffset };
    }
  }
}

/**
 * The committed records of one fetched partition from `position` on, and the offset to fetch next, which also passes control records,
 * aborted and compacted ones. A batch may begin before the offset asked for: the broker sends it whole.
 */
export function committedRecords(fetched: FetchedPartition, topic: string, position: bigint): { records: KafkaRecord[]; next: bigint } {
  const records: KafkaRecord[] = [];
  let next = position;
  for (const { batch, kind, lastOffset } of batchesOf(fetched)) {
    if (kind === 'committed') {
      for (const record of batch.records) {
        if (offsetOf(batch, record) >= position) records.push(kafkaRecord(batch, record, { topic, partition: fetched.partitionIndex }));
      }
    }
    if (lastOffset >= next) next = lastOffset + 1n;
  }
  return { records, next };
}

export function offsetOf(batch: FetchedBatch, { offsetDelta }: FetchedRecord): bigint {
  return batch.firstOffset + BigInt(offsetDelta);
}

/** Its bytes are views into the broker's answer. */
export function kafkaRecord(batch: FetchedBatch, record: FetchedRecord, { topic, partition }: { topic: string; partition: number }): KafkaRecord {
  const { timestampDelta, key, value, headers } = record;
  const isLogAppendTime = (batch.attributes & LOG_APPEND_TIME) !== 0;
  return {
    topic,
    partition,
    offset: offsetOf(batch, record),
    // With LogAppendTime the batch's maximum holds for all of its records; their deltas are the producer's clock.
    timestampMs: isLogAppendTime ? Number(batch.maxTimestamp) : Number(batch.firstTimestamp) + Number(timestampDelta),
    timestampType: isLogAppendTime ? 'LogAppendTime' : 'CreateTime',
    key,
    value,
    headers: headers.length === 0 ? NO_HEADERS : headers.map(([name, bytes]) => ({ key: name?.toString('utf8') ?? '', value: bytes })),
  };
}

function isAbortMarker(batch: FetchedBatch): boolean {
  return batch.records[0]?.key?.readInt16BE(2) === ABORT;
}
