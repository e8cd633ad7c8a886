import type { Consumer } from '@platformatic/kafka';
import { AssayError, TransientError } from '../shared/errors.ts';
import { KafkaBroker, clientOptions, reason } from '../shared/sources/kafka-broker.ts';
import type { KafkaConnection } from '../shared/sources/kafka-broker.ts';
import type { KafkaRecord } from '../shared/sources/record.ts';
import { GroupMember, memberOptions } from './kafka-source/group-member.ts';
import { OffsetStore } from './kafka-source/offset-store.ts';
import { TopicReader } from './kafka-source/topic-reader.ts';
import type { OffsetReset } from './kafka-source/topic-reader.ts';
import type { DrainableSource, TopicOffset } from './trigger-source.ts';

export interface KafkaSourceOptions extends KafkaConnection {
  readonly topic: string;
  readonly group: string;
  /** Default earliest. */
  readonly start?: OffsetReset;
  /** The extension's settings of these names (host.json, `extensions.kafka`), with librdkafka's defaults but for the short session. */
  readonly sessionTimeoutMs?: number;
  readonly maxPollIntervalMs?: number;
  readonly autoCommitIntervalMs?: number;
  /** What nobody waits for: partitions lost, a commit in the background that failed. Nothing is lost by it. */
  readonly onProblem?: (line: string) => void;
}

/** A short session, so that a killed process's partitions are free again soon. */
const DEFAULTS = { start: 'earliest', sessionTimeoutMs: 10_000, maxPollIntervalMs: 300_000, autoCommitIntervalMs: 200, onProblem: () => {} } as const;

type Clients = readonly [member: Consumer, fetcher: Consumer];

/**
 * Reads one topic of a real broker as a member of a consumer group: raw bytes, read_committed (librdkafka's default, so the trigger's).
 * After a rebalance it goes on from the committed offsets: what was delivered and not committed comes again. Offsets the broker no longer
 * has are passed over as `start` says: Bronze sees the gap.
 */
