import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { clusterCost, runCost } from '../../shared/monitoring/cost.ts';
import { parsePrices } from '../../shared/monitoring/prices.ts';
import { RunLog, type Execution, type RunLogRows } from '../../shared/monitoring/run-log.ts';

const prices = parsePrices(readFileSync(new URL('../../infra/prices.json', import.meta.url), 'utf8'));
let nowMs: number;
let log: RunLog;
let flushed: RunLogRows[];
const write = (rows: RunLogRows) => {
  flushed.push(rows);
  return Promise.resolve();
};

const clock: Clock = {
  nowMs: () => nowMs, monotonicMs: () => nowMs, random: () => 0, uuid: () => 'u',
  sleep: () => Promise.reject(new Error('nothing here sleeps')),
};

const execution = (change: Partial<Execution> = {}): Execution => ({
  task: 'refine', startMs: 1_000, wallMs: 250, cpuMs: 100, peakBytes: 2 ** 20, requestsWrite: 2, requestsRead: 3, bytesIn: 10, bytesOut: 20, ...change,
});

beforeEach(() => {
  nowMs = 0;
  flushed = [];
  log = new RunLog({ clock, prices, runId: 'r1', codeVersion: '0.1.0', memoryMb: 2048 });
});

describe('RunLog', () => {
  it('gives one row a task however often it ran', async () => {
    log.addExecution(execution({ startMs: 5_000, peakBytes: 3 * 2 ** 20 }));
    log.addExecution(execution());
    log.addExecution(execution({ task: 'score', wallMs: 500 }));
    log.addOperation({ task: 'silver_write', rows: 1, bytes: 2, files: 3, filesBefore: null, bytesBefore: null, requests: 4, durationMs: 5 });
    log.addOperation({ task: 'silver_write', rows: 10, bytes: 20, files: 30, filesBefore: 7, bytesBefore: 8, requests: 40, durationMs: 50 });
    nowMs = 3_600_000;
    await log.flush(write);
    const [{ clusterLogs, benchmarkLogs }] = flushed as [RunLogRows];
    expect(clusterLogs).toMatchObject([
      { task: 'refine', executions: 2n, start_time: 1_000_000n, end_time: 5_250_000n, wall_ms: 500n, cpu_ms: 200n, peak_mb: 3, requests: 10n, bytes_in: 20n, bytes_out: 40n },
      { task: 'score', executions: 1n, wall_ms: 500n },
    ]);
    expect(benchmarkLogs).toMatchObject([{ task: 'silver_write', rows: 11n, bytes: 22n, files: 33n, requests: 44n, duration_ms: 55n, files_before: 7n, bytes_before: 8n, run_time: 3_600_000_000n, code_version: '0.1.0' }]);
  });

  it('prices each execution by itself and shares the cluster of the elapsed time by wall time', async () => {
    log.addExecution(execution());
    log.addExecution(execution());
    log.addExecution(execution({ task: 'score', wallMs: 1_500 }));
    nowMs = 3_600_000;
    await log.flush(write);
    const [refine, score] = flushed[0].clusterLogs as [Record<string, number>, Record<string, number>];
    expect(refine.usd).toBeCloseTo(2 * runCost({ wallMs: 250, memoryMb: 2048, executions: 1, requestsWrite: 2, requestsRead: 3 }, prices), 12);
    expect(refine.cluster_usd + score.cluster_usd).toBeCloseTo(clusterCost(3_600_000, prices), 12);
    expect(score.cluster_usd / refine.cluster_usd).toBeCloseTo(3, 10);
  });

  it('forgets what was written, and counts idle time to the next rows', async () => {
    log.addExecution(execution());
    await log.flush(write);
    nowMs = 1_000;
    await log.flush(write);
    expect(flushed).toHaveLength(1);
    nowMs = 7_200_000;
    log.addExecution(execution());
    await log.flush(write);
    expect(flushed[1].clusterLogs[0]).toMatchObject({ executions: 1n, cluster_usd: clusterCost(7_200_000, prices) });
  });

  it('keeps everything where the write fails, with what came in meanwhile', async () => {
    log.addExecution(execution());
    log.addOperation({ task: 'optimize', rows: 1, bytes: 1, files: 1, filesBefore: 7, bytesBefore: 8, requests: 1, durationMs: 1 });
    nowMs = 1_000;
    const failing = () => {
      log.addExecution(execution());
      return Promise.reject(new Error('away'));
    };
    await expect(log.flush(failing)).rejects.toThrow('away');
    nowMs = 2_000;
    await log.flush(write);
    expect(flushed[0].clusterLogs).toMatchObject([{ task: 'refine', executions: 2n, cluster_usd: clusterCost(2_000, prices) }]);
    expect(flushed[0].benchmarkLogs).toHaveLength(1);
  });

  it('keeps what comes in during a write for the next flush', async () => {
    log.addExecution(execution());
    await log.flush((rows) => {
      log.addExecution(execution({ task: 'score' }));
      return write(rows);
    });
    await log.flush(write);
    expect(flushed.map((rows) => rows.clusterLogs.map((row) => row.task))).toEqual([['refine'], ['score']]);
  });

  it('measures an execution', async () => {
    nowMs = 10_000;
    const done = log.start('ingest');
    nowMs = 10_040;
    done({ requestsWrite: 2, requestsRead: 1, bytesIn: 5, bytesOut: 6 });
    await log.flush(write);
    const row = flushed[0].clusterLogs[0];
    expect(row).toMatchObject({ task: 'ingest', wall_ms: 40n, start_time: 10_000_000n, end_time: 10_040_000n, requests: 3n, bytes_in: 5n, bytes_out: 6n });
    expect(row.peak_mb).toBeGreaterThan(1);
    expect(row.cpu_ms).toBeGreaterThanOrEqual(0n);
  });
});
