import { LEADER_EPOCH, NO_ERROR, UNKNOWN_TOPIC_OR_PARTITION } from './api.ts';
import type { Api, Cluster } from './api.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

interface Asked {
  readonly name: string;
  readonly partitions: readonly { readonly partition: number; readonly timestamp: bigint }[];
}

const LATEST = -1n;
const EARLIEST = -2n;
const NOT_FOUND = { timestampMs: -1, offset: -1n };

/*
  ListOffsets Request (Version: 6 to 9) => replica_id isolation_level [topics] TAG_BUFFER
    replica_id => INT32
    isolation_level => INT8
    topics => name [partitions] TAG_BUFFER
      name => COMPACT_STRING
      partitions => partition_index current_leader_epoch timestamp TAG_BUFFER
        partition_index => INT32
        current_leader_epoch => INT32
        timestamp => INT64                 -1 latest, -2 earliest, else milliseconds

  The log has no transactions, so both isolation levels see the same end.
*/
function readRequest(reader: WireReader): Asked[] {
  reader.int32();
  reader.int8();
  const topics = reader.compactArray(() => {
    const name = reader.compactString();
    const partitions = reader.compactArray(() => {
      const partition = reader.int32();
      reader.int32();
      const timestamp = reader.int64();
      reader.tags();
      return { partition, timestamp };
    });
    reader.tags();
    return { name, partitions };
  });
  reader.tags();
  return topics;
}

/*
  ListOffsets Response (Version: 6 to 9) => throttle_time_ms [topics] TAG_BUFFER
    throttle_time_ms => INT32
    topics => name [partitions] TAG_BUFFER
      name => COMPACT_STRING
      partitions => partition_index error_code timestamp offset leader_epoch TAG_BUFFER
        partition_index => INT32
        error_code => INT16
        timestamp => INT64
        offset => INT64
        leader_epoch => INT32
*/
function writeResponse(cluster: Cluster, asked: readonly Asked[]): WireWriter {
  const writer = new WireWriter().int32(0);
  writer.compactArray(asked, (topic) => {
    writer.compactString(topic.name);
    writer.compactArray(topic.partitions, ({ partition, timestamp }) => {
      const known = partition >= 0 && partition < (cluster.log.topic(topic.name)?.partitions ?? 0);
      const found = known ? resolve(cluster, topic.name, partition, timestamp) : NOT_FOUND;
      writer.int32(partition).int16(known ? NO_ERROR : UNKNOWN_TOPIC_OR_PARTITION);
      writer.int64(BigInt(found.timestampMs)).int64(found.offset).int32(LEADER_EPOCH).tags();
    });
    writer.tags();
  });
  return writer.tags();
}

function resolve(cluster: Cluster, topic: string, partition: number, timestamp: bigint): { timestampMs: number; offset: bigint } {
  if (timestamp === LATEST) return { timestampMs: -1, offset: cluster.log.ends(topic)[partition] };
  if (timestamp === EARLIEST) return { timestampMs: -1, offset: 0n };
  return cluster.log.offsetAtTime(topic, partition, Number(timestamp)) ?? NOT_FOUND;
}

export const listOffsets: Api = {
  key: 2,
  versionMin: 6,
  versionMax: 9,
  answer: (request, cluster) => writeResponse(cluster, readRequest(request)),
};
