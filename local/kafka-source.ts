import type { Consumer } from '@platformatic/kafka';
import { TransientError } from '../shared/errors.ts';
import { committedRecords } from '../shared/sources/committed-records.ts';
import { KafkaBroker, clientOptions } from '../shared/sources/kafka-broker.ts';
import type { KafkaConnection } from '../shared/sources/kafka-broker.ts';
import type { KafkaRecord } from '../shared/sources/record.ts';
import { PartitionFeed } from './kafka-source/partition-feed.ts';
import type { DrainableSource } from './trigger-source.ts';

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;

export interface KafkaSourceOptions extends KafkaConnection {
  readonly topic: string;
  readonly group: string;
  /** Where a partition starts in which the group has no offset. */
  readonly start?: 'earliest' | 'latest' | { readonly timestampMs: number };
}

const SLICE_RECORDS = 500;
/** A partition with fewer records waiting is fetched again while the caller works. */
const WAITING_MIN = 5000;
const FETCH = { maxWaitTime: 500, minBytes: 1, maxBytes: 16 << 20 };
const PARTITION_BYTES_MAX = 1 << 20;
const OFFSET_OUT_OF_RANGE = 1;
/** Short, so that a killed process's partitions are free again soon. */
const MEMBERSHIP = { sessionTimeout: 10_000, rebalanceTimeout: 30_000, heartbeatInterval: 2000 };

/**
 * Reads one topic of a real broker as a member of a consumer group: raw bytes, read_committed (librdkafka's default, so the trigger's),
 * offsets stored by `commit` alone. After a rebalance it goes on from the committed offsets: what was delivered and not committed comes
 * again. Offsets the broker no longer has are passed over to the first it has: Bronze sees the gap.
 */
export class KafkaSource implements DrainableSource {
  readonly #options: KafkaSourceOptions;
  readonly #broker: KafkaBroker;
  /** The group's member: joins, sends heartbeats, commits. */
  readonly #member: Consumer;
  /** Its own connections, so that no commit or heartbeat waits behind a fetch. It never joins. */
  readonly #fetcher: Consumer;
  readonly #fetching = new Map<number, Promise<void>>();
  #feeds: PartitionFeed[] = [];
  #topicId = '';
  /** Counts assignments: an answer to a fetch of an earlier one is dropped. */
  #generation = 0;
  #assigned = false;
  #turn = 0;
  #failure: unknown = null;
  #wake: () => void = () => {};

  private constructor(options: KafkaSourceOptions, member: Consumer, fetcher: Consumer) {
    this.#options = options;
    this.#broker = new KafkaBroker(options);
    this.#member = member;
    this.#fetcher = fetcher;
  }

