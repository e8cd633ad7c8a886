import { expect, test } from 'vitest';
import { benchmarkLogs } from '../../shared/monitoring/log-tables.ts';
import { benchmarkRow } from '../../shared/monitoring/rows.ts';
import { struct } from '../../shared/delta/schema.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { appendLog } from '../../shared/pipeline/append-log.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryRelations } from '../support/memory-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { patientClock } from '../support/delta.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';

const store = new MemoryStore();
const [clock, codec] = [patientClock(), new LinesCodec()];
const open = (columns: number) => new Lake({
  store, engine: new MemoryRelations(store), codec, clock,
  definitions: [{ name: 'benchmark_logs', description: '', configuration: {}, partitionColumns: [], schema: struct(...benchmarkLogs.schema.fields.slice(0, columns)) }],
});
const row = (task: string) => benchmarkRow({ runId: 'r', runTimeMs: 1, task, rows: 1, bytes: 2, files: 3, filesBefore: 8, bytesBefore: 9, requests: 4, durationMs: 5, codeVersion: '0' });

test('a table of an older version gets the columns that came since, once, and the older program goes on writing to it', async () => {
  const [old, one, other] = [open(9), open(11), open(11)];
  await appendLog(old, 'benchmark_logs', [row('first')], 10n);
  await Promise.all([one, other].map((lake) => lake.table('benchmark_logs')));
  await Promise.all([one, other].map((lake, i) => appendLog(lake, 'benchmark_logs', [row(`new ${i}`)], 10n)));
  await appendLog(old, 'benchmark_logs', [row('last')], 10n);
  const table = await other.table('benchmark_logs');
  const snapshot = await table.delta.refresh();
  const rows = await table.engine.session(async (session) => session.rows(session.select(await scanLive(session, table, snapshot), ['task', 'bytes_before'])));
  expect(rows.map((each) => `${each['task'] as string} ${each['bytes_before'] as bigint | null}`).toSorted()).toEqual(['first null', 'last null', 'new 0 9', 'new 1 9']);
  expect(snapshot.version).toBe(5n);
});
