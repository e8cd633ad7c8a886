import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { readFile } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import { parseConfig } from './config.ts';
import type { Config } from './config.ts';
import { AssayError, ConfigError } from './errors.ts';
import { checkHost } from './host-check.ts';
import { parsePrices } from './monitoring/prices.ts';
import { RunLog } from './monitoring/run-log.ts';
import { openLake, shippedModel } from './open-lake.ts';
import { openState } from './open-state.ts';
import { appendLog } from './pipeline/append-log.ts';
import { ingest } from './pipeline/bronze.ts';
import { Champions } from './pipeline/champion.ts';
import { compileRules } from './pipeline/judge.ts';
import { maintain } from './pipeline/maintain.ts';
import { monitor } from './pipeline/monitor.ts';
import type { WriteObserver } from './pipeline/observer.ts';
import { refine } from './pipeline/refine.ts';
import { score } from './pipeline/score.ts';
import { bytesOf } from './pipeline/stage.ts';
import type { StageOutcome } from './pipeline/stage.ts';
import { KafkaBroker } from './sources/kafka-broker.ts';
import type { KafkaConnection } from './sources/kafka-broker.ts';
import type { KafkaRecord } from './sources/record.ts';
import { meterDifference } from './storage/meter.ts';
import type { Meter } from './storage/meter.ts';
import { StageState } from './stage-state.ts';
import { renderLakePage } from './lake-page.ts';
import type { Page } from './lake-page.ts';

export type { Page } from './lake-page.ts';
export type { StageOutcome } from './pipeline/stage.ts';

/** What the functions call: one method a function. Failures are those of errors.ts; the host retries what is thrown. */
export interface App {
  /** Returns only after every record is committed. */
  ingest(records: readonly KafkaRecord[]): Promise<StageOutcome>;
  refine(): Promise<StageOutcome>;
  score(): Promise<StageOutcome>;
  train(): Promise<StageOutcome>;
  maintain(): Promise<StageOutcome>;
  monitor(): Promise<StageOutcome>;
  /** The dashboard. */
  page(): Promise<Page>;
  /** Writes what the run log still holds and lets go of the broker and the engine. The app is of no use afterwards. */
  close(): Promise<void>;
}

export const CODE_VERSION = '0.1.0';
const LOG_FLUSH_MS = 300_000;
/** `dist/` and `shared/` lie equally deep below the app's folder. */
const ROOT = join(import.meta.dirname, '..');

let app: Promise<App> | null = null;

/** Built once per worker, on the first invocation: a cold worker registers its functions before anything is opened. */
export function getApp(): Promise<App> {
  app ??= openApp(process.env);
  // A failed start is not kept: the next invocation tries again.
  app.catch(() => { app = null; });
  return app;
}

/** When the worker ends: closes the app if it was ever built. */
export async function closeApp(): Promise<void> {
  const closing = app;
  app = null;
  if (closing) await (await closing).close();
}

