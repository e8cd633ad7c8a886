import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { runPipeline } from './run-pipeline.ts';
import { runWriters } from './run-writers.ts';
import type { RunOptions, RunResult } from './run-writers.ts';

/**
 * `npm run simulate -- --seeds 10000 [--from 1] [--mode pipeline|writers]`: runs that many seeds on every core, prints progress and, for
 * each seed that fails, the command that replays it. `--seed N [--trace]`: that one, with every turn. Exit code 1 where one failed.
 */
const MODES: Readonly<Record<string, (options: RunOptions) => Promise<RunResult>>> = { pipeline: runPipeline, writers: runWriters };
const BLOCK_SEEDS = 20;
/** Of so many failures the reason is printed, and of each so many lines: the replay shows the rest. */
const REASONS_MAX = 10;
const REASON_LINES_MAX = 8;

interface Block {
  readonly mode: string;
  readonly from: number;
  readonly to: number;
}

interface BlockResult {
  readonly seeds: number;
  readonly turns: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly failures: readonly { readonly seed: number; readonly weather: string; readonly failure: string }[];
}

const say = (line: string) => process.stdout.write(`${line}\n`);

async function runBlock({ mode, from, to }: Block): Promise<BlockResult> {
  const faults = new Map<string, number>();
  const failures: { seed: number; weather: string; failure: string }[] = [];
  let turns = 0;
  for (let seed = from; seed <= to; seed++) {
    const result = await MODES[mode]({ seed });
    turns += result.turns;
    for (const [kind, count] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
    if (result.failure !== null) failures.push({ seed, weather: result.weather, failure: result.failure });
  }
  return { seeds: to - from + 1, turns, faults, failures };
}

async function replay(mode: string, seed: number, showTrace: boolean): Promise<boolean> {
  const { failure, weather, turns, digest, trace, faults } = await MODES[mode]({ seed, keepTrace: showTrace });
  if (showTrace) say(trace.join('\n'));
  say(`seed ${seed}, ${weather}, ${turns} turns, ${[...faults].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  say(failure ?? `passed, trace ${digest}`);
  return failure === null;
}

/** Blocks of seeds to as many threads as there are cores. */
async function runAll(mode: string, first: number, last: number): Promise<boolean> {
  const startedMs = performance.now();
  const total = { seeds: 0, turns: 0, failed: 0, faults: new Map<string, number>() };
  let next = first;
  let saidMs = startedMs;
  const take = (): Block | null => {
    if (next > last) return null;
    const block = { mode, from: next, to: Math.min(next + BLOCK_SEEDS - 1, last) };
    next = block.to + 1;
    return block;
  };
  const summary = () => `${total.seeds} of ${last - first + 1} seeds, ${total.failed} failed, ${(total.seeds / (performance.now() - startedMs) * 1_000).toFixed(1)} seeds/s`;
  const note = ({ seeds, turns, faults, failures }: BlockResult) => {
    total.seeds += seeds;
    total.turns += turns;
    for (const [kind, count] of faults) total.faults.set(kind, (total.faults.get(kind) ?? 0) + count);
    for (const { seed, weather, failure } of failures) {
      if (total.failed++ < REASONS_MAX) say(`seed ${seed} (${weather}): ${failure.split('\n').slice(0, REASON_LINES_MAX).join('\n')}`);
      say(`failed: npm run simulate -- --mode ${mode} --seed ${seed} --trace`);
    }
    if (performance.now() - saidMs < 5_000) return;
    saidMs = performance.now();
    say(summary());
  };
  await Promise.all(Array.from({ length: availableParallelism() }, () => serve(take, note)));
  say(`${summary()}, ${total.turns} turns; ${[...total.faults].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  return total.failed === 0;
}

function serve(take: () => Block | null, note: (result: BlockResult) => void): Promise<void> {
  const worker = new Worker(new URL(import.meta.url));
  return new Promise((resolve, reject) => {
    const give = () => {
      const block = take();
      if (block) worker.postMessage(block, []);
      else worker.terminate().then(() => resolve(), reject);
    };
    worker.on('message', (result: BlockResult) => {
      note(result);
      give();
    });
    worker.on('error', reject);
    give();
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seeds: { type: 'string', default: '500' }, from: { type: 'string', default: '1' }, seed: { type: 'string' }, trace: { type: 'boolean', default: false }, mode: { type: 'string', default: 'pipeline' } } });
  const numbers = [values.seeds, values.from, values.seed ?? '1'].map(Number);
  if (!(values.mode in MODES) || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw new Error(`--mode is one of ${Object.keys(MODES).join(', ')}; --seeds, --from and --seed are whole numbers`);
  }
  const [seeds, from, seed] = numbers;
  const passed = values.seed === undefined ? await runAll(values.mode, from, from + seeds - 1) : await replay(values.mode, seed, values.trace);
  process.exitCode = passed ? 0 : 1;
}

if (isMainThread) await main();
else parentPort!.on('message', (block: Block) => { void runBlock(block).then((result) => parentPort!.postMessage(result, [])); });
