import { systemClock } from '../../shared/clock.ts';
import { isAssayError } from '../../shared/errors.ts';
import { measure } from '../bench/result.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { pipelineRunRow } from '../../shared/monitoring/rows.ts';
import { appendLog } from '../../shared/pipeline/append-log.ts';
import type { LocalHost } from '../host/host.ts';
import type { DrainableSource } from '../trigger-source.ts';
import type { Feed } from './feed.ts';

export const PIPELINE_RUN = 'full_streaming_pipeline';

/** What one task of the chain came to. */
export interface TaskResult {
  readonly task: string;
  readonly rows: number;
  readonly ms: number;
  readonly cpuMs: number;
  /** Greatest resident set of the process while it ran. */
  readonly peakMb: number;
}

export interface DrainOptions {
  readonly host: LocalHost;
  readonly feed: Pick<Feed, 'sourceOf'>;
  readonly opened: OpenLake;
  readonly onTask: (result: TaskResult) => void;
}

const POLL_WINDOW_MS = 200;

/**
 * The chain once: everything that was in the topic at the start goes to Bronze, all of Bronze to Silver, all of Silver to Gold, then the
 * monitor looks (semantics.md, section 5). Each task has its row in `pipeline_runs`.
 */
export async function drainOnce(options: DrainOptions): Promise<TaskResult[]> {
  const runId = systemClock.uuid();
  const tasks: [string, () => Promise<number>][] = [
    ['ingest', () => ingestAll(options)],
    ['refine', () => stageUntilDone(options.host, 'refine')],
    ['score', () => stageUntilDone(options.host, 'score')],
    ['monitor', () => stageOnce(options.host, 'monitor')],
  ];
  const results: TaskResult[] = [];
  for (const [task, run] of tasks) results.push(await runTask(task, run, { ...options, runId }));
  return results;
}

async function runTask(task: string, run: () => Promise<number>, { opened, onTask, runId }: DrainOptions & { runId: string }): Promise<TaskResult> {
  const startMs = systemClock.nowMs();
  const log = (state: 'done' | 'failed', rows: number | null, error: string | null) => appendLog(opened.lake, 'pipeline_runs',
    [pipelineRunRow({ runId, pipeline: PIPELINE_RUN, task, state, startMs, endMs: systemClock.nowMs(), rows: rows === null ? null : BigInt(rows), error })], 10n);
  try {
    const { value: rows, wall_s, cpu_s, peak_mb } = await measure(run);
    const result = { task, rows, ms: wall_s * 1000, cpuMs: cpu_s * 1000, peakMb: peak_mb };
    await log('done', rows, null);
    onTask(result);
    return result;
  } catch (error) {
    await log('failed', null, isAssayError(error) ? error.code : 'bug');
    throw error;
  }
}

/** Topic after topic: each has its function. */
async function ingestAll({ host, feed }: DrainOptions): Promise<number> {
  let rows = 0;
  for (const { name, binding } of host.functions.filter(({ type, disabled }) => type === 'kafkaTrigger' && !disabled)) {
    rows += await ingestTopic(host, name, feed.sourceOf(String(binding['topic'])));
  }
  return rows;
}

/** Batches until the position stands at what were the end offsets at the start. */
async function ingestTopic(host: LocalHost, name: string, source: DrainableSource): Promise<number> {
  const ends = await source.endOffsets();
  let rows = 0;
  let idle = false;
  while (!source.reached(ends) || !idle) {
    const { records } = (await host.invoke(name, { windowMs: POLL_WINDOW_MS })) as { records: number };
    rows += records;
    // A batch that was polled but failed comes first again; only an empty poll at the ends proves that all is committed.
    idle = records === 0;
  }
  return rows;
}

interface Drained { readonly outcome: string; readonly rows: number; readonly more: boolean }

async function stageUntilDone(host: LocalHost, stage: string): Promise<number> {
  let rows = 0;
  for (;;) {
    const drained = (await host.invoke(stage)) as Drained;
    rows += drained.rows;
    if (drained.outcome === 'paused') return rows;
    if (!drained.more && drained.outcome === 'nothing-to-do') return rows;
  }
}

async function stageOnce(host: LocalHost, stage: string): Promise<number> {
  return ((await host.invoke(stage)) as Drained).rows;
}
