import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { freshness } from '../../shared/monitoring/freshness.ts';
import type { Freshness } from '../../shared/monitoring/freshness.ts';
import { openState } from '../../shared/open-state.ts';
import { countRows } from '../../shared/pipeline/balance-facts.ts';
import { greatestMs, lastCommitMs, observePipeline, waitingFor } from '../../shared/pipeline/monitor.ts';
import type { MonitorReport } from '../../shared/pipeline/monitor.ts';
import { BRONZE, GOLD, MODEL_HISTORY, OFFSET_GAPS, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { KafkaBroker } from '../../shared/sources/kafka-broker.ts';
import type { KafkaConnection } from '../../shared/sources/kafka-broker.ts';
import type { Pause, RunSummary } from '../../shared/state/run-state.ts';
import type { Command, Flags, Output } from './command.ts';
import { connectionOf, connectionTo } from './kafka-settings.ts';
import { withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { ageText, countText, timeText } from './text.ts';

export const statusCommand: Command = {
  name: 'status',
  usage: '[--lake URL] [--brokers HOST:PORT [--topic T]...] [--json]',
  summary: 'Show every stage: version, rows, freshness, what waits, paused, last outcome; and the balance',
  options: { brokers: { type: 'string' }, topic: { type: 'string', multiple: true } },
  run: ({ flags, out }) => withReadLake(flags, async (reader) => {
    const report = await readStatus(reader, flags, out);
    if (report.stages.length === 0) out.note(`Nothing is there yet in ${report.lake}: "assay start" or "assay run --events 1000" makes its tables.`);
    const grid = await gridText(['stage', 'table', 'version', 'rows', 'freshness', 'waiting', 'paused', 'last run'], report.stages.map(line), ['version', 'rows']);
    const others = reader.pipelines.map(({ pipeline }) => pipeline.name).filter((name) => name !== reader.pipeline.name);
    if (others.length > 0) out.note(`This is pipeline ${reader.pipeline.name}; the others, by --pipeline NAME: ${others.join(', ')}`);
    out.result(report, () => [grid, '', `Balance  ${report.verdict}`, ...report.problems.map((problem) => `         ${problem}`)].join('\n'));
    return 0;
  }),
};

/** Stages in the order of the flow, with the tables they write. */
const STAGES = [['ingest', BRONZE], ['refine', SILVER], ['refine', QUARANTINE], ['score', GOLD], ['train', MODEL_HISTORY], ['monitor', 'monitor_logs'], ['maintain', null]] as const;
const BALANCED = [BRONZE, SILVER, QUARANTINE, GOLD, OFFSET_GAPS];

interface StageStatus {
  readonly stage: string;
  readonly table: string | null;
  readonly version: bigint | null;
  readonly rows: bigint | null;
  readonly freshness: Freshness | null;
  /** Records before Bronze, source versions before the others; null: not known. */
  readonly waiting: bigint | null;
  readonly paused: Pause | null;
  readonly lastRun: RunSummary | null;
}

interface Status {
  readonly lake: string;
  readonly stages: readonly StageStatus[];
  readonly verdict: string;
  /** Equations that do not hold or cannot be told. */
  readonly problems: readonly string[];
}

async function readStatus(reader: LakeReader, flags: Flags, out: Output): Promise<Status> {
  const { lake } = reader;
  const missing: string[] = [];
  for (const name of BALANCED) if ((await lake.find(name)) === null) missing.push(name);
  const url = lake.store.url;
  if (missing.length === BALANCED.length) return { lake: url, stages: [], verdict: 'unknown', problems: [] };
  const observed = missing.length === 0 ? await observe(reader, flags, out) : null;
  const state = await readState(reader, out);
  const stages = await Promise.all(STAGES.map(async ([stage, table]) => ({
    stage, table, ...(await tableStatus(table, reader, observed)), paused: state.paused.get(taskOf(stage, reader)) ?? null, lastRun: state.summaries.get(taskOf(stage, reader)) ?? null,
  })));
  return {
    lake: url, stages, verdict: observed?.balance.verdict ?? 'unknown',
    problems: observed === null ? [`${missing.join(', ')} not there yet`] : observed.balance.equations.filter(({ verdict }) => verdict !== 'ok').map(({ text }) => text),
  };
}

async function tableStatus(name: string | null, { lake, pipeline, config }: LakeReader, observed: MonitorReport | null): Promise<Pick<StageStatus, 'version' | 'rows' | 'freshness' | 'waiting'>> {
  const table = name === null ? null : await lake.find(name);
  if (name === null || table === null) return { version: null, rows: null, freshness: null, waiting: null };
  const { snapshot } = table.delta;
  const seen = observed?.tables.find((each) => each.table === name);
  const waiting = observed === null ? null : await waitingFor(name, lake, seen?.lag?.records ?? null);
  const facts = { nowMs: systemClock.nowMs(), eventMsMax: greatestMs(snapshot, pipeline.eventTime), kafkaMsMax: greatestMs(snapshot, 'kafka_timestamp'), commitMs: lastCommitMs(snapshot), waiting, targetS: config.staleAfterS };
  return { version: snapshot.version, rows: countRows(snapshot.files.values()), freshness: seen?.freshness ?? freshness(facts), waiting };
}

/** `--brokers`, else those of the `assay start` that runs here, else KAFKA_BROKERS of the environment. */
function connectionFor(flags: Flags, { access, config }: LakeReader): KafkaConnection | null {
  const brokers = flags.text('brokers');
  if (brokers !== undefined) return connectionTo(brokers, 'assay-status');
  if (access.running?.brokers) return connectionOf(access.running, 'assay-status');
  return config.kafkaBrokers.length === 0 ? null : connectionTo(config.kafkaBrokers.join(','), 'assay-status');
}

/** A broker that does not answer leaves the lag unknown, and says so; the lake's own facts stand without it. */
async function observe(reader: LakeReader, flags: Flags, out: Output): Promise<MonitorReport> {
  const { lake, pipeline, config, access } = reader;
  const connection = connectionFor(flags, reader);
  const asked = flags.list('topic');
  const topics = asked.length > 0 ? asked : access.running ? access.running.topics : config.kafkaTopics.length > 0 ? config.kafkaTopics : pipeline.topics.map(({ name }) => name);
  const options = { lake, pipeline, topics, clock: systemClock, runId: 'status', targetS: config.staleAfterS, checkpointInterval: BigInt(config.checkpointInterval) };
  if (connection === null) return observePipeline({ ...options, broker: null });
  const broker = new KafkaBroker(connection);
  try {
    const report = await observePipeline({ ...options, broker });
    for (const why of report.tables.flatMap((table) => table.lag?.unknown ?? [])) out.note(`The lag is not known: ${why}`);
    return report;
  } finally {
    await broker.close();
  }
}

interface State {
  readonly paused: ReadonlyMap<string, Pause>;
  readonly summaries: ReadonlyMap<string, RunSummary>;
}

/** Operator state may be out of this machine's reach; then it is told so, and the tables are shown all the same. */
/** Under which a stage is noted: that of a further pipeline bears its name. */
function taskOf(stage: string, { pipelines, pipeline }: LakeReader): string {
  return pipeline === pipelines[0].pipeline || stage === 'ingest' ? stage : `${pipeline.name}.${stage}`;
}

async function readState({ pipelines: [{ lake }], config, access }: LakeReader, out: Output): Promise<State> {
  try {
    const env = access.connectionString === null ? process.env : { ...process.env, AzureWebJobsStorage: access.connectionString };
    const state = await openState(config, env, lake.store, systemClock);
    return { paused: await state.paused(), summaries: await state.summaries() };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    out.note(`Pauses and last runs are not known: ${error.message}`);
    return { paused: new Map(), summaries: new Map() };
  }
}

function line({ stage, table, version, rows, freshness, waiting, paused, lastRun }: StageStatus): (string | null)[] {
  const nowMs = systemClock.nowMs();
  const unit = `${table === BRONZE ? 'record' : 'version'}${waiting === 1n ? '' : 's'}`;
  return [
    stage, table ?? '–', version === null ? '–' : String(version), table === null ? '–' : countText(rows),
    freshness === null ? '–' : freshness.state === 'empty' ? 'empty' : `${freshness.state}, ${ageText(freshness.brokerS ?? freshness.commitS)}`,
    waiting === null ? '–' : `${countText(waiting)} ${unit}`,
    paused === null ? '' : `since ${timeText(paused.sinceMs)}: ${paused.why}`,
    lastRun === null ? '–' : `${lastRun.outcome}, ${ageText((nowMs - lastRun.atMs) / 1000)} ago${lastRun.error === undefined ? '' : `: ${lastRun.error}`}`,
  ];
}
