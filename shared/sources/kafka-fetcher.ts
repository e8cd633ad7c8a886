import type * as platformatic from '@platformatic/kafka';
import { ConfigError } from '../errors.ts';
import type { ReadPartition } from './broker.ts';
import type { FetchAnswer } from './offset-reader.ts';

export interface Leader {
  readonly host: string;
  readonly port: number;
}

type Kafka = typeof platformatic;
/** Any of the client's kinds; it speaks on its own connections. */
type Client = Pick<platformatic.Admin, 'listApis' | 'connections' | 'close'>;
type FetchApi = Kafka['fetchV17']['api'];
export type FetchResponse = Awaited<ReturnType<FetchApi['async']>>;

export interface PartitionAsked {
  readonly partition: number;
  readonly offset: bigint;
  readonly bytesMax: number;
}

const FETCH_KEY = 1;
/** From this version on a topic is named by its id, before by its name. */
const BY_ID_FROM = 13;
const WAIT_MS_MAX = 500;
const READ_COMMITTED = 1;
const NO_SESSION = { id: 0, epoch: -1 } as const;

/* Error codes: kafka.apache.org/protocol.html, "Error Codes". */
const OFFSET_OUT_OF_RANGE = 1;
/** UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID */
const UNKNOWN_TOPIC = [3, 100, 103];
/** LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, BROKER_NOT_AVAILABLE, REPLICA_NOT_AVAILABLE, NETWORK_EXCEPTION, FENCED_ and UNKNOWN_LEADER_EPOCH, OFFSET_NOT_AVAILABLE */
const NO_LEADER = [5, 6, 7, 8, 9, 13, 74, 75, 78];

/**
 * Plain Fetch requests, read_committed, without a consumer group or a fetch session. The client's own consumer would do, but it takes aborted
 * batches out of an answer before anybody can tell them from compacted ones, and an empty control batch, as the log cleaner leaves them,
 * ends the process in it.
 */
export class KafkaFetcher {
  readonly #client: Client;
  readonly #api: FetchApi;

  private constructor(client: Client, api: FetchApi) {
    this.#client = client;
    this.#api = api;
  }

  /** `client`'s own connections are what the fetches go over; `close` closes it. */
  static async open(kafka: Kafka, client: Client): Promise<KafkaFetcher> {
    const offered = (await client.listApis()).find(({ apiKey }) => apiKey === FETCH_KEY);
    const api = fetchApis(kafka).find(({ version }) => offered && version >= offered.minVersion && version <= offered.maxVersion);
    if (api) return new KafkaFetcher(client, api);
    throw new ConfigError('kafka/too-old', `the broker has Fetch ${offered ? `${offered.minVersion} to ${offered.maxVersion}` : 'in no version'}, versions 4 to 17 are known here: records cannot be read again from it. Use Kafka 0.11 or later`);
  }

  /** The broker is too old to be asked by topic id. */
  get asksByName(): boolean {
    return this.#api.version < BY_ID_FROM;
  }

  async fetch(leader: Leader, from: ReadPartition, at: { readonly offset: bigint; readonly bytesMax: number }): Promise<FetchAnswer> {
    try {
      return answerOf(await this.fetchAll(leader, from, [{ partition: from.partition, ...at }], at.bytesMax));
    } catch (cause) {
      return { kind: 'no-leader', why: `${leader.host}:${leader.port} did not answer`, cause };
    }
  }

  /** Several partitions of one topic and leader: the broker's own answer, with its error codes. Rejects with the client's error where there is none. */
  async fetchAll(leader: Leader, { topic, topicId }: Omit<ReadPartition, 'partition'>, partitions: readonly PartitionAsked[], bytesMax: number): Promise<FetchResponse> {
    const asked = partitions.map(({ partition, offset, bytesMax: partitionMaxBytes }) => ({ partition, fetchOffset: offset, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes }));
    const topics = [{ topicId: this.asksByName ? topic : topicId, partitions: asked }];
    try {
      const connection = await this.#client.connections.get(leader);
      return await this.#api.async(connection, WAIT_MS_MAX, 1, bytesMax, READ_COMMITTED, NO_SESSION.id, NO_SESSION.epoch, topics, [], '');
    } catch (error) {
      // The client throws an answer as soon as one partition of it has an error.
      const answered = (error as { readonly response?: FetchResponse }).response;
      if (answered === undefined) throw error;
      return answered;
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

function answerOf({ errorCode, throttleTimeMs, responses }: FetchResponse): FetchAnswer {
  const fetched = responses[0]?.partitions[0];
  const code = errorCode === 0 ? (fetched?.errorCode ?? 0) : errorCode;
  if (code === OFFSET_OUT_OF_RANGE) return { kind: 'out-of-range' };
  if (UNKNOWN_TOPIC.includes(code)) return { kind: 'unknown-topic' };
  if (NO_LEADER.includes(code)) return { kind: 'no-leader', why: `the answer was error ${code}` };
  if (code !== 0) return { kind: 'refused', why: `error ${code}` };
  if (fetched === undefined) return { kind: 'throttled', waitMs: throttleTimeMs };
  return { kind: 'fetched', partition: fetched };
}

/** The newest first. All are called alike; below 13 the client takes names where it says ids. */
function fetchApis(kafka: Kafka): FetchApi[] {
  return [
    kafka.fetchV17, kafka.fetchV16, kafka.fetchV15, kafka.fetchV14, kafka.fetchV13, kafka.fetchV12, kafka.fetchV11, kafka.fetchV10, kafka.fetchV9, kafka.fetchV8, kafka.fetchV7,
    kafka.fetchV6, kafka.fetchV5, kafka.fetchV4,
  ].map(({ api }) => api as FetchApi);
}
