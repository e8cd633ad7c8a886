import { growForest } from '../../shared/model/grow.ts';
import { cleanDecision, decisionFunction } from '../../shared/model/forest-score.ts';
import type { ModelManifest } from '../../shared/model/manifest.ts';
import { profileData } from '../../shared/model/quantiles.ts';
import type { Champion } from '../../shared/pipeline/champion.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import type { Judge } from '../../shared/pipeline/verdict.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { maintain } from '../../shared/pipeline/maintain.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { score } from '../../shared/pipeline/score.ts';
import type { StageOutcome } from '../../shared/pipeline/stage.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import type { Broker } from '../../shared/sources/broker.ts';
import { MemoryRelations } from '../support/memory-relations.ts';
import { compactSome, vacuumSome } from './compactor.ts';
import { SimBroker } from './consumers.ts';
import type { ConsumerGroup, Delivery } from './consumers.ts';
import { keepDoing } from './supervisor.ts';
import type { Host } from './supervisor.ts';
import type { Topic } from './topic.ts';
import type { World } from './world.ts';
import { linesCodec } from './writers.ts';

/** What all workers of a run have in common. */
export interface Site {
  readonly world: World;
  readonly topic: Topic;
  readonly group: ConsumerGroup;
  readonly pipeline: Pipeline;
  readonly judge: Judge;
  readonly champion: Champion;
  readonly definitions: readonly TableDefinition[];
  readonly sliceRows: number;
  readonly checkpointInterval: bigint;
  /** As a worker sees its broker. */
  readonly understands: (broker: Broker) => Broker;
  /** Files are merged all the time. */
  readonly compacts: boolean;
  /** Files that nobody needs are deleted by the program all the time, not by an operator when time has passed. */
  readonly vacuums: boolean;
}

export function openSimLake({ store, clock }: Host, definitions: readonly TableDefinition[]): Lake {
  return new Lake({ store, engine: new MemoryRelations(store), codec: linesCodec, clock, definitions });
}

const QUEUED_MAX = 2;

/** One instance of the app: the trigger, and the timers, all at once, as the host runs them. */
export async function runWorker(host: Host, site: Site): Promise<void> {
  const { clock } = host;
  const lake = openSimLake(host, site.definitions);
  const common = { lake, pipeline: site.pipeline, clock, checkpointInterval: site.checkpointInterval, observe: unobserved };
  const sliceRows = () => 1 + Math.floor(clock.random() * site.sliceRows);
  const stage = (pauseMs: number, run: () => Promise<StageOutcome>) => keepDoing(host, pauseMs, async () => {
    const outcome = await run();
    return { more: outcome.kind === 'committed' };
  });
  const champions = { current: () => Promise.resolve(site.champion) };
  const seen = new Map<string, string>();
  const healLimits = { recordsMax: 1 + Math.floor(clock.random() * 12), bytesMax: 1 << 20 };
  const broker = site.understands(new SimBroker(site.world, host.actor, site.topic));
  await Promise.all([
    consume(host, site, (delivery) => ingest(delivery.records, { ...common, broker, consumerGroup: 'assay', seen, healLimits })),
    stage(600, () => refine({ ...common, judge: site.judge, lateAfterMs: LATE_AFTER_MS, sliceRows: sliceRows() })),
    stage(800, () => score({ ...common, champions, sliceRows: sliceRows() })),
    stage(3_000, () => maintain({ ...common, broker })),
    ...(site.compacts ? [keepDoing(host, 1_500, () => compactSome(lake, host))] : []),
    ...(site.vacuums ? [keepDoing(host, 2_000, () => vacuumSome(lake, host))] : []),
  ]);
}

export const LATE_AFTER_MS = 300_000;
export const FUTURE_AFTER_MS = 86_400_000;

/** The trigger: one part fetches ahead, the other runs one invocation after the other, each until it returns. */
async function consume(host: Host, { world: { scheduler }, group }: Site, invoke: (delivery: Delivery) => Promise<unknown>): Promise<void> {
  const queue: Delivery[] = [];
  await scheduler.turn(host.actor, 'joins', () => group.join(host.actor));
  const fetching = keepDoing(host, 400, async () => {
    if (queue.length >= QUEUED_MAX) return { more: false };
    const delivery = await scheduler.turn(host.actor, 'polls', () => group.poll(host.actor));
    if (delivery) queue.push(delivery);
    return { more: delivery !== null };
  });
  const running = keepDoing(host, 200, async () => {
    const [delivery] = queue;
    if (!delivery) return { more: false };
    await invoke(delivery);
    queue.shift();
    await scheduler.turn(host.actor, 'commits offsets', () => group.commit(delivery));
    return { more: true };
  });
  await Promise.all([fetching, running]);
}

/** A small forest over `value`, grown once: scores depend on the row alone. */
export function makeChampion({ features, model }: Pipeline): Champion {
  const columns = features.map(() => Float64Array.from({ length: 64 }, (_value, i) => i * 1.5));
  const forest = growForest(columns, features, { n_estimators: 5, max_samples: 16, contamination: 0.1, random_state: 7 });
  const manifest: ModelManifest = {
    ...profileData(columns, features, 7), format: 'assay-model/1', name: model.name, version: 1, features, trainedAt: '2025-04-01T00:00:00Z', trainedBy: 'simulation', seed: 7,
    trees: forest.trees.length, maxSamples: forest.max_samples, contamination: 0.1, offset: forest.offset, dataVersion: null, sha256: '0'.repeat(64),
  };
  return {
    manifest,
    scorer: {
      features,
      score: (values, rows) => {
        const decision = decisionFunction(forest, values, rows).map(cleanDecision);
        return Promise.resolve({ decision, label: Int8Array.from(decision, (each) => (each < 0 ? -1 : 1)) });
      },
      close: () => Promise.resolve(),
    },
  };
}
