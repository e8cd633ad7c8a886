import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { Flags } from '../cli/command.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { homeOf } from '../cli/home.ts';
import { EventLog } from '../event-log/event-log.ts';
import { openInput } from '../inputs/input.ts';
import { KafkaFacade } from '../kafka-facade.ts';
import { KafkaSource } from '../kafka-source.ts';
import { LogSource } from '../log-source.ts';
import { LogTarget } from '../producer/log-target.ts';
import { produceAll, producePaced } from '../producer/run.ts';
import type { OnProgress, ProduceReport } from '../producer/run.ts';
import { keptStream, liveStream } from '../producer/stream-file.ts';
import { RATE_PER_S, START_MS } from '../producer/timeline.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';
import type { DrainableSource } from '../trigger-source.ts';

export const GROUP = 'assay';
const PARTITIONS = 4;
const SEED = 1;

/** Where records come from: the embedded event log with what fills it, or a real broker's topic. */
export interface Feed {
  readonly topic: string;
  /** For the app's own questions about topic ids and offsets. */
  readonly brokers: string;
  readonly source: DrainableSource;
  /** Null for a real broker. */
  readonly log: EventLog | null;
  close(): Promise<void>;
}

export const feedOptions = {
  brokers: { type: 'string' },
  topic: { type: 'string' },
  events: { type: 'string' },
  seed: { type: 'string' },
  rate: { type: 'string' },
  input: { type: 'string' },
  'event-type': { type: 'string' },
} as const;

export async function openFeed(flags: Flags, access: LakeAccess, defaultTopic: string): Promise<Feed> {
  const topic = flags.text('topic') ?? defaultTopic;
  const brokers = flags.text('brokers');
  if (brokers !== undefined) {
    const producing = ['events', 'input', 'seed', 'rate'].filter((name) => flags.text(name) !== undefined);
    if (producing.length > 0) {
      throw new ConfigError('cli/options', `--brokers reads what is in the topic; --${producing.join(', --')} would produce: use assay produce --brokers for that`);
    }
    const source = await KafkaSource.open({ brokers: brokers.split(','), clientId: 'assay-local', topic, group: GROUP });
    return { topic, brokers, source, log: null, close: () => source.close() };
  }
  const log = EventLog.open({ dir: logDir(access) });
  // A topic that exists keeps the seed it was made with, unless another is asked for: then creating it says so.
  const existing = log.topic(topic);
  log.createTopic({ name: topic, partitions: existing?.partitions ?? PARTITIONS, seed: flags.integer('seed', existing?.seed ?? SEED) });
  const facade = await KafkaFacade.start({ log });
  const source = new LogSource({ log, topic, group: GROUP });
  return {
    topic, brokers: facade.address, source, log,
    close: async () => {
      await source.close();
      await facade.close();
      log.close();
    },
  };
}

/** Beside a directory lake its log lies in it; Azurite's lies in `.assay/`. */
export function logDir(access: Pick<LakeAccess, 'lakeUrl'>): string {
  const url = parseLakeUrl(access.lakeUrl);
  const dir = url.kind === 'file' ? join(url.dir, '_assay', 'log') : join(homeOf().dir, 'log');
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** Fills the embedded log once: `--events N` of the seed's stream, or `--input FILE`; nothing where neither is asked for. */
export async function fillOnce(feed: Feed & { log: EventLog }, flags: Flags, onProgress: OnProgress): Promise<ProduceReport | null> {
  const target = new LogTarget(feed.log, feed.topic);
  const input = flags.text('input');
  const eventType = flags.text('event-type');
  if (input !== undefined) {
    const source = openInput({ path: input, partitions: target.partitions, nowMs: () => systemClock.nowMs(), ...(eventType === undefined ? {} : { eventType }) });
    return produceAll({ source, target, onProgress });
  }
  if (flags.text('events') === undefined) return null;
  const seed = feed.log.topic(feed.topic)!.seed;
  const wanted = { seed, startMs: START_MS, ratePerS: flags.integer('rate', RATE_PER_S, 1), partitions: target.partitions };
  return produceAll({ source: keptStream(streamFile(feed.log), wanted, flags.integer('events', 0)), target, onProgress });
}

/** Fills the embedded log at the stream's own rate until told to stop, or until it holds 2 GB. */
export async function fillLive(feed: Feed & { log: EventLog }, flags: Flags, options: { signal: AbortSignal; onProgress: OnProgress }): Promise<ProduceReport> {
  const target = new LogTarget(feed.log, feed.topic);
  const identity = { seed: feed.log.topic(feed.topic)!.seed, ratePerS: flags.integer('rate', RATE_PER_S, 1), partitions: target.partitions };
  const stream = liveStream(streamFile(feed.log), identity, { counts: await target.counts(), nowMs: systemClock.nowMs() });
  return producePaced({ stream, target, ...options });
}

function streamFile(log: EventLog): string {
  return join(log.dir, 'stream.json');
}
