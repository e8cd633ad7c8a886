import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { kafkaOptions, readHostSettings } from '../../shared/host-check.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { topicsOf } from '../../shared/pipeline/pipelines.ts';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import type { Flags } from '../cli/command.ts';
import { homeOf } from '../cli/home.ts';
import { connectionTo, kafkaSettings } from '../cli/kafka-settings.ts';
import { APP_DIR } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { EventLog } from '../event-log/event-log.ts';
import { readBytes } from '../inputs/bytes.ts';
import { openInput } from '../inputs/input.ts';
import { readSettings } from '../host/host-settings.ts';
import { KafkaFacade } from '../kafka-facade.ts';
import { KafkaSource } from '../kafka-source.ts';
import type { KafkaSourceOptions } from '../kafka-source.ts';
import { offsetReset } from '../kafka-source/topic-reader.ts';
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
const SESSION_MS_MAX = 10_000;

/** Where records come from: the embedded event log with what fills it, or a real broker's topics. */
export interface Feed {
  /** At least one; the first is the one that is filled. */
  readonly topics: readonly string[];
  readonly brokers: string;
  /** What the app must be set to, so that its own questions about topic ids and offsets go where the records come from. */
  readonly settings: Readonly<Record<string, string>>;
  /** A member of the group for each topic, as each function has its own in a host. */
  readonly sourceOf: (topic: string) => DrainableSource;
  /** Records that wait, of all topics. */
  lag(): Promise<bigint>;
  /** Null for a real broker. */
  readonly log: EventLog | null;
  close(): Promise<void>;
}

export interface FeedNames {
  /** Where neither `--topic` nor KAFKA_TOPICS says which. */
  readonly defaultTopics: readonly string[];
  /** Names the consumer group: two lakes that read one topic each get all of it. */
  readonly lakeId: string;
  /** What nobody waits for: partitions that went to another member, a commit that is tried again. */
  readonly onProblem?: (line: string) => void;
}

/** The names that a lake gives to its feed. */
export async function feedNames({ lake, pipelines }: OpenLake): Promise<FeedNames> {
  return { defaultTopics: topicsOf(pipelines.map(({ pipeline }) => pipeline)).map(({ name }) => name), lakeId: (await lake.table(BRONZE)).delta.id };
}

export const feedOptions = {
  brokers: { type: 'string' },
  topic: { type: 'string', multiple: true },
  events: { type: 'string' },
  seed: { type: 'string' },
  rate: { type: 'string' },
  input: { type: 'string' },
  'event-type': { type: 'string' },
} as const;

export async function openFeed(flags: Flags, access: LakeAccess, names: FeedNames): Promise<Feed> {
  const [asked, set] = [flags.list('topic'), kafkaSettings().kafkaTopics];
  const topics = [...new Set(asked.length > 0 ? asked : set.length > 0 ? set : names.defaultTopics)];
  const brokers = flags.text('brokers');
  return brokers === undefined ? openLogFeed(flags, access, topics, names) : openBrokerFeed(flags, brokers, topics, names);
}

async function openBrokerFeed(flags: Flags, brokers: string, topics: readonly string[], { lakeId, onProblem }: FeedNames): Promise<Feed> {
  const producing = ['events', 'input', 'seed', 'rate'].filter((name) => flags.text(name) !== undefined);
  if (producing.length > 0) {
    throw new ConfigError('cli/options', `--brokers reads what is in the topic; --${producing.join(', --')} would produce: use assay produce --brokers for that`);
  }
  const group = groupOf(lakeId);
  const options = { ...connectionTo(brokers, 'assay-local'), ...hostSourceOptions(), group, ...(onProblem === undefined ? {} : { onProblem }) };
  const sources: KafkaSource[] = [];
  const close = async () => { await Promise.all(sources.map((source) => source.close())); };
  try {
    for (const topic of topics) sources.push(await KafkaSource.open({ ...options, topic }));
  } catch (error) {
    await close();
    throw error;
  }
  return { topics, brokers, log: null, close, ...readBy(topics, sources), settings: { KAFKA_BROKERS: brokers, KAFKA_TOPICS: topics.join(','), KAFKA_CONSUMER_GROUP: group } };
}

