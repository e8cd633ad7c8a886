import { watch } from 'node:fs/promises';
import { join } from 'node:path';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import { buildIfStale } from '../build.ts';
import { APP_DIR } from '../cli/local-lake.ts';
import { startHost } from '../host/host.ts';
import { EventStream } from '../producer/generate.ts';
import { LogTarget } from '../producer/log-target.ts';
import { producePaced } from '../producer/run.ts';
import { START_MS } from '../producer/timeline.ts';
import type { RecordsByPartition } from '../producer/target.ts';
import { feedNames, openFeed } from '../run/feed.ts';
import { benchAccess, openBenchLake, stop } from './ingest-host.ts';
import type { IngestResult, IngestTask } from './ingest-task.ts';
import { measure, round, withFlags } from './result.ts';

const EVENTS_PER_S = 1_000;
/** Ingest alone, as its peers were measured. */
const OTHERS = ['refine', 'score', 'train', 'maintain', 'monitor'];

/** Appends with the time of each append. */
class TimedTarget extends LogTarget {
  readonly appendedAtMs: number[][] = [];

  override async append(records: RecordsByPartition): Promise<void> {
    await super.append(records);
    const now = performance.now();
    for (const [partition, list] of records) this.appendedAtMs[partition] = [...(this.appendedAtMs[partition] ?? []), ...list.map(() => now)];
  }
}

/**
 * At 1,000 events a second into the embedded log, with the host's own trigger: from appended to visible in Bronze's log, by another reader's view
 * that is refreshed when something happens there. Producer, log, host and reader are this process: the CPU is theirs together.
 */
export async function measureLatency({ windowS, seconds, seed }: Extract<IngestTask, { kind: 'latency' }>, dir: string): Promise<IngestResult> {
  const opened = await openBenchLake(dir);
  const feed = await openFeed(withFlags({ seed: String(seed) }), benchAccess(dir), await feedNames(opened));
  const target = new TimedTarget(feed.log!, feed.topics[0]);
  const { delta } = await opened.lake.table(BRONZE);
  const host = await startHost({
    appDir: APP_DIR, entry: await buildIfStale(), source: feed.sourceOf, httpPort: null, onLog: () => undefined, settings: {
      ...feed.settings, LAKE_URL: `file:${dir}/lake`, LAKE_CONNECTION_STRING: '', CACHE_DIR: `${dir}/cache`, AzureFunctionsJobHost__extensions__kafka__subscriberIntervalInSeconds: String(windowS),
      ...Object.fromEntries(OTHERS.map((name) => [`AzureWebJobs.${name}.Disabled`, 'true'])),
    },
  });
  const stream = new EventStream({ seed, startMs: START_MS, ratePerS: EVENTS_PER_S, partitions: target.partitions }, EVENTS_PER_S * seconds);
  const delaysMs: number[] = [];
  const seen = new Map<number, number>();
  const look = async () => {
    const { txns } = await delta.refresh();
    const now = performance.now();
    for (const [appId, { version }] of txns) {
      const partition = /^bronze\/.*\/(\d+)$/.exec(appId)?.[1];
      if (partition === undefined) continue;
      const from = seen.get(Number(partition)) ?? 0;
      for (let offset = from; offset <= Number(version); offset++) delaysMs.push(now - target.appendedAtMs[Number(partition)][offset]);
      seen.set(Number(partition), Number(version) + 1);
    }
  };
  const spent = await measure(async () => {
    const producing = producePaced({ stream, target, signal: new AbortController().signal, stepMs: 10 });
    const commits = watch(join(dir, 'lake', BRONZE, '_delta_log'))[Symbol.asyncIterator]();
    for (; delaysMs.length < EVENTS_PER_S * seconds; await commits.next()) await look();
    await commits.return?.();
    await producing;
  });
  await host.stop();
  const files = (await delta.refresh()).files.size;
  await stop(feed, opened);
  const sorted = Float64Array.from(delaysMs).sort();
  const quantile = (q: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] / 1000);
  return {
    name: 'ingest/latency', parameters: { window_s: windowS, events_per_s: EVENTS_PER_S, seconds, seed }, wall_s: spent.wall_s, cpu_s: spent.cpu_s, peak_mb: spent.peak_mb, rows: delaysMs.length, bytes_in: null, bytes_out: null, requests: null,
    measured: { p50_s: quantile(0.5), p99_s: quantile(0.99), cpu_s_per_minute: round((spent.cpu_s / spent.wall_s) * 60), files_per_minute: round((files / spent.wall_s) * 60) },
  };
}
