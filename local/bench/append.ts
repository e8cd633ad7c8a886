import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { LoadColumn } from '../../shared/columnar/load-column.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { writeFiles } from '../../shared/delta/operations/write.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { duckOver } from '../../shared/open-lake.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import type { Flags } from '../cli/command.ts';
import { measure, versions } from './result.ts';
import type { BenchResult } from './result.ts';

const APPENDS = 100;
const ROWS = 10_000;
const CHECKPOINT_INTERVAL = 10n;

/** 100 appends of 10,000 rows (id, time, value) on one kept table object, with the checkpoints that fall due. */
export async function benchAppend(_flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  const engine = new Engine({ memoryMb: 512, threads: 2, tempDir: join(dir, 'spill') });
  const meter = new Meter();
  const store = new MeteredStore({ store: new FileStore({ dir: join(dir, 'table') }), meter, requests: 'per-call' });
  try {
    const duck = duckOver(store, { engine, tempDir: join(dir, 'temp'), cacheBytesMax: 1e9, clock: systemClock });
    const definition = { name: 'append', description: '', schema: struct(field('id', 'string'), field('time', 'timestamp'), field('value', 'double')), partitionColumns: [], configuration: {} };
    const table = { delta: await DeltaTable.ensure({ store, codec: duck.codec, table: 'append' }, definition, systemClock), engine: duck.engine, folder: '', clock: systemClock };
    const before = meter.read();
    const { wall_s, cpu_s, peak_mb } = await measure(async () => {
      for (let i = 0; i < APPENDS; i++) await append(table, i * ROWS);
    });
    const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
    emit({ name: 'append', parameters: { appends: APPENDS }, wall_s, cpu_s, peak_mb, rows: APPENDS * ROWS, bytes_in: bytesIn, bytes_out: bytesOut, requests, versions });
  } finally {
    await engine.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function append(table: RowTable<DuckRelations>, from: number): Promise<void> {
  const { snapshot } = table.delta;
  const { adds, writtenAtMs } = await table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(columns(from))));
  await table.delta.commit(snapshot, { operation: 'WRITE', actions: adds.map((add) => ({ add })), reads: 'nothing', writtenAtMs });
  await table.delta.checkpointIfDue(CHECKPOINT_INTERVAL);
}

function columns(from: number): LoadColumn[] {
  const numbers = Array.from({ length: ROWS }, (_value, i) => from + i);
  return [
    { name: 'id', kind: 'text', values: numbers.map((n) => `event-${n}`) },
    { name: 'time', kind: 'timestamp', values: BigInt64Array.from(numbers, (n) => 1_700_000_000_000_000n + BigInt(n) * 1_000n) },
    { name: 'value', kind: 'double', values: Float64Array.from(numbers, (n) => n / 7) },
  ];
}
