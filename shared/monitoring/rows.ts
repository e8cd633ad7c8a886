import { offsetsConsumed, worst, type Balance, type BalanceFacts, type Equation, type EquationName, type PartitionFacts, type TableRows, type Term } from './balance.ts';
import type { Freshness, Lag } from './freshness.ts';
import type { LogRow } from './log-tables.ts';

/** Builders of log rows: pure, one row shape each, columns as in log-tables.ts. Times go in as milliseconds and come out as microseconds. */

export interface RunStamp {
  readonly runId: string;
  readonly runTimeMs: number;
}

export interface MonitoredTable {
  /** `bronze_events`, … */
  readonly table: string;
  readonly rows: Term;
  /** Only Silver has them. */
  readonly lateRows: Term;
  readonly freshness: Freshness;
  /** Only Bronze has one. */
  readonly lag: Lag | null;
}

export interface MonitorFacts extends RunStamp {
  readonly tables: readonly MonitoredTable[];
  readonly facts: BalanceFacts;
  readonly balance: Balance;
}

/** Which equations a table's own row answers for. */
const answersFor: Readonly<Record<string, readonly EquationName[]>> = {
  bronze_events: ['consumed'],
  silver_events: ['read', 'refined', 'silver'],
  quarantine_events: ['quarantine'],
  gold_anomaly_predictions: ['gold'],
};

/** All rows of one run of the monitor: one a table, then one a partition. The worst verdict among them is the run's. */
export function monitorRows(run: MonitorFacts): LogRow[] {
  return [
    ...run.tables.map((table) => tableRow(run, table)),
    ...run.facts.partitions.map((partition) => partitionRow(run, partition)),
  ];
}

function tableRow(run: MonitorFacts, { table, rows, lateRows, freshness, lag }: MonitoredTable): LogRow {
  const names = answersFor[table] ?? [];
  const equations = run.balance.equations.filter((each) => names.includes(each.name));
  return {
    ...emptyMonitorRow(run, table),
    rows,
    late_rows: lateRows,
    freshness_event_s: freshness.eventS,
    freshness_broker_s: freshness.brokerS,
    freshness_commit_s: freshness.commitS,
    freshness_state: freshness.state,
    lag_records: lag?.records ?? null,
    lag_s: lag?.seconds ?? null,
    ...tableTerms(run.facts, table),
    verdict: worst(equations.map((each) => each.verdict)),
    detail: detailOf(equations, lag?.unknown ?? []),
  };
}

function tableTerms(facts: BalanceFacts, table: string): LogRow {
  const removed = ({ erased, expired }: TableRows) => ({ erased, expired });
  if (table === 'silver_events') return { silver_rows: facts.silver.rows, ...removed(facts.silver) };
  if (table === 'quarantine_events') return { quarantined: facts.quarantine.rows, ...removed(facts.quarantine) };
  if (table !== 'gold_anomaly_predictions') return {};
  return { silver_rows: facts.silverAtGold.rows, gold_rows: facts.gold.rows, ...removed(facts.gold) };
}

function partitionRow(run: MonitorFacts, partition: PartitionFacts): LogRow {
  const equations = run.balance.equations.filter((each) => each.partition === partition);
  const { counted } = partition;
  return {
    ...emptyMonitorRow(run, 'bronze_events'),
    topic: partition.topic,
    incarnation: partition.incarnation,
    partition: partition.partition,
    offsets_consumed: offsetsConsumed(partition),
    bronze_rows: partition.bronzeRows,
    gap_offsets: partition.gapOffsets,
    bronze_rows_refined: counted.bronze,
    silver_rows: counted.silver,
    duplicates: counted.duplicate,
    superseded: counted.superseded,
    quarantined: counted.quarantine,
    elsewhere: counted.elsewhere,
    verdict: worst(equations.map((each) => each.verdict)),
    detail: detailOf(equations, []),
  };
}

/** Every column, so that each row has the same shape. */
function emptyMonitorRow({ runId, runTimeMs }: RunStamp, table: string): LogRow {
  return {
    run_time: micros(runTimeMs), run_id: runId, table,
    topic: null, incarnation: null, partition: null,
    rows: null, late_rows: null,
    freshness_event_s: null, freshness_broker_s: null, freshness_commit_s: null, freshness_state: null,
    lag_records: null, lag_s: null,
    offsets_consumed: null, bronze_rows: null, gap_offsets: null, bronze_rows_refined: null,
    silver_rows: null, duplicates: null, superseded: null, quarantined: null, elsewhere: null, erased: null, expired: null, gold_rows: null,
    verdict: 'unknown', detail: null,
  };
}

function detailOf(equations: readonly Equation[], notes: readonly string[]): string | null {
  const texts = [...equations.filter((each) => each.verdict !== 'ok').map((each) => each.text), ...notes];
  return texts.length === 0 ? null : texts.join('; ');
}

export interface ClusterFacts {
  readonly runId: string;
  readonly task: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
  readonly executions: number;
  readonly requests: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly usd: number;
  readonly clusterUsd: number;
}

export function clusterRow(facts: ClusterFacts): LogRow {
  return {
    run_id: facts.runId,
    task: facts.task,
    start_time: micros(facts.startMs),
    end_time: micros(facts.endMs),
    wall_ms: whole(facts.wallMs),
    cpu_ms: whole(facts.cpuMs),
    peak_mb: Math.round(facts.peakBytes / 2 ** 20 * 10) / 10,
    executions: whole(facts.executions),
    requests: whole(facts.requests),
    bytes_in: whole(facts.bytesIn),
    bytes_out: whole(facts.bytesOut),
    usd: facts.usd,
    cluster_usd: facts.clusterUsd,
  };
}

export interface BenchmarkFacts extends RunStamp {
  readonly task: string;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  readonly filesBefore: number | null;
  readonly bytesBefore: number | null;
  readonly requests: number;
  readonly durationMs: number;
  readonly codeVersion: string;
}

export function benchmarkRow(facts: BenchmarkFacts): LogRow {
  return {
    run_time: micros(facts.runTimeMs),
    run_id: facts.runId,
    task: facts.task,
    rows: whole(facts.rows),
    bytes: whole(facts.bytes),
    files: whole(facts.files),
    requests: whole(facts.requests),
    duration_ms: whole(facts.durationMs),
    code_version: facts.codeVersion,
    files_before: wholeOrNull(facts.filesBefore),
    bytes_before: wholeOrNull(facts.bytesBefore),
  };
}

export interface PipelineRunFacts {
  readonly runId: string;
  readonly pipeline: string;
  readonly task: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startMs: number;
  readonly endMs: number | null;
  readonly rows: bigint | null;
  /** Code and message of the failure. */
  readonly error: string | null;
}

export function pipelineRunRow(facts: PipelineRunFacts): LogRow {
  return {
    run_id: facts.runId,
    pipeline: facts.pipeline,
    task: facts.task,
    state: facts.state,
    start_time: micros(facts.startMs),
    end_time: facts.endMs === null ? null : micros(facts.endMs),
    rows: facts.rows,
    error: facts.error,
  };
}

function micros(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1000n;
}

function whole(value: number): bigint {
  return BigInt(Math.round(value));
}

function wholeOrNull(value: number | null): bigint | null {
  return value === null ? null : whole(value);
}
