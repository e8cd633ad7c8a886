import type { Broker } from '../../shared/sources/broker.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { Chance } from './chance.ts';
import { drawWeather } from './faults.ts';
import { cleanUp } from './retention.ts';
import { Scheduler, SimulationFailure } from './scheduler.ts';
import { SimStore } from './sim-store.ts';
import { Supervisor } from './supervisor.ts';
import type { Mutant } from './supervisor.ts';
import { World } from './world.ts';
import { TABLE, finalRows, finalTxns, linesCodec, readRows, runWriter } from './writers.ts';
import type { BlindItems } from './writers.ts';

export interface RunOptions {
  readonly seed: number;
  readonly keepTrace?: boolean;
  readonly mutant?: Mutant;
  readonly brokerMutant?: (broker: Broker) => Broker;
  /** The topic is deleted and made again, in any case: in every third run it is anyhow. */
  readonly isRecreated?: boolean;
}

export interface RunResult {
  readonly failure: string | null;
  readonly weather: string;
  readonly turns: number;
  /** Of all turns; null after a failure. */
  readonly digest: string | null;
  readonly faults: ReadonlyMap<string, number>;
  readonly trace: readonly string[];
}

const START_MS = Date.parse('2025-04-01T12:00:00Z');
const FAULTY_TURNS_MAX = 2_500;
const TURNS_MAX = 20_000;

/** Writers on one Delta table under faults: at the end each row is there once. */
export async function runWriters({ seed, keepTrace = false, mutant }: RunOptions): Promise<RunResult> {
  const chance = new Chance(seed);
  const scheduler = new Scheduler({ chance: chance.fork(), startMs: START_MS, keepTrace });
  const weather = drawWeather(chance);
  const world = new World({ scheduler, chance: chance.fork(), weather });
  world.onJump = () => cleanUp(world, () => null);
  const [workers, sources] = [chance.between(2, 4), chance.between(1, 3)];
  const blind: BlindItems = { tried: new Set(), acknowledged: new Set() };
  const supervisor = new Supervisor(world, mutant);
  for (let i = 0; i < workers; i++) supervisor.keep(`writer-${i}`, (host) => runWriter(host, { sources, blind }));
  const targets = finalTxns(sources);
  const isWritten = () => {
    if (scheduler.turns === FAULTY_TURNS_MAX) world.calmDown();
    const txns = world.ledger.tables.get(TABLE)?.txns;
    return txns !== undefined && world.isSettled && [...targets].every(([appId, version]) => txns.get(appId) === version);
  };
  const result = { weather: weather.name, faults: world.counts };
  try {
    const digest = await scheduler.run(isWritten, TURNS_MAX);
    supervisor.end();
    await checkRows(world, { sources, blind });
    return { ...result, failure: null, turns: scheduler.turns, digest, trace: scheduler.trace };
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    return { ...result, failure: error.message, turns: scheduler.turns, digest: null, trace: scheduler.trace };
  }
}

/** By a reader that nothing disturbs. */
async function checkRows(world: World, { sources, blind }: { sources: number; blind: BlindItems }): Promise<void> {
  world.calmDown();
  const actor = world.scheduler.actor('reader');
  const host = { actor, clock: world.scheduler.clock(actor, world.chance), store: new SimStore(world, actor) };
  let lines: string[] | null = null;
  const read = async () => {
    const table = await DeltaTable.open({ store: host.store.sub(TABLE), codec: linesCodec, table: TABLE }, host.clock);
    const rows = await readRows(host, table!.snapshot.files.values());
    lines = rows.map((row) => JSON.stringify(row)).sort();
  };
  read().catch((error: unknown) => world.scheduler.fail(`reading the table at the end: ${String(error)}`));
  await world.scheduler.run(() => lines !== null, TURNS_MAX * 2);
  const [blinds, others] = [lines!.filter((line) => line.includes('blind')), lines!.filter((line) => !line.includes('blind'))];
  const expected = finalRows(sources);
  if (String(others) !== String(expected)) throw new SimulationFailure(`the table holds ${others.join(' ')}, not ${expected.join(' ')}`);
  const ids = blinds.map((line) => (JSON.parse(line) as { blind: string }).blind);
  if (new Set(ids).size !== ids.length) throw new SimulationFailure('a blind row is there twice');
  for (const id of blind.acknowledged) if (!ids.includes(id)) throw new SimulationFailure(`the blind row ${id} was acknowledged and is not there`);
}
