import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { renderLakePage } from './lake-page.ts';
import type { Page } from './lake-page.ts';
import type { PipelineLake } from './open-lake.ts';
import { openSchemas } from './open-schemas.ts';
import { Champions } from './pipeline/champion.ts';
import { compileRules } from './pipeline/judge.ts';
import { maintain } from './pipeline/maintain.ts';
import type { MaintainOptions } from './pipeline/maintain.ts';
import { monitor } from './pipeline/monitor.ts';
import type { MonitorOptions } from './pipeline/monitor.ts';
import type { WriteObserver } from './pipeline/observer.ts';
import { topicsOf } from './pipeline/pipelines.ts';
import { refine } from './pipeline/refine.ts';
import { compileRouter } from './pipeline/route.ts';
import { score } from './pipeline/score.ts';
import type { StageOutcome } from './pipeline/stage.ts';
import type { StoredModel } from './model/manifest.ts';

export interface StagesOptions {
  /** Every pipeline over the one Bronze, in order. */
  readonly pipelines: readonly PipelineLake[];
  readonly config: Config;
  readonly clock: Clock;
  readonly broker: MonitorOptions['broker'];
  readonly runId: string;
  readonly shipped: () => Promise<StoredModel>;
  readonly observe: WriteObserver;
  readonly say: (line: string) => void;
}

export type TimerStage = 'refine' | 'score' | 'train' | 'maintain' | 'monitor';

/** The timers' stages of one pipeline. */
export interface PipelineStages extends Readonly<Record<TimerStage, () => Promise<StageOutcome>>> {
  readonly name: string;
  /** Under which a stage is noted, measured and paused: `refine`, and `orders.refine` for a further pipeline. */
  task(stage: TimerStage): string;
  page(): Promise<Page>;
}

export function pipelineStages(own: PipelineLake, options: StagesOptions): PipelineStages {
  const { pipelines, config, clock, broker, runId, observe, say } = options;
  const { name, topics } = own.pipeline;
  const isFirst = own.pipeline === pipelines[0].pipeline;
  const common = { ...own, clock, observe, checkpointInterval: BigInt(config.checkpointInterval) };
  const champions = new Champions({ ...own, clock, shipped: options.shipped, say });
  const router = compileRouter(own.pipeline, pipelines.map(({ pipeline }) => pipeline));
  const judge = compileRules(own.pipeline, config, { schemas: openSchemas(config, clock), router });
  const vacuumed = new Map<string, number>();
  const looks = { ...own, clock, topics: topicsOfInterest(topics.map((topic) => topic.name), isFirst, config), targetS: config.staleAfterS };
  return {
    name,
    task: (stage) => (isFirst ? stage : `${name}.${stage}`),
    refine: () => refine({ ...common, say, judge, readsHeaders: router?.readsHeaders ?? false, lateAfterMs: config.lateAfterMs, sliceRows: config.sliceRows, sliceBytes: config.sliceMb * 1024 * 1024 }),
    score: () => score({ ...common, say, champions, sliceRows: config.sliceRows }),
    train: () => train(champions, config, clock),
    maintain: () => maintain({ ...maintenanceOf(own, options), vacuumed }),
    monitor: async () => {
      await own.lake.ensureAll();
      const { tables } = await monitor({ ...common, ...looks, broker, runId });
      return { kind: 'committed', rows: tables.length, version: (await own.lake.table('monitor_logs')).delta.snapshot.version, more: false };
    },
    page: () => renderLakePage(looks),
  };
}

/** How one pipeline's tables are kept up, whoever asks for it. */
export function maintenanceOf(own: PipelineLake, { pipelines, config, clock, broker, observe, say }: Pick<StagesOptions, 'pipelines' | 'config' | 'clock' | 'broker' | 'observe' | 'say'>): MaintainOptions {
  return {
    lake: own.lake, clock, broker, observe, say, pipeline: { ...own.pipeline, topics: topicsOf(pipelines.map(({ pipeline }) => pipeline)) }, readers: pipelines.map(({ lake }) => lake),
    checkpointInterval: BigInt(config.checkpointInterval), timeMs: config.stageTimeMs,
    retention: { bronze: config.bronzeRetentionDays, quarantine: config.quarantineRetentionDays, logs: config.logRetentionDays },
  };
}

async function train(champions: Champions, config: Config, clock: Clock): Promise<StageOutcome> {
  const since = await champions.since();
  const dueMs = since === null ? 0 : since + config.retrainAfterMs;
  if (clock.nowMs() < dueMs) return { kind: 'nothing-to-do' };
  const manifest = await champions.retrain({ rowsMin: config.trainRowsMin, by: 'train', why: since === null ? 'no champion yet' : `the champion is older than ${config.retrainAfterMs} ms` });
  return manifest === null ? { kind: 'nothing-to-do' } : { kind: 'committed', rows: manifest.rows, version: BigInt(manifest.version), more: false };
}

/** KAFKA_TOPICS says what is read; what no pipeline file names is the first one's. */
function topicsOfInterest(named: readonly string[], isFirst: boolean, { kafkaTopics }: Config): readonly string[] {
  if (kafkaTopics.length === 0) return named;
  return isFirst ? kafkaTopics : kafkaTopics.filter((topic) => named.includes(topic));
}
