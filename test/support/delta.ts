import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import { DuckCheckpointCodec } from '../../shared/columnar/checkpoint-codec.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { Row } from '../../shared/columnar/duckdb.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import type { CheckpointCodec } from '../../shared/delta/parquet.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import { duckOver } from '../../shared/open-lake.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { MemoryStore } from './memory-store.ts';

/** The engine and a folder of its own, for tests of Delta tables; `close` removes both. */
export interface DeltaBench {
  readonly engine: Engine;
  readonly folder: string;
  source(store: ObjectStore, table?: string): LogSource;
  /** The bytes of a checkpoint file with these lines. */
  checkpoint(lines: Iterable<string>): Promise<Uint8Array>;
  /** The table in `store`, which must be there. */
  open(store: ObjectStore): Promise<RowTable<DuckRelations>>;
  io(store: ObjectStore, delta: DeltaTable): RowTable<DuckRelations>;
  /** Rows of a query over `rows`, the newest version of the table. */
  rows(table: RowTable<DuckRelations>, sql?: string): Promise<Row[]>;
  close(): Promise<void>;
}

export async function openDeltaBench(clock: Clock = systemClock): Promise<DeltaBench> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-delta-'));
  const engine = new Engine({ memoryMb: 256, threads: 2, tempDir: join(folder, 'spill') });
  const codec = new DuckCheckpointCodec({ engine, tempDir: folder });
  const source = (store: ObjectStore, table = 'test'): LogSource => ({ store, codec, table });
  const io = (store: ObjectStore, delta: DeltaTable) => {
    const duck = duckOver(store, { engine, tempDir: folder, cacheBytesMax: 1e9, clock });
    return { delta, engine: duck.engine, folder: '', clock };
  };
  return {
    engine, folder, source, io,
    checkpoint: async (lines) => {
      const store = new MemoryStore();
      await codec.write(store, 'checkpoint', lines);
      return (await store.get('checkpoint'))!;
    },
    open: async (store) => {
      const delta = await DeltaTable.open(source(store), clock);
      if (delta === null) throw new Error('there is no table');
      return io(store, delta);
    },
    rows: async (table, sql = 'SELECT * FROM rows') => table.engine.session(async (session) => {
      const scan = withoutPlace(session, await scanLive(session, table, table.delta.snapshot));
      return session.sql.rows(`WITH rows AS (${session.sqlOf(scan)}) ${sql}`);
    }),
    close: async () => {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** For logs without checkpoints: asking for one is the test's mistake. */
export const noCheckpoints: CheckpointCodec = {
  read: () => { throw new Error('this test has no checkpoints'); },
  write: () => Promise.reject(new Error('this test has no checkpoints')),
};

/** Time stands still until somebody sleeps; sleeping takes a turn of the event loop. Chance and ids stay random. */
export function patientClock(startMs = Date.parse('2025-04-01T12:00:00Z')): Clock & { advance(ms: number): void } {
  let nowMs = startMs;
  return {
    ...systemClock,
    nowMs: () => Math.floor(nowMs),
    monotonicMs: () => nowMs,
    sleep: (ms) => {
      nowMs += ms;
      return new Promise((resolve) => setImmediate(resolve));
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
