import { describe, expect, test } from 'vitest';
import { MUTANTS } from '../simulation/mutants.ts';
import { collect } from '../support/collect.ts';
import { Lifeline, deathsOf, isWrite } from '../support/dying-store.ts';
import type { Death, Operation } from '../support/dying-store.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import { Worker, contentOf, emptyPlace, isDone, oldPlace, survive, unexpectedIn, upkeepOf } from './cycle.ts';
import type { Mode, Place } from './cycle.ts';

/** What a process leaves behind that ends: the same at every operation between two writes. */
interface Remains {
  readonly place: Place;
  /** The first end that leaves this. */
  readonly at: number;
  readonly death: Death;
}

/** Sees what would be left behind at each operation of an undisturbed cycle. */
class Witness extends Lifeline {
  readonly remains: Remains[] = [];
  readonly #place: Place;
  #writes = 0;
  #last = '';

  constructor(place: Place) {
    super();
    this.#place = place;
  }

  override run<T>(operation: Operation<T>): Promise<T> {
    this.#look(this.operations.length + 1, 'stop-before');
    // The store's objects change before this returns.
    const result = super.run(operation);
    if (isWrite(operation.what)) this.#writes++;
    this.#look(this.operations.length, 'stop-after');
    return result;
  }

  #look(at: number, death: Death): void {
    const seen = `${this.#writes} ${this.#place.delivered} ${this.#place.clock.nowMs()}`;
    if (seen !== this.#last) this.remains.push({ place: this.#place.copy(), at, death });
    this.#last = seen;
  }
}

interface Course {
  readonly start: Place;
  readonly operations: readonly string[];
  readonly remains: readonly Remains[];
  /** What comes of it where nothing happens. */
  readonly content: string;
}

async function courseFrom(start: Place): Promise<Course> {
  const place = start.copy();
  const witness = new Witness(place);
  await new Worker(place, witness).cycle();
  return { start, operations: witness.operations, remains: witness.remains, content: await contentOf(place) };
}

/** The first lines in which the content differs from that of the undisturbed cycle, under what happened; null where it does not. */
async function harm(course: Course, what: string, fate: Promise<{ readonly place: Place }>): Promise<string | null> {
  try {
    const content = await contentOf((await fate).place);
    if (content === course.content) return null;
    const [expected, found] = [course.content.split('\n'), content.split('\n')];
    const missing = expected.filter((line) => !found.includes(line)).map((line) => `- ${line}`);
    const added = found.filter((line) => !expected.includes(line)).map((line) => `+ ${line}`);
    return [what, ...missing.slice(0, 3), ...added.slice(0, 3)].join('\n');
  } catch (error) {
    return `${what}\n${error instanceof Error ? error.stack : String(error)}`;
  }
}

async function objectsOf(store: MemoryStore): Promise<string[]> {
  const infos = await collect(store.list(''));
  return Promise.all(infos.map(async ({ key, lastModifiedMs }) => `${key} ${lastModifiedMs} ${Buffer.from((await store.get(key))!).toString('base64')}`));
}

interface Beginning {
  readonly name: string;
  readonly start: (mode: Mode) => Place | Promise<Place>;
  /** That the sweep doesn't shrink unseen. */
  readonly operationsMin: number;
  readonly remainsMin: number;
  /** Tables to compact at the start, and tables whose log was cleaned at the end. */
  readonly compacted: number;
  readonly cleaned: number;
  readonly does: (mode: Mode) => readonly RegExp[];
}

const COMMON = [/^putIfAbsent .*\.checkpoint\.parquet$/, /^put .*_last_checkpoint$/, /^delete .*_delta_log/, /^list /, /^head /];
const beginnings: readonly Beginning[] = [
  { name: 'from the creation of the lake', start: emptyPlace, operationsMin: 225, remainsMin: 65, compacted: 0, cleaned: 3, does: () => [...COMMON, /^putIfAbsent .*_delta_log\/0{20}\.json$/] },
  { name: 'over tables that exist', start: oldPlace, operationsMin: 215, remainsMin: 70, compacted: 3, cleaned: 4, does: (mode) => (mode === 'deletion vectors' ? [...COMMON, /^putIfAbsent .*deletion_vector_.*\.bin$/] : COMMON) },
];
const MUTANTS_SEEN = ['takes no answer for success', 'adds rejected rows a second time, where it should replace them'];

