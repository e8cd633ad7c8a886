import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { openLake } from '../../shared/open-lake.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { meterDifference } from '../../shared/storage/meter.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import { OneLife, batchesOf } from './ingest-memory.ts';
import type { IngestResult, IngestTask } from './ingest-task.ts';
import { measure, noFlags } from './result.ts';

async function openBench(dir: string) {
  const config = configFor({ lakeUrl: `file:${dir}/lake`, connectionString: null }, noFlags);
  return { config, ...(await openLake({ config, clock: systemClock, root: APP_DIR, tempDir: join(dir, 'temp') })) };
}

/** A Bronze that nobody has refined, of commits of `batch` records. */
export async function fillBronze({ batch, rows, padBytes, seed }: Extract<IngestTask, { kind: 'fill' }>, dir: string): Promise<IngestResult> {
  const { config, lake, pipelines: [{ pipeline }], engine, meter } = await openBench(dir);
  const broker = new OneLife();
  const options = { lake, pipeline, broker, consumerGroup: 'bench', clock: systemClock, checkpointInterval: BigInt(config.checkpointInterval), observe: unobserved, seen: new Map<string, string>() };
  const { value: _value, ...taken } = await measure(async () => {
    for (const records of batchesOf({ rows, batch, seed, topic: pipeline.topics[0].name })) {
      broker.batch = records.map((record) => padded(record, padBytes));
      await ingest(broker.batch, options);
    }
  });
  await engine.close();
  const { requests, bytesIn, bytesOut } = meter.read();
  return { name: 'backlog/bronze', parameters: { batch, pad_bytes: padBytes }, ...taken, rows, bytes_in: bytesIn, bytes_out: bytesOut, requests };
}

/** One more field, which no pipeline names, of so many bytes; what is no object stays as it is. */
function padded(record: KafkaRecord, padBytes: number): KafkaRecord {
  const { value } = record;
  if (padBytes === 0 || value === null || value.at(-1) !== 0x7d) return record;
  const digits = Array.from({ length: Math.ceil(padBytes / 16) }, (_value, i) => ((Number(record.offset) * 2654435761 + i * 40503) >>> 0).toString(16).padStart(16, '0')).join('');
  return { ...record, value: Buffer.concat([value.subarray(0, -1), Buffer.from(`,"note":"${digits.slice(0, padBytes)}"}`)]) };
}

/** Refine until nothing is left, as the timer does it. The peak is that of this process from its start. */
export async function drainBacklog({ batch, padBytes }: Extract<IngestTask, { kind: 'drain' }>, dir: string): Promise<IngestResult> {
  const { config, lake, pipelines: [{ pipeline }], engine, meter } = await openBench(dir);
  const judge = compileRules(pipeline, config);
  const options = {
    lake, pipeline, judge, lateAfterMs: config.lateAfterMs, sliceRows: config.sliceRows, sliceBytes: config.sliceMb * 1024 * 1024,
    checkpointInterval: BigInt(config.checkpointInterval), clock: systemClock, observe: unobserved,
  };
  const before = meter.read();
  let [rows, slices] = [0, 0];
  const { value: _value, ...taken } = await measure(async () => {
    for (let outcome = await refine(options); outcome.kind === 'committed'; outcome = await refine(options)) {
      rows += outcome.rows;
      slices++;
    }
  });
  const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
  await engine.close();
  return {
    name: 'backlog/refine', parameters: { batch, pad_bytes: padBytes }, ...taken, peak_mb: Math.round(process.resourceUsage().maxRSS / 1024), rows, bytes_in: bytesIn, bytes_out: bytesOut, requests,
    measured: { slices, rows_per_s: Math.round(rows / taken.wall_s) },
  };
}
