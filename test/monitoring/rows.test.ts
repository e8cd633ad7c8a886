import { describe, expect, it, test } from 'vitest';
import { balance, type BalanceFacts } from '../../shared/monitoring/balance.ts';
import { freshness } from '../../shared/monitoring/freshness.ts';
import { benchmarkLogs, clusterLogs, logTables, monitorLogs, pipelineRuns, type LogRow, type LogTable } from '../../shared/monitoring/log-tables.ts';
import { benchmarkRow, clusterRow, monitorRows, pipelineRunRow, type MonitoredTable } from '../../shared/monitoring/rows.ts';

const runTimeMs = 1_750_000_000_123;

/** Each value has its column's kind, and every column stands in the row. */
function expectFits(row: LogRow, table: LogTable): void {
  expect(Object.keys(row).sort()).toEqual(table.schema.fields.map((f) => f.name).sort());
  const kinds: Record<string, string> = { string: 'string', long: 'bigint', timestamp: 'bigint', integer: 'number', double: 'number' };
  for (const { name, type, nullable } of table.schema.fields) {
    const value = row[name];
    if (value === null) expect(nullable, `${table.name}.${name} is null`).toBe(true);
    else expect(typeof value, `${table.name}.${name}`).toBe(kinds[type as string]);
  }
}

const zero = { erased: 0n, expired: 0n };
const facts: BalanceFacts = {
  partitions: [0, 1].map((partition) => ({
    topic: 'events', incarnation: 'AbC', partition, base: -1n, last: 9n, bronzeRows: 10n, gapOffsets: partition === 1 ? 1n : 0n, bronzeRowsAtSilver: 10n,
    counted: { bronze: 10n, silver: 7n, duplicate: 1n, superseded: 1n, quarantine: 1n, elsewhere: 0n },
  })),
  silver: { rows: 14n, ...zero }, quarantine: { rows: 2n, ...zero }, silverAtGold: { rows: 14n, ...zero }, gold: { rows: null, ...zero },
};
const fresh = freshness({ nowMs: runTimeMs, eventMsMax: runTimeMs - 1_000, kafkaMsMax: null, commitMs: runTimeMs - 500, waiting: 0n, targetS: 30 });
const table = (name: string, change: Partial<MonitoredTable> = {}): MonitoredTable => ({ table: name, rows: 14n, lateRows: null, freshness: fresh, lag: null, ...change });
const rows = monitorRows({
  runId: 'r1', runTimeMs, facts, balance: balance(facts),
  tables: [
    table('bronze_events', { lag: { records: 3n, seconds: 0.5, unknown: [] } }), table('silver_events', { lateRows: 2n }),
    table('quarantine_events'), table('gold_anomaly_predictions'), table('offset_gaps'),
  ],
});

describe('monitor_logs', () => {
  it('has one row a table, then one a partition, all of the same shape', () => {
    expect(rows.map((row) => [row.table, row.partition])).toEqual([
      ['bronze_events', null], ['silver_events', null], ['quarantine_events', null], ['gold_anomaly_predictions', null], ['offset_gaps', null],
      ['bronze_events', 0], ['bronze_events', 1],
    ]);
    for (const row of rows) expectFits(row, monitorLogs);
  });

  it('gives each row the verdict of its own equations', () => {
    expect(rows.map((row) => row.verdict)).toEqual(['broken', 'ok', 'ok', 'unknown', 'unknown', 'ok', 'broken']);
    expect(rows.at(-1)!.detail).toBe('events/AbC/1: 10 offsets consumed = 10 Bronze rows + 1 gap offsets (off by -1)');
    expect(rows[1].detail).toBeNull();
  });

  it('keeps the terms, the freshness and the lag', () => {
    expect(rows[0]).toMatchObject({ run_time: 1_750_000_000_123_000n, run_id: 'r1', rows: 14n, lag_records: 3n, lag_s: 0.5, freshness_event_s: 1, freshness_broker_s: null, freshness_commit_s: 0.5, freshness_state: 'current' });
    expect(rows[1]).toMatchObject({ late_rows: 2n, silver_rows: 14n, lag_records: null });
    expect(rows[6]).toMatchObject({ topic: 'events', incarnation: 'AbC', offsets_consumed: 10n, bronze_rows: 10n, gap_offsets: 1n, bronze_rows_refined: 10n, silver_rows: 7n, duplicates: 1n, superseded: 1n, quarantined: 1n, elsewhere: 0n });
  });
});

test('the other log rows fit their tables', () => {
  const cluster = clusterRow({ runId: 'r1', task: 'refine', startMs: 1.25, endMs: 2, wallMs: 10.6, cpuMs: 3.2, peakBytes: 157_286_400, executions: 2, requests: 5, bytesIn: 1, bytesOut: 2, usd: 0.1, clusterUsd: 0.2 });
  expectFits(cluster, clusterLogs);
  expect(cluster).toMatchObject({ wall_ms: 11n, cpu_ms: 3n, peak_mb: 150, start_time: 1_000n });
  expectFits(benchmarkRow({ runId: 'r1', runTimeMs, task: 'bronze_write', rows: 1, bytes: 2, files: 3, filesBefore: null, bytesBefore: 7, requests: 4, durationMs: 5.5, codeVersion: '0.1.0' }), benchmarkLogs);
  expectFits(pipelineRunRow({ runId: 'r1', pipeline: 'events', task: 'ingest', state: 'running', startMs: 1, endMs: null, rows: null, error: null }), pipelineRuns);
});

test('log tables have distinct names and columns', () => {
  expect(new Set(logTables.map((each) => each.name)).size).toBe(logTables.length);
  for (const { schema } of logTables) expect(new Set(schema.fields.map((f) => f.name.toLowerCase())).size).toBe(schema.fields.length);
});
