import type { Consumer } from '@platformatic/kafka';
import { ConfigError } from '../../shared/errors.ts';
import { committedRecords } from '../../shared/sources/committed-records.ts';
import type { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import { KafkaFetcher } from '../../shared/sources/kafka-fetcher.ts';
import type { FetchResponse, Leader } from '../../shared/sources/kafka-fetcher.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { PartitionFeed } from './partition-feed.ts';

/** auto.offset.reset: where a partition begins that has no offset, or one the broker no longer has; `none`: nowhere, it is an error. */
export type OffsetReset = 'earliest' | 'latest' | 'none' | { readonly timestampMs: number };

/** The extension's `autoOffsetReset`. @throws {ConfigError} no such value. */
export function offsetReset(text: string): OffsetReset {
  const name = text.toLowerCase();
  if (name === 'earliest' || name === 'latest' || name === 'none') return name;
  // Confluent.Kafka's word for it
  if (name === 'error') return 'none';
  throw new ConfigError('config/host-json', `extensions.kafka.autoOffsetReset is "${text}"; give earliest, latest or none.`);
}

export interface TopicReaderOptions {
  readonly topic: string;
  /** Read_committed, with connections of its own, so that no commit or heartbeat waits behind a fetch. It never joins the group. */
  readonly client: Consumer;
  readonly broker: KafkaBroker;
  readonly start: OffsetReset;
  /** A fetch has ended: there are records, or `takeFailure` has why not. */
  readonly onFetched: () => void;
}

interface TopicMetadata {
  readonly id: string;
  readonly partitions: readonly { readonly leader: number }[];
  readonly brokers: ReadonlyMap<number, Leader>;
}

const SLICE_RECORDS = 500;
/** A partition with fewer records waiting is fetched again while the caller works. */
const WAITING_MIN = 5000;
const FETCH_BYTES_MAX = 16 << 20;
const PARTITION_BYTES_MAX = 1 << 20;
const OFFSET_OUT_OF_RANGE = 1;

/** Fetches the assigned partitions of one topic ahead of the caller, from where they were told to begin. */
export class TopicReader {
  readonly #options: TopicReaderOptions;
  readonly #fetching = new Map<number, Promise<void>>();
  #fetcher: Promise<KafkaFetcher> | null = null;
  #feeds: PartitionFeed[] = [];
  #topicId = '';
  /** Counts assignments: an answer to a fetch of an earlier one is dropped. */
  #generation = 0;
  #turn = 0;
  #failure: unknown = null;

  constructor(options: TopicReaderOptions) {
    this.#options = options;
    options.client.topics.track(options.topic);
  }

  get feeds(): readonly PartitionFeed[] {
    return this.#feeds;
  }

  get isEmpty(): boolean {
    return this.#feeds.every((feed) => feed.waiting === 0);
  }

  /** Forgets what it holds. */
  clear(): void {
    this.#generation += 1;
    this.#feeds = [];
  }

  /** Partition → where a reader begins that knows no offset; empty where that is an error. */
  async starts(): Promise<ReadonlyMap<number, bigint>> {
    const { start, broker, topic } = this.#options;
    if (start === 'none') return new Map();
    if (typeof start === 'object') return broker.offsetForTime(topic, start.timestampMs);
    return new Map((await broker.offsets(topic)).map((offsets) => [offsets.partition, offsets[start]]));
  }

  /** Reads on from these offsets; a partition whose offset is null has none and is not read. */
  begin(topicId: string, positions: ReadonlyMap<number, bigint | null>): void {
    this.clear();
    this.#topicId = topicId;
    this.#feeds = [...positions].filter(([, offset]) => offset !== null).map(([partition, offset]) => new PartitionFeed(partition, offset!));
    for (const [partition, offset] of positions) if (offset === null) this.#failure = this.#noOffset(partition, 'the group has none');
  }

  take(into: KafkaRecord[], recordsMax: number): void {
    let empty = 0;
    while (into.length < recordsMax && empty < this.#feeds.length) {
      const feed = this.#feeds[this.#turn++ % this.#feeds.length];
      const taken = feed.take(into, Math.min(SLICE_RECORDS, recordsMax - into.length));
      empty = taken === 0 ? empty + 1 : 0;
    }
  }

  /**
   * Starts one fetch for every broker that leads a partition with little waiting and has none under way. False where the topic was made
   * again: the old one's positions mean nothing in it.
   */
  async fetchWhatIsLow(): Promise<boolean> {
    const low = this.#feeds.filter((feed) => feed.waiting < WAITING_MIN);
    if (low.length === 0) return true;
    const generation = this.#generation;
    const topic = await this.#topicOrFailure();
    if (topic === null || generation !== this.#generation) return true;
    if (topic.id !== this.#topicId) return false;
    for (const [node, feeds] of Map.groupBy(low, (feed) => topic.partitions[feed.partition].leader)) {
      if (this.#fetching.has(node)) continue;
      const fetching = this.#fetch(topic.brokers.get(node), feeds, generation).catch((error: unknown) => { this.#failure = error; });
      this.#fetching.set(node, fetching.finally(() => this.#fetching.delete(node)).finally(() => this.#options.onFetched()));
    }
    return true;
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** What a fetch failed with since the last call, else null. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  async topic(): Promise<TopicMetadata> {
    const { client, topic } = this.#options;
    const { topics, brokers } = await client.metadata({ topics: [topic] });
    return { ...topics.get(topic)!, brokers };
  }

  async close(): Promise<void> {
    // A client that is closed while a request is under way tries it again on a new connection and keeps that open.
    await Promise.all(this.#fetching.values());
    await this.#options.client.close(true);
  }

  async #topicOrFailure(): Promise<TopicMetadata | null> {
    try {
      return await this.topic();
    } catch (error) {
      this.#failure = error;
      return null;
    }
  }

  async #fetch(leader: Leader | undefined, feeds: readonly PartitionFeed[], generation: number): Promise<void> {
    const response = await this.#ask(leader, feeds).catch((error: unknown) => this.#askAgain(error, generation));
    if (response === null || generation !== this.#generation) return;
    const byPartition = new Map(feeds.map((feed) => [feed.partition, feed]));
    const answers = response.responses.flatMap((topic) => topic.partitions);
    for (const fetched of answers) {
      const feed = byPartition.get(fetched.partitionIndex);
      if (feed === undefined || fetched.errorCode !== 0) continue;
      const { records, next } = committedRecords(fetched, this.#options.topic, feed.fetchOffset);
      feed.add(records, next);
    }
    const failed = answers.filter(({ errorCode }) => errorCode !== 0);
    const code = response.errorCode === 0 ? failed.find(({ errorCode }) => errorCode !== OFFSET_OUT_OF_RANGE)?.errorCode : response.errorCode;
    if (code !== undefined) this.#askAgain(new Error(`The fetch was answered with error ${code} (kafka.apache.org/protocol.html, "Error Codes").`), generation);
    else if (failed.length > 0) await this.#reset(failed.map(({ partitionIndex }) => partitionIndex), generation);
  }

  /** By the plain request: the client's own `fetch` ends the process at an empty control batch, as compaction leaves them. */
  async #ask(leader: Leader | undefined, feeds: readonly PartitionFeed[]): Promise<FetchResponse> {
    const { client, topic } = this.#options;
    if (leader === undefined) throw new Error(`No broker leads the partitions ${feeds.map(({ partition }) => partition).join()} now.`);
    this.#fetcher ??= import('@platformatic/kafka').then((kafka) => KafkaFetcher.open(kafka, client));
    this.#fetcher.catch(() => { this.#fetcher = null; });
    const partitions = feeds.map(({ partition, fetchOffset: offset }) => ({ partition, offset, bytesMax: PARTITION_BYTES_MAX }));
    return (await this.#fetcher).fetchAll(leader, { topic, topicId: this.#topicId }, partitions, FETCH_BYTES_MAX);
  }

  /** What the next poll fails with, having looked anew who leads; of an earlier assignment nobody wants to know. */
  #askAgain(error: unknown, generation: number): null {
    if (generation !== this.#generation) return null;
    this.#options.client.clearMetadata();
    throw error;
  }

  /** Offsets that the broker no longer has go where auto.offset.reset says. */
  async #reset(partitions: readonly number[], generation: number): Promise<void> {
    const { broker, topic, start } = this.#options;
    const offsets = start === 'none' ? [] : await broker.offsets(topic);
    if (generation !== this.#generation) return;
    for (const lost of partitions) {
      const feed = this.#feeds.find(({ partition }) => partition === lost);
      if (start !== 'none') feed?.add([], offsets[lost][start === 'latest' ? 'latest' : 'earliest']);
      else this.#failure = this.#noOffset(lost, `the broker no longer has offset ${feed?.fetchOffset}`);
    }
    // It is not asked again in vain: the next assignment begins it anew.
    if (start === 'none') this.#feeds = this.#feeds.filter(({ partition }) => !partitions.includes(partition));
  }

  #noOffset(partition: number, why: string): ConfigError {
    const { topic } = this.#options;
    return new ConfigError('kafka/no-offset', `partition ${partition} of '${topic}' has no offset to begin at: ${why}, and autoOffsetReset is none. It is not read; set the group's offset, or autoOffsetReset to earliest.`, { facts: { topic, partition } });
  }
}
