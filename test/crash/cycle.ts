import { readFileSync } from 'node:fs';
import type { Clock } from '../../shared/clock.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import { TransientError } from '../../shared/errors.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import { ingest } from '../../shared/pipeline/bronze.ts';
import type { SeenLives } from '../../shared/pipeline/incarnation.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { Lake } from '../../shared/pipeline/lake.ts';
import { maintain } from '../../shared/pipeline/maintain.ts';
import { rewritesOf } from '../../shared/pipeline/maintenance-plan.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { score } from '../../shared/pipeline/score.ts';
import type { StageOutcome } from '../../shared/pipeline/stage.ts';
import { BRONZE, GOLD, OFFSET_GAPS, QUARANTINE, SILVER, pipelineTables } from '../../shared/pipeline/tables.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { Chance } from '../simulation/chance.ts';
import { line } from '../simulation/expectation.ts';
import { differences } from '../simulation/tables-at-the-end.ts';
import type { Mutant } from '../simulation/supervisor.ts';
import { PartitionLog, Topic } from '../simulation/topic.ts';
import { makeChampion } from '../simulation/worker.ts';
import { collect } from '../support/collect.ts';
import { patientClock } from '../support/delta.ts';
import { DyingStore, Lifeline } from '../support/dying-store.ts';
import { COLUMNS_OF_THE_CUT } from '../support/lake-digest.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryRelations } from '../support/memory-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { FUTURE_AFTER_MS, LATE_AFTER_MS, TestBroker, event, record } from '../support/test-lake.ts';

/** How rows of a file are taken away. */
export type Mode = 'copy-on-write' | 'deletion vectors';

const START_MS = Date.parse('2025-04-01T18:00:05Z');
/** Longer than a log is kept. */
const PAUSE_MS = 40 * 86_400_000;
const SLICE_ROWS = 4;
const STAGE_RUNS_MAX = 100;

/** Healed in the commit of its batch. */
const LOST = 15;
/** Healed by maintain. */
const GIVEN_LATE = 20;
const OFFSETS_MAX = 22;

function isLost({ partition, offset }: KafkaRecord): boolean {
  return partition === 0 && (offset === BigInt(LOST) || offset === BigInt(GIVEN_LATE));
}

type Batch = readonly KafkaRecord[];

/** What is delivered before the pause, and after it. */
interface Batches {
  readonly before: readonly Batch[];
  readonly after: readonly Batch[];
}

const later = { timestamp: '2025-04-01T17:59:30Z' };
const all: Batches = {
  // So many small files that they are compacted; rejects, a gap, a second partition.
  before: [
    [record(0, event('a')), record(1, event('b')), record(2, 'bad'), record(3, event('c', { event_type: 'view' }))],
    [record(4, event('d'))],
    [record(5, event('e'))],
    [record(8, event('f'))],
    [record(9, event('g')), record(0, '', { partition: 1 })],
    [record(10, event('h', { more: [1] }))],
    [record(11, event('i'))],
    [record(12, event('j'))],
    [record(13, event('k', { value: 1e6 }))],
  ],
  // Replaced rows, one of which moves to another partition, a duplicate, a superseded one, a late one.
  after: [
    [record(14, event('a', { ...later, event_type: 'view', value: '7' })), record(15, event('b')), record(18, event('m', { timestamp: '2025-04-01T10:00:00Z' })), record(1, event('c', later), { partition: 1 })],
    [record(19, event('d', { ...later, value: 9 })), record(20, 'bad'), record(21, event('e', { timestamp: '2025-04-01T17:58:00Z' }))],
  ],
};
/** To see a lake compacted that is made on the way would cost twice the operations. */
const few: Batches = { before: [all.before[0], all.before[4]], after: all.after };
/** So many rows of one file are replaced, none beside more than one other, that their vector has no place in the log. */
const MANY = 180;
const many: Batches = {
  before: [...all.before, Array.from({ length: MANY }, (_value, i) => record(i, event(`m${i}`), { partition: 2 }))],
  after: [...all.after, Array.from({ length: MANY }, (_value, i) => i).filter((i) => i % 3 > 0).map((i, at) => record(MANY + at, event(`m${i}`, later), { partition: 2 }))],
};

const pipeline = parsePipelineFile(readFileSync(new URL('../../pipelines/events.json', import.meta.url), 'utf8'), 'sweep', { lateAfterMs: LATE_AFTER_MS, futureAfterMs: FUTURE_AFTER_MS });
const judge = compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS });
const champion = makeChampion(pipeline);

