import { ConfigError } from '../../shared/errors.ts';
import { systemClock } from '../../shared/clock.ts';
import { connectionTo } from './kafka-settings.ts';
import { lakeAccess, configFor, APP_DIR } from './local-lake.ts';
import type { Command, Flags } from './command.ts';
import { readPipelines } from '../../shared/open-lake.ts';
import { openInput } from '../inputs/input.ts';
import { EventHubTarget } from '../producer/event-hub-target.ts';
import { EventStream } from '../producer/generate.ts';
import { asHolding } from '../producer/journal.ts';
import { KafkaTarget } from '../producer/kafka-target.ts';
import { produceAll, producePaced } from '../producer/run.ts';
import type { ProduceReport } from '../producer/run.ts';
import type { EventSource } from '../producer/source.ts';
import type { ProduceTarget } from '../producer/target.ts';
import { RATE_PER_S, START_MS } from '../producer/timeline.ts';
import { feedOptions, fillOnce, openFeed } from '../run/feed.ts';
import { count } from '../run/summary.ts';

export const produceCommand: Command = {
  name: 'produce',
  usage: '(--events N [--seed S] | --input FILE|- [--event-type T]) [--rate R] [--brokers HOST:PORT --topic T [--partitions N] [--resume] | --event-hub NAME]',
  summary: 'Events into the embedded log, a Kafka topic or an event hub: a seeded stream with every kind of trouble, or a file',
  options: { ...feedOptions, partitions: { type: 'string' }, resume: { type: 'boolean' }, 'event-hub': { type: 'string' } },
  run: async ({ flags, out }) => {
    if (flags.text('events') === undefined && flags.text('input') === undefined) {
      throw new ConfigError('cli/options', 'assay produce: give --events N or --input FILE');
    }
    const report = await produceInto(flags, (line) => out.note(line));
    out.result(report, () => `${count(report.appended)} events produced${report.held > 0 ? `; ${count(report.held)} were there before` : ''}`);
    return 0;
  },
};

function produceInto(flags: Flags, note: (line: string) => void): Promise<ProduceReport> {
  const [brokers, eventHub] = [flags.text('brokers'), flags.text('event-hub')];
  if (eventHub !== undefined) return intoEventHub(flags, eventHub);
  if (brokers === undefined) return intoLog(flags);
  if (flags.text('events') !== undefined && flags.text('rate') === undefined) {
    note(`The stream's own time begins ${new Date(START_MS).toISOString()}: a topic with a retention shorter than that is ago expires its records soon. Give it retention.ms=-1, or produce at the present time with --rate.`);
  }
  return intoKafka(flags, brokers);
}

/** The connection string comes by the environment: what is typed stays in a shell's history. */
async function intoEventHub(flags: Flags, eventHub: string): Promise<ProduceReport> {
  const connectionString = process.env['EVENT_HUB_CONNECTION_STRING'];
  if (!connectionString) throw new ConfigError('cli/options', '--event-hub needs EVENT_HUB_CONNECTION_STRING in the environment, with the right to send');
  const target = await EventHubTarget.open({ connectionString, eventHub });
  try {
    return await fill(target, flags);
  } finally {
    await target.close();
  }
}

async function intoLog(flags: Flags): Promise<ProduceReport> {
  const access = await lakeAccess(flags);
  try {
    const [pipeline] = await readPipelines(configFor(access, flags), APP_DIR);
    const feed = await openFeed(flags, access, { defaultTopics: [pipeline.topics[0].name], lakeId: 'nobody' });
    try {
      return (await fillOnce({ ...feed, log: feed.log! }, flags))!;
    } finally {
      await feed.close();
    }
  } finally {
    await access.close();
  }
}

async function intoKafka(flags: Flags, brokers: string): Promise<ProduceReport> {
  const topic = flags.text('topic');
  if (topic === undefined) throw new ConfigError('cli/options', '--brokers needs --topic');
  const target = await KafkaTarget.open({ connection: connectionTo(brokers, 'assay-produce'), topic, ...(flags.text('partitions') === undefined ? {} : { partitions: flags.integer('partitions', 1, 1) }) });
  try {
    // What a topic holds may be anybody's: only who says so goes on after it.
    return await fill(flags.has('resume') ? target : asHolding(target, Array.from({ length: target.partitions }, () => 0n)), flags);
  } finally {
    await target.close();
  }
}

/** With --rate at that pace, else as fast as the broker takes it. */
async function fill(target: ProduceTarget, flags: Flags): Promise<ProduceReport> {
  const rate = flags.text('rate');
  const stream = new EventStream({ seed: flags.integer('seed', 1), startMs: rate === undefined ? START_MS : systemClock.nowMs(), ratePerS: flags.integer('rate', RATE_PER_S, 1), partitions: target.partitions }, flags.integer('events', 0));
  if (flags.text('input') === undefined && rate !== undefined) return producePaced({ stream, target, signal: new AbortController().signal });
  return produceAll({ source: sourceOf(flags, stream, target), target });
}

function sourceOf(flags: Flags, stream: EventStream, target: ProduceTarget): EventSource {
  const [path, eventType] = [flags.text('input'), flags.text('event-type')];
  if (path === undefined) return stream;
  return openInput({ path, partitions: target.partitions, nowMs: () => systemClock.nowMs(), ...(eventType === undefined ? {} : { eventType }) });
}
