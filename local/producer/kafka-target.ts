import type { MessageToProduce, Producer } from '@platformatic/kafka';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import type { KafkaConnection } from '../../shared/sources/kafka-broker.ts';
import { clientOptions, KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import type { ProducedRecord, ProduceTarget, RecordsByPartition } from './target.ts';
import { recordBytes } from './target.ts';

type Message = MessageToProduce;

export interface KafkaTargetOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Makes the topic with this many partitions where it does not exist. */
  readonly partitions?: number;
}

/**
 * The client sends all records of one partition in one call as one record batch, and a broker refuses a batch over `max.message.bytes`
 * (1,048,588 by default): each call stays well below, a larger single record goes alone.
 */
const BATCH_BYTES = 512 << 10;
/** Above key, value and headers: varints of lengths, offset and time, at most. */
const FRAMING_BYTES = 32;
/** Idempotence makes a retry harmless; the client's own default with it is to try for ever. */
const RETRIES = 5;

/** A topic of a Kafka broker, written by an idempotent producer with acks from all replicas in sync. */
export class KafkaTarget implements ProduceTarget {
  readonly partitions: number;
  readonly #topic: string;
  readonly #broker: KafkaBroker;
  readonly #producer: Producer;
  readonly #brokers: string;
  #bytes = 0;

  private constructor(options: KafkaTargetOptions, broker: KafkaBroker, open: { producer: Producer; partitions: number }) {
    this.#topic = options.topic;
    this.#brokers = options.connection.brokers.join(',');
    this.#broker = broker;
    this.#producer = open.producer;
    this.partitions = open.partitions;
  }

  /**
   * @throws {ConfigError} the topic does not exist and no number of partitions was given.
   * @throws {TransientError} the broker does not answer.
   */
  static async open(options: KafkaTargetOptions): Promise<KafkaTarget> {
    await ensureTopic(options);
    const broker = new KafkaBroker(options.connection);
    const partitions = (await broker.offsets(options.topic)).length;
    const { Producer } = await import('@platformatic/kafka');
    const producer = new Producer({ ...clientOptions(options.connection), idempotent: true, retries: RETRIES });
    return new KafkaTarget(options, broker, { producer, partitions });
  }

  /**
   * @throws {ConfigError} the broker refuses a record for good: too large, not authorised.
   * @throws {TransientError} no acknowledgement.
   */
  async append(records: RecordsByPartition): Promise<void> {
    for (const messages of inCalls(this.#topic, records)) {
      try {
        await this.#producer.send({ messages });
      } catch (cause) {
        throw await this.#failure(messages.length, cause as Error);
      }
    }
    for (const list of records.values()) for (const record of list) this.#bytes += recordBytes(record);
  }

  /** The end offsets: right while the topic has only this producer's records and no transactions. */
  async counts(): Promise<readonly bigint[]> {
    return (await this.#broker.offsets(this.#topic)).map(({ latest }) => latest);
  }

  async bytes(): Promise<number> {
    return this.#bytes;
  }

  async close(): Promise<void> {
    await Promise.all([this.#producer.close(), this.#broker.close()]);
  }

  /** The client marks what no retry can mend. */
  async #failure(records: number, cause: Error): Promise<ConfigError | TransientError> {
    const { findErrorBy } = await import('@platformatic/kafka');
    const tried = `sending ${records} records to topic '${this.#topic}' of ${this.#brokers}`;
    const detail = { cause, facts: { topic: this.#topic, records } };
    if (findErrorBy(cause, 'canRetry', false) !== null) {
      return new ConfigError('producer/kafka-refused', `${tried}: the broker refuses them (${reasonOf(cause)}). Change the topic's settings or the events.`, detail);
    }
    return new TransientError('producer/kafka-send', `${tried}: no acknowledgement (${reasonOf(cause)}). Run again: it goes on from what the topic holds.`, detail);
  }
}

async function ensureTopic({ connection, topic, partitions }: KafkaTargetOptions): Promise<void> {
  const { Admin } = await import('@platformatic/kafka');
  const admin = new Admin(clientOptions(connection));
  const brokers = connection.brokers.join(',');
  try {
    if ((await admin.listTopics({ includeInternals: true })).includes(topic)) return;
    if (partitions === undefined) {
      throw new ConfigError('producer/no-topic', `producing to topic '${topic}' of ${brokers}: it does not exist. Create it, or say with how many partitions to create it.`, { facts: { topic } });
    }
    // −1: as many as the broker's default.replication.factor.
    await admin.createTopics({ topics: [topic], partitions, replicas: -1 });
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new TransientError('producer/kafka-topic', `looking for topic '${topic}' of ${brokers}: ${reasonOf(cause)}. Check that the broker is up and that the credentials may create topics.`, { cause });
  } finally {
    await admin.close();
  }
}

/** Takes some of each partition's list in turn, so that all partitions fill together. */
function* inCalls(topic: string, records: RecordsByPartition): Generator<Message[]> {
  const lists = [...records].map(([partition, list]) => ({ partition, list, next: 0 }));
  while (lists.some(({ list, next }) => next < list.length)) {
    const messages: Message[] = [];
    for (const open of lists) {
      const end = endOfBatch(open.list, open.next);
      for (; open.next < end; open.next++) messages.push(messageOf(topic, open.partition, open.list[open.next]));
    }
    yield messages;
  }
}

function endOfBatch(list: readonly ProducedRecord[], start: number): number {
  let bytes = 0;
  let end = start;
  while (end < list.length) {
    bytes += recordBytes(list[end]) + FRAMING_BYTES;
    if (end > start && bytes > BATCH_BYTES) break;
    end++;
  }
  return end;
}

/** The client's types know no null, its writer does: a null key, value or header value is written as such. */
function messageOf(topic: string, partition: number, { key, value, headers, timestampMs }: ProducedRecord): Message {
  return {
    topic,
    partition,
    key: key as Buffer,
    value: value as Buffer,
    // By Buffer, not by text: two headers of one name stay two.
    headers: new Map(headers.map((header) => [Buffer.from(header.key), header.value as Buffer])),
    timestamp: BigInt(timestampMs),
  };
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors.at(-1));
  return cause instanceof Error ? cause.message : String(cause);
}
