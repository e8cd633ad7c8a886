import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { openLake } from '../../shared/open-lake.ts';
import { withTables } from '../../shared/pipeline/lake-sql.ts';
import { configFor, APP_DIR } from '../cli/local-lake.ts';
import type { LakeAccess } from '../cli/local-lake.ts';
import type { Flags } from '../cli/command.ts';
import { drainOnce } from '../run/drain.ts';
import { fillOnce, feedNames, openFeed } from '../run/feed.ts';
import { startLocalApp } from '../run/local-app.ts';
import { summarise } from '../run/summary.ts';
import { measure, versions } from './result.ts';
import type { BenchResult } from './result.ts';

/**
 * The whole pipeline over `--events` of the seeded stream in a fresh directory lake: embedded log → trigger shapes → Bronze → Silver →
 * Gold, cold. Requests and bytes are the app's own, as it wrote them to `cluster_logs`. Fails where the balance is not ok.
 */
export async function benchPipeline(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  const access: LakeAccess = { lakeUrl: `file:${dir}/lake`, connectionString: null, running: null, close: () => Promise.resolve() };
  const parameters = { events: flags.integer('events', 1_000_000), seed: flags.integer('seed', 7) };
  const opened = await openLake({ config: configFor(access, flags), clock: systemClock, root: APP_DIR, tempDir: join(dir, 'temp') });
  const asked = withDefaults(flags, { events: String(parameters.events), seed: String(parameters.seed) });
  const feed = await openFeed(asked, access, await feedNames(opened));
  try {
    const produce = await measure(async () => fillOnce({ ...feed, log: feed.log! }, asked));
    emit({ name: 'pipeline/produce', parameters, ...taken(produce), rows: produce.value!.appended, bytes_in: null, bytes_out: produce.value!.bytes, requests: null, versions });
    const app = await startLocalApp({ access, feed, flags, live: false, httpPort: 0, onLog: () => undefined });
    const tasks: { task: string; rows: number; wall_s: number; cpu_s: number; peak_mb: number }[] = [];
    const whole = await measure(() => drainOnce({ host: app.host, feed, opened, onTask: (result) =>
      tasks.push({ task: result.task, rows: result.rows, wall_s: result.ms / 1000, cpu_s: result.cpuMs / 1000, peak_mb: Math.round(result.peakMb) }) }));
    await app.stop();
    const costs = await costsOf(opened);
    for (const { task, ...rest } of tasks) emit({ name: `pipeline/${task}`, parameters, ...rest, ...(costs.get(task) ?? NO_COSTS), versions });
    emit({ name: 'pipeline/all', parameters, ...taken(whole), rows: parameters.events, ...NO_COSTS, versions });
    const { verdict, problems } = await summarise(opened);
    if (verdict !== 'ok') throw new Error(`the balance is ${verdict}: ${problems.join('; ')}`);
  } finally {
    await feed.close();
    await opened.engine.close();
    await rm(dir, { recursive: true, force: true });
  }
}

const NO_COSTS = { bytes_in: null, bytes_out: null, requests: null };

async function costsOf(opened: Awaited<ReturnType<typeof openLake>>): Promise<Map<string, { bytes_in: number; bytes_out: number; requests: number }>> {
  const rows = await withTables(opened.lake, ['cluster_logs'], (session) =>
    session.rows('SELECT task, sum(bytes_in)::BIGINT AS bytes_in, sum(bytes_out)::BIGINT AS bytes_out, sum(requests)::BIGINT AS requests FROM cluster_logs GROUP BY task'));
  return new Map(rows.map((row) => [row['task'] as string, { bytes_in: Number(row['bytes_in']), bytes_out: Number(row['bytes_out']), requests: Number(row['requests']) }]));
}

function taken({ wall_s, cpu_s, peak_mb }: { wall_s: number; cpu_s: number; peak_mb: number }): { wall_s: number; cpu_s: number; peak_mb: number } {
  return { wall_s, cpu_s, peak_mb };
}

function withDefaults(flags: Flags, defaults: Readonly<Record<string, string>>): Flags {
  return { ...flags, text: (name) => flags.text(name) ?? defaults[name], integer: (name, fallback, min) => flags.integer(name, Number(defaults[name] ?? fallback), min) };
}
