import type { Clock } from './clock.ts';
import { AssayError } from './errors.ts';
import type { Prices } from './monitoring/prices.ts';
import { RunLog } from './monitoring/run-log.ts';
import { appendLog } from './pipeline/append-log.ts';
import type { Lake } from './pipeline/lake.ts';
import type { WriteObserver } from './pipeline/observer.ts';
import { bytesOf } from './pipeline/stage.ts';
import type { StageOutcome } from './pipeline/stage.ts';
import type { StageState } from './stage-state.ts';
import { meterDifference } from './storage/meter.ts';
import type { Meter } from './storage/meter.ts';

export interface StageRunsOptions {
  /** Where the log tables are. */
  readonly lake: Lake;
  readonly meter: Meter;
  readonly state: StageState;
  readonly clock: Clock;
  readonly prices: Prices;
  readonly runId: string;
  readonly codeVersion: string;
  readonly memoryMb: number;
  readonly checkpointInterval: bigint;
  /** For people: alerts. */
  readonly say: (line: string) => void;
}

const LOG_FLUSH_MS = 300_000;

/** Runs stages as they are to be run: not where paused, measured into the log tables, their outcome noted. */
export class StageRuns {
  readonly #options: StageRunsOptions;
  // One a table: what is written of one must not be written again because the other failed.
  readonly #executions: RunLog;
  readonly #operations: RunLog;
  #flushedMs: number;

  constructor(options: StageRunsOptions) {
    this.#options = options;
    [this.#executions, this.#operations] = [new RunLog(options), new RunLog(options)];
    this.#flushedMs = options.clock.nowMs();
  }

  async run(task: string, stage: () => Promise<StageOutcome>): Promise<StageOutcome> {
    const { state, clock } = this.#options;
    if (await state.isPaused(task)) return { kind: 'paused' };
    const outcome = await this.#recorded(task, stage);
    if (clock.nowMs() - this.#flushedMs >= LOG_FLUSH_MS) await this.flush();
    return outcome;
  }

  /** Writes what is still held. */
  async flush(): Promise<void> {
    const { lake, clock, checkpointInterval } = this.#options;
    this.#flushedMs = clock.nowMs();
    await this.#executions.flush(({ clusterLogs }) => appendLog(lake, 'cluster_logs', clusterLogs, checkpointInterval));
    await this.#operations.flush(({ benchmarkLogs }) => appendLog(lake, 'benchmark_logs', benchmarkLogs, checkpointInterval));
  }

  /** Feeds `benchmark_logs`: what one write of a table took. */
  readonly observe: WriteObserver = (task) => {
    const { meter, clock } = this.#options;
    const [before, startMs] = [meter.read(), clock.monotonicMs()];
    return ({ rows, adds, before: replaced }) => this.#operations.addOperation({
      task, rows, files: adds.length, bytes: bytesOf(adds), filesBefore: replaced?.length ?? null, bytesBefore: replaced ? bytesOf(replaced) : null, requests: meterDifference(meter.read(), before).requests, durationMs: clock.monotonicMs() - startMs,
    });
  };

  async #recorded(task: string, stage: () => Promise<StageOutcome>): Promise<StageOutcome> {
    const { state, say } = this.#options;
    const done = this.#measure(task);
    try {
      const outcome = await stage();
      state.succeeded(task);
      // A note is for people: what is committed is not done again because nobody could be told.
      await Promise.allSettled([state.note(task, outcome.kind)]);
      return outcome;
    } catch (error) {
      // The caller must hear what stopped the stage, not that the note of it failed, too.
      const [paused] = await Promise.allSettled([state.failed(task, error), state.note(task, 'failed', error instanceof AssayError ? `${error.code}: ${error.message}` : 'bug')]);
      if (paused.status === 'fulfilled' && paused.value !== null) say(`alert: ${paused.value}`);
      throw error;
    } finally {
      done();
    }
  }

  /** Feeds `cluster_logs`: what one execution took. */
  #measure(task: string): () => void {
    const { meter } = this.#options;
    const before = meter.read();
    const done = this.#executions.start(task);
    return () => {
      const { byOperation: by, bytesIn, bytesOut } = meterDifference(meter.read(), before);
      done({ requestsWrite: by.put + by.list + by.delete, requestsRead: by.get + by.head, bytesIn, bytesOut });
    };
  }
}
