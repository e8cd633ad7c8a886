import type { Clock } from '../clock.ts';
import { clusterCost, runCost } from './cost.ts';
import type { LogRow } from './log-tables.ts';
import type { Prices } from './prices.ts';
import { benchmarkRow, clusterRow } from './rows.ts';

/** One execution of a function or of a task of `run`. */
export interface Execution {
  /** `ingest`, `refine`, … */
  readonly task: string;
  readonly startMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Peak resident set of the process so far. */
  readonly peakBytes: number;
  /** Writes and lists. */
  readonly requestsWrite: number;
  readonly requestsRead: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What an execution moved: everything of `Execution` that the process cannot tell by itself. */
export type Moved = Pick<Execution, 'requestsWrite' | 'requestsRead' | 'bytesIn' | 'bytesOut'>;

/** One write of a table, for `benchmark_logs`. */
export interface Operation {
  /** `bronze_write`, `silver_write`, `gold_write`, `optimize`, … */
  readonly task: string;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  /** Of the files in whose place the new ones are; null where a write only adds. */
  readonly filesBefore: number | null;
  readonly bytesBefore: number | null;
  readonly requests: number;
  readonly durationMs: number;
}

export interface RunLogRows {
  readonly clusterLogs: readonly LogRow[];
  readonly benchmarkLogs: readonly LogRow[];
}

export interface RunLogOptions {
  readonly clock: Clock;
  readonly prices: Prices;
  readonly runId: string;
  readonly codeVersion: string;
  /** The instance's memory setting. */
  readonly memoryMb: number;
}

interface ExecutionSum extends Execution { readonly endMs: number; readonly executions: number; readonly usd: number }

/**
 * Collects what executions took, summed per task in memory, and gives one row a task and flush: the log tables cost two commits
 * a flush however much ran. The cluster's cost since the last rows is shared out by wall time, so both columns' sums compare the same hours.
 */
export class RunLog {
  readonly #options: RunLogOptions;
  #executions = new Map<string, ExecutionSum>();
  #operations = new Map<string, Operation>();
  #sinceMs: number;

  constructor(options: RunLogOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.nowMs();
  }

  /** Starts measuring an execution; call the returned function once, at its end, failed or not. CPU time is the whole process's. */
  start(task: string): (moved: Moved) => void {
    const { clock } = this.#options;
    const [startMs, startedMs, cpu] = [clock.nowMs(), clock.monotonicMs(), process.cpuUsage()];
    return (moved) => {
      const { user, system } = process.cpuUsage(cpu);
      const peakBytes = process.resourceUsage().maxRSS * 1024;
      this.addExecution({ task, startMs, wallMs: clock.monotonicMs() - startedMs, cpuMs: (user + system) / 1000, peakBytes, ...moved });
    };
  }

  addExecution(execution: Execution): void {
    const { wallMs, requestsWrite, requestsRead } = execution;
    const { memoryMb, prices } = this.#options;
    const usd = runCost({ wallMs, memoryMb, executions: 1, requestsWrite, requestsRead }, prices);
    mergeInto(this.#executions, [{ ...execution, endMs: execution.startMs + wallMs, executions: 1, usd }], addExecutions);
  }

  addOperation(operation: Operation): void {
    mergeInto(this.#operations, [operation], addOperations);
  }

  /** Writes what was collected since the last flush and forgets it. Where `write` throws, nothing is forgotten. Nothing collected, no write. */
  async flush(write: (rows: RunLogRows) => Promise<void>): Promise<void> {
    const [executions, operations, nowMs] = [this.#executions, this.#operations, this.#options.clock.nowMs()];
    if (executions.size + operations.size === 0) return;
    const rows = this.#rows(executions, operations, nowMs);
    // What comes in while the rows are written belongs to the next flush.
    this.#executions = new Map();
    this.#operations = new Map();
    try {
      await write(rows);
      if (executions.size > 0) this.#sinceMs = nowMs;
    } catch (error) {
      mergeInto(this.#executions, executions.values(), addExecutions);
      mergeInto(this.#operations, operations.values(), addOperations);
      throw error;
    }
  }

  #rows(executions: ReadonlyMap<string, ExecutionSum>, operations: ReadonlyMap<string, Operation>, nowMs: number): RunLogRows {
    const { runId, codeVersion, prices } = this.#options;
    const sums = [...executions.values()];
    const clusterUsd = clusterCost(Math.max(0, nowMs - this.#sinceMs), prices);
    const wallMs = sums.reduce((sum, each) => sum + each.wallMs, 0);
    const share = (each: ExecutionSum) => (wallMs === 0 ? 1 / sums.length : each.wallMs / wallMs);
    return {
      clusterLogs: sums.map((each) =>
        clusterRow({ ...each, runId, requests: each.requestsWrite + each.requestsRead, clusterUsd: clusterUsd * share(each) })),
      benchmarkLogs: [...operations.values()].map((each) => benchmarkRow({ ...each, runId, runTimeMs: nowMs, codeVersion })),
    };
  }
}

function mergeInto<T extends { readonly task: string }>(sums: Map<string, T>, items: Iterable<T>, add: (a: T, b: T) => T): void {
  for (const item of items) {
    const sum = sums.get(item.task);
    sums.set(item.task, sum ? add(sum, item) : item);
  }
}

function addExecutions(a: ExecutionSum, b: ExecutionSum): ExecutionSum {
  return {
    task: a.task,
    startMs: Math.min(a.startMs, b.startMs),
    endMs: Math.max(a.endMs, b.endMs),
    wallMs: a.wallMs + b.wallMs,
    cpuMs: a.cpuMs + b.cpuMs,
    peakBytes: Math.max(a.peakBytes, b.peakBytes),
    requestsWrite: a.requestsWrite + b.requestsWrite,
    requestsRead: a.requestsRead + b.requestsRead,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    executions: a.executions + b.executions,
    usd: a.usd + b.usd,
  };
}

function addOperations(a: Operation, b: Operation): Operation {
  return {
    task: a.task,
    rows: a.rows + b.rows,
    bytes: a.bytes + b.bytes,
    files: a.files + b.files,
    filesBefore: sumOrNull(a.filesBefore, b.filesBefore),
    bytesBefore: sumOrNull(a.bytesBefore, b.bytesBefore),
    requests: a.requests + b.requests,
    durationMs: a.durationMs + b.durationMs,
  };
}

function sumOrNull(a: number | null, b: number | null): number | null {
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}
