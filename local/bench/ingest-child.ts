import { measureHost, produceFirst } from './ingest-host.ts';
import { measureLatency } from './ingest-latency.ts';
import { measureBatches } from './ingest-memory.ts';
import type { BenchResult } from './result.ts';

export type IngestTask =
  | { readonly kind: 'memory'; readonly shape: 'records' | 'trigger'; readonly batch: number; readonly rows: number; readonly seed: number }
  /** What `host` then reads. */
  | { readonly kind: 'produce'; readonly events: number; readonly seed: number; readonly brokers: string | null; readonly topic: string }
  | { readonly kind: 'host'; readonly brokers: string | null; readonly topic: string }
  | { readonly kind: 'latency'; readonly windowS: number; readonly seconds: number; readonly seed: number };

export type IngestResult = Omit<BenchResult, 'versions'>;

function run(task: IngestTask, dir: string): Promise<IngestResult> {
  if (task.kind === 'memory') return measureBatches(task, dir);
  if (task.kind === 'produce') return produceFirst(task, dir);
  return task.kind === 'host' ? measureHost(task, dir) : measureLatency(task, dir);
}

/** One measurement, so that its memory is its own. Arguments: the task as JSON, a directory. */
const [task, dir] = process.argv.slice(2);
process.send!(await run(JSON.parse(task) as IngestTask, dir), () => process.exit(0));
