import { createHash } from 'node:crypto';
import { ConfigError } from '../../shared/errors.ts';

/** A topic as its `meta.json` stores it. */
export interface TopicInfo {
  readonly name: string;
  readonly partitions: number;
  readonly seed: number;
  /** UUID with hyphens, as a broker's Metadata gives it. */
  readonly id: string;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly seed: number;
  /** Another salt gives another id: a topic deleted and made again. */
  readonly idSalt?: string;
}

/** Kafka's own rule for topic names (org.apache.kafka.common.internals.Topic); it also keeps them safe as folder names. */
const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;
const PARTITIONS_MAX = 1024;

/** The topic that `spec` describes. Same name, seed and salt give the same id: a repeated run meets the same incarnation. */
export function topicInfo(spec: TopicSpec): TopicInfo {
  if (!TOPIC_NAME.test(spec.name)) {
    throw new ConfigError('event-log/topic-name', `creating topic '${spec.name}': use 1 to 249 of the letters a-z, A-Z, 0-9, '.', '_' and '-'.`);
  }
  if (!Number.isInteger(spec.partitions) || spec.partitions < 1 || spec.partitions > PARTITIONS_MAX) {
    throw new ConfigError('event-log/partitions', `creating topic '${spec.name}' with ${spec.partitions} partitions: use a whole number from 1 to ${PARTITIONS_MAX}.`);
  }
  return { name: spec.name, partitions: spec.partitions, seed: spec.seed, id: topicId(spec) };
}

/** RFC 9562 version 8 (made by a rule of our own): the first 16 bytes of a SHA-256. */
function topicId(spec: TopicSpec): string {
  const bytes = createHash('sha256').update(JSON.stringify([spec.name, spec.seed, spec.idSalt ?? ''])).digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x80;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
