import { join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import { readFile } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import { parseConfig } from './config.ts';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { checkHost } from './host-check.ts';
import { parsePrices } from './monitoring/prices.ts';
import { openLake, shippedModel } from './open-lake.ts';
import { openState } from './open-state.ts';
import { ingest } from './pipeline/bronze.ts';
import { HEAL_LIMITS } from './pipeline/heal.ts';
import { topicsOf } from './pipeline/pipelines.ts';
import { together } from './pipeline/stage.ts';
import type { StageOutcome } from './pipeline/stage.ts';
import { pipelineStages } from './pipeline-stages.ts';
import type { TimerStage } from './pipeline-stages.ts';
import type { ReadLimits } from './sources/broker.ts';
import { KafkaBroker } from './sources/kafka-broker.ts';
import type { KafkaConnection } from './sources/kafka-broker.ts';
import type { KafkaRecord } from './sources/record.ts';
import { StageRuns } from './stage-runs.ts';
import { StageState } from './stage-state.ts';
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
  /** The dashboard: of the first pipeline, or of the one that is named. */
  page(pipeline?: string): Promise<Page>;
  /** Writes what the run log still holds and lets go of the broker and the engine. The app is of no use afterwards. */
  close(): Promise<void>;
}

export const CODE_VERSION = '0.1.0';
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
  const { lake, meter } = opened;
  const runId = clock.uuid();
  const prices = parsePrices(await readFile(join(ROOT, 'infra/prices.json'), 'utf8'));
  const broker = config.kafkaBrokers.length === 0 ? null : new KafkaBroker(kafkaConnection(config));
  const say = (line: string) => { process.stderr.write(`${line}\n`); };
  const checkpointInterval = BigInt(config.checkpointInterval);
  const state = new StageState(await openState(config, env, lake.store, clock), clock);
  const runs = new StageRuns({ lake, meter, state, clock, prices, runId, codeVersion: CODE_VERSION, memoryMb: config.functionMemoryMb, checkpointInterval, say });
  const stages = { pipelines: opened.pipelines, config, clock, broker, runId, shipped: () => shippedModel(ROOT), observe: runs.observe, say };
  const lines = opened.pipelines.map((own) => pipelineStages(own, stages));
  /** One pipeline's trouble does not keep the others from their turn. */
  const inTurn = async (stage: TimerStage): Promise<StageOutcome> => {
    const settled = [];
    for (const line of lines) settled.push(...(await Promise.allSettled([runs.run(line.task(stage), line[stage])])));
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
    return together(settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
  };
  const topics = topicsOf(opened.pipelines.map(({ pipeline }) => pipeline));
  const landing = { lake, clock, checkpointInterval, observe: runs.observe, consumerGroup: config.kafkaConsumerGroup, seen: new Map(), healLimits: healLimits(config), fileBytesMax: config.bronzeFileMb * 1024 * 1024, pipeline: { ...opened.pipelines[0].pipeline, topics } };
  return {
    ingest: (records) => runs.run('ingest', () => ingest(records, { ...landing, broker: needBroker(broker) })),
    refine: () => inTurn('refine'),
    score: () => inTurn('score'),
    train: () => inTurn('train'),
    maintain: () => inTurn('maintain'),
    monitor: async () => {
      await runs.flush();
      return inTurn('monitor');
    },
    page: (name) => (lines.find((line) => line.name === name) ?? lines[0]).page(),
    close: async () => {
      await runs.flush();
      await broker?.close();
      await opened.engine.close();
    },
  };
}

/** A Bronze commit is a slice at most (semantics.md, section 6). */
function healLimits({ sliceRows }: Config): ReadLimits {
  return { ...HEAL_LIMITS, recordsMax: Math.min(HEAL_LIMITS.recordsMax, sliceRows) };
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
  const ca = config.kafkaCaFile === null ? {} : { caFile: resolve(ROOT, config.kafkaCaFile) };
  return { brokers, clientId: 'assay', ...sasl, tls: kafkaProtocol === 'ssl' || kafkaProtocol === 'saslSsl', ...ca };
}
