import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import { DuckCheckpointCodec } from './columnar/checkpoint-codec.ts';
import { DuckRelations } from './columnar/duck-relations.ts';
import { Engine } from './columnar/duckdb.ts';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { openModel } from './model/manifest.ts';
import type { StoredModel } from './model/manifest.ts';
import { logTables } from './monitoring/log-tables.ts';
import type { Pipeline } from './pipeline/definition.ts';
import { Lake } from './pipeline/lake.ts';
import { parsePipelineFile } from './pipeline/pipeline-file.ts';
import { pipelineTables } from './pipeline/tables.ts';
import { BlobStore } from './storage/blob-store.ts';
import type { BlobCredential } from './storage/blob-store.ts';
import { FileStore } from './storage/file-store.ts';
import { LocalFiles } from './storage/local-files.ts';
import { parseLakeUrl } from './storage/lake-url.ts';
import { Meter } from './storage/meter.ts';
import { MeteredStore } from './storage/metered-store.ts';
import type { ObjectStore } from './storage/object-store.ts';

/** What the app, and every command that looks at a lake, is built on. */
export interface OpenLake {
  readonly lake: Lake<DuckRelations>;
  readonly engine: Engine;
  readonly pipeline: Pipeline;
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
}

export async function openLake({ config, clock, root, tempDir, create = true }: OpenLakeOptions): Promise<OpenLake> {
  const pipeline = await readPipeline(config, root);
  const meter = new Meter();
  const engine = new Engine({ memoryMb: config.duckdbMemoryMb, threads: config.duckdbThreads, tempDir: join(tempDir, 'spill') });
  const definitions = [...pipelineTables(pipeline), ...logTables.map((table) => ({ ...table, description: 'What ran, when, and what it cost', configuration: {} }))];
  const store = await openStore(config, clock, meter);
  const lake = new Lake({ store, ...duckOver(store, { engine, tempDir, cacheBytesMax: config.cacheMb * 1024 * 1024, clock }), clock, definitions, create });
  return { lake, engine, pipeline, meter, root };
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

export async function readPipeline(config: Config, root: string): Promise<Pipeline> {
  let text: string;
  try {
    text = await readFile(join(root, config.pipelineFile), 'utf8');
  } catch (cause) {
    throw new ConfigError('config/pipeline-file', `PIPELINE_FILE ${config.pipelineFile} cannot be read below the app's folder; deploy it, or set PIPELINE_FILE`, { cause });
  }
  return parsePipelineFile(text, config.pipelineFile, { lateAfterMs: config.lateAfterMs, futureAfterMs: config.futureAfterMs });
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
