import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { openModel } from '../../shared/model/manifest.ts';
import { logTables } from '../../shared/monitoring/log-tables.ts';
import { Champions } from '../../shared/pipeline/champion.ts';
import type { Broker } from '../../shared/pipeline/bronze.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { score } from '../../shared/pipeline/score.ts';
import type { StageOutcome } from '../../shared/pipeline/stage.ts';
import { pipelineTables } from '../../shared/pipeline/tables.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';

export const LATE_AFTER_MS = 300_000;
export const FUTURE_AFTER_MS = 86_400_000;

/** A broker that knows one life of every topic and starts at 0. */
export class OneLifeBroker implements Broker {
  readonly partitions = 4;
  topicId(): Promise<string> {
    return Promise.resolve('11111111-1111-4111-8111-111111111111');
  }
  offsets(): Promise<{ partition: number; earliest: bigint; latest: bigint }[]> {
    return Promise.resolve(Array.from({ length: this.partitions }, (_value, partition) => ({ partition, earliest: 0n, latest: 1_000_000n })));
  }
  offsetForTime(): Promise<Map<number, bigint>> {
    return Promise.resolve(new Map());
  }
  committed(): Promise<Map<number, bigint>> {
    return Promise.resolve(new Map());
  }
}

/** The stages over a lake of their own, with the real engine; `close` removes everything. */
export interface TestLake {
  readonly lake: Lake;
  readonly engine: Engine;
  readonly pipeline: Pipeline;
  readonly folder: string;
  ingest(records: readonly KafkaRecord[]): Promise<StageOutcome>;
  refine(sliceRows?: number): Promise<StageOutcome>;
  score(sliceRows?: number): Promise<StageOutcome>;
  rows(table: string, sql?: string): Promise<Record<string, unknown>[]>;
  /** A second worker: its own snapshots on the same tables. */
  another(): Promise<TestLake>;
  close(): Promise<void>;
}

export async function openTestLake(options: { store?: ObjectStore; clock?: Clock; pipelineText?: string; broker?: Broker; folder?: string } = {}): Promise<TestLake> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'assay-test-')));
  const clock = options.clock ?? systemClock;
  const text = options.pipelineText ?? (await readFile(new URL('../../pipelines/events.json', import.meta.url), 'utf8'));
  const pipeline = parsePipelineFile(text, 'test pipeline', { lateAfterMs: LATE_AFTER_MS, futureAfterMs: FUTURE_AFTER_MS });
  const engine = new Engine({ memoryMb: 512, threads: 2, tempDir: join(folder, 'spill') });
  const store = options.store ?? new FileStore({ dir: join(folder, 'lake') });
  const definitions = [...pipelineTables(pipeline), ...logTables.map((table) => ({ ...table, description: '', configuration: {} }))];
  const lake = new Lake({ store, engine, clock, tempDir: join(folder, 'temp'), cacheBytesMax: 1e9, definitions });
  const models = new URL('../../models/', import.meta.url);
  const shipped = async () => openModel(await readFile(new URL('manifest.json', models)), await readFile(new URL('model.onnx', models)));
  const champions = new Champions({ lake, pipeline, clock, shipped, say: () => undefined });
  const common = { lake, pipeline, clock, checkpointInterval: 10n, observe: unobserved };
  return {
    lake, engine, pipeline, folder,
    ingest: (records) => ingest(records, { ...common, broker: options.broker ?? new OneLifeBroker(), consumerGroup: 'test' }),
    refine: (sliceRows = 250_000) => refine({ ...common, judge: compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS }), lateAfterMs: LATE_AFTER_MS, sliceRows }),
    score: (sliceRows = 250_000) => score({ ...common, champions, sliceRows }),
    rows: async (name, sql = 'SELECT * EXCLUDE (_file) FROM rows') => {
      const table = await lake.table(name);
      const snapshot = await table.delta.refresh();
      return table.scan(snapshot, snapshot.files.values(), (scan) => engine.session((session) => session.rows(`WITH rows AS (${scan}) ${sql}`)));
    },
    another: () => openTestLake({ ...options, folder, store }),
    close: async () => {
      await engine.close();
      if (!options.folder) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A record of the default topic. */
export function record(offset: number, value: string | Uint8Array | null, options: { partition?: number; timestampMs?: number; key?: string; topic?: string } = {}): KafkaRecord {
  return {
    topic: options.topic ?? 'events',
    partition: options.partition ?? 0,
    offset: BigInt(offset),
    timestampMs: options.timestampMs ?? Date.parse('2025-04-01T18:00:00Z'),
    timestampType: null,
    key: options.key === undefined ? null : Buffer.from(options.key),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: [],
  };
}

export function event(id: string, fields: Record<string, unknown> = {}): string {
  return JSON.stringify({ event_id: id, event_type: 'click', timestamp: '2025-04-01T17:59:00.000Z', value: '50', ...fields });
}
