import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CODE_VERSION } from '../../shared/app.ts';
import { parseConfig } from '../../shared/config.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import { parsePrices } from '../../shared/monitoring/prices.ts';
import { openLake, shippedModel } from '../../shared/open-lake.ts';
import type { OpenLake } from '../../shared/open-lake.ts';
import { openState } from '../../shared/open-state.ts';
import { pipelineStages } from '../../shared/pipeline-stages.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import { withTables } from '../../shared/pipeline/lake-sql.ts';
import type { StageOutcome } from '../../shared/pipeline/stage.ts';
import { QUARANTINE } from '../../shared/pipeline/tables.ts';
import { StageRuns } from '../../shared/stage-runs.ts';
import { StageState } from '../../shared/stage-state.ts';
import { APP_DIR } from '../cli/local-lake.ts';
import type { Flags } from '../cli/command.ts';
import { DATA_TABLES, rewrittenBy, shapeOf, writtenOf } from './day-books.ts';
import type { Shape, Written } from './day-books.ts';
import { DayClock, DayStream } from './day-stream.ts';
import { measure, round, versions } from './result.ts';
import type { BenchResult } from './result.ts';

export interface DayOptions {
  readonly seconds: number;
  /** From one batch to the next; each is ingested, refined and scored at once. */
  readonly everyS: number;
  /** Records a batch. */
  readonly batchRows: number;
  readonly maintains: boolean;
  readonly seed: number;
  /** When the day begins; about now, for the store's clock is the machine's. */
  readonly startMs: number;
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface DayReport {
  readonly rows: number;
  /** By table, the log tables among them. */
  readonly written: Readonly<Record<string, Written>>;
  /** By table, at the end of every hour, before maintain and after it. */
  readonly hours: Readonly<Record<string, readonly { readonly before: Shape; readonly after: Shape }[]>>;
  /** All bytes put into storage for each byte of Bronze, Silver and Gold as first written. */
  readonly amplification: number;
  /** Of the tables' rows, without what the cut of versions decides. */
  readonly digests: Readonly<Record<string, string>>;
  readonly verdict: string;
}

const [MONITOR_S, HOUR_S] = [300, 3_600];

/**
 * A day as it would be on the cloud, by a clock that is turned: batch after batch is ingested, refined and scored, every 5 minutes the monitor looks, every
 * hour maintain runs, on a directory lake of its own. Nothing of it depends on the machine's speed.
 */
export async function simulateDay(options: DayOptions): Promise<DayReport> {
  const dir = await mkdtemp(join(tmpdir(), 'assay-day-'));
  const clock = new DayClock(options.startMs, options.seed);
  const config = parseConfig({ LAKE_URL: `file:${dir}/lake`, ...options.env });
  const opened = await openLake({ config, clock, root: APP_DIR, tempDir: join(dir, 'temp') });
  try {
    return await live(opened, clock, config, options);
  } finally {
    await opened.engine.close();
    await rm(dir, { recursive: true, force: true });
  }
}

type Config = ReturnType<typeof parseConfig>;
type Hours = Record<string, { before: Shape; after: Shape }[]>;

async function live(opened: OpenLake, clock: DayClock, config: Config, { seconds, everyS, batchRows, maintains, seed }: DayOptions): Promise<DayReport> {
  const startMs = clock.nowMs();
  const stream = new DayStream({ startMs, everyMs: everyS * 1_000, batchRows, seed });
  const stages = await startStages(opened, clock, config, stream);
  const hours: Hours = Object.fromEntries(DATA_TABLES.map((table) => [table, []]));
  let firstId: string | null = null;
  for (let second = everyS; second <= seconds; second += everyS) {
    clock.setTo(startMs + second * 1_000);
    const batch = stream.take();
    firstId ??= (JSON.parse(Buffer.from(batch[0].value!).toString()) as { event_id: string }).event_id;
    await stages.ingest(batch);
    await drained(stages.refine);
    await drained(stages.score);
    if (second % MONITOR_S === 0) await stages.monitor();
    if (second % HOUR_S !== 0) continue;
    const shapes = () => Promise.all(DATA_TABLES.map((table) => shapeOf(opened.lake, table, { id: firstId!, nowMs: clock.nowMs() })));
    const before = await shapes();
    if (maintains) await drained(stages.maintain);
    const after = await shapes();
    DATA_TABLES.forEach((table, i) => hours[table].push({ before: before[i], after: after[i] }));
  }
  return { rows: Math.floor(seconds / everyS) * batchRows, hours, ...(await account(opened)) };
}

async function account({ lake }: OpenLake): Promise<Pick<DayReport, 'written' | 'amplification' | 'digests' | 'verdict'>> {
  const written: Record<string, Written> = {};
  for (const table of lake.names) if (await lake.find(table)) written[table] = await writtenOf(lake.store, table, await rewrittenBy(lake, table));
  const first = DATA_TABLES.reduce((sum, table) => sum + written[table].first, 0);
  const digests: Record<string, string> = {};
  for (const table of [...DATA_TABLES, QUARANTINE]) digests[table] = await digest(lake, table);
  return { written, amplification: Object.values(written).reduce((sum, each) => sum + total(each), 0) / first, digests, verdict: balance(await readBalanceFacts(lake)).verdict };
}

export function total({ first, again, vectors, commits, checkpoints }: Written): number {
  return first + again + vectors + commits + checkpoints;
}

/** Versions of Bronze count what maintain did, too. */
async function digest(lake: OpenLake['lake'], table: string): Promise<string> {
  const rows = await withTables(lake, [table], (session) =>
    session.rows(`SELECT count(*) || ' ' || sum(hash(line))::VARCHAR AS digest FROM (SELECT COLUMNS(c -> c <> 'bronze_version')::VARCHAR FROM ${table}) AS line`));
  return rows[0]['digest'] as string;
}

async function startStages(opened: OpenLake, clock: DayClock, config: Config, broker: DayStream) {
  const { lake, meter, pipeline } = opened;
  const runId = clock.uuid();
  const checkpointInterval = BigInt(config.checkpointInterval);
  const prices = parsePrices(await readFile(join(APP_DIR, 'infra/prices.json'), 'utf8'));
  const state = new StageState(await openState(config, {}, lake.store, clock), clock);
  const say = () => undefined;
  const runs = new StageRuns({ lake, meter, state, clock, prices, runId, codeVersion: CODE_VERSION, memoryMb: config.functionMemoryMb, checkpointInterval, say });
  const stages = pipelineStages(opened, { pipelines: opened.pipelines, config, clock, broker, runId, shipped: () => shippedModel(APP_DIR), observe: runs.observe, say });
  const landing = { lake, clock, checkpointInterval, observe: runs.observe, consumerGroup: 'day', seen: new Map(), pipeline, broker };
  return {
    ingest: (records: Parameters<typeof ingest>[0]) => runs.run('ingest', () => ingest(records, landing)),
    refine: () => runs.run('refine', stages.refine),
    score: () => runs.run('score', stages.score),
    maintain: () => runs.run('maintain', stages.maintain),
    monitor: async () => {
      await runs.flush();
      return runs.run('monitor', stages.monitor);
    },
  };
}

async function drained(stage: () => Promise<StageOutcome>): Promise<void> {
  for (;;) {
    const outcome = await stage();
    if (outcome.kind !== 'committed' || !outcome.more) return;
  }
}

/** `bench day`: `--seconds`, by default a whole day; `--events` in each batch, `--every` so many seconds. Once with maintain and once without; fails where rows differ. */
export async function benchDay(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const parameters = { seconds: flags.integer('seconds', 86_400, HOUR_S), events: flags.integer('events', 300, 1), every: flags.integer('every', 30, 1), seed: flags.integer('seed', 7) };
  const [startMs, digests]: [number, string[]] = [Date.now(), []];
  for (const maintains of [true, false]) {
    const { value: report, wall_s, cpu_s, peak_mb } = await measure(() => simulateDay({ seconds: parameters.seconds, everyS: parameters.every, batchRows: parameters.events, maintains, seed: parameters.seed, startMs }));
    digests.push(JSON.stringify(report.digests));
    emit({ name: maintains ? 'day/maintained' : 'day/left-alone', parameters, wall_s, cpu_s, peak_mb, rows: report.rows, bytes_in: null, bytes_out: null, requests: null, measured: measuredOf(report), versions });
    if (report.verdict !== 'ok') throw new Error(`the balance is ${report.verdict}`);
  }
  if (digests[0] !== digests[1]) throw new Error(`rows differ with and without maintain: ${digests.join(' ')}`);
}

function measuredOf({ amplification, written, hours }: DayReport): Record<string, number> {
  const measured: Record<string, number> = { amplification: round(amplification) };
  for (const [table, each] of Object.entries(written)) for (const [kind, bytes] of Object.entries(each)) measured[`${table}_${kind}_bytes`] = bytes as number;
  for (const table of DATA_TABLES) {
    const last = hours[table].at(-1);
    for (const [what, count] of Object.entries(last?.after ?? {})) measured[`${table}_${what}_last`] = count as number;
    measured[`${table}_files_most`] = Math.max(...hours[table].map(({ before }) => before.files));
  }
  return measured;
}
