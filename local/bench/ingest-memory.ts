import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { openLake } from '../../shared/open-lake.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import type { Broker, OffsetsRead, ReadPartition } from '../../shared/sources/broker.ts';
import type { KafkaRecord, OffsetRange } from '../../shared/sources/record.ts';
import { readTrigger } from '../../shared/sources/trigger.ts';
import { meterDifference } from '../../shared/storage/meter.ts';
import { APP_DIR, configFor } from '../cli/local-lake.ts';
import { kafkaBatch } from '../host/kafka-shapes.ts';
import type { TypedData } from '../host/rpc.ts';
import { EventStream } from '../producer/generate.ts';
import { RATE_PER_S, START_MS } from '../producer/timeline.ts';
import type { IngestResult, IngestTask } from './ingest-task.ts';
import { noFlags, round } from './result.ts';

const PARTITIONS = 4;
const BINDING = { type: 'kafkaTrigger', cardinality: 'MANY', dataType: 'binary', keyDataType: 'Binary' };

/**
 * From a batch in memory to its committed Bronze version in a directory lake: what the stage itself costs, broker and host apart. Batches are
 * made one by one, outside the measurement. `trigger`: as the handler gets them from @azure/functions.
 */
export async function measureBatches({ shape, batch, rows, seed }: Extract<IngestTask, { kind: 'memory' }>, dir: string): Promise<IngestResult> {
  const config = configFor({ lakeUrl: `file:${dir}/lake`, connectionString: null }, noFlags);
  const { lake, pipelines: [{ pipeline }], meter, engine } = await openLake({ config, clock: systemClock, root: APP_DIR, tempDir: join(dir, 'temp') });
  const topic = pipeline.topics[0].name;
  await lake.table('bronze_events');
  const broker = new OneLife();
  const options = {
    lake, pipeline, broker, consumerGroup: 'bench', clock: systemClock, checkpointInterval: BigInt(config.checkpointInterval), observe: unobserved, seen: new Map<string, string>(),
  };
  const before = meter.read();
  const spent = { wallMs: 0, cpuUs: 0, peakBytes: 0 };
  for (const records of batchesOf({ rows, batch, seed, topic })) {
    broker.batch = records;
    const handed = shape === 'trigger' ? asHanded(records) : null;
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    await ingest(handed === null ? records : readTrigger(handed.input, handed.metadata, { topic }), options);
    const { user, system } = process.cpuUsage(cpu);
    spent.wallMs += performance.now() - started;
    spent.cpuUs += user + system;
    spent.peakBytes = Math.max(spent.peakBytes, process.memoryUsage.rss());
  }
  const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
  await engine.close();
  const [wall_s, cpu_s] = [round(spent.wallMs / 1000), round(spent.cpuUs / 1e6)];
  return {
    name: `ingest/${shape}`, parameters: { batch, seed }, wall_s, cpu_s, peak_mb: Math.round(spent.peakBytes / 2 ** 20), rows, bytes_in: bytesIn, bytes_out: bytesOut, requests,
    measured: { rows_per_s: Math.round(rows / wall_s), cpu_s_per_million: round((cpu_s / rows) * 1e6), cpu_ms_per_commit: round((cpu_s * 1000) / Math.ceil(rows / batch)) },
  };
}

export function* batchesOf({ rows, batch, seed, topic }: { rows: number; batch: number; seed: number; topic: string }): Generator<KafkaRecord[]> {
  const offsets = Array.from({ length: PARTITIONS }, () => 0n);
  let records: KafkaRecord[] = [];
  for (const { partition, record } of new EventStream({ seed, startMs: START_MS, ratePerS: RATE_PER_S, partitions: PARTITIONS }, rows).generate()) {
    records.push({ ...record, topic, partition, offset: offsets[partition]++, timestampType: null });
    if (records.length < batch) continue;
    yield records;
    records = [];
  }
  if (records.length > 0) yield records;
}

/** The host's message as the library hands it over: Buffers, and metadata parsed under names that begin small. */
function asHanded(records: readonly KafkaRecord[]): { input: unknown; metadata: Readonly<Record<string, unknown>> } {
  const { inputData: [{ data }], triggerMetadata } = kafkaBatch(records, BINDING, 'batch');
  const value = ({ json, collectionString, collectionSint64 }: TypedData): unknown => (json === undefined ? collectionString?.string ?? collectionSint64?.sint64 : JSON.parse(json));
  return {
    input: data.collectionBytes!.bytes.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    metadata: Object.fromEntries(Object.entries(triggerMetadata).map(([name, sent]) => [name[0].toLowerCase() + name.slice(1), value(sent)])),
  };
}

/** The four partitions of one topic that never was recreated, and the batch that is on its way: the broker costs nothing here. */
export class OneLife implements Broker {
  batch: readonly KafkaRecord[] = [];

  topicId(): Promise<string> {
    return Promise.resolve('00000000-0000-8000-8000-000000000001');
  }

  offsets(): Promise<{ partition: number; earliest: bigint; latest: bigint }[]> {
    return Promise.resolve(Array.from({ length: PARTITIONS }, (_value, partition) => ({ partition, earliest: 0n, latest: 0n })));
  }

  offsetForTime(): Promise<Map<number, bigint>> {
    return Promise.resolve(new Map());
  }

  committed(): Promise<Map<number, bigint>> {
    return Promise.resolve(new Map());
  }

  read({ partition }: ReadPartition, ranges: readonly OffsetRange[]): Promise<OffsetsRead> {
    const asked = (record: KafkaRecord) => record.partition === partition && ranges.some(({ firstOffset, lastOffset }) => record.offset >= firstOffset && record.offset <= lastOffset);
    return Promise.resolve({ records: this.batch.filter(asked), missing: [], bytes: 0, next: ranges.at(-1)!.lastOffset + 1n });
  }
}
