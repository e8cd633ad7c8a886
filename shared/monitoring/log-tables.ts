import { field, struct, type StructType } from '../delta/schema.ts';

/** The log tables as data (semantics.md, section 2). Small, append-only, not partitioned. Units stand last in the names. */
export interface LogTable {
  readonly name: string;
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
}

/** string: string · long: bigint · integer, double: number · timestamp: bigint microseconds since the epoch, UTC. */
export type LogValue = string | bigint | number | null;
export type LogRow = Readonly<Record<string, LogValue>>;

const required = { nullable: false };

/**
 * One row a table and run (topic null: freshness, lag, the equations over whole tables), and one row for each topic, incarnation and
 * partition under `bronze_events`, with that partition's terms of the balance. `verdict` is about the row's own equations.
 */
export const monitorLogs: LogTable = {
  name: 'monitor_logs',
  partitionColumns: [],
  schema: struct(
    field('run_time', 'timestamp', required),
    field('run_id', 'string', required),
    field('table', 'string', required),
    field('topic', 'string'),
    field('incarnation', 'string'),
    field('partition', 'integer'),
    field('rows', 'long'),
    field('late_rows', 'long'),
    field('freshness_event_s', 'double'),
    field('freshness_broker_s', 'double'),
    field('freshness_commit_s', 'double'),
    field('freshness_state', 'string'),
    field('lag_records', 'long'),
    field('lag_s', 'double'),
    field('offsets_consumed', 'long'),
    field('bronze_rows', 'long'),
    field('gap_offsets', 'long'),
    field('bronze_rows_refined', 'long'),
    field('silver_rows', 'long'),
    field('duplicates', 'long'),
    field('superseded', 'long'),
    field('quarantined', 'long'),
    field('elsewhere', 'long'),
    field('erased', 'long'),
    field('expired', 'long'),
    field('gold_rows', 'long'),
    field('verdict', 'string', required),
    field('detail', 'string'),
  ),
};

/** One row a task and flush: what its executions took. `usd` at list price; `cluster_usd`: the always-on cluster over the same time. */
export const clusterLogs: LogTable = {
  name: 'cluster_logs',
  partitionColumns: [],
  schema: struct(
    field('run_id', 'string', required),
    field('task', 'string', required),
    field('start_time', 'timestamp', required),
    field('end_time', 'timestamp', required),
    field('wall_ms', 'long', required),
    field('cpu_ms', 'long', required),
    field('peak_mb', 'double', required),
    field('executions', 'long', required),
    field('requests', 'long', required),
    field('bytes_in', 'long', required),
    field('bytes_out', 'long', required),
    field('usd', 'double', required),
    field('cluster_usd', 'double', required),
  ),
};

/**
 * One row an operation (`bronze_write`, `silver_write`, `gold_write`; maintain's `optimize`, `zorder`, `purge`, `expire`, `vacuum`) and flush. `files` and
 * `bytes` are what was written, the last two what it stands for, or what is gone; null where a write only adds.
 */
export const benchmarkLogs: LogTable = {
  name: 'benchmark_logs',
  partitionColumns: [],
  schema: struct(
    field('run_time', 'timestamp', required),
    field('run_id', 'string', required),
    field('task', 'string', required),
    field('rows', 'long', required),
    field('bytes', 'long', required),
    field('files', 'long', required),
    field('requests', 'long', required),
    field('duration_ms', 'long', required),
    field('code_version', 'string', required),
    field('files_before', 'long'),
    field('bytes_before', 'long'),
  ),
};

/** One row a task of `run`: written when the task ends. */
export const pipelineRuns: LogTable = {
  name: 'pipeline_runs',
  partitionColumns: [],
  schema: struct(
    field('run_id', 'string', required),
    field('pipeline', 'string', required),
    field('task', 'string', required),
    field('state', 'string', required),
    field('start_time', 'timestamp', required),
    field('end_time', 'timestamp'),
    field('rows', 'long'),
    field('error', 'string'),
  ),
};

export const logTables: readonly LogTable[] = [monitorLogs, clusterLogs, benchmarkLogs, pipelineRuns];
