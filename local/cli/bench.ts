import { ConfigError } from '../../shared/errors.ts';
import { benchAppend } from '../bench/append.ts';
import { benchBacklog } from '../bench/backlog.ts';
import { benchDay } from '../bench/day.ts';
import { benchIngest } from '../bench/ingest.ts';
import { benchLog } from '../bench/log.ts';
import { benchPipeline } from '../bench/pipeline.ts';
import { benchUpsert } from '../bench/upsert.ts';
import type { BenchResult } from '../bench/result.ts';
import type { Command, Flags } from './command.ts';

const benchmarks: Readonly<Record<string, (flags: Flags, emit: (result: BenchResult) => void) => Promise<void>>> = {
  pipeline: benchPipeline,
  ingest: benchIngest,
  backlog: benchBacklog,
  day: benchDay,
  upsert: benchUpsert,
  append: benchAppend,
  log: benchLog,
};

export const benchCommand: Command = {
  name: 'bench',
  usage: `${Object.keys(benchmarks).join('|')} [--events N] [--seed S] [--json]; ingest: [--brokers HOST:PORT [--topic T]] [--latency [--seconds N]]; day: [--seconds N] [--every N]`,
  wordsMax: 1,
  summary: 'Measures on a fresh directory lake: one line a result, with --json one JSON object a line',
  options: { events: { type: 'string' }, seed: { type: 'string' }, brokers: { type: 'string' }, topic: { type: 'string' }, latency: { type: 'boolean' }, seconds: { type: 'string' }, every: { type: 'string' } },
  run: async ({ positionals, flags, out }) => {
    const name = positionals[0] ?? '';
    const benchmark = benchmarks[name];
    if (!benchmark) throw new ConfigError('cli/options', `there is no benchmark "${name}"; there are ${Object.keys(benchmarks).join(', ')}`);
    await benchmark(flags, (result) => out.row(result, () => line(result)));
    return 0;
  },
};

function line({ name, parameters, wall_s, cpu_s, peak_mb, rows, bytes_in, bytes_out, requests, measured = {} }: BenchResult): string {
  const asked = Object.entries(parameters).map(([key, value]) => `${key} ${value}`).join(', ');
  const found = Object.entries(measured).map(([key, value]) => `  ${key} ${value}`).join('');
  const costs = requests === null ? '' : `  ${requests} requests, ${mb(bytes_in)} in, ${mb(bytes_out)} out`;
  return `${name.padEnd(17)} ${rows.toLocaleString('en-US').padStart(10)} rows ${wall_s.toFixed(2).padStart(8)} s ${cpu_s.toFixed(2).padStart(8)} CPU s ${String(peak_mb).padStart(5)} MB${costs}${found}  (${asked})`;
}

function mb(bytes: number | null): string {
  return `${((bytes ?? 0) / 1e6).toFixed(1)} MB`;
}