export class KafkaSource implements DrainableSource {
  readonly #options: KafkaSourceOptions & Required<Pick<KafkaSourceOptions, keyof typeof DEFAULTS>>;
  readonly #broker: KafkaBroker;
  readonly #member: GroupMember;
  readonly #reader: TopicReader;
  readonly #store = new OffsetStore();
  /** Counts what the group gives and takes. */
  #generation = 0;
  /** The reader stands at the committed offsets of the present assignment, or past them. */
  #begun = false;
  #closed = false;
  #flushTimer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  private constructor(options: KafkaSourceOptions, [member, fetcher]: Clients) {
    this.#options = { ...DEFAULTS, ...options };
    const { topic, group, start, sessionTimeoutMs, maxPollIntervalMs, onProblem } = this.#options;
    this.#broker = new KafkaBroker(options);
    this.#reader = new TopicReader({ topic, client: fetcher, broker: this.#broker, start, onFetched: () => this.#wake() });
    this.#member = new GroupMember(member, {
      topic, group, sessionTimeoutMs, maxPollIntervalMs, onProblem,
      onAssigned: (partitions, why) => this.#assigned(partitions, why),
    });
  }

  /** Joins the group. @throws {TransientError} the broker or the topic is not there. */
  static async open(options: KafkaSourceOptions): Promise<KafkaSource> {
    const { Consumer, FetchIsolationLevels } = await import('@platformatic/kafka');
    const client = { ...clientOptions(options), groupId: options.group, isolationLevel: FetchIsolationLevels.READ_COMMITTED };
    const sessionTimeoutMs = options.sessionTimeoutMs ?? DEFAULTS.sessionTimeoutMs;
    const source = new KafkaSource(options, [new Consumer({ ...client, ...memberOptions({ sessionTimeoutMs }) }), new Consumer(client)]);
    try {
      await source.#begin();
      source.#member.endPoll();
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async poll(options: { recordsMax: number; windowMs: number; signal: AbortSignal }): Promise<KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    const deadlineMs = performance.now() + options.windowMs;
    this.#member.beginPoll();
    try {
      while (!options.signal.aborted) {
        // After a rebalance the positions go back to what is committed: a batch begun before ends there, or it would hold records twice.
        if (!this.#begun && records.length > 0) break;
        if (!this.#begun) await this.#begin();
        this.#reader.take(records, options.recordsMax);
        if (!(await this.#reader.fetchWhatIsLow())) this.#begun = false;
        const leftMs = deadlineMs - performance.now();
        if (records.length >= options.recordsMax || leftMs <= 0) break;
        // What was taken is delivered first: thrown away with the failure it would be passed by the next commit.
        if (this.#reader.hasFailed && records.length > 0) break;
        this.#throwFailure();
        // A fetch may have ended, or the group changed, while the next fetch was started.
        if (this.#begun && this.#reader.isEmpty) await this.#fetchedOr(leftMs, options.signal);
      }
      return records;
    } finally {
      this.#member.endPoll();
    }
  }

  /** @inheritdoc Committed within autoCommitIntervalMs, before partitions are given away, and at `close`. */
  store(offsets: readonly TopicOffset[]): void {
    for (const offset of offsets) this.#store.store(offset);
    this.#flushSoon();
  }

  /** Offsets of partitions that the group has given away meanwhile are left out: their new owner must not be set back. */
  async commit(offsets: readonly TopicOffset[]): Promise<void> {
    for (const offset of offsets) if (this.#store.owns(offset.partition)) this.#store.store(offset);
    await this.#flush();
  }

  async lag(): Promise<bigint> {
    const { topic, group } = this.#options;
    const [offsets, committed] = [await this.#broker.offsets(topic), await this.#broker.committed(group, topic)];
    const feeds = new Map(this.#reader.feeds.map((feed) => [feed.partition, feed]));
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
    const positions = new Map(this.#reader.feeds.map((feed) => [feed.partition, feed.position]));
    return this.#begun && [...ends].every(([partition, end]) => (positions.get(partition) ?? -1n) >= end);
  }

  /** Commits what is stored and leaves the group. What it could not commit comes again. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#flushTimer) clearTimeout(this.#flushTimer);
    await this.#flushOrReport();
    await Promise.all([this.#member.close(), this.#reader.close(), this.#broker.close()]);
  }

  #assigned(partitions: readonly number[], why: 'assigned' | 'revoked' | 'lost'): void {
    // As librdkafka does at a revocation: sent at once, before the request that gives the partitions up, in the name of the old assignment.
    if (why === 'revoked') this.#sendLast();
    this.#generation += 1;
    this.#begun = false;
    this.#store.assign(partitions);
    this.#reader.clear();
    this.#wake();
  }

  #sendLast(): void {
    const due = this.#store.due();
    if (due.length > 0) this.#member.commit(due).catch((error: unknown) => this.#reportCommit(error));
  }

  /** Is a member, and reads on where the group stands, or at the start asked for. */
  async #begin(): Promise<void> {
    const { topic, group } = this.#options;
    await this.#do(`joining group '${group}'`, () => this.#member.join());
    const generation = this.#generation;
    const { id } = await this.#do('reading the metadata', () => this.#reader.topic());
    const [starts, committed] = [await this.#reader.starts(), await this.#broker.committed(group, topic)];
    if (generation !== this.#generation) return;
    this.#store.setCommitted(committed);
    this.#reader.begin(id, new Map(this.#member.partitions.map((partition) => [partition, committed.get(partition) ?? starts.get(partition) ?? null])));
    this.#begun = true;
  }

  #flushSoon(): void {
    if (this.#flushTimer || this.#closed) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = null;
      void this.#flushOrReport();
    }, this.#options.autoCommitIntervalMs);
  }

  /** A commit that failed is tried again, as long as the partitions are this member's. */
  async #flushOrReport(): Promise<void> {
    try {
      await this.#flush();
    } catch (error) {
      this.#reportCommit(error);
      if (this.#store.isPending) this.#flushSoon();
    }
  }

  #flush(): Promise<void> {
    const flush = this.#flushing.then(() => this.#commitDue());
    this.#flushing = flush.catch(() => {}); // the caller has the error
    return flush;
  }

  async #commitDue(): Promise<void> {
    const { topic, group } = this.#options;
    const generation = this.#generation;
    if (this.#store.isPending && !this.#store.knowsCommitted) {
      const committed = await this.#broker.committed(group, topic);
      if (generation === this.#generation) this.#store.setCommitted(committed);
    }
    const due = this.#store.due();
    if (due.length === 0) return;
    await this.#do('committing offsets', () => this.#member.commit(due));
    if (generation === this.#generation) this.#store.acknowledge(due);
  }

  #reportCommit(error: unknown): void {
    this.#options.onProblem(`Commit error: ${String(error)}`);
  }

  #throwFailure(): void {
    const cause = this.#reader.takeFailure();
    if (cause instanceof AssayError) throw cause;
    if (cause !== null) throw this.#transient('reading', cause);
  }

  async #do<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw this.#transient(what, cause);
    }
  }

  #transient(what: string, cause: unknown): TransientError {
    const { brokers: addresses, topic } = this.#options;
    const brokers = addresses.join(',');
    const message = `${what} for topic '${topic}' at ${brokers}: ${reason(cause)} Check that the broker is up, that the topic exists and that the credentials are right; what was not committed comes again.`;
    return new TransientError('kafka/consumer', message, { cause, facts: { brokers, topic } });
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
