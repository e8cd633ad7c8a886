import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { openModel } from '../../shared/model/manifest.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import type { Balance } from '../../shared/monitoring/balance.ts';
import { logTables } from '../../shared/monitoring/log-tables.ts';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { duckOver } from '../../shared/open-lake.ts';
import { Champions } from '../../shared/pipeline/champion.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import type { Schemas } from '../../shared/formats/schemas.ts';
import type { SeenLives } from '../../shared/pipeline/incarnation.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { maintain } from '../../shared/pipeline/maintain.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import type { WriteObserver } from '../../shared/pipeline/observer.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { score } from '../../shared/pipeline/score.ts';
import type { StageOutcome } from '../../shared/pipeline/stage.ts';
import { pipelineTables } from '../../shared/pipeline/tables.ts';
import type { Broker, MissingCause, OffsetsRead, ReadLimits, ReadPartition } from '../../shared/sources/broker.ts';
import type { KafkaRecord, OffsetRange } from '../../shared/sources/record.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { readLog } from './offset-log.ts';

export const LATE_AFTER_MS = 300_000;
export const FUTURE_AFTER_MS = 86_400_000;

/** A broker whose answers are fields: one life of every topic, four partitions, starting at 0, unless a test says otherwise. */
export class TestBroker implements Broker {
  id = '11111111-1111-4111-8111-111111111111';
  earliest = 0n;
  latest = 1_000_000n;
  partitions = 4;
  byTime = new Map<number, bigint>();
  byGroup = new Map<number, bigint>();
  /** What it can give again (what was delivered, and what a test keeps), and why not; the rest is unavailable. By topic id, partition and offset. */
  readonly kept = new Map<string, KafkaRecord | MissingCause>();
  reads = 0;

  keep(records: readonly KafkaRecord[]): void {
    for (const each of records) this.kept.set(`${this.id} ${each.partition} ${each.offset}`, each);
  }
  lose(cause: MissingCause, offsets: readonly number[], partition = 0): void {
    for (const offset of offsets) this.kept.set(`${this.id} ${partition} ${offset}`, cause);
  }
  read({ partition, topicId }: ReadPartition, ranges: readonly OffsetRange[], limits: ReadLimits): Promise<OffsetsRead> {
    this.reads++;
    return Promise.resolve(readLog({ earliest: this.earliest, at: (offset) => (topicId === this.id ? this.kept.get(`${topicId} ${partition} ${offset}`) : null) ?? 'unavailable' }, ranges, limits));
  }
  topicId(): Promise<string> {
    return Promise.resolve(this.id);
  }
  offsets(): Promise<{ partition: number; earliest: bigint; latest: bigint }[]> {
    const { earliest, latest } = this;
    return Promise.resolve(Array.from({ length: this.partitions }, (_value, partition) => ({ partition, earliest, latest })));
  }
  offsetForTime(): Promise<Map<number, bigint>> {
    return Promise.resolve(this.byTime);
  }
  committed(): Promise<Map<number, bigint>> {
    return Promise.resolve(this.byGroup);
  }
}

/** The stages over a lake of their own, with the real engine; `close` removes everything. */
export interface TestLake {
  readonly lake: Lake<DuckRelations>;
  readonly engine: Engine;
  readonly pipeline: Pipeline;
  readonly folder: string;
  readonly broker: TestBroker;
  /** A batch whose records the broker has. */
  ingest(records: readonly KafkaRecord[]): Promise<StageOutcome>;
  /** A batch, whatever the broker has. */
  land(records: readonly KafkaRecord[]): Promise<StageOutcome>;
  refine(sliceRows?: number): Promise<StageOutcome>;
  score(sliceRows?: number): Promise<StageOutcome>;
  maintain(): Promise<StageOutcome>;
  /** Refine, then score, until neither has anything to do. */
  drain(sliceRows?: number): Promise<void>;
  balance(): Promise<Balance>;
  /** Rows of a query over `rows`, the newest version of a table. */
  rows(table: string, sql?: string): Promise<Record<string, unknown>[]>;
  /** A second worker: its own snapshots on the same tables. */
  another(options?: TestLakeOptions): Promise<TestLake>;
  close(): Promise<void>;
}

