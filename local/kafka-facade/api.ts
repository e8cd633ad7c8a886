import type { EventLog } from '../event-log/event-log.ts';
import type { WireReader, WireWriter } from './wire.ts';

/** What the answers are made from: one broker that leads every partition and coordinates every group. */
export interface Cluster {
  readonly log: EventLog;
  readonly host: string;
  readonly port: number;
}

/** One request kind (kafka.apache.org/protocol.html, "Api Keys"): all versions offered have the same flexible grammar. */
export interface Api {
  readonly key: number;
  readonly versionMin: number;
  readonly versionMax: number;
  answer(request: WireReader, cluster: Cluster, version: number): WireWriter | Promise<WireWriter>;
}

export const NODE_ID = 0;
export const LEADER_EPOCH = 0;
export const NO_ERROR = 0;
export const OFFSET_OUT_OF_RANGE = 1;
export const UNKNOWN_TOPIC_OR_PARTITION = 3;
export const UNSUPPORTED_VERSION = 35;
export const UNKNOWN_TOPIC_ID = 100;
export const ZERO_UUID = '00000000-0000-0000-0000-000000000000';