async function openLogFeed(flags: Flags, access: LakeAccess, topics: readonly string[], { lakeId }: FeedNames): Promise<Feed> {
  const log = EventLog.open({ dir: logDir(access) });
  for (const name of topics) {
    // A topic that exists keeps the seed it was made with, unless another is asked for: then creating it says so.
    const existing = log.topic(name);
    log.createTopic({ name, partitions: existing?.partitions ?? PARTITIONS, seed: flags.integer('seed', existing?.seed ?? SEED) });
  }
  const facade = await KafkaFacade.start({ log });
  const group = groupOf(lakeId);
  const sources = topics.map((topic) => new LogSource({ log, topic, group }));
  const close = async () => {
    await facade.close();
    log.close();
  };
  // The facade asks for nothing, whatever a real broker of the settings wants.
  const open = { KAFKA_PROTOCOL: 'plaintext', KAFKA_USERNAME: '', KAFKA_PASSWORD: '', KAFKA_CA_FILE: '' };
  const settings = { KAFKA_BROKERS: facade.address, KAFKA_TOPICS: topics.join(','), KAFKA_CONSUMER_GROUP: group, ...open };
  return { topics, brokers: facade.address, log, close, ...readBy(topics, sources), settings };
}

function groupOf(lakeId: string): string {
  return `assay-${lakeId}`;
}

function readBy(topics: readonly string[], sources: readonly DrainableSource[]): Pick<Feed, 'sourceOf' | 'lag'> {
  const byTopic = new Map(topics.map((topic, i) => [topic, sources[i]]));
  const lag = async () => (await Promise.all(sources.map((source) => source.lag()))).reduce((sum, own) => sum + own, 0n);
  const sourceOf = (topic: string) => {
    const source = byTopic.get(topic);
    if (source) return source;
    throw new ConfigError('cli/topics', `a function reads topic ${topic}, the feed has ${topics.join(', ')}: give --topic ${topic}, too`);
  };
  return { sourceOf, lag };
}

/** Of host.json with the settings laid over it, as the extension hands them to librdkafka. */
function hostSourceOptions(): Pick<KafkaSourceOptions, 'start' | 'sessionTimeoutMs' | 'maxPollIntervalMs' | 'autoCommitIntervalMs'> {
  const { autoOffsetReset, sessionTimeoutMs, maxPollIntervalMs, autoCommitIntervalMs } = kafkaOptions(readHostSettings(readFileSync(join(APP_DIR, 'host.json'), 'utf8'), readSettings(APP_DIR, process.env, {})));
  // A start that was killed shall not keep its partitions for as long as an instance in Azure may.
  return { start: offsetReset(autoOffsetReset), sessionTimeoutMs: Math.min(sessionTimeoutMs, SESSION_MS_MAX), maxPollIntervalMs, autoCommitIntervalMs };
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
  const target = new LogTarget(feed.log, feed.topics[0]);
  if (input !== undefined) {
    const source = openInput({ path: input, partitions: target.partitions, nowMs: () => systemClock.nowMs(), ...(eventType === undefined ? {} : { eventType }) });
    return journaled(feed, await inputIdentity(input, eventType), (own) => produceAll({ source, target: own, ...options }));
  }
  if (flags.text('events') === undefined) return null;
  const wanted = { ...streamIdentity(feed, flags, target), startMs: START_MS };
  const source = keptStream(streamFile(feed), wanted, flags.integer('events', 0));
  return journaled(feed, STREAM, (own) => produceAll({ source, target: own, ...options }));
}

/** Fills the embedded log at the stream's own rate until told to stop, or until it holds 2 GB. */
export async function fillLive(feed: Feed & { log: EventLog }, flags: Flags, options: { signal: AbortSignal; onProgress: OnProgress }): Promise<ProduceReport> {
  const target = new LogTarget(feed.log, feed.topics[0]);
  return journaled(feed, STREAM, async (own) => {
    const log = { counts: (await own.counts())!, nowMs: systemClock.nowMs() };
    return producePaced({ stream: liveStream(streamFile(feed), streamIdentity(feed, flags, target), log), target: own, ...options });
  });
}

/** The one seeded stream of a topic, whether it was filled at once or live. */
const STREAM = 'stream';

function streamIdentity(feed: Feed & { log: EventLog }, flags: Flags, target: LogTarget): StreamIdentity {
  return { seed: feed.log.topic(feed.topics[0])!.seed, ratePerS: flags.integer('rate', RATE_PER_S, 1), partitions: target.partitions };
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
  const journal = new ProduceJournal(journalFile(feed.log, feed.topics[0]));
  const held = journal.begin(source, feed.log.ends(feed.topics[0]));
  const report = await produce(asHolding(new LogTarget(feed.log, feed.topics[0]), held));
  journal.end(feed.log.ends(feed.topics[0]));
  return report;
}

/** A log from before there could be several topics keeps that of its only one in `stream.json`. */
function streamFile({ log, topics }: Feed & { log: EventLog }): string {
  const [own, only] = [`stream-${topics[0]}.json`, 'stream.json'].map((name) => join(log.dir, name));
  return !existsSync(own) && existsSync(only) && existsSync(journalFile(log, topics[0])) ? only : own;
}

function journalFile(log: EventLog, topic: string): string {
  return join(log.dir, `produced-${topic}.json`);
}
