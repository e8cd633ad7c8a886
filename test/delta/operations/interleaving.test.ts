import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Row } from '../../../shared/columnar/relation.ts';
import { field } from '../../../shared/delta/schema.ts';
import { patientClock } from '../../support/delta.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { RowTables, sorted } from '../../support/row-tables.ts';
import type { TestTable } from '../../support/row-tables.ts';

/** Writers of one table, with every answer of the store in an order of chance. The engine in memory waits for nothing else. */
let tables: RowTables;
beforeAll(async () => {
  tables = await RowTables.open(patientClock());
});
afterAll(() => tables.close());

class Turns {
  readonly #waiting: (() => void)[] = [];
  readonly #pick: () => number;

  constructor(pick: () => number) {
    this.#pick = pick;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Lets one go after the other until all of the work is done. */
  async run(work: Promise<unknown>): Promise<void> {
    const state = { isDone: false };
    const done = work.finally(() => {
      state.isDone = true;
    });
    done.catch(() => undefined);
    while (!state.isDone) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting.length > 0) this.#waiting.splice(this.#pick() % this.#waiting.length, 1)[0]();
    }
    await done;
  }
}

class TurnStore extends MemoryStore {
  readonly #turns: Turns;

  constructor(turns: Turns) {
    super();
    this.#turns = turns;
  }

  override async get(key: string) {
    await this.#turns.wait();
    return super.get(key);
  }

  override async head(key: string) {
    await this.#turns.wait();
    return super.head(key);
  }

  override async putIfAbsent(key: string, body: Uint8Array) {
    await this.#turns.wait();
    return super.putIfAbsent(key, body);
  }
}

const KEYS = 6;
const WRITERS = 2;
const BUMPS = 6;
const row = (id: number, n: number): Row => ({ id: BigInt(id), n: BigInt(n) });

/** Reads two counters and writes them back one higher, again and again: any update that is lost or doubled stays visible. */
async function bump(table: TestTable, writer: number): Promise<void> {
  for (let i = 0; i < BUMPS; i++) {
    const ids = [(writer + i) % KEYS, (writer + 3 * i + 1) % KEYS];
    await untilCommitted(table, async () => {
      const stored = new Map((await table.read(table.snapshot)).map(({ id, n }) => [Number(id), Number(n)]));
      return table.upsert([...new Set(ids)].map((id) => row(id, stored.get(id)! + 1)), ['id']);
    });
  }
}

/** Rows that come and go for good, by key. */
async function comeAndGo(table: TestTable): Promise<void> {
  for (let i = 100; i < 103; i++) {
    await untilCommitted(table, () => table.append([row(i, 0), row(i + 100, 0)]));
    await untilCommitted(table, () => table.deleteByKey([row(i, 0)], ['id']));
  }
}

async function untilCommitted(table: TestTable, plan: () => ReturnType<TestTable['append']>): Promise<void> {
  for (let plans = 0; plans < 300; plans++) {
    const outcome = await table.commit(await plan());
    if (outcome.kind === 'committed') return;
    await table.table.delta.refresh();
  }
  throw new Error('300 plans, and each was overtaken');
}

/** How many bins were committed, of so many that were written. */
async function compactAll(table: TestTable, isOver: () => boolean): Promise<{ written: number; committed: number }> {
  let [written, committed] = [0, 0];
  while (!isOver()) {
    await table.table.delta.refresh();
    written++;
    const outcome = await table.commit(await table.compact());
    if (outcome.kind === 'committed') committed++;
  }
  return { written, committed };
}

test('constant upserts, appends, deletes and compactions: nothing is lost, and no compaction is thrown away', async () => {
  let [written, committed, followed] = [0, 0, 0];
  await fc.assert(fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 1_000 })), async (chance) => {
    const turns = new Turns(() => chance.next().value);
    const store = new TurnStore(turns);
    await turns.run((async () => {
      const table = await tables.create({ engine: 'memory', vectors: true }, { fields: [field('id', 'long'), field('n', 'long')], store });
      await table.apply(table.append(Array.from({ length: KEYS }, (_value, id) => row(id, 0))));
      const writers = await Promise.all(Array.from({ length: WRITERS }, () => table.another()));
      const [appender, compactor] = [await table.another(), await table.another()];
      let isOver = false;
      const compacting = compactAll(compactor, () => isOver);
      await Promise.all([...writers.map(bump), comeAndGo(appender)]);
      isOver = true;
      const bins = await compacting;
      written += bins.written;
      committed += bins.committed;
      const reopened = await table.another();
      followed += reopened.files.filter(({ deletionVector }) => deletionVector).length;
      const expected = Array.from({ length: KEYS }, (_value, id) => row(id, countOf(id)));
      expect(await reopened.rows()).toEqual(sorted([...expected, row(200, 0), row(201, 0), row(202, 0)]));
    })());
  }), { numRuns: 25 });
  expect(written).toBeGreaterThan(100);
  expect(followed).toBeGreaterThan(0);
  // Only a bin whose inputs were all emptied meanwhile has nothing left to commit.
  expect(committed).toBeGreaterThan(0.9 * written);
});

function countOf(id: number): number {
  let count = 0;
  for (let writer = 0; writer < WRITERS; writer++) for (let i = 0; i < BUMPS; i++) if (new Set([(writer + i) % KEYS, (writer + 3 * i + 1) % KEYS]).has(id)) count++;
  return count;
}
