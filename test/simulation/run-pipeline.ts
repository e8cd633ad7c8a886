import { readFileSync } from 'node:fs';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { and } from '../../shared/columnar/predicate.ts';
import { maintain } from '../../shared/pipeline/maintain.ts';
import { readListed } from '../../shared/pipeline/offset-gaps.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { score } from '../../shared/pipeline/score.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { stageAppId } from '../../shared/pipeline/stage.ts';
import { BRONZE, GOLD, OFFSET_GAPS, SILVER, pipelineTables } from '../../shared/pipeline/tables.ts';
import type { Broker } from '../../shared/sources/broker.ts';
import { Chance } from './chance.ts';
import { ConsumerGroup, SimBroker } from './consumers.ts';
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
/** Of maintain, after all: each heals so many gaps and no more. */
const CALM_ROUNDS = 6;

const pipeline = parsePipelineFile(readFileSync(new URL('../../pipelines/events.json', import.meta.url), 'utf8'), 'simulation', { lateAfterMs: LATE_AFTER_MS, futureAfterMs: FUTURE_AFTER_MS });
const judge = compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS });
const champion = makeChampion(pipeline);

export interface PipelineResult extends RunResult {
  /** How often what this is about came to pass: gaps at the end by cause, healed ones, lost batches, further lives of the topic. */
  readonly happened: ReadonlyMap<string, number>;
}

/** Two workers on one topic and one lake, from Kafka to Gold, under faults: at the end the tables are those of the expectation. */
export async function runPipeline({ seed, keepTrace = false, mutant, brokerMutant, isRecreated }: RunOptions): Promise<PipelineResult> {
  const chance = new Chance(seed);
  const scheduler = new Scheduler({ chance: chance.fork(), startMs: START_MS, keepTrace });
  const weather = drawWeather(chance);
  const world = new World({ scheduler, chance: chance.fork(), weather });
  const site = { ...drawSite(world, chance.fork(), isRecreated), understands: brokerMutant ?? ((broker: Broker) => broker) };
  world.onJump = () => cleanUp(world, (table) => consumedUpTo(world, table), { vacuums: !site.vacuums });
  const happened = new Map<string, number>();
  const supervisor = new Supervisor(world, mutant);
  for (const name of ['worker-a', 'worker-b']) supervisor.keep(name, (host) => runWorker(host, site));
  void disturbNowAndThen(world, site, chance.fork());
  let [isThrough, commits] = [false, -1];
  const isDone = () => {
    if (scheduler.turns === FAULTY_TURNS_MAX) world.calmDown();
    if (world.ledger.commits !== commits) [isThrough, commits] = [isDrained(world, site), world.ledger.commits];
    return isThrough && world.isSettled;
  };
  const result = { weather: weather.name, faults: world.counts, happened };
  try {
    const digest = await scheduler.run(isDone, TURNS_MAX);
    supervisor.end();
    for (const [what, count] of await check(world, site)) happened.set(what, count);
    happened.set('lost batches', site.group.lost);
    happened.set('lives', site.topic.lives.length - 1);
    return { ...result, failure: null, turns: scheduler.turns, digest, trace: scheduler.trace };
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    return { ...result, failure: error.message, turns: scheduler.turns, digest: null, trace: scheduler.trace };
  }
}

function drawSite(world: World, chance: Chance, isRecreated?: boolean): Omit<Site, 'understands'> {
  const topic = drawTopic(chance, isRecreated);
  const hasVectors = chance.happens(0.5);
  const definitions = pipelineTables(pipeline).map((definition) =>
    ({ ...definition, configuration: { ...definition.configuration, 'delta.enableDeletionVectors': String(hasVectors) } }));
  return {
    world, topic, pipeline, judge, champion, definitions, group: new ConsumerGroup(topic, chance.fork()),
    sliceRows: chance.pick([3, 12, 1_000]), checkpointInterval: BigInt(chance.pick([2, 3, 7])), compacts: chance.happens(0.5), vacuums: chance.happens(0.5),
  };
}

/** What brokers and people do to a topic and its group. */
async function disturbNowAndThen(world: World, { topic, group }: Site, chance: Chance): Promise<void> {
  const { scheduler } = world;
  const coordinator = scheduler.actor('coordinator');
  const [resets, expires] = [chance.pick([0, 0.2]), chance.pick([0, 0.2])];
  // While batches of the life that ends are on their way.
  const recreatesAtMs = scheduler.nowMs + chance.magnitude(300, 20_000);
  for (;;) {
    await scheduler.sleep(coordinator, chance.magnitude(300, topic.isLast ? 60_000 : 3_000));
    const isTime = !topic.isLast && (scheduler.nowMs >= recreatesAtMs || world.isCalm);
    const what = isTime ? 'recreate' : chance.happens(resets) ? 'reset' : chance.happens(expires) ? 'expire' : 'rebalance';
    await scheduler.turn(coordinator, `${what}s`, () => group[what]());
  }
}

function isDrained(world: World, { topic }: Site): boolean {
  const [bronze, silver, gold] = [BRONZE, SILVER, GOLD].map((name) => world.ledger.tables.get(name));
  if (!bronze || !silver || !gold || !topic.isLast) return false;
  const isIngested = topic.life.partitions.every(({ records }, partition) =>
    records.length === 0 || bronze.txns.get(`bronze/${topic.name}/${topic.life.id}/${partition}`) === records.at(-1)!.offset);
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

async function check(world: World, site: Site): Promise<Map<string, number>> {
  world.calmDown();
  const actor = world.scheduler.actor('reader');
  const lake = openSimLake({ actor, clock: world.scheduler.clock(actor, world.chance), store: new SimStore(world, actor) }, site.definitions);
  const found: string[] = [];
  const happened = new Map<string, number>();
  let isRead = false;
  const broker = new SimBroker(world, actor, site.topic);
  const common = { lake, pipeline, clock: world.scheduler.clock(actor, world.chance), checkpointInterval: site.checkpointInterval, observe: unobserved };
  const read = async () => {
    // What a broker refused in the storm it gives now.
    for (let round = 0; round < CALM_ROUNDS; round++) await maintain({ ...common, broker });
    while ((await refine({ ...common, judge, lateAfterMs: LATE_AFTER_MS, sliceRows: 1_000 })).kind === 'committed');
    while ((await score({ ...common, champions: { current: () => Promise.resolve(champion) }, sliceRows: 1_000 })).kind === 'committed');
    found.push(...await differences(lake, site));
    const gaps = await lake.table(OFFSET_GAPS);
    for (const { cause, healed } of await readListed(gaps, await gaps.delta.refresh(), and())) {
      const what = healed ? 'healed' : cause;
      happened.set(what, (happened.get(what) ?? 0) + 1);
    }
    isRead = true;
  };
  read().catch((error: unknown) => world.scheduler.fail(`reading the tables at the end: ${describe(error)}`));
  await world.scheduler.run(() => isRead, TURNS_MAX * 2);
  if (found.length > 0) throw new SimulationFailure(found.join('\n'));
  return happened;
}
