import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import type { DuckRelations, DuckSession } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { Column, Relation } from '../../shared/columnar/relation.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { transactionOf } from '../../shared/delta/operations/transaction.ts';
import { upsert } from '../../shared/delta/operations/upsert.ts';
import { writeFiles } from '../../shared/delta/operations/write.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import { duckOver } from '../../shared/open-lake.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import type { Flags } from '../cli/command.ts';
import { measure, versions } from './result.ts';
import type { BenchResult } from './result.ts';

const TABLE_ROWS = [1_000_000, 10_000_000];
const FILE_ROWS = 1_000_000;
const BATCH_ROWS = 10_000;
const ROUNDS = 5;
const MODES = ['vectors', 'files'] as const;
type Mode = (typeof MODES)[number];

/** 10,000 rows with random ids, half of them known, into 1M and 10M rows: by deletion vectors, and by writing touched files anew. */
export async function benchUpsert(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const sizes = flags.text('events') === undefined ? TABLE_ROWS : [flags.integer('events', FILE_ROWS)];
  for (const rows of sizes) for (const mode of MODES) emit(await benchInto(rows, mode));
}

async function benchInto(tableRows: number, mode: Mode): Promise<BenchResult> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  const engine = new Engine({ memoryMb: 1024, threads: 2, tempDir: join(dir, 'spill') });
  const meter = new Meter();
  try {
    const table = await makeTable(new MeteredStore({ store: new FileStore({ dir: join(dir, 'table') }), meter, requests: 'per-call' }), { engine, dir, mode });
    for (let from = 0; from < tableRows; from += FILE_ROWS) await append(table, from, Math.min(FILE_ROWS, tableRows - from));
    const results: BenchResult[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = meter.read();
      const { wall_s, cpu_s, peak_mb } = await measure(() => upsertBatch(table, { round, tableRows }));
      const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
      results.push({ name: `upsert/${mode}`, parameters: { into: tableRows, rounds: ROUNDS }, wall_s, cpu_s, peak_mb, rows: BATCH_ROWS, bytes_in: bytesIn, bytes_out: bytesOut, requests, versions });
    }
    // The median by time; the first one also pays for what is loaded once.
    return results.sort((a, b) => a.wall_s - b.wall_s)[ROUNDS >> 1];
  } finally {
    await engine.close();
    await rm(dir, { recursive: true, force: true });
  }
}

const COLUMNS: readonly Column[] = [
  { name: 'event_id', type: 'string' }, { name: 'event_type', type: 'string' }, { name: 'timestamp', type: 'timestamp' }, { name: 'value', type: 'double' },
  { name: 'topic', type: 'string' }, { name: 'partition', type: 'integer' }, { name: 'offset', type: 'long' },
];

async function makeTable(store: MeteredStore, { engine, dir, mode }: { engine: Engine; dir: string; mode: Mode }): Promise<RowTable<DuckRelations>> {
  const duck = duckOver(store, { engine, tempDir: join(dir, 'temp'), cacheBytesMax: 1e9, clock: systemClock });
  const definition: TableDefinition = {
    name: 'upsert', description: '', schema: struct(...COLUMNS.map(({ name, type }) => field(name, type as string))), partitionColumns: [],
    configuration: mode === 'vectors' ? { 'delta.enableDeletionVectors': 'true' } : {},
  };
  return { delta: await DeltaTable.ensure({ store, codec: duck.codec, table: 'upsert' }, definition, systemClock), engine: duck.engine, folder: '', clock: systemClock };
}

/** Rows of these numbers; the id is random to the eye and the same every time. */
function eventRows(session: DuckSession, numbers: string, value: string): Promise<Relation> {
  return session.query(`SELECT md5(n::VARCHAR) AS event_id, ['click', 'purchase', 'view'][n % 3 + 1] AS event_type, make_timestamp(1700000000000000 + n * 1000)::TIMESTAMPTZ AS timestamp,
    ${value} AS value, 'events' AS topic, (n % 4)::INTEGER AS partition, n::BIGINT AS offset FROM (${numbers})`, COLUMNS);
}

async function append(table: RowTable<DuckRelations>, from: number, rows: number): Promise<void> {
  const { snapshot } = table.delta;
  const { adds } = await table.engine.session(async (session) => writeFiles(session, table, snapshot, await eventRows(session, `SELECT ${from} + range AS n FROM range(${rows})`, 'n::DOUBLE')));
  await table.delta.commit(snapshot, { operation: 'WRITE', actions: adds.map((add) => ({ add })), reads: 'nothing' });
}

/** Known ids are spread over the whole table, so that every file is touched. */
async function upsertBatch(table: RowTable<DuckRelations>, { round, tableRows }: { round: number; tableRows: number }): Promise<void> {
  const { snapshot } = table.delta;
  const known = BATCH_ROWS / 2;
  const step = Math.floor(tableRows / known);
  const numbers = `SELECT range * ${step} + ${round} AS n FROM range(${known}) UNION ALL SELECT ${tableRows + round * known} + range AS n FROM range(${known})`;
  const change = await table.engine.session(async (session) => upsert(session, table, snapshot, { rows: await eventRows(session, numbers, `-${round}::DOUBLE`), key: ['event_id'] }));
  await table.delta.commit(snapshot, transactionOf(table, snapshot, change, { operation: 'MERGE', removalIntent: 'replace' }));
}
