import { readFileSync } from 'node:fs';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { stageAppId } from '../../shared/pipeline/stage.ts';
import { BRONZE, GOLD, SILVER, pipelineTables } from '../../shared/pipeline/tables.ts';
import { Chance } from './chance.ts';
import { ConsumerGroup } from './consumers.ts';
import { drawWeather } from './faults.ts';
import type { LedgerTable } from './ledger.ts';
import { cleanUp } from './retention.ts';
import type { RunOptions, RunResult } from './run-writers.ts';
import { Scheduler, SimulationFailure } from './scheduler.ts';
import { SimStore } from './sim-store.ts';
import { Supervisor, describe } from './supervisor.ts';
import { differences } from './tables-at-the-end.ts';
import { drawTopic } from './topic.ts';
import { FUTURE_AFTER_MS, LATE_AFTER_MS, makeChampion, openSimLake, runWorker } from './worker.ts';
import type { Site } from './worker.ts';
import { World } from './world.ts';

const START_MS = Date.parse('2025-04-01T18:00:05Z');
const FAULTY_TURNS_MAX = 6_000;
const TURNS_MAX = 40_000;

const pipeline = parsePipelineFile(readFileSync(new URL('../../pipelines/events.json', import.meta.url), 'utf8'), 'simulation', { lateAfterMs: LATE_AFTER_MS, futureAfterMs: FUTURE_AFTER_MS });
const judge = compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS });
const champion = makeChampion(pipeline);

/** Two workers on one topic and one lake, from Kafka to Gold, under faults: at the end the tables are those of the expectation. */
export async function runPipeline({ seed, keepTrace = false, mutant }: RunOptions): Promise<RunResult> {
  const chance = new Chance(seed);
  const scheduler = new Scheduler({ chance: chance.fork(), startMs: START_MS, keepTrace });
  const weather = drawWeather(chance);
  const world = new World({ scheduler, chance: chance.fork(), weather });
  const site = drawSite(world, chance.fork());
  world.onJump = () => cleanUp(world, (table) => consumedUpTo(world, table));
  const supervisor = new Supervisor(world, mutant);
  for (const name of ['worker-a', 'worker-b']) supervisor.keep(name, (host) => runWorker(host, site));
  void rebalanceNowAndThen(world, site.group, chance.fork());
  let [isThrough, commits] = [false, -1];
  const isDone = () => {
    if (scheduler.turns === FAULTY_TURNS_MAX) world.calmDown();
    if (world.ledger.commits !== commits) [isThrough, commits] = [isDrained(world, site), world.ledger.commits];
    return isThrough && world.isSettled;
  };
  const result = { weather: weather.name, faults: world.counts };
  try {
    const digest = await scheduler.run(isDone, TURNS_MAX);
    supervisor.end();
    await check(world, site);
    return { ...result, failure: null, turns: scheduler.turns, digest, trace: scheduler.trace };
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    return { ...result, failure: error.message, turns: scheduler.turns, digest: null, trace: scheduler.trace };
  }
}

function drawSite(world: World, chance: Chance): Site {
  const topic = drawTopic(chance);
  const hasVectors = chance.happens(0.5);
  const definitions = pipelineTables(pipeline).map((definition) =>
    ({ ...definition, configuration: { ...definition.configuration, ...(hasVectors ? { 'delta.enableDeletionVectors': 'true' } : {}) } }));
  return {
    world, topic, pipeline, judge, champion, definitions, group: new ConsumerGroup(topic, chance.fork()),
    sliceRows: chance.pick([3, 12, 1_000]), checkpointInterval: BigInt(chance.pick([2, 3, 7])), compacts: chance.happens(0.5),
  };
}

async function rebalanceNowAndThen({ scheduler }: World, group: ConsumerGroup, chance: Chance): Promise<void> {
  const coordinator = scheduler.actor('coordinator');
  for (;;) {
    await scheduler.sleep(coordinator, chance.magnitude(500, 60_000));
    await scheduler.turn(coordinator, 'rebalances', () => group.rebalance());
  }
}

function isDrained(world: World, { topic }: Site): boolean {
  const [bronze, silver, gold] = [BRONZE, SILVER, GOLD].map((name) => world.ledger.tables.get(name));
  if (!bronze || !silver || !gold) return false;
  const isIngested = topic.records.every((records, partition) =>
    records.length === 0 || [...bronze.txns].some(([appId, version]) => appId.startsWith(`bronze/${topic.name}/`) && appId.endsWith(`/${partition}`) && version === records.at(-1)!.offset));
  return isIngested && consumed(bronze, silver, 'refine') === bronze.version && consumed(silver, gold, 'score') === silver.version;
}

function consumed(source: LedgerTable, target: LedgerTable | undefined, stage: string): bigint {
  const [id] = source.metaDataIds;
  return target?.txns.get(stageAppId(stage, id)) ?? -1n;
}

/** What an operator's clean-up leaves for the stages (semantics.md, section 6). */
function consumedUpTo(world: World, table: LedgerTable): bigint | null {
  if (table.name === BRONZE) return consumed(table, world.ledger.tables.get(SILVER), 'refine');
  return table.name === SILVER ? consumed(table, world.ledger.tables.get(GOLD), 'score') : null;
}

async function check(world: World, site: Site): Promise<void> {
  world.calmDown();
  const actor = world.scheduler.actor('reader');
  const lake = openSimLake({ actor, clock: world.scheduler.clock(actor, world.chance), store: new SimStore(world, actor) }, site.definitions);
  const found: string[] = [];
  let isRead = false;
  const read = async () => {
    found.push(...await differences(lake, site));
    isRead = true;
  };
  read().catch((error: unknown) => world.scheduler.fail(`reading the tables at the end: ${describe(error)}`));
  await world.scheduler.run(() => isRead, TURNS_MAX * 2);
  if (found.length > 0) throw new SimulationFailure(found.join('\n'));
}
