import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { DuckCheckpointCodec } from '../../shared/columnar/checkpoint-codec.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import { measure } from './result.ts';
import type { BenchResult } from './result.ts';

export type LogTask = 'open' | 'checkpoint';
export type LogResult = Pick<BenchResult, 'wall_s' | 'cpu_s' | 'peak_mb' | 'rows' | 'bytes_in' | 'bytes_out' | 'requests'>;

/** One measurement in a process of its own, so that its memory is its own; the result goes to the parent. Arguments: task, directory of the table. */
async function run(task: LogTask, dir: string): Promise<LogResult> {
  const tempDir = await mkdtemp(join(tmpdir(), 'assay-bench-'));
  const engine = new Engine({ memoryMb: 512, threads: 2, tempDir: join(tempDir, 'spill') });
  const meter = new Meter();
  const store = new MeteredStore({ store: new FileStore({ dir }), meter, requests: 'per-call' });
  const open = async () => (await DeltaTable.open({ store, codec: new DuckCheckpointCodec({ engine, tempDir }), table: 'log' }, systemClock))!;
  try {
    const opened = task === 'checkpoint' ? await open() : null;
    const before = meter.read();
    const { value: table, ...measured } = await measure(async () => {
      await opened?.checkpoint();
      return opened ?? open();
    });
    const { requests, bytesIn, bytesOut } = meterDifference(meter.read(), before);
    return { ...measured, rows: table.snapshot.files.size, bytes_in: bytesIn, bytes_out: bytesOut, requests };
  } finally {
    await engine.close();
    await rm(tempDir, { recursive: true, force: true });
  }
}

const [task, dir] = process.argv.slice(2);
process.send!(await run(task as LogTask, dir));
process.disconnect();
