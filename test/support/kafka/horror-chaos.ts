import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaSource } from '../../../local/kafka-source.ts';
import type { HostProcess } from './horror-hosts.ts';

export interface ChaosOptions {
  readonly hosts: readonly HostProcess[];
  readonly topics: readonly string[];
  readonly brokers: string;
  readonly group: string;
  readonly sessionTimeoutMs: number;
  /** Longer than any of the group's patience. */
  readonly freezeMs: number;
  readonly seed: number;
}

/** What happened, so that a run can show that it was one of horrors. */
export interface ChaosCounts { kills: number; freezes: number; guests: number }

const GUEST_EVERY_MS = 1000;
const KILL_EVERY_MS = 5000;
const FREEZE_EVERY_MS = 8000;

/** Kills, freezes and rebalances from now until `work` is done. A guest is a member of the group that comes, takes partitions, reads nothing and goes. */
export async function during<T>(work: Promise<T>, options: ChaosOptions): Promise<{ value: T; counts: ChaosCounts }> {
  const random = randomFrom(options.seed);
  const pick = <U>(items: readonly U[]): U => items[Math.floor(random() * items.length)];
  const counts: ChaosCounts = { kills: 0, freezes: 0, guests: 0 };
  const ended = new AbortController();
  const every = async (ms: number, act: () => Promise<void>) => {
    while (!ended.signal.aborted) {
      await sleep(ms * (0.5 + random()), undefined, { signal: ended.signal }).catch(() => {}); // aborted: the loop ends
      if (!ended.signal.aborted) await act();
    }
  };
  const horrors = [
    every(KILL_EVERY_MS, async () => { pick(options.hosts).kill(); counts.kills += 1; }),
    every(FREEZE_EVERY_MS, async () => { counts.freezes += 1; await pick(options.hosts).freeze(options.freezeMs); }),
    every(GUEST_EVERY_MS, async () => { if (await visit(pick(options.topics), options)) counts.guests += 1; }),
  ];
  try {
    return { value: await work, counts };
  } finally {
    ended.abort();
    await Promise.all(horrors);
  }
}

/** False where the group let no one in, for the broker was away. */
async function visit(topic: string, { brokers, group, sessionTimeoutMs }: ChaosOptions): Promise<boolean> {
  try {
    const guest = await KafkaSource.open({ brokers: brokers.split(','), clientId: 'guest', topic, group, sessionTimeoutMs });
    await guest.close();
    return true;
  } catch {
    return false;
  }
}

/** mulberry32: the same seed picks the same hosts and pauses; what they meet is up to the machine. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
