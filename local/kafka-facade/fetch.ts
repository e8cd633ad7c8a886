import { NO_ERROR, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION } from './api.ts';
import type { Api, Cluster } from './api.ts';
import { encodeRecordBatch } from './record-batch.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

interface AskedPartition {
  readonly partition: number;
  readonly offset: bigint;
  readonly bytesMax: number;
}

interface AskedTopic {
  readonly id: string;
  readonly partitions: readonly AskedPartition[];
}

interface Asked {
  readonly waitMsMax: number;
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly topics: readonly AskedTopic[];
}

interface Fetched {
  readonly partition: number;
  readonly error: number;
  readonly end: bigint;
  readonly records: Buffer;
}

const RECORDS_MAX = 10_000;
const NOTHING = Buffer.alloc(0);

/*
  Fetch Request (Version: 13) => replica_id max_wait_ms min_bytes max_bytes isolation_level session_id session_epoch [topics]
                                 [forgotten_topics_data] rack_id TAG_BUFFER
    replica_id, max_wait_ms, min_bytes, max_bytes => INT32
    isolation_level => INT8
    session_id, session_epoch => INT32
    topics => topic_id [partitions] TAG_BUFFER
      topic_id => UUID
      partitions => partition current_leader_epoch fetch_offset last_fetched_epoch log_start_offset partition_max_bytes TAG_BUFFER
        partition, current_leader_epoch => INT32
        fetch_offset => INT64
        last_fetched_epoch => INT32
        log_start_offset => INT64
        partition_max_bytes => INT32
    forgotten_topics_data => topic_id [partitions] TAG_BUFFER
    rack_id => COMPACT_STRING

  No fetch sessions (KIP-227): the answer's session_id is 0, so every request names all its partitions and forgets none. What follows the
  topics says nothing we need and is not read.
*/
function readRequest(reader: WireReader): Asked {
  reader.int32();
  const [waitMsMax, bytesMin, bytesMax] = [reader.int32(), reader.int32(), reader.int32()];
  reader.int8();
  reader.int32();
  reader.int32();
  const topics = reader.compactArray(() => {
    const topic = { id: reader.uuid(), partitions: reader.compactArray(() => readPartition(reader)) };
    reader.tags();
    return topic;
  });
  return { waitMsMax, bytesMin, bytesMax, topics };
}

function readPartition(reader: WireReader): AskedPartition {
  const partition = reader.int32();
  reader.int32();
  const offset = reader.int64();
  reader.int32();
  reader.int64();
  const bytesMax = reader.int32();
  reader.tags();
  return { partition, offset, bytesMax };
}

/*
  Fetch Response (Version: 13) => throttle_time_ms error_code session_id [responses] TAG_BUFFER
    throttle_time_ms => INT32
    error_code => INT16
    session_id => INT32
    responses => topic_id [partitions] TAG_BUFFER
      topic_id => UUID
      partitions => partition_index error_code high_watermark last_stable_offset log_start_offset [aborted_transactions]
                    preferred_read_replica records TAG_BUFFER
        partition_index => INT32
        error_code => INT16
        high_watermark, last_stable_offset, log_start_offset => INT64
        aborted_transactions => null: none
        preferred_read_replica => INT32
        records => COMPACT_RECORDS
*/
function writeResponse(topics: readonly { id: string; partitions: readonly Fetched[] }[]): WireWriter {
  const writer = new WireWriter().int32(0).int16(NO_ERROR).int32(0);
  writer.compactArray(topics, ({ id, partitions }) => {
    writer.uuid(id);
    writer.compactArray(partitions, ({ partition, error, end, records }) => {
      writer.int32(partition).int16(error).int64(end).int64(end).int64(0n);
      writer.compactArray(null, () => {}).int32(-1).compactRecords(records).tags();
    });
    writer.tags();
  });
  return writer.tags();
}

function fetchOnce(cluster: Cluster, asked: Asked): { bytes: number; failed: boolean; topics: { id: string; partitions: Fetched[] }[] } {
  let bytes = 0;
  let failed = false;
  const topics = asked.topics.map(({ id, partitions }) => ({
    id,
    partitions: partitions.map((partition) => {
      const fetched = fetchPartition(cluster, id, partition, asked.bytesMax - bytes);
      bytes += fetched.records.length;
      failed ||= fetched.error !== NO_ERROR;
      return fetched;
    }),
  }));
  return { bytes, failed, topics };
}

function fetchPartition(cluster: Cluster, topicId: string, asked: AskedPartition, bytesLeft: number): Fetched {
  const topic = cluster.log.topics().find((candidate) => candidate.id === topicId);
  const nothing = (error: number, end: bigint): Fetched => ({ partition: asked.partition, error, end, records: NOTHING });
  if (topic === undefined) return nothing(UNKNOWN_TOPIC_ID, -1n);
  if (asked.partition < 0 || asked.partition >= topic.partitions) return nothing(UNKNOWN_TOPIC_OR_PARTITION, -1n);
  const end = cluster.log.ends(topic.name)[asked.partition];
  if (asked.offset < 0n || asked.offset > end) return nothing(OFFSET_OUT_OF_RANGE, end);
  if (asked.offset === end || bytesLeft <= 0) return nothing(NO_ERROR, end);
  const limits = { recordsMax: RECORDS_MAX, bytesMax: Math.max(1, Math.min(asked.bytesMax, bytesLeft)) };
  return { partition: asked.partition, error: NO_ERROR, end, records: encodeRecordBatch(cluster.log.read(topic.name, asked.partition, asked.offset, limits)) };
}

/** Resolves at the next append, or after `waitMs`. */
function appendOr(cluster: Cluster, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = setTimeout(done, waitMs);
    const stopListening = cluster.log.onAppend(done);
  });
}

export const fetch: Api = {
  key: 1,
  versionMin: 13,
  versionMax: 13,
  async answer(request, cluster) {
    const asked = readRequest(request);
    const deadlineMs = performance.now() + asked.waitMsMax;
    let fetched = fetchOnce(cluster, asked);
    while (fetched.bytes < asked.bytesMin && !fetched.failed && performance.now() < deadlineMs) {
      await appendOr(cluster, deadlineMs - performance.now());
      fetched = fetchOnce(cluster, asked);
    }
    return writeResponse(fetched.topics);
  },
};
