import { arch, cpus, platform, totalmem } from 'node:os';
import duckdbPackage from '@duckdb/node-api/package.json' with { type: 'json' };
import onnxPackage from 'onnxruntime-node/package.json' with { type: 'json' };
import type { Flags } from '../cli/command.ts';

/** One line of a benchmark: what ran, on what, and what it took. Null where the benchmark does not measure it. */
export interface BenchResult {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly peak_mb: number;
  readonly rows: number;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
  readonly requests: number | null;
  readonly versions: Readonly<Record<string, string>>;
  /** What else it found out; units last in the names. */
  readonly measured?: Readonly<Record<string, number>>;
}

export const versions: Readonly<Record<string, string>> = {
  node: process.versions.node,
  duckdb: duckdbPackage.version,
  onnxruntime: onnxPackage.version,
  machine: `${platform()}-${arch()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
};

const SAMPLE_EVERY_MS = 20;

export interface Measured<T> {
  readonly value: T;
  readonly wall_s: number;
  readonly cpu_s: number;
  /** Greatest resident set seen while it ran, sampled: earlier stages of this process do not count, what they left allocated does. */
  readonly peak_mb: number;
}

export async function measure<T>(work: () => Promise<T>): Promise<Measured<T>> {
  let peak = process.memoryUsage.rss();
  const sampler = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, SAMPLE_EVERY_MS);
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  try {
    const value = await work();
    const { user, system } = process.cpuUsage(cpu);
    peak = Math.max(peak, process.memoryUsage.rss());
    return { value, wall_s: round((performance.now() - started) / 1000), cpu_s: round((user + system) / 1e6), peak_mb: Math.round(peak / 2 ** 20) };
  } finally {
    clearInterval(sampler);
  }
}

/** Nothing asked for. */
export const noFlags: Flags = withFlags({});

/** Options as if they had been typed. */
export function withFlags(options: Readonly<Record<string, string>>): Flags {
  return {
    text: (name) => options[name], list: (name) => (options[name] === undefined ? [] : [options[name]]), has: () => false,
    integer: (name, fallback) => (options[name] === undefined ? fallback : Number(options[name])),
  };
}

/** To three places. */
export function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