function definitionsFor(mode: Mode): TableDefinition[] {
  const vectors = { 'delta.enableDeletionVectors': String(mode === 'deletion vectors') };
  return pipelineTables(pipeline).map((definition) => ({ ...definition, configuration: { ...definition.configuration, ...vectors } }));
}

interface Calendar extends Clock {
  readonly seed: number;
  /** Only forward. */
  goTo(ms: number): void;
}

/** Chance and ids from a seed: a life repeats operation by operation. */
function calendar(startMs: number, seed: number): Calendar {
  const chance = new Chance(seed);
  const clock = patientClock(startMs);
  return { ...clock, seed, random: () => chance.next(), uuid: () => chance.uuid(), goTo: (ms) => clock.advance(Math.max(0, ms - clock.nowMs())) };
}

/** What outlives a worker: objects, time, and which batches the broker no longer delivers. */
export class Place {
  readonly mode: Mode;
  readonly batches: Batches;
  readonly store: MemoryStore;
  readonly clock: Calendar;
  /** How the workers here are wrong. */
  readonly mutant: Mutant | undefined;
  delivered: number;

  constructor({ mode, batches, clock, store, mutant, delivered }: Pick<Place, 'mode' | 'batches' | 'clock'> & Partial<Place>) {
    [this.mode, this.batches, this.clock, this.mutant] = [mode, batches, clock, mutant];
    [this.store, this.delivered] = [store ?? new MemoryStore({ clock }), delivered ?? 0];
  }

  /** The same again, for another fate. */
  copy(): Place {
    const clock = calendar(this.clock.nowMs(), this.clock.seed + 1);
    const { mode, batches, mutant, delivered } = this;
    return new Place({ mode, batches, mutant, delivered, clock, store: this.store.copy({ clock }) });
  }
}

/** Where nothing is yet. */
export const emptyPlace = (mode: Mode, mutant?: Mutant): Place => new Place({ mode, clock: calendar(START_MS, 1), batches: few, mutant });

/** The first batches are through, but for maintenance, and 40 days have passed. */
export async function oldPlace(mode: Mode): Promise<Place> {
  const place = new Place({ mode, clock: calendar(START_MS, 1), batches: mode === 'deletion vectors' ? many : all });
  const worker = new Worker(place, new Lifeline());
  await worker.lake.ensureAll();
  for (const i of place.batches.before.keys()) {
    await worker.deliver(i + 1);
    await worker.drain();
  }
  place.clock.goTo(START_MS + PAUSE_MS);
  return place;
}

/** One process: the stages over their own view of the tables. */
export class Worker {
  readonly lake: Lake;
  readonly #place: Place;
  readonly #broker = new TestBroker();
  readonly #seen: SeenLives = new Map();

  constructor(place: Place, life: Lifeline) {
    const { mode, clock, mutant } = place;
    const dying = new DyingStore(place.store, life);
    const store = mutant ? mutant(dying) : dying;
    this.#place = place;
    this.lake = new Lake({ store, engine: new MemoryRelations(store), codec: new LinesCodec(), clock, definitions: definitionsFor(mode) });
  }

  /** All there is to do, again and again from its first step: what is done already costs a look. */
  async cycle(): Promise<void> {
    const { batches: { before, after }, clock } = this.#place;
    await this.deliver(before.length);
    await this.drain();
    await this.#maintain();
    clock.goTo(START_MS + PAUSE_MS);
    await this.deliver(before.length + after.length);
    await this.drain();
    await this.#maintain();
    await this.drain();
  }

