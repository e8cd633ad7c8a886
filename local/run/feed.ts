import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import type { Flags } from '../cli/command.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { homeOf } from '../cli/home.ts';
import { EventLog } from '../event-log/event-log.ts';
import { readBytes } from '../inputs/bytes.ts';
import { openInput } from '../inputs/input.ts';
import { KafkaFacade } from '../kafka-facade.ts';
import { KafkaSource } from '../kafka-source.ts';
import { LogSource } from '../log-source.ts';
import { ProduceJournal, asHolding } from '../producer/journal.ts';
import { LogTarget } from '../producer/log-target.ts';
import { produceAll, producePaced } from '../producer/run.ts';
import type { OnProgress, ProduceReport } from '../producer/run.ts';
import { keptStream, liveStream } from '../producer/stream-file.ts';
import type { StreamIdentity } from '../producer/stream-file.ts';
import type { ProduceTarget } from '../producer/target.ts';
import { RATE_PER_S, START_MS } from '../producer/timeline.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';
import type { DrainableSource } from '../trigger-source.ts';

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

/** The names that a lake gives to its feed. */
export async function feedNames({ lake, pipeline }: OpenLake): Promise<{ defaultTopic: string; lakeId: string }> {
  return { defaultTopic: pipeline.topics[0].name, lakeId: (await lake.table(BRONZE)).delta.id };
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

/** `lakeId` names the consumer group: two lakes that read one topic each get all of it. */
export async function openFeed(flags: Flags, access: LakeAccess, { defaultTopic, lakeId }: { defaultTopic: string; lakeId: string }): Promise<Feed> {
  const topic = flags.text('topic') ?? defaultTopic;
  const group = `assay-${lakeId}`;
  const brokers = flags.text('brokers');
  if (brokers !== undefined) {
    const producing = ['events', 'input', 'seed', 'rate'].filter((name) => flags.text(name) !== undefined);
    if (producing.length > 0) {
      throw new ConfigError('cli/options', `--brokers reads what is in the topic; --${producing.join(', --')} would produce: use assay produce --brokers for that`);
    }
    const source = await KafkaSource.open({ brokers: brokers.split(','), clientId: 'assay-local', topic, group });
    return { topic, brokers, source, log: null, close: () => source.close() };
  }
  const log = EventLog.open({ dir: logDir(access) });
  // A topic that exists keeps the seed it was made with, unless another is asked for: then creating it says so.
  const existing = log.topic(topic);
  log.createTopic({ name: topic, partitions: existing?.partitions ?? PARTITIONS, seed: flags.integer('seed', existing?.seed ?? SEED) });
  const facade = await KafkaFacade.start({ log });
  const source = new LogSource({ log, topic, group });
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
export async function fillOnce(feed: Feed & { log: EventLog }, flags: Flags, options: { onProgress?: OnProgress; signal?: AbortSignal } = {}): Promise<ProduceReport | null> {
  const [input, eventType] = [flags.text('input'), flags.text('event-type')];
  const target = new LogTarget(feed.log, feed.topic);
  if (input !== undefined) {
    const source = openInput({ path: input, partitions: target.partitions, nowMs: () => systemClock.nowMs(), ...(eventType === undefined ? {} : { eventType }) });
    return journaled(feed, await inputIdentity(input, eventType), (own) => produceAll({ source, target: own, ...options }));
  }
  if (flags.text('events') === undefined) return null;
  const wanted = { ...streamIdentity(feed, flags, target), startMs: START_MS };
  const source = keptStream(streamFile(feed.log), wanted, flags.integer('events', 0));
  return journaled(feed, STREAM, (own) => produceAll({ source, target: own, ...options }));
}

/** Fills the embedded log at the stream's own rate until told to stop, or until it holds 2 GB. */
export async function fillLive(feed: Feed & { log: EventLog }, flags: Flags, options: { signal: AbortSignal; onProgress: OnProgress }): Promise<ProduceReport> {
  const target = new LogTarget(feed.log, feed.topic);
  return journaled(feed, STREAM, async (own) => {
    const log = { counts: (await own.counts())!, nowMs: systemClock.nowMs() };
    return producePaced({ stream: liveStream(streamFile(feed.log), streamIdentity(feed, flags, target), log), target: own, ...options });
  });
}

/** The one seeded stream of a log, whether it was filled at once or live. */
const STREAM = 'stream';

function streamIdentity(feed: Feed & { log: EventLog }, flags: Flags, target: LogTarget): StreamIdentity {
  return { seed: feed.log.topic(feed.topic)!.seed, ratePerS: flags.integer('rate', RATE_PER_S, 1), partitions: target.partitions };
}

/** What is in the file, not what it is called. The standard input cannot be read twice: it is a new source each time. */
async function inputIdentity(path: string, eventType: string | undefined): Promise<string> {
  if (path === '-') return `stdin ${systemClock.uuid()}`;
  const hash = createHash('sha256');
  for await (const chunk of readBytes(path)) hash.update(chunk);
  return `input ${hash.digest('hex')} ${eventType ?? ''}`;
}

/** Lets a source go on after the records it wrote itself, whatever else is in the topic. */
async function journaled(feed: Feed & { log: EventLog }, source: string, produce: (own: ProduceTarget) => Promise<ProduceReport>): Promise<ProduceReport> {
  const journal = new ProduceJournal(join(feed.log.dir, `produced-${feed.topic}.json`));
  const held = journal.begin(source, feed.log.ends(feed.topic));
  const report = await produce(asHolding(new LogTarget(feed.log, feed.topic), held));
  journal.end(feed.log.ends(feed.topic));
  return report;
}

function streamFile(log: EventLog): string {
  return join(log.dir, 'stream.json');
}