export interface TestLakeOptions {
  readonly store?: ObjectStore;
  readonly clock?: Clock;
  readonly pipelineText?: string;
  readonly broker?: TestBroker;
  readonly folder?: string;
  /** One that others close. */
  readonly engine?: Engine;
  readonly checkpointInterval?: bigint;
  /** Of every table. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly healLimits?: ReadLimits;
  /** Of a pipeline whose topics have any. */
  readonly schemas?: Schemas;
  /** What maintain tells people. */
  readonly say?: (line: string) => void;
  readonly observe?: WriteObserver;
}

const eventsText = () => readFile(new URL('../../pipelines/events.json', import.meta.url), 'utf8');
const models = new URL('../../models/', import.meta.url);
const shipped = async () => openModel(await readFile(new URL('manifest.json', models)), await readFile(new URL('model.onnx', models)));

export async function openTestLake(options: TestLakeOptions = {}): Promise<TestLake> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'assay-test-')));
  const { clock = systemClock, broker = new TestBroker(), checkpointInterval = 10n } = options;
  const text = options.pipelineText ?? (await eventsText());
  const pipeline = parsePipelineFile(text, 'test pipeline', { lateAfterMs: LATE_AFTER_MS, futureAfterMs: FUTURE_AFTER_MS });
  const engine = options.engine ?? new Engine({ memoryMb: 512, threads: 2, tempDir: join(folder, 'spill') });
  const store = options.store ?? new FileStore({ dir: join(folder, 'lake') });
  const defined = [...pipelineTables(pipeline), ...logTables.map((table) => ({ ...table, description: '', configuration: {} }))];
  const definitions = defined.map((table) => ({ ...table, configuration: { ...table.configuration, ...options.properties } }));
  // Each worker has a folder of its own for what it downloads.
  const duck = duckOver(store, { engine, tempDir: await mkdtemp(join(folder, 'temp-')), cacheBytesMax: 1e9, clock });
  const lake = new Lake({ store, ...duck, clock, definitions });
  const champions = new Champions({ lake, pipeline, clock, shipped, say: () => undefined });
  const common = { lake, pipeline, clock, checkpointInterval, observe: options.observe ?? unobserved };
  const vacuumed = new Map<string, number>();
  const seen: SeenLives = new Map();
  const judge = compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS }, { schemas: options.schemas ?? null });
  const runRefine = (sliceRows = 250_000) => refine({ ...common, judge, lateAfterMs: LATE_AFTER_MS, sliceRows });
  const runScore = (sliceRows = 250_000) => score({ ...common, champions, sliceRows });
  const land = (records: readonly KafkaRecord[]) => ingest(records, { ...common, broker, consumerGroup: 'test', seen, ...(options.healLimits ? { healLimits: options.healLimits } : {}) });
  return {
    lake, engine, pipeline, folder, broker,
    ingest: (records) => {
      broker.keep(records);
      return land(records);
    },
    land,
    refine: runRefine,
    score: runScore,
    maintain: () => maintain({ ...common, broker, vacuumed, say: options.say ?? (() => undefined) }),
    drain: async (sliceRows) => {
      for (const stage of [runRefine, runScore]) {
        let runs = 0;
        while ((await stage(sliceRows)).kind !== 'nothing-to-do') if (++runs === 500) throw new Error('500 slices, and still there is something to do');
      }
    },
    balance: async () => balance(await readBalanceFacts(lake)),
    rows: async (name, sql = 'SELECT * FROM rows') => {
      const table = await lake.table(name);
      const snapshot = await table.delta.refresh();
      return table.engine.session(async (session) => session.sql.rows(`WITH rows AS (${session.sqlOf(withoutPlace(session, await scanLive(session, table, snapshot)))}) ${sql}`));
    },
    another: (more = {}) => openTestLake({ ...options, folder, store, broker, ...more }),
    close: async () => {
      if (!options.engine) await engine.close();
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