  /** Kafka as ingest sees it: a batch comes until an invocation returns, then its offset is moved. Some records never come; the broker has them. */
  async deliver(upTo: number): Promise<void> {
    const place = this.#place;
    const batches = [...place.batches.before, ...place.batches.after];
    for (; place.delivered < upTo; place.delivered++) {
      this.#prepareBroker();
      await ingest(batches[place.delivered].filter((each) => !isLost(each)), { ...this.#common(), broker: this.#broker, consumerGroup: 'sweep', seen: this.#seen });
    }
  }

  async drain(): Promise<void> {
    await untilIdle(() => refine({ ...this.#common(), judge, lateAfterMs: LATE_AFTER_MS, sliceRows: SLICE_ROWS }));
    await untilIdle(() => score({ ...this.#common(), champions: { current: () => Promise.resolve(champion) }, sliceRows: SLICE_ROWS }));
  }

  async #maintain(): Promise<void> {
    this.#prepareBroker();
    await untilIdle(() => maintain({ ...this.#common(), broker: this.#broker }));
  }

  /** What lies between records was compacted away; one is not given before all is delivered. */
  #prepareBroker(): void {
    const { batches, delivered } = this.#place;
    const records = [...batches.before, ...batches.after].flat();
    this.#broker.lose('compacted', Array.from({ length: OFFSETS_MAX }, (_value, offset) => offset));
    this.#broker.keep(records);
    if (delivered < batches.before.length + batches.after.length) this.#broker.lose('unavailable', [GIVEN_LATE]);
  }

  #common() {
    return { lake: this.lake, pipeline, clock: this.#place.clock, checkpointInterval: 3n, observe: unobserved };
  }
}

async function untilIdle(stage: () => Promise<StageOutcome>): Promise<void> {
  for (let runs = 0; (await stage()).kind !== 'nothing-to-do'; runs++) if (runs === STAGE_RUNS_MAX) throw new Error(`${STAGE_RUNS_MAX} runs, and still there is something to do`);
}

export interface Fate {
  readonly place: Place;
  /** What the last worker did. */
  readonly operations: readonly string[];
}

/**
 * Through all lives to the end. A worker whose life was stopped is followed by another; one that was only told of a failure tries again,
 * with whatever it remembers.
 */
export async function survive(start: Place, lives: readonly Lifeline[] = []): Promise<Fate> {
  const place = start.copy();
  const last = new Lifeline();
  for (const life of [...lives, last]) {
    const worker = new Worker(place, life);
    for (let isThrough = false; !isThrough && !life.stopped;) isThrough = await isDone(worker.cycle());
  }
  return { place, operations: last.operations };
}

/** False where a stage says that storage failed: whoever runs it tries again. */
export async function isDone(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof TransientError) return false;
    throw error;
  }
}

const TABLES = [BRONZE, SILVER, QUARANTINE, GOLD, OFFSET_GAPS];
const WITHOUT = new Set([...COLUMNS_OF_THE_CUT, 'seen_at']);

/** What must not depend on what befell the workers, as lines: rows, the columns of the cut apart; the balance; what maintenance has left. */
export async function contentOf(place: Place): Promise<string> {
  const { lake } = new Worker(place, new Lifeline());
  const lines = [`balance ${await verdictOf(lake)}`, ...await upkeepOf(place)];
  for (const name of TABLES) {
    const table = await lake.table(name);
    const { snapshot } = table.delta;
    const columns = snapshot.schema.fields.map((field) => field.name).filter((column) => !WITHOUT.has(column));
    const rows = await table.engine.session(async (session) => session.rows(session.select(await scanLive(session, table, snapshot), columns)));
    lines.push(...rows.map((row) => `${name} ${line(row)}`).sort());
  }
  return lines.join('\n');
}

async function verdictOf(lake: Lake): Promise<string> {
  const { verdict, equations } = balance(await readBalanceFacts(lake));
  return [verdict, ...equations.filter((each) => each.verdict !== 'ok').map(({ text }) => text)].join('; ');
}

/** What there is to compact, and whether the log was cleaned, a line a table. */
export async function upkeepOf(place: Place): Promise<string[]> {
  const { lake } = new Worker(place, new Lifeline());
  const lines = TABLES.map(async (name) => {
    const { delta: { snapshot, source } } = await lake.table(name);
    const log = await collect(source.store.list('_delta_log/'));
    return `${name}: ${rewritesOf({ name, snapshot, zOrderBy: [] }).length} to compact, log ${log.some(({ key }) => key === commitKey(0n)) ? 'whole' : 'cleaned'}`;
  });
  return Promise.all(lines);
}

/** How the tables differ from what the records alone say (test/simulation/expectation.ts). */
export async function unexpectedIn(place: Place): Promise<string[]> {
  const { before, after } = place.batches;
  const records = [...Map.groupBy([...before, ...after].flat(), ({ partition }) => partition).values()];
  return differences(new Worker(place, new Lifeline()).lake, { topic: new Topic('events', [{ id: new TestBroker().id, partitions: records.map((each) => PartitionLog.of(0n, each)) }]), champion });
}
