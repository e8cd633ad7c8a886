import { drainBacklog, fillBronze } from './backlog-run.ts';
import { measureHost, produceFirst } from './ingest-host.ts';
import { measureLatency } from './ingest-latency.ts';
import { measureBatches } from './ingest-memory.ts';
import type { IngestResult, IngestTask } from './ingest-task.ts';

function run(task: IngestTask, dir: string): Promise<IngestResult> {
  if (task.kind === 'memory') return measureBatches(task, dir);
  if (task.kind === 'fill') return fillBronze(task, dir);
  if (task.kind === 'drain') return drainBacklog(task, dir);
  if (task.kind === 'produce') return produceFirst(task, dir);
  return task.kind === 'host' ? measureHost(task, dir) : measureLatency(task, dir);
}

/** One measurement, so that its memory is its own. Arguments: the task as JSON, a directory. */
const [task, dir] = process.argv.slice(2);
process.send!(await run(JSON.parse(task) as IngestTask, dir), () => process.exit(0));
