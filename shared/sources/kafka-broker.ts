import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Admin } from '@platformatic/kafka';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { ConfigError, TransientError, assert } from '../errors.ts';
import type { Broker, OffsetsRead, PartitionOffsets, ReadLimits, ReadPartition } from './broker.ts';
import { KafkaFetcher } from './kafka-fetcher.ts';
import type { Leader } from './kafka-fetcher.ts';
import { readOffsets } from './offset-reader.ts';
import type { OffsetRange } from './record.ts';

export interface KafkaConnection {
  /** `host:port`, one or more. */
  readonly brokers: readonly string[];
  /** Shown in the broker's logs and quotas. */
  readonly clientId: string;
  readonly sasl?: { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string };
  readonly tls?: boolean;
  /** PEM file of the authority that vouches for the brokers; none: those that Node trusts. */
  readonly caFile?: string;
}

const EARLIEST = -2n;
const LATEST = -1n;
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** What the broker said of a topic when it was last asked. */
interface Known {
  readonly id: string;
  readonly leaders: readonly (Leader | null)[];
}

/**
 * What the app asks a Kafka broker beside the trigger: topic ids, offsets, and records that were not delivered. Connections are made at the
 * first question and kept; those that records are read over are apart, so that no question waits behind a fetch.
 */
export class KafkaBroker implements Broker {
  readonly #connection: KafkaConnection;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  #admin: Promise<Admin> | null = null;
  #fetcher: Promise<KafkaFetcher> | null = null;

  constructor(connection: KafkaConnection, clock: Clock = systemClock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /**
   * The topic's id, asked of the broker now (Metadata v10 and later): a UUID in lower case with hyphens. `none` only where the broker
   * answered and its Metadata has no ids.
   * @throws {TransientError} the broker did not answer, or does not know the topic.
   */
  async topicId(topic: string): Promise<string> {
    await this.#topic(topic);
    return this.#known.get(topic)!.id;
  }

  /** Where each partition starts and ends now. @throws {TransientError} */
  async offsets(topic: string): Promise<PartitionOffsets[]> {
    const { partitionsCount } = await this.#topic(topic);
    const [earliest, latest] = await Promise.all([EARLIEST, LATEST].map((at) => this.#listOffsets(topic, partitionsCount, at)));
    return earliest.map((offset, partition) => ({ partition, earliest: offset, latest: latest[partition] }));
  }

  /**
   * Per partition, the first offset whose timestamp is at or after `timestampMs`; the end where there is none (ListOffsets answers −1,
   * and a reader that starts "from then" starts with what comes next). @throws {TransientError}
   */
  async offsetForTime(topic: string, timestampMs: number): Promise<Map<number, bigint>> {
    const { partitionsCount } = await this.#topic(topic);
    // The end is asked first: a record that arrives between the two questions must not lie before the answer.
    const ends = await this.#listOffsets(topic, partitionsCount, LATEST);
    const offsets = await this.#listOffsets(topic, partitionsCount, BigInt(timestampMs));
    return new Map(offsets.map((offset, partition) => [partition, offset === -1n ? ends[partition] : offset]));
  }

  /** The group's committed offsets: the next to read, by partition; one that was never committed is absent. @throws {TransientError} */
  async committed(group: string, topic: string): Promise<Map<number, bigint>> {
    const { partitionsCount } = await this.#topic(topic);
    const partitionIndexes = Array.from({ length: partitionsCount }, (_, partition) => partition);
    const groups = await this.#ask(`the offsets of group '${group}' in '${topic}'`, (admin) =>
      admin.listConsumerGroupOffsets({ groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }] }),
    );
    const partitions = groups.flatMap((g) => g.topics).filter((t) => t.name === topic).flatMap((t) => t.partitions);
    return new Map(partitions.filter((p) => p.committedOffset >= 0n).map((p) => [p.partitionIndex, p.committedOffset]));
  }

