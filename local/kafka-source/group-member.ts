import type { Consumer } from '@platformatic/kafka';
import { RANGE, assignRanges } from './range-assignor.ts';
import type { StoredOffset } from './offset-store.ts';

export interface GroupMemberOptions {
  readonly topic: string;
  readonly group: string;
  readonly sessionTimeoutMs: number;
  /** After so long without a poll the member leaves the group. */
  readonly maxPollIntervalMs: number;
  /** The group has given these partitions (none: it has taken all away, or this member is out). Called before anything else happens. */
  readonly onAssigned: (partitions: readonly number[], why: 'assigned' | 'revoked' | 'lost') => void;
  readonly onProblem: (line: string) => void;
}

const JOIN_ATTEMPTS = 10;
const JOIN_DELAY_MS = 300;
/** librdkafka's heartbeat.interval.ms; shorter where the session is. */
const HEARTBEAT_MS_MAX = 3000;
const REBALANCE_MS_MIN = 30_000;

/** The client's options of a member. */
export function memberOptions({ sessionTimeoutMs }: Pick<GroupMemberOptions, 'sessionTimeoutMs'>) {
  return {
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: Math.max(sessionTimeoutMs, REBALANCE_MS_MIN),
    heartbeatInterval: Math.min(HEARTBEAT_MS_MAX, Math.ceil(sessionTimeoutMs / 5)),
    protocols: [{ name: RANGE, version: 1 }],
    partitionAssigner: assignRanges,
    // With retries the client joins again by itself after a refused commit, and sends the offsets of the old assignment in the new one's name.
    retries: 0,
  };
}

/**
 * Membership in a consumer group, as librdkafka keeps it: heartbeats go on whatever the application does; a member that does not poll for
 * max.poll.interval.ms leaves, and joins again at its next poll. Unlike librdkafka the client answers a rebalance at once, without waiting
 * for the next poll: partitions are lost sooner, which no caller may count on either way.
 */
export class GroupMember {
  readonly #client: Consumer;
  readonly #options: GroupMemberOptions;
  #isMember = false;
  #partitions: readonly number[] = [];
  #leaving: Promise<void> = Promise.resolve();
  #pollTimer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `client` is made with `memberOptions` and belongs to this member from now on. */
  constructor(client: Consumer, options: GroupMemberOptions) {
    this.#client = client;
    this.#options = options;
    client.topics.track(options.topic);
    client.on('consumer:group:join', () => {
      const own = client.assignments?.find(({ topic }) => topic === options.topic);
      this.#isMember = true;
      this.#set(own?.partitions ?? [], 'assigned');
    });
    client.on('consumer:group:rebalance', () => this.#set([], 'revoked'));
    // The client reports a failed rejoin this way only; without a listener it would end the process.
    (client as NodeJS.EventEmitter).on('error', (error: unknown) => this.#lose(`its rejoin failed: ${String(error)}`));
  }

  get isMember(): boolean {
    return this.#isMember;
  }

  get partitions(): readonly number[] {
    return this.#partitions;
  }

  /** Joins unless it is a member. Rejects with the client's error. */
  async join(): Promise<void> {
    await this.#leaving;
    for (let attempt = 1; !this.#isMember; attempt++) {
      try {
        await this.#client.joinGroup({});
      } catch (error) {
        // A group in the middle of a rebalance, or a coordinator that is not up yet, refuses at first.
        if (attempt >= JOIN_ATTEMPTS || this.#closed) throw error;
        await new Promise((resolve) => setTimeout(resolve, JOIN_DELAY_MS));
      }
    }
  }

  /** A poll has begun: librdkafka counts the time between polls, not that inside one. */
  beginPoll(): void {
    clearTimeout(this.#pollTimer);
  }

  endPoll(): void {
    clearTimeout(this.#pollTimer);
    if (this.#closed) return;
    this.#pollTimer = setTimeout(() => this.#leaveForSilence(), this.#options.maxPollIntervalMs).unref();
  }

  /** One request, in the name of the present assignment. Rejects with the client's error where the group refuses it. */
  async commit(offsets: readonly StoredOffset[]): Promise<void> {
    const { topic } = this.#options;
    await this.#client.commit({ offsets: offsets.map(({ partition, next }) => ({ topic, partition, offset: next, leaderEpoch: -1 })) });
  }

  /** Leaves the group, so that another member need not wait for the session to end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pollTimer);
    await this.#leaving;
    await this.#client.close(true);
    this.#isMember = false;
    this.#set([], 'lost');
  }

  #leaveForSilence(): void {
    if (!this.#isMember) return;
    this.#lose(`no poll for ${this.#options.maxPollIntervalMs} ms (maxPollIntervalMs); it joins again at the next one`);
    this.#leaving = new Promise((resolve) => this.#client.leaveGroup(true, (error) => {
      if (error) this.#options.onProblem(`Leaving group '${this.#options.group}' failed, so its session has to end first: ${String(error)}`);
      resolve();
    }));
  }

  #lose(why: string): void {
    this.#isMember = false;
    this.#options.onProblem(`This member of group '${this.#options.group}' is out, its partitions of '${this.#options.topic}' go to others: ${why}.`);
    this.#set([], 'lost');
  }

  #set(partitions: readonly number[], why: 'assigned' | 'revoked' | 'lost'): void {
    this.#partitions = partitions;
    this.#options.onAssigned(partitions, why);
  }
}