  /** Joins the group. @throws {TransientError} the broker or the topic is not there. */
  static async open(options: KafkaSourceOptions): Promise<KafkaSource> {
    const { Consumer, FetchIsolationLevels } = await import('@platformatic/kafka');
    const client = { ...clientOptions(options), groupId: options.group, isolationLevel: FetchIsolationLevels.READ_COMMITTED };
    const source = new KafkaSource(options, new Consumer({ ...client, ...MEMBERSHIP }), new Consumer(client));
    try {
      await source.#join();
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async poll(options: { recordsMax: number; windowMs: number; signal: AbortSignal }): Promise<KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    const deadlineMs = performance.now() + options.windowMs;
    while (!options.signal.aborted) {
      // After a rebalance the positions go back to what is committed: a batch begun before ends there, or it would hold records twice.
      if (!this.#assigned && records.length > 0) break;
      if (!this.#assigned) await this.#assign();
      this.#take(records, options.recordsMax);
      await this.#fetchWhatIsLow();
      const leftMs = deadlineMs - performance.now();
      if (records.length >= options.recordsMax || leftMs <= 0) break;
      this.#throwFailure();
      // A fetch may have ended, or the group changed, while the next fetch was started.
      if (this.#assigned && this.#feeds.every((feed) => feed.waiting === 0)) await this.#fetchedOr(leftMs, options.signal);
    }
    return records;
  }

  /**
   * Offsets of partitions that the group has given away meanwhile are left out, as the trigger's are: their new owner goes on from what was
   * stored before, and must not be set back.
   */
  async commit(offsets: readonly { topic: string; partition: number; next: bigint }[]): Promise<void> {
    const ours = this.#assigned ? offsets.filter(({ partition, next }) => this.#isAhead(partition, next)) : await this.#stillOurs(offsets);
    if (ours.length === 0) return;
    const partitions = ours.map(({ topic, partition, next }) => ({ topic, partition, offset: next, leaderEpoch: -1 }));
    await this.#do('committing offsets', () => this.#member.commit({ offsets: partitions }));
  }

  async lag(): Promise<bigint> {
    const { topic, group } = this.#options;
    const [offsets, committed] = [await this.#broker.offsets(topic), await this.#broker.committed(group, topic)];
    const feeds = new Map(this.#feeds.map((feed) => [feed.partition, feed]));
    return offsets.reduce((sum, { partition, earliest, latest }) => {
      const next = committed.get(partition) ?? earliest;
      const settled = feeds.get(partition)?.settled(next) ?? next;
      return settled < latest ? sum + latest - settled : sum;
    }, 0n);
  }

  async endOffsets(): Promise<ReadonlyMap<number, bigint>> {
    return new Map((await this.#broker.offsets(this.#options.topic)).map(({ partition, latest }) => [partition, latest]));
  }

  /** True only where this member has every partition of `ends`. */
  reached(ends: ReadonlyMap<number, bigint>): boolean {
    const positions = new Map(this.#feeds.map((feed) => [feed.partition, feed.position]));
    return this.#assigned && [...ends].every(([partition, end]) => (positions.get(partition) ?? -1n) >= end);
  }

  /** Leaves the group, so that another member need not wait for the session to end. */
  async close(): Promise<void> {
    // A client that is closed while a request is under way tries it again on a new connection and keeps that open.
    await Promise.all(this.#fetching.values());
    await Promise.all([this.#member.close(true), this.#fetcher.close(true), this.#broker.close()]);
  }

  async #join(): Promise<void> {
    this.#member.on('consumer:group:join', () => {
      this.#assigned = false;
      this.#generation += 1;
      this.#wake();
    });
    // The client reports a failed rejoin this way only; without a listener it would end the process.
    (this.#member as NodeJS.EventEmitter).on('error', (error) => this.#fail(error));
    for (const client of [this.#member, this.#fetcher]) client.topics.track(this.#options.topic);
    await this.#do(`joining group '${this.#options.group}'`, () => this.#member.joinGroup({}));
    await this.#assign();
  }

  /** Takes the partitions the group gave us, each at the group's offset or at the start asked for. */
  async #assign(): Promise<void> {
    const generation = (this.#generation += 1);
    const { topic, group } = this.#options;
    const topicId = (await this.#topic()).id;
    const [starts, committed] = [await this.#starts(), await this.#broker.committed(group, topic)];
    if (generation !== this.#generation) return;
    const partitions = this.#member.assignments?.find((assignment) => assignment.topic === topic)?.partitions ?? [];
    this.#feeds = partitions.map((partition) => new PartitionFeed(partition, committed.get(partition) ?? starts.get(partition) ?? 0n));
    this.#topicId = topicId;
    this.#assigned = true;
  }

  #isAhead(partition: number, next: bigint): boolean {
    const feed = this.#feeds.find((candidate) => candidate.partition === partition);
    return feed !== undefined && next >= feed.start;
  }

  /** Of a batch delivered before a rebalance that no poll has taken up yet: what is ours still, or again, and was not passed by others. */
  async #stillOurs(offsets: readonly { topic: string; partition: number; next: bigint }[]): Promise<typeof offsets> {
    const { topic, group } = this.#options;
    const committed = await this.#broker.committed(group, topic);
    const partitions = this.#member.assignments?.find((assignment) => assignment.topic === topic)?.partitions ?? [];
    return offsets.filter(({ partition, next }) => partitions.includes(partition) && next > (committed.get(partition) ?? -1n));
  }

  async #starts(): Promise<Map<number, bigint>> {
    const { topic, start = 'earliest' } = this.#options;
    if (typeof start === 'object') return this.#broker.offsetForTime(topic, start.timestampMs);
    return new Map((await this.#broker.offsets(topic)).map((offsets) => [offsets.partition, offsets[start]]));
  }

  #take(into: KafkaRecord[], recordsMax: number): void {
    let empty = 0;
    while (into.length < recordsMax && empty < this.#feeds.length) {
      const feed = this.#feeds[this.#turn++ % this.#feeds.length];
      const taken = feed.take(into, Math.min(SLICE_RECORDS, recordsMax - into.length));
      empty = taken === 0 ? empty + 1 : 0;
    }
  }

  /** Starts one fetch for every broker that leads a partition with little waiting and has none under way. */
  async #fetchWhatIsLow(): Promise<void> {
    const low = this.#feeds.filter((feed) => feed.waiting < WAITING_MIN);
    if (low.length === 0) return;
    const topic = await this.#topic();
    if (topic.id !== this.#topicId) {
      // The topic was made again: the old one's positions mean nothing in it.
      this.#assigned = false;
      return;
    }
    for (const [node, feeds] of Map.groupBy(low, (feed) => topic.partitions[feed.partition].leader)) {
      if (this.#fetching.has(node)) continue;
      const fetching = this.#fetch(node, feeds, this.#generation).catch((error: unknown) => this.#fail(error));
      this.#fetching.set(node, fetching.finally(() => this.#fetching.delete(node)).finally(() => this.#wake()));
    }
  }

  async #fetch(node: number, feeds: readonly PartitionFeed[], generation: number): Promise<void> {
    const partitions = feeds.map(({ partition, fetchOffset }) => ({
      partition,
      fetchOffset,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: PARTITION_BYTES_MAX,
    }));
    let response: FetchResponse;
    try {
      response = await this.#fetcher.fetch({ ...FETCH, node, topics: [{ topicId: this.#topicId, partitions }] });
    } catch (error) {
      if (generation === this.#generation) await this.#recover(error, feeds);
      return;
    }
    if (generation !== this.#generation) return;
    const byPartition = new Map(feeds.map((feed) => [feed.partition, feed]));
    for (const fetched of response.responses.flatMap((topic) => topic.partitions)) {
      const feed = byPartition.get(fetched.partitionIndex);
      if (feed === undefined) continue;
      const { records, next } = committedRecords(fetched, this.#options.topic, feed.fetchOffset);
      feed.add(records, next);
    }
  }

  /** Offsets that the broker no longer has move to the first it has; any other failure is the next poll's. */
  async #recover(error: unknown, feeds: readonly PartitionFeed[]): Promise<void> {
    const response = (error as { response?: FetchResponse }).response;
    const failed = (response?.responses ?? []).flatMap((topic) => topic.partitions).filter((partition) => partition.errorCode !== 0);
    if (failed.length === 0 || failed.some((partition) => partition.errorCode !== OFFSET_OUT_OF_RANGE)) {
      this.#fetcher.clearMetadata();
      throw error;
    }
    const offsets = await this.#broker.offsets(this.#options.topic);
    for (const { partitionIndex } of failed) {
      feeds.find((feed) => feed.partition === partitionIndex)?.add([], offsets[partitionIndex].earliest);
    }
  }

  async #topic(): Promise<{ id: string; partitions: { leader: number }[] }> {
    const { topic } = this.#options;
    const metadata = await this.#do(`reading the metadata of topic '${topic}'`, () => this.#fetcher.metadata({ topics: [topic] }));
    return metadata.topics.get(topic)!;
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#wake();
  }

  #throwFailure(): void {
    const cause = this.#failure;
    if (cause === null) return;
    this.#failure = null;
    throw this.#transient(`reading topic '${this.#options.topic}'`, cause);
  }

  async #do<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw this.#transient(what, cause);
    }
  }

  #transient(what: string, cause: unknown): TransientError {
    const brokers = this.#options.brokers.join(',');
    const message = `${what} at ${brokers}: ${cause instanceof Error ? cause.message : String(cause)} Check that the broker is up and the topic exists; what was not committed comes again.`;
    return new TransientError('kafka/consumer', message, { cause, facts: { brokers, topic: this.#options.topic } });
  }

  /** Resolves when a fetch ends, the group gives other partitions, `waitMs` pass or `signal` aborts. */
  #fetchedOr(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }
}