  /** `message.timestamp.type` of the topic; null where the broker does not tell. @throws {TransientError} */
  async timestampType(topic: string): Promise<'CreateTime' | 'LogAppendTime' | null> {
    const { ConfigResourceTypes } = await import('@platformatic/kafka');
    const described = await this.#ask(`the configuration of topic '${topic}'`, (admin) =>
      admin.describeConfigs({ resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: ['message.timestamp.type'] }] }),
    );
    const type = described.flatMap(({ configs }) => configs).find(({ name }) => name === 'message.timestamp.type')?.value;
    return type === 'CreateTime' || type === 'LogAppendTime' ? type : null;
  }

  /** As `Broker.read` says. By topic id where the broker can (Fetch v13 and later): another life of the topic is then never taken for this one. */
  async read(from: ReadPartition, ranges: readonly OffsetRange[], limits: ReadLimits): Promise<OffsetsRead> {
    const { topic, topicId, partition } = from;
    const isSameTopic = async () => (await this.topicId(topic)) === topicId;
    if (this.#known.get(topic)?.id !== topicId && !(await isSameTopic())) return unavailable(ranges);
    // Made again with fewer partitions.
    if (partition >= this.#known.get(topic)!.leaders.length) return unavailable(ranges);
    const fetcher = await this.#openFetcher();
    const read = await readOffsets({
      topic, isSameTopic, name: `partition ${partition} of topic '${topic}' at ${this.#connection.brokers.join(',')}`,
      fetch: async (offset, bytesMax) => {
        const leader = this.#known.get(topic)?.leaders[partition] ?? null;
        if (leader === null) return { kind: 'no-leader', why: 'the broker names no leader of the partition' };
        return fetcher.fetch(leader, from, { offset, bytesMax });
      },
      bounds: async () => {
        const offsets = (await this.offsets(topic)).find((each) => each.partition === partition);
        return offsets ?? { earliest: 0n, latest: 0n };
      },
    }, ranges, limits, this.#clock);
    return fetcher.asksByName && topicId !== 'none' && !(await isSameTopic()) ? unavailable(ranges) : read;
  }

  async close(): Promise<void> {
    const [admin, fetcher] = [await this.#admin, await this.#fetcher];
    this.#admin = null;
    this.#fetcher = null;
    this.#known.clear();
    await Promise.all([admin?.close(), fetcher?.close()]);
  }

  async #topic(topic: string): Promise<{ id: string; partitionsCount: number }> {
    const metadata = await this.#ask(`the metadata of topic '${topic}'`, (admin) => admin.metadata({ topics: [topic], forceUpdate: true }));
    const found = metadata.topics.get(topic);
    assert(found !== undefined, `the metadata asked for '${topic}' answers for it`);
    // The client puts the name (Metadata to v8) or zeros (v9) where the broker sent no id; a broker of mixed versions sends zeros itself.
    const id = found.id === topic || found.id === NO_ID ? 'none' : found.id.toLowerCase();
    this.#known.set(topic, { id, leaders: found.partitions.map(({ leader }) => metadata.brokers.get(leader) ?? null) });
    return found;
  }

  async #listOffsets(topic: string, partitionsCount: number, timestamp: bigint): Promise<bigint[]> {
    const { FetchIsolationLevels } = await import('@platformatic/kafka');
    const partitions = Array.from({ length: partitionsCount }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
    const listed = await this.#ask(`the offsets of topic '${topic}'`, (admin) =>
      admin.listOffsets({ topics: [{ name: topic, partitions }], isolationLevel: FetchIsolationLevels.READ_COMMITTED }),
    );
    const offsets: bigint[] = [];
    for (const { partitionIndex, offset } of listed.flatMap((t) => t.partitions)) offsets[partitionIndex] = offset;
    return offsets;
  }

  #openFetcher(): Promise<KafkaFetcher> {
    const open = async () => {
      const kafka = await import('@platformatic/kafka');
      const client = new kafka.Admin(clientOptions(this.#connection));
      try {
        return await KafkaFetcher.open(kafka, client);
      } catch (error) {
        await client.close();
        throw error instanceof ConfigError ? error : this.#noAnswer('the requests that it knows', error);
      }
    };
    this.#fetcher ??= open();
    // A failed opening is not kept: the next call tries again.
    this.#fetcher.catch(() => { this.#fetcher = null; });
    return this.#fetcher;
  }

  async #ask<T>(what: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    // What can't be made is not kept.
    this.#admin ??= connect(this.#connection).catch((error: unknown) => { this.#admin = null; throw error; });
    const admin = await this.#admin;
    try {
      return await question(admin);
    } catch (cause) {
      throw this.#noAnswer(what, cause);
    }
  }

  #noAnswer(what: string, cause: unknown): TransientError {
    const brokers = this.#connection.brokers.join(',');
    return new TransientError(
      'kafka/no-answer',
      `asking ${brokers} for ${what}: ${reason(cause)} Check that the broker is up, that the topic exists and that the credentials are right.`,
      { cause, facts: { brokers } },
    );
  }
}

/** The life of the topic that these offsets belong to is over. */
function unavailable(ranges: readonly OffsetRange[]): OffsetsRead {
  return { records: [], bytes: 0, missing: ranges.map(({ firstOffset, lastOffset }) => ({ firstOffset, lastOffset, cause: 'unavailable' })), next: ranges.at(-1)!.lastOffset + 1n };
}

async function connect(connection: KafkaConnection): Promise<Admin> {
  const { Admin } = await import('@platformatic/kafka');
  return new Admin(clientOptions(connection));
}

/** The client's options for `connection`; shared with the local consumer. */
export function clientOptions(connection: KafkaConnection): ConstructorParameters<typeof Admin>[0] {
  return {
    clientId: connection.clientId,
    bootstrapBrokers: [...connection.brokers],
    retries: 2,
    retryDelay: 250,
    ...(connection.sasl === undefined ? {} : { sasl: { ...connection.sasl } }),
    ...(connection.tls === true ? { tls: connection.caFile === undefined ? {} : { ca: readCertificates(connection.caFile) }, tlsServerName: !connection.brokers.some(isAddress) } : {}),
  };
}

function readCertificates(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ConfigError('config/file', `KAFKA_CA_FILE can't be read at ${file}: ${reason(cause)}. Deploy the file with the app, or leave the setting empty where a public authority vouches for the brokers.`, { cause });
  }
}

/** An IP address is no server name (RFC 6066, section 3); the certificate is held against it all the same. */
function isAddress(broker: string): boolean {
  return isIP(broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|\]$/g, '')) !== 0;
}

/** The innermost messages of the client's nested errors: its outer ones only say that something failed so many times. */
export function reason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reason(error.errors.at(-1));
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} ${reason(error.cause)}`;
}
