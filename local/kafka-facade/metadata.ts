import type { TopicInfo } from '../event-log/topic-meta.ts';
import { LEADER_EPOCH, NODE_ID, NO_ERROR, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, ZERO_UUID } from './api.ts';
import type { Api, Cluster } from './api.ts';
import { WireWriter } from './wire.ts';
import type { WireReader } from './wire.ts';

interface Asked {
  readonly id: string;
  readonly name: string | null;
}

/*
  Metadata Request (Version: 12) => [topics] allow_auto_topic_creation include_topic_authorized_operations TAG_BUFFER
    topics => topic_id name TAG_BUFFER
      topic_id => UUID
      name => COMPACT_NULLABLE_STRING
    allow_auto_topic_creation => BOOLEAN
    include_topic_authorized_operations => BOOLEAN

  A null array asks for all topics, an empty one for none. Topics are never created here.
*/
function readRequest(reader: WireReader): Asked[] | null {
  const topics = reader.compactNullableArray(() => {
    const topic = { id: reader.uuid(), name: reader.compactNullableString() };
    reader.tags();
    return topic;
  });
  reader.int8();
  reader.int8();
  reader.tags();
  return topics;
}

/*
  Metadata Response (Version: 12) => throttle_time_ms [brokers] cluster_id controller_id [topics] TAG_BUFFER
    throttle_time_ms => INT32
    brokers => node_id host port rack TAG_BUFFER
      node_id => INT32
      host => COMPACT_STRING
      port => INT32
      rack => COMPACT_NULLABLE_STRING
    cluster_id => COMPACT_NULLABLE_STRING
    controller_id => INT32
    topics => error_code name topic_id is_internal [partitions] topic_authorized_operations TAG_BUFFER
      error_code => INT16
      name => COMPACT_NULLABLE_STRING
      topic_id => UUID
      is_internal => BOOLEAN
      partitions => error_code partition_index leader_id leader_epoch [replica_nodes] [isr_nodes] [offline_replicas] TAG_BUFFER
        error_code => INT16
        partition_index => INT32
        leader_id => INT32
        leader_epoch => INT32
        replica_nodes => INT32
        isr_nodes => INT32
        offline_replicas => INT32
      topic_authorized_operations => INT32
*/
function writeResponse(cluster: Cluster, asked: readonly Asked[]): WireWriter {
  const writer = new WireWriter().int32(0);
  writer.compactArray([NODE_ID], (node) => writer.int32(node).compactString(cluster.host).int32(cluster.port).compactString(null).tags());
  writer.compactString('assay-embedded-log').int32(NODE_ID);
  writer.compactArray(asked, (topic) => writeTopic(writer, topic, find(cluster, topic)));
  return writer.tags();
}

function writeTopic(writer: WireWriter, asked: Asked, found: TopicInfo | null): void {
  const unknown = asked.name === null ? UNKNOWN_TOPIC_ID : UNKNOWN_TOPIC_OR_PARTITION;
  writer.int16(found === null ? unknown : NO_ERROR);
  writer.compactString(found?.name ?? asked.name).uuid(found?.id ?? asked.id).boolean(false);
  writer.compactArray(Array.from({ length: found?.partitions ?? 0 }, (_, i) => i), (partition) => {
    writer.int16(NO_ERROR).int32(partition).int32(NODE_ID).int32(LEADER_EPOCH);
    for (const nodes of [[NODE_ID], [NODE_ID], []]) writer.compactArray(nodes, (node) => writer.int32(node));
    writer.tags();
  });
  const operationsNotAsked = -(2 ** 31);
  writer.int32(operationsNotAsked).tags();
}

function find(cluster: Cluster, asked: Asked): TopicInfo | null {
  if (asked.name !== null) return cluster.log.topic(asked.name);
  return cluster.log.topics().find((topic) => topic.id === asked.id) ?? null;
}

export const metadata: Api = {
  key: 3,
  versionMin: 12,
  versionMax: 12,
  answer: (request, cluster) => writeResponse(cluster, readRequest(request) ?? cluster.log.topics().map(({ name }) => ({ id: ZERO_UUID, name }))),
};