async function openApp(env: Readonly<Record<string, string | undefined>>): Promise<App> {
  const config = parseConfig(env);
  checkHost(await readFile(join(ROOT, 'host.json'), 'utf8'), env, config);
  const clock = systemClock;
  const opened = await openLake({ config, clock, root: ROOT, tempDir: config.cacheDir ?? join(tmpdir(), 'assay') });
  const { lake, pipeline, meter } = opened;
  const runId = clock.uuid();
  const prices = parsePrices(await readFile(join(ROOT, 'infra/prices.json'), 'utf8'));
  // One a table: what is written of one must not be written again because the other failed.
  const [executions, operations] = [0, 1].map(() => new RunLog({ clock, prices, runId, codeVersion: CODE_VERSION, memoryMb: config.functionMemoryMb }));
  const broker = config.kafkaBrokers.length === 0 ? null : new KafkaBroker(kafkaConnection(config));
  const say = (line: string) => { process.stderr.write(`${line}\n`); };
  const champions = new Champions({ lake, pipeline, clock, shipped: () => shippedModel(ROOT), say });
  const checkpointInterval = BigInt(config.checkpointInterval);
  const topics = config.kafkaTopics.length > 0 ? config.kafkaTopics : pipeline.topics.map(({ name }) => name);
  const observe = observeInto(operations, meter);
  const common = { lake, pipeline, clock, checkpointInterval, observe };
  const judge = compileRules(pipeline, config);

  let flushedMs = clock.nowMs();
  const flush = async () => {
    flushedMs = clock.nowMs();
    await executions.flush(({ clusterLogs }) => appendLog(lake, 'cluster_logs', clusterLogs, checkpointInterval));
    await operations.flush(({ benchmarkLogs }) => appendLog(lake, 'benchmark_logs', benchmarkLogs, checkpointInterval));
  };
  const state = new StageState(await openState(config, env, lake.store, clock), clock);
  const recorded = async (task: string, run: () => Promise<StageOutcome>): Promise<StageOutcome> => {
    const done = measure(executions, meter, task);
    try {
      const outcome = await run();
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
  };
  const measured = async (task: string, run: () => Promise<StageOutcome>): Promise<StageOutcome> => {
    if (await state.isPaused(task)) return { kind: 'paused' };
    const outcome = await recorded(task, run);
    if (clock.nowMs() - flushedMs >= LOG_FLUSH_MS) await flush();
    return outcome;
  };
  return {
    ingest: (records) => measured('ingest', () => ingest(records, { ...common, broker: needBroker(broker), consumerGroup: config.kafkaConsumerGroup })),
    refine: () => measured('refine', () => refine({ ...common, judge, lateAfterMs: config.lateAfterMs, sliceRows: config.sliceRows })),
    score: () => measured('score', () => score({ ...common, champions, sliceRows: config.sliceRows })),
    train: () => measured('train', () => train(champions, config)),
    maintain: () => measured('maintain', () => maintain({ ...common, say })),
    monitor: () => measured('monitor', async () => {
      await lake.ensureAll();
      await flush();
      const report = await monitor({ lake, pipeline, topics, broker, clock, runId, targetS: config.staleAfterS, checkpointInterval });
      return { kind: 'committed', rows: report.tables.length, version: (await lake.table('monitor_logs')).delta.snapshot.version, more: false };
    }),
    page: () => renderLakePage({ lake, pipeline, clock, topics, targetS: config.staleAfterS }),
    close: async () => {
      await flush();
      await broker?.close();
      await opened.engine.close();
    },
  };
}

async function train(champions: Champions, config: Config): Promise<StageOutcome> {
  const since = await champions.since();
  const dueMs = since === null ? 0 : since + config.retrainAfterMs;
  if (systemClock.nowMs() < dueMs) return { kind: 'nothing-to-do' };
  const manifest = await champions.retrain({ rowsMin: config.trainRowsMin, by: 'train', why: since === null ? 'no champion yet' : `the champion is older than ${config.retrainAfterMs} ms` });
  return manifest === null ? { kind: 'nothing-to-do' } : { kind: 'committed', rows: manifest.rows, version: BigInt(manifest.version), more: false };
}

function needBroker(broker: KafkaBroker | null): KafkaBroker {
  if (broker) return broker;
  throw new ConfigError('config/brokers', 'records came in but KAFKA_BROKERS is not set: ingest asks the broker which life of the topic they belong to; set it to the brokers of the trigger');
}

const MECHANISMS = { plain: 'PLAIN', scramSha256: 'SCRAM-SHA-256', scramSha512: 'SCRAM-SHA-512' } as const;

/** How the plain client speaks to the brokers that the trigger reads from. */
export function kafkaConnection(config: Config): KafkaConnection {
  const { kafkaBrokers: brokers, kafkaProtocol, kafkaUsername: username, kafkaPassword: password } = config;
  const sasl = kafkaProtocol.startsWith('sasl') && username !== null && password !== null
    ? { sasl: { mechanism: MECHANISMS[config.kafkaAuthentication], username, password } }
    : {};
  return { brokers, clientId: 'assay', ...sasl, tls: kafkaProtocol === 'ssl' || kafkaProtocol === 'saslSsl' };
}

/** Feeds `cluster_logs`: what one execution took. */
function measure(runLog: RunLog, meter: Meter, task: string): () => void {
  const before = meter.read();
  const done = runLog.start(task);
  return () => {
    const { byOperation: by, bytesIn, bytesOut } = meterDifference(meter.read(), before);
    done({ requestsWrite: by.put + by.list + by.delete, requestsRead: by.get + by.head, bytesIn, bytesOut });
  };
}

/** Feeds `benchmark_logs`: what one write of a table took. */
function observeInto(runLog: RunLog, meter: Meter): WriteObserver {
  return (task) => {
    const [before, startMs] = [meter.read(), systemClock.monotonicMs()];
    return ({ rows, adds }) => runLog.addOperation({
      task, rows, files: adds.length, bytes: bytesOf(adds), requests: meterDifference(meter.read(), before).requests, durationMs: systemClock.monotonicMs() - startMs,
    });
  };
}
