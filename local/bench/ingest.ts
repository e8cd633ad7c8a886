import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { openLake } from '../../shared/open-lake.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import type { Broker } from '../../shared/pipeline/bronze.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { meterDifference } from '../../shared/storage/meter.ts';
import type { Flags } from '../cli/command.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import { EventStream } from '../producer/generate.ts';
import { RATE_PER_S, START_MS } from '../producer/timeline.ts';
import { measure, versions } from './result.ts';
import type { BenchResult } from './result.ts';

const BATCHES = [64, 1_000, 10_000, 100_000];
const COMMITS_MAX = 100;

/** From a batch in memory to its committed Bronze version, in a directory lake: what the stage itself costs, trigger and broker apart. */
export async function benchIngest(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const events = flags.integer('events', 1_000_000);
  const seed = flags.integer('seed', 7);
  for (const batch of BATCHES) {
    const rows = Math.min(events, batch * COMMITS_MAX);
    emit(await benchBatch({ batch, rows, seed, flags }));
  }
}

async function benchBatch({ batch, rows, seed, flags }: { batch: number; rows: number; seed: number; flags: Flags }): Promise<BenchResult> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  const config = configFor({ lakeUrl: `file:${dir}/lake`, connectionString: null }, flags);
  const { lake, pipeline, meter, engine } = await openLake({ config, clock: systemClock, root: APP_DIR, tempDir: join(dir, 'temp') });
  try {
    const batches = [...batchesOf(rows, batch, seed, pipeline.topics[0].name)];
    await lake.table('bronze_events');
    const before = meter.read();
    const options = { lake, pipeline, broker: oneLife, consumerGroup: 'bench', seen: new Map<string, string>(), clock: systemClock, checkpointInterval: BigInt(config.checkpointInterval), observe: unobserved };
    const { wall_s, cpu_s, peak_mb } = await measure(async () => { for (const records of batches) await ingest(records, options); });
    const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
    return { name: 'ingest/memory', parameters: { batch, seed }, wall_s, cpu_s, peak_mb, rows, bytes_in: bytesIn, bytes_out: bytesOut, requests, versions };
  } finally {
    await engine.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function* batchesOf(rows: number, batch: number, seed: number, topic: string): Generator<KafkaRecord[]> {
  const partitions = 4;
  const offsets = Array.from({ length: partitions }, () => 0n);
  let records: KafkaRecord[] = [];
  for (const { partition, record } of new EventStream({ seed, startMs: START_MS, ratePerS: RATE_PER_S, partitions }, rows).generate()) {
    records.push({ ...record, topic, partition, offset: offsets[partition]++, timestampType: null });
    if (records.length < batch) continue;
    yield records;
    records = [];
  }
  if (records.length > 0) yield records;
}

/** The four partitions of one topic that never was recreated: the broker costs nothing here. */
const oneLife: Broker = {
  topicId: () => Promise.resolve('00000000-0000-8000-8000-000000000001'),
  offsets: () => Promise.resolve([0, 1, 2, 3].map((partition) => ({ partition, earliest: 0n, latest: 0n }))),
  offsetForTime: () => Promise.resolve(new Map()),
  committed: () => Promise.resolve(new Map()),
  read: (_from, ranges) => Promise.resolve({ records: [], missing: ranges.map((range) => ({ ...range, cause: 'unavailable' as const })), bytes: 0, next: ranges.at(-1)!.lastOffset + 1n }),
};