/**
 * A worker meets every failure at every storage operation of a full cycle, and the tables are those of a cycle that met none: every end of
 * the process, then a new one; every failure it is told of or not, then the same process goes on; and a second failure in the life after.
 * Chance has a seed: the same operation of the same life is always the same.
 */
export function sweep(mode: Mode): void {
  describe.each(beginnings)(`${mode}, $name`, ({ name, start, operationsMin, remainsMin, compacted, cleaned, does }) => {
    let known: Promise<Course> | undefined;
    const course = () => known ??= Promise.resolve(start(mode)).then(courseFrom);

    test('nothing happens: the tables are what the records say, compacted, their logs cleaned', async () => {
      const { operations, remains, start: place } = await course();
      process.stderr.write(`${mode}, ${name}: ${operations.length} operations, ${operations.filter(isWrite).length} of them writes, ${remains.length} places to end at\n`);
      expect(operations.length).toBeGreaterThanOrEqual(operationsMin);
      expect(remains.length).toBeGreaterThanOrEqual(remainsMin);
      for (const pattern of does(mode)) expect(operations).toContainEqual(expect.stringMatching(pattern));
      const fate = await survive(place);
      expect(await unexpectedIn(fate.place)).toEqual([]);
      const [before, after] = [await upkeepOf(place.copy()), await upkeepOf(fate.place)];
      expect(before.filter((line) => !line.includes(': 0 to compact'))).toHaveLength(compacted);
      expect(after.filter((line) => !line.includes(': 0 to compact'))).toEqual([]);
      expect(after.filter((line) => line.endsWith('log cleaned'))).toHaveLength(cleaned);
      expect(fate.operations).toEqual(operations);
    });

    test('ends leave behind what the witness saw', async () => {
      const { operations, remains, start: place } = await course();
      for (const { at, death, place: seen } of remains.filter((_each, i) => i % 10 === 0)) {
        const left = place.copy();
        expect(await isDone(new Worker(left, new Lifeline(at, death)).cycle()), `${death} ${operations[at - 1]}`).toBe(false);
        expect([left.delivered, left.clock.nowMs(), await objectsOf(left.store)]).toEqual([seen.delivered, seen.clock.nowMs(), await objectsOf(seen.store)]);
      }
    });

    test('ends, and then another worker, which may end too', async () => {
      const found = await course();
      const harms: (string | null)[] = [];
      for (const [i, { place, at, death }] of found.remains.entries()) {
        const what = `${death} ${at}: ${found.operations[at - 1]}`;
        const fate = survive(place);
        harms.push(await harm(found, what, fate));
        const { operations } = await fate;
        // Not always at the same distance: each of its operations has its turn.
        for (const second of [(i * 37) % operations.length + 1, (i * 61) % operations.length + 1]) {
          const deaths = deathsOf(operations[second - 1]);
          const next = deaths[(i + second) % deaths.length];
          harms.push(await harm(found, `${what}\nthen ${next} ${second}: ${operations[second - 1]}`, survive(place, [new Lifeline(second, next)])));
        }
      }
      expect(harms.filter((each) => each !== null)).toEqual([]);
    }, 600_000);

    test('fails at an operation, and goes on', async () => {
      const found = await course();
      const harms: (string | null)[] = [];
      for (const [i, operation] of found.operations.entries()) {
        for (const death of deathsOf(operation).filter((each) => !each.startsWith('stop'))) {
          harms.push(await harm(found, `${death} ${i + 1}: ${operation}`, survive(found.start, [new Lifeline(i + 1, death)])));
        }
      }
      expect(harms.filter((each) => each !== null)).toEqual([]);
    }, 600_000);
  });
  test.each(MUTANTS_SEEN)(`${mode}: finds out a program that %s`, async (name) => {
    const course = await courseFrom(emptyPlace(mode, MUTANTS[name]));
    for (const [i, operation] of course.operations.entries()) {
      if (!/^putIfAbsent .*_delta_log\/\d{20}\.json$/.test(operation)) continue;
      for (const death of ['stop-before', 'fail-before'] as const) if (await harm(course, operation, survive(course.start, [new Lifeline(i + 1, death)]))) return;
    }
    expect.fail('no failure at a commit shows it');
  });
}
