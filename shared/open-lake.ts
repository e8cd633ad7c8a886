import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Clock } from './clock.ts';
import { DuckCheckpointCodec } from './columnar/checkpoint-codec.ts';
import { DuckRelations } from './columnar/duck-relations.ts';
import { Engine } from './columnar/duckdb.ts';
import type { Config } from './config.ts';
import type { TableDefinition } from './delta/table.ts';
import { ConfigError } from './errors.ts';
import { openModel } from './model/manifest.ts';
import type { StoredModel } from './model/manifest.ts';
import { logTables } from './monitoring/log-tables.ts';
import type { Pipeline } from './pipeline/definition.ts';
import { Lake } from './pipeline/lake.ts';
import { parsePipelineFile } from './pipeline/pipeline-file.ts';
import { checkTogether } from './pipeline/pipelines.ts';
import { BRONZE, OFFSET_GAPS, pipelineTables } from './pipeline/tables.ts';
import { BlobStore } from './storage/blob-store.ts';
import type { BlobCredential } from './storage/blob-store.ts';
import { FileStore } from './storage/file-store.ts';
import { LocalFiles } from './storage/local-files.ts';
import { parseLakeUrl } from './storage/lake-url.ts';
import { Meter } from './storage/meter.ts';
import { MeteredStore } from './storage/metered-store.ts';
import type { ObjectStore } from './storage/object-store.ts';

/** A pipeline and the lake of its tables. */
export interface PipelineLake {
  readonly lake: Lake<DuckRelations>;
  readonly pipeline: Pipeline;
}

/** What the app, and every command that looks at a lake, is built on. `lake` and `pipeline` are those asked for, else the first. */
export interface OpenLake extends PipelineLake {
  /** All of them, in the order of PIPELINE_FILE. */
  readonly pipelines: readonly PipelineLake[];
  readonly engine: Engine;
  readonly meter: Meter;
  readonly root: string;
}

export interface OpenLakeOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** The app's folder: pipeline files and models are relative to it. */
  readonly root: string;
  /** For this process alone: spilled and downloaded files. */
  readonly tempDir: string;
  /** False for who only reads: a table that is not there is then a ConfigError. */
  readonly create?: boolean;
  /** The name of a pipeline, or its file as PIPELINE_FILE lists it; default: the first. */
  readonly choose?: string | undefined;
}

export async function openLake({ config, clock, root, tempDir, create = true, choose }: OpenLakeOptions): Promise<OpenLake> {
  const pipelines = await readPipelines(config, root);
  const chosen = choosePipeline(pipelines, config, choose);
  const meter = new Meter();
  const engine = new Engine({ memoryMb: config.duckdbMemoryMb, threads: config.duckdbThreads, tempDir: join(tempDir, 'spill') });
  const store = await openStore(config, clock, meter);
  const [first, ...further] = pipelines;
  const duck = duckOver(store, { engine, tempDir, cacheBytesMax: config.cacheMb * 1024 * 1024, clock });
  const lake = new Lake({ store, ...duck, clock, definitions: definitionsOf(first), create });
  const opened = [{ lake, pipeline: first }, ...further.map((pipeline) => ({ pipeline, lake: withinLake(lake, pipeline) }))];
  return { ...opened[chosen], pipelines: opened, engine, meter, root };
}

/** Which of PIPELINE_FILE's pipelines is meant, by its name or its file; undefined: the first. */
export function choosePipeline(pipelines: readonly Pipeline[], { pipelineFiles }: Pick<Config, 'pipelineFiles'>, choose: string | undefined): number {
  const chosen = choose === undefined ? 0 : pipelines.findIndex(({ name }, i) => name === choose || pipelineFiles[i] === choose);
  if (chosen >= 0) return chosen;
  throw new ConfigError('config/pipeline', `there is no pipeline ${choose}: PIPELINE_FILE has ${pipelines.map(({ name }) => name).join(', ')}`);
}

/** The lake of a further pipeline: Bronze and its gaps are the first one's. */
export function withinLake(lake: Lake<DuckRelations>, pipeline: Pipeline): Lake<DuckRelations> {
  return lake.within(pipeline.name, { definitions: definitionsOf(pipeline).filter(({ name }) => !SHARED_TABLES.includes(name)), shared: SHARED_TABLES });
}

const SHARED_TABLES = [BRONZE, OFFSET_GAPS];

function definitionsOf(pipeline: Pipeline): TableDefinition[] {
  return [...pipelineTables(pipeline), ...logTables.map((table) => ({ ...table, description: 'What ran, when, and what it cost', configuration: {} }))];
}

export interface DuckOverOptions {
  readonly engine: Engine;
  readonly tempDir: string;
  readonly cacheBytesMax: number;
  readonly clock: Clock;
}

/** DuckDB as the engine of a lake, or of one table: `store` is the root that its keys are relative to. */
export function duckOver(store: ObjectStore, { engine, tempDir, cacheBytesMax, clock }: DuckOverOptions): { readonly engine: DuckRelations; readonly codec: DuckCheckpointCodec } {
  const objects = new LocalFiles({ store, dir: join(tempDir, 'cache'), bytesMax: cacheBytesMax, clock });
  return { engine: new DuckRelations({ engine, objects, tempDir, clock }), codec: new DuckCheckpointCodec({ engine, tempDir }) };
}

export async function readPipelines(config: Config, root: string): Promise<Pipeline[]> {
  const pipelines: Pipeline[] = [];
  for (const file of config.pipelineFiles) {
    const text = await readFile(resolve(root, file), 'utf8').catch((cause: unknown) => {
      throw new ConfigError('config/pipeline-file', `PIPELINE_FILE ${file} cannot be read below the app's folder; deploy it, or set PIPELINE_FILE`, { cause });
    });
    pipelines.push(parsePipelineFile(text, file, { lateAfterMs: config.lateAfterMs, futureAfterMs: config.futureAfterMs }));
  }
  checkTogether(pipelines, definitionsOf(pipelines[0]).map(({ name }) => name));
  return pipelines;
}

/** The store that LAKE_URL names, counting into the meter. A connection string is for Azurite; else the app's identity opens it. */
export async function openStore(config: Config, clock: Clock, meter: Meter): Promise<ObjectStore> {
  const url = parseLakeUrl(config.lakeUrl);
  if (url.kind === 'file') return new MeteredStore({ store: new FileStore({ dir: url.dir }), meter, requests: 'per-call' });
  const access = config.lakeConnectionString !== null
    ? { connectionString: config.lakeConnectionString }
    : { account: url.account, credential: await identity() };
  const store = new BlobStore({ access, container: url.container, prefix: url.prefix, clock, onRequest: (kind) => meter.request(kind) });
  return new MeteredStore({ store, meter, requests: 'reported' });
}

/** The model that comes with the program: version 0. */
export async function shippedModel(root: string): Promise<StoredModel> {
  const folder = join(root, 'models');
  return openModel(await readFile(join(folder, 'manifest.json')), await readFile(join(folder, 'model.onnx')));
}

async function identity(): Promise<BlobCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}
