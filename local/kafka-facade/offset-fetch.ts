import { NO_ERROR } from './api.ts';
import type { Api, Cluster } from './api.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

interface Asked {
  readonly group: string;
  /** Null asks for every topic in which the group has offsets. */
  readonly topics: readonly { readonly name: string; readonly partitions: readonly number[] }[] | null;
}

const NEVER_COMMITTED = -1n;

/*
  OffsetFetch Request (Version: 9) => [groups] require_stable TAG_BUFFER
    groups => group_id member_id member_epoch [topics] TAG_BUFFER
      group_id => COMPACT_STRING
      member_id => COMPACT_NULLABLE_STRING
      member_epoch => INT32
      topics => name [partition_indexes] TAG_BUFFER
        name => COMPACT_STRING
        partition_indexes => INT32
    require_stable => BOOLEAN
*/
function readRequest(reader: WireReader): Asked[] {
  const groups = reader.compactArray(() => {
    const group = reader.compactString();
    reader.compactNullableString();
    reader.int32();
    const topics = reader.compactNullableArray(() => {
      const topic = { name: reader.compactString(), partitions: reader.compactArray(() => reader.int32()) };
      reader.tags();
      return topic;
    });
    reader.tags();
    return { group, topics };
  });
  reader.int8();
  reader.tags();
  return groups;
}

/*
  OffsetFetch Response (Version: 9) => throttle_time_ms [groups] TAG_BUFFER
    throttle_time_ms => INT32
    groups => group_id [topics] error_code TAG_BUFFER
      group_id => COMPACT_STRING
      topics => name [partitions] TAG_BUFFER
        name => COMPACT_STRING
        partitions => partition_index committed_offset committed_leader_epoch metadata error_code TAG_BUFFER
          partition_index => INT32
          committed_offset => INT64              -1: never committed
          committed_leader_epoch => INT32
          metadata => COMPACT_NULLABLE_STRING
          error_code => INT16
      error_code => INT16
*/
function writeResponse(cluster: Cluster, asked: readonly Asked[]): WireWriter {
  const writer = new WireWriter().int32(0);
  writer.compactArray(asked, ({ group, topics }) => {
    writer.compactString(group);
    writer.compactArray(topics ?? committedTopics(cluster, group), ({ name, partitions }) => {
      const committed = cluster.log.committed(group, name);
      writer.compactString(name);
      writer.compactArray(partitions, (partition) => {
        writer.int32(partition).int64(committed.get(partition) ?? NEVER_COMMITTED).int32(-1).compactString('').int16(NO_ERROR).tags();
      });
      writer.tags();
    });
    writer.int16(NO_ERROR).tags();
  });
  return writer.tags();
}

function committedTopics(cluster: Cluster, group: string): { name: string; partitions: number[] }[] {
  const topics = cluster.log.topics().map(({ name }) => ({ name, partitions: [...cluster.log.committed(group, name).keys()] }));
  return topics.filter((topic) => topic.partitions.length > 0);
}

export const offsetFetch: Api = {
  key: 9,
  versionMin: 9,
  versionMax: 9,
  answer: (request, cluster) => writeResponse(cluster, readRequest(request)),
};
