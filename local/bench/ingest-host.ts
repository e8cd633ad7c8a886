import { systemClock } from '../../shared/clock.ts';
import { openLake } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { connectionTo } from '../cli/kafka-settings.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import { feedNames, openFeed } from '../run/feed.ts';
import type { Feed } from '../run/feed.ts';
import { startLocalApp } from '../run/local-app.ts';
import { EventStream } from '../producer/generate.ts';
import { KafkaTarget } from '../producer/kafka-target.ts';
import { LogTarget } from '../producer/log-target.ts';
import { produceAll } from '../producer/run.ts';
import { RATE_PER_S, START_MS } from '../producer/timeline.ts';
import type { IngestResult, IngestTask } from './ingest-task.ts';
import { measure, noFlags, round, withFlags } from './result.ts';

const PARTITIONS = 4;

export function benchAccess(dir: string): LakeAccess {
  return { lakeUrl: `file:${dir}/lake`, connectionString: null, running: null, close: () => Promise.resolve() };
}

export async function openBenchLake(dir: string): Promise<OpenLake> {
  return openLake({ config: configFor(benchAccess(dir), noFlags), clock: systemClock, root: APP_DIR, tempDir: `${dir}/temp` });
}

/** Fills the lake's embedded log, or a topic of a broker that is made for it, with the seeded stream. */
export async function produceFirst({ events, seed, brokers, topic }: Extract<IngestTask, { kind: 'produce' }>, dir: string): Promise<IngestResult> {
  const opened = await openBenchLake(dir);
  const feed = brokers === null ? await openFeed(withFlags({ seed: String(seed) }), benchAccess(dir), await feedNames(opened)) : null;
  const target = feed === null
    ? await KafkaTarget.open({ connection: connectionTo(brokers!, 'assay-bench'), topic, partitions: PARTITIONS })
    : new LogTarget(feed.log!, feed.topics[0]);
  const source = new EventStream({ seed, startMs: START_MS, ratePerS: RATE_PER_S, partitions: target.partitions }, events);
  const { value: { appended, bytes }, ...spent } = await measure(() => produceAll({ source, target }));
  await target.close();
  await feed?.close();
  await opened.engine.close();
  return { name: 'ingest/produce', parameters: { seed, from: brokers === null ? 'embedded log' : 'broker' }, ...spent, rows: appended, bytes_in: null, bytes_out: bytes, requests: null };
}

/** From what was produced to Bronze, through the local host, the built app and @azure/functions: start, and the rest until the topic is drained. */
export async function measureHost({ brokers, topic }: Extract<IngestTask, { kind: 'host' }>, dir: string): Promise<IngestResult> {
  const opened = await openBenchLake(dir);
  const flags = brokers === null ? noFlags : withFlags({ brokers, topic });
  const feed = await openFeed(flags, benchAccess(dir), await feedNames(opened));
  const source = feed.sourceOf(feed.topics[0]);
  const ends = await source.endOffsets();
  const app = await startLocalApp({ access: benchAccess(dir), feed, flags, live: false, httpPort: 0, onLog: () => undefined });
  let firstCommitMs: number | null = null;
  const { value: rows, ...spent } = await measure(async () => {
    let all = 0;
    while (!source.reached(ends)) {
      const { records } = await app.host.invoke('ingest', { windowMs: 500 }) as { records: number };
      if (records > 0) firstCommitMs ??= performance.now();
      all += records;
    }
    return all;
  });
  await app.stop();
  await stop(feed, opened);
  return {
    name: 'ingest/host', parameters: { from: brokers === null ? 'embedded log' : 'broker' }, ...spent, rows, bytes_in: null, bytes_out: null, requests: null,
    measured: {
      rows_per_s: Math.round(rows / spent.wall_s), cpu_s_per_million: round((spent.cpu_s / rows) * 1e6), process_start_to_first_commit_s: round((firstCommitMs ?? Number.NaN) / 1000),
    },
  };
}

export async function stop(feed: Feed, opened: OpenLake): Promise<void> {
  await feed.close();
  await opened.engine.close();
}
