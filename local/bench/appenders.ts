import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { DuckCheckpointCodec } from '../../shared/columnar/checkpoint-codec.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import { startAzurite } from '../azurite.ts';
import { measure, versions } from './result.ts';
import type { BenchResult } from './result.ts';

const APPENDERS = 20;
const APPENDS = 25;
const FILE_BYTES = 10_000;

/** 20 writers, each with its own view of one table, append 25 files each as fast as they can: in a directory, and in Azurite. */
export async function benchAppenders(dir: string, emit: (result: BenchResult) => void): Promise<void> {
  const meter = new Meter();
  emit(await measureAppenders('directory', new MeteredStore({ store: new FileStore({ dir: join(dir, 'appended') }), meter, requests: 'per-call' }), { dir, meter }));
  const azurite = await startAzurite({ dir: join(dir, 'azurite'), blobPort: 0, tablePort: 0 });
  try {
    const blobs = new BlobStore({ access: { connectionString: azurite.connectionString }, container: 'bench', onRequest: (kind) => meter.request(kind) });
    await blobs.ensureContainer();
    emit(await measureAppenders('Azurite', new MeteredStore({ store: blobs, meter, requests: 'reported' }), { dir, meter }));
  } finally {
    await azurite.close();
  }
}

async function measureAppenders(where: string, store: MeteredStore, { dir, meter }: { dir: string; meter: Meter }): Promise<BenchResult> {
  const engine = new Engine({ memoryMb: 256, threads: 2, tempDir: join(dir, 'spill') });
  const source = { store, codec: new DuckCheckpointCodec({ engine, tempDir: dir }), table: 'appended' };
  const definition = { name: 'appended', description: '', schema: struct(field('a', 'long')), partitionColumns: [], configuration: {} };
  const writers: DeltaTable[] = [];
  for (let i = 0; i < APPENDERS; i++) writers.push(await DeltaTable.ensure(source, definition, systemClock));
  await mkdir(join(dir, 'files'), { recursive: true });
  const before = meter.read();
  const { wall_s, cpu_s, peak_mb } = await measure(() => Promise.all(writers.map(async (writer) => {
    for (let i = 0; i < APPENDS; i++) await append(writer, join(dir, 'files'));
  })));
  const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
  const { version, files } = (await DeltaTable.open(source, systemClock))!.snapshot;
  if (Number(version) !== APPENDERS * APPENDS || files.size !== APPENDERS * APPENDS) throw new Error(`${APPENDERS * APPENDS} appends made version ${version} with ${files.size} files`);
  await engine.close();
  return { name: 'log/appenders', parameters: { where, appenders: APPENDERS }, wall_s, cpu_s, peak_mb, rows: APPENDERS * APPENDS, bytes_in: bytesIn, bytes_out: bytesOut, requests, versions };
}

/** One data file, put once, and its commit, however many rivals are first. */
async function append(table: DeltaTable, dir: string): Promise<void> {
  const path = `${systemClock.uuid()}.parquet`;
  await writeFile(join(dir, path), Buffer.alloc(FILE_BYTES));
  await table.source.store.putFile(path, join(dir, path));
  const outcome = await table.commit(table.snapshot, {
    operation: 'WRITE', reads: 'nothing', actions: [{ add: { path, partitionValues: {}, size: FILE_BYTES, modificationTime: 0, dataChange: true } }],
  });
  if (outcome.kind !== 'committed') throw new Error(`a blind append clashed over ${outcome.over}`);
}
