import { isUtf8 } from 'node:buffer';
import type { CreateBatchOptions, EventData, EventHubProducerClient } from '@azure/event-hubs';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import type { ProducedRecord, ProduceTarget, RecordsByPartition } from './target.ts';
import { recordBytes } from './target.ts';

/** What `@azure/identity` credentials are. */
export interface TokenSource {
  getToken(scopes: string | string[]): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

export type EventHubAddress =
  /** With `EntityPath`, or without. */
  | { readonly connectionString: string; readonly eventHub: string }
  /** `<name>.servicebus.windows.net` */
  | { readonly namespace: string; readonly eventHub: string; readonly credential: TokenSource };

/** Event Hubs refuses longer ones (Microsoft Learn, "Event Hubs quotas and limits"). */
const PARTITION_KEY_CHARS_MAX = 128;
const SENDS_IN_FLIGHT = 16;
const RETRIES_MAX = 3;
/** The SDK's own 30 s would leave a person 90 s before a wrong key is told. */
const RETRY_DELAY_MS = 1_000;

/**
 * An event hub over AMQP. The record's key becomes the partition key, by which the hub itself chooses the partition: the records of a
 * key stay in order, those of two keys do not. What AMQP cannot carry: a tombstone becomes an empty payload, of two headers of one name
 * the last stays, a key that is not UTF-8 or over 128 characters is not sent (the record goes to any partition), and the record's time
 * is the hub's own. A batch has one partition key, so records with distinct keys cost a send each, 16 at a time.
 */
export class EventHubTarget implements ProduceTarget {
  readonly partitions: number;
  readonly #client: EventHubProducerClient;
  readonly #eventHub: string;
  #bytes = 0;

  private constructor(client: EventHubProducerClient, eventHub: string, partitions: number) {
    this.#client = client;
    this.#eventHub = eventHub;
    this.partitions = partitions;
  }

  /** @throws {ConfigError} refused by the hub. @throws {TransientError} no answer. */
  static async open(address: EventHubAddress, retriesMax = RETRIES_MAX): Promise<EventHubTarget> {
    const { EventHubProducerClient } = await import('@azure/event-hubs');
    const options = { retryOptions: { maxRetries: retriesMax, retryDelayInMs: RETRY_DELAY_MS } };
    const client =
      'connectionString' in address
        ? new EventHubProducerClient(address.connectionString, address.eventHub, options)
        : new EventHubProducerClient(address.namespace, address.eventHub, address.credential, options);
    try {
      const ids = await client.getPartitionIds();
      return new EventHubTarget(client, address.eventHub, ids.length);
    } catch (cause) {
      await client.close();
      throw await failure(`asking event hub '${address.eventHub}' for its partitions`, cause);
    }
  }

  /** @throws {ConfigError} refused, or an event larger than the hub takes. @throws {TransientError} not acknowledged. */
  async append(records: RecordsByPartition): Promise<void> {
    const groups = byPartitionKey(records);
    const lane = async (): Promise<void> => {
      for (let group = groups.pop(); group !== undefined; group = groups.pop()) await this.#send(group);
    };
    await Promise.all(Array.from({ length: SENDS_IN_FLIGHT }, lane));
    for (const list of records.values()) for (const record of list) this.#bytes += recordBytes(record);
  }

  /** Null: where the hub put a record is its own choice, so what it lacks can't be told. A repeated run sends the events again. */
  async counts(): Promise<null> {
    return null;
  }

  async bytes(): Promise<number> {
    return this.#bytes;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #send({ options, records }: Group): Promise<void> {
    const tried = `sending ${records.length} events to event hub '${this.#eventHub}'`;
    try {
      let batch = await this.#client.createBatch(options);
      for (const record of records) {
        const event = eventOf(record);
        if (batch.tryAdd(event)) continue;
        if (batch.count > 0) await this.#client.sendBatch(batch);
        batch = await this.#client.createBatch(options);
        if (batch.tryAdd(event)) continue;
        throw new ConfigError('producer/event-too-large', `${tried}: one has ${recordBytes(record)} bytes, the hub takes ${batch.maxSizeInBytes}. Send smaller events.`);
      }
      await this.#client.sendBatch(batch);
    } catch (cause) {
      throw await failure(tried, cause);
    }
  }
}

interface Group {
  readonly options: CreateBatchOptions;
  readonly records: readonly ProducedRecord[];
}

/** The records of a key in their order; those without one together, as the hub spreads them anyway. */
function byPartitionKey(records: RecordsByPartition): Group[] {
  const groups = new Map<string | null, ProducedRecord[]>();
  for (const list of records.values()) {
    for (const record of list) {
      const key = partitionKeyOf(record.key);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [record]);
      else group.push(record);
    }
  }
  return [...groups].map(([partitionKey, records]) => ({ options: partitionKey === null ? {} : { partitionKey }, records }));
}

function partitionKeyOf(key: Buffer | null): string | null {
  if (key === null || key.length === 0 || !isUtf8(key)) return null;
  const text = key.toString();
  return text.length > PARTITION_KEY_CHARS_MAX ? null : text;
}

function eventOf({ value, headers }: ProducedRecord): EventData {
  const body = value ?? Buffer.alloc(0);
  return headers.length === 0 ? { body } : { body, properties: Object.fromEntries(headers.map((header) => [header.key, header.value])) };
}

/** The SDK gathers the errors of its tries and counts a refused token among those worth another. */
async function failure(tried: string, error: unknown): Promise<unknown> {
  const { MessagingError } = await import('@azure/event-hubs');
  const cause: unknown = error instanceof AggregateError ? error.errors.at(-1) : error;
  if (!(cause instanceof MessagingError)) return error;
  const told = `${tried}: ${cause.code ?? cause.name}: ${cause.message}.`;
  if (cause.retryable && cause.code !== 'UnauthorizedError') {
    return new TransientError('producer/event-hub', `${told} Check that the hub can be reached, then run again.`, { cause });
  }
  return new ConfigError('producer/event-hub-refused', `${told} Check the hub's name, the connection string and its right to send.`, { cause });
}
