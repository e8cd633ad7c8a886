import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Flags } from '../cli/command.ts';
import type { IngestResult, IngestTask } from './ingest-task.ts';
import { versions } from './result.ts';
import type { BenchResult } from './result.ts';

const BATCHES = [64, 1_000, 10_000, 100_000];
const COMMITS_MAX = 100;
const WINDOWS_S = [1, 30];
const BROKER_TOPIC = 'assay-bench';

/**
 * What ingest costs, each result in a process of its own: from a batch in memory, as records and in the trigger's shapes, to its committed Bronze
 * version; from the embedded log, or from `--brokers`, through the local host. With `--latency`: from produced to visible at 1,000 events a second.
 */
export async function benchIngest(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const [events, seed] = [flags.integer('events', 1_000_000), flags.integer('seed', 7)];
  const [brokers, topic] = [flags.text('brokers') ?? null, flags.text('topic') ?? BROKER_TOPIC];
  if (flags.has('latency')) {
    const seconds = flags.integer('seconds', 60, 1);
    for (const windowS of WINDOWS_S) await inChild({ kind: 'latency', windowS, seconds, seed }, emit);
    return;
  }
  for (const shape of ['records', 'trigger'] as const) {
    for (const batch of BATCHES) await inChild({ kind: 'memory', shape, batch, rows: Math.min(events, batch * COMMITS_MAX), seed }, emit);
  }
  await inChild({ kind: 'produce', events, seed, brokers, topic }, emit, { kind: 'host', brokers, topic });
}

/** Tasks of one lake, each in a process of its own. */
export async function inChild(first: IngestTask, emit: (result: BenchResult) => void, ...others: IngestTask[]): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  try {
    for (const task of [first, ...others]) {
      const child = fork(fileURLToPath(new URL('./ingest-child.ts', import.meta.url)), [JSON.stringify(task), dir], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const ended = once(child, 'exit');
      const results: IngestResult[] = [];
      child.on('message', (result) => results.push(result as IngestResult));
      const [code] = await ended as [number | null];
      if (code !== 0) throw new Error(`the measurement ${JSON.stringify(task)} ended with exit code ${code}`);
      for (const result of results) emit({ ...result, versions });
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
