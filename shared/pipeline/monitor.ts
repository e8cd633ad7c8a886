import type { Clock } from '../clock.ts';
import { compare } from '../columnar/predicate.ts';
import { scanLive } from '../delta/operations/scan.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';
import { progressOf } from '../delta/snapshot.ts';
import { TransientError } from '../errors.ts';
import { balance } from '../monitoring/balance.ts';
import type { Balance, Term } from '../monitoring/balance.ts';
import { freshness, lag } from '../monitoring/freshness.ts';
import type { Lag, PartitionLagFacts } from '../monitoring/freshness.ts';
import { monitorRows } from '../monitoring/rows.ts';
import type { MonitoredTable } from '../monitoring/rows.ts';
import type { Broker } from '../sources/broker.ts';
import { appendLog } from './append-log.ts';
import { countRows, readBalanceFacts } from './balance-facts.ts';
import { laneAppId } from './bronze-plan.ts';
import type { Pipeline } from './definition.ts';
import { incarnationOf } from './incarnation.ts';
import type { Lake } from './lake.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from './tables.ts';

export interface MonitorOptions {
  readonly lake: Lake;
  readonly pipeline: Pipeline;
  readonly topics: readonly string[];
  /** Null: nobody to ask, so lag is not known. */
  readonly broker: Broker | null;
  readonly clock: Clock;
  readonly runId: string;
  readonly targetS: number;
  readonly checkpointInterval: bigint;
}

export interface MonitorReport {
  readonly balance: Balance;
  readonly tables: readonly MonitoredTable[];
}

/** Looks at logs, statistics and the broker's offsets; nothing is written. */
export async function observePipeline(options: MonitorOptions): Promise<MonitorReport & { readonly facts: Awaited<ReturnType<typeof readBalanceFacts>> }> {
  const { lake } = options;
  const facts = await readBalanceFacts(lake);
  const nowMs = options.clock.nowMs();
  const bronzeLag = await readLag(options, nowMs);
  const tables: MonitoredTable[] = [];
  for (const name of [BRONZE, SILVER, QUARANTINE, GOLD]) {
    const { delta } = await lake.table(name);
    const waiting = await waitingFor(name, lake, bronzeLag.records);
    const { snapshot } = delta;
    tables.push({
      table: name,
      rows: countRows(snapshot.files.values()),
      lateRows: name === SILVER ? await countLate(lake) : null,
      freshness: freshness({ nowMs, eventMsMax: greatestMs(snapshot, options.pipeline.eventTime), kafkaMsMax: greatestMs(snapshot, 'kafka_timestamp'), commitMs: lastCommitMs(snapshot), waiting, targetS: options.targetS }),
      lag: name === BRONZE ? bronzeLag : null,
    });
  }
  return { facts, balance: balance(facts), tables };
}

/** One run of the monitor: its rows in `monitor_logs`. */
export async function monitor(options: MonitorOptions): Promise<MonitorReport> {
  const report = await observePipeline(options);
  const rows = monitorRows({ runId: options.runId, runTimeMs: options.clock.nowMs(), ...report });
  await appendLog(options.lake, 'monitor_logs', rows, options.checkpointInterval);
  return report;
}

async function readLag({ lake, topics, broker }: MonitorOptions, nowMs: number): Promise<Lag> {
  if (broker === null) return { records: null, seconds: null, unknown: ['no broker is configured'] };
  const { snapshot } = (await lake.table(BRONZE)).delta;
  const partitions: PartitionLagFacts[] = [];
  const unknown: string[] = [];
  for (const topic of topics) {
    try {
      const incarnation = incarnationOf(topic, await broker.topicId(topic), snapshot);
      for (const { partition, earliest, latest } of await broker.offsets(topic)) {
        const last = progressOf(snapshot, laneAppId({ topic, incarnation, partition }));
        partitions.push({ topic, partition, endOffset: latest, nextOffset: last === null ? earliest : last + 1n, sinceMs: null });
      }
    } catch (error) {
      // A broker that is away, or a topic that nobody has made yet, is no reason not to look at the tables.
      if (!(error instanceof TransientError)) throw error;
      unknown.push(`${topic}: ${error.message}`);
    }
  }
  const found = lag(partitions, nowMs);
  return unknown.length === 0 ? found : { records: null, seconds: null, unknown: [...unknown, ...found.unknown] };
}

/** What a table's stage has not consumed yet: records before Bronze, source versions before the others. */
export async function waitingFor(name: string, lake: Lake, lagRecords: Term): Promise<Term> {
  if (name === BRONZE) return lagRecords;
  if (![SILVER, QUARANTINE, GOLD].includes(name)) return null;
  const [source, target, stage] = name === GOLD ? [SILVER, GOLD, 'score'] : [BRONZE, SILVER, 'refine'];
  const { delta } = await lake.table(source);
  const consumed = progressOf((await lake.table(target)).delta.snapshot, stageAppId(stage, delta.id)) ?? -1n;
  return delta.snapshot.version - consumed;
}

export function greatestMs(snapshot: Snapshot, column: string): number | null {
  let greatest: number | null = null;
  for (const add of snapshot.files.values()) {
    const text = parseStats(add.stats)?.maxValues[column];
    const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(ms) && (greatest === null || ms > greatest)) greatest = ms;
  }
  return greatest;
}

export function lastCommitMs(snapshot: Snapshot): number | null {
  let latest: number | null = null;
  for (const { modificationTime } of snapshot.files.values()) if (latest === null || modificationTime > latest) latest = modificationTime;
  return latest;
}

/** `is_late` has no min and max in Delta statistics, so this one column is read. */
async function countLate(lake: Lake): Promise<bigint> {
  const table = await lake.table(SILVER);
  const { snapshot } = table.delta;
  if (snapshot.files.size === 0) return 0n;
  return lake.engine.session(async (session) => BigInt(await session.count(session.where(await scanLive(session, table, snapshot), compare('is_late', '=', true)))));
}
