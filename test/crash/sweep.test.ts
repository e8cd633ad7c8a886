import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { TransientError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { collect } from '../support/collect.ts';
import { patientClock } from '../support/delta.ts';
import { DyingStore, Lifeline, isWrite } from '../support/dying-store.ts';
import type { Death } from '../support/dying-store.ts';
import { COLUMNS_OF_THE_CUT } from '../support/lake-digest.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { event, openTestLake, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/**
 * On DuckDB, with real Parquet files and the model's bytes: a worker dies at a storage operation of a cycle, another one begins where it was
 * and finishes, and the tables must be those of a run that nothing disturbed. Deaths that leave the same objects behind are one, and each of
 * them is met once; of every read it is shown that its failure leaves nothing new behind. Every failure at every operation of a longer cycle,
 * and two in a row, are met on the engine in memory (every-operation.ts).
 */
let folder: string;
let engine: Engine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-sweep-'));
  engine = new Engine({ memoryMb: 256, threads: 1, tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const later = { timestamp: '2025-04-01T17:59:30Z' };
/** New keys, a replaced one, one that changes its partition, a duplicate, a late one, rejects, a gap, a second partition. */
const batches: readonly (readonly KafkaRecord[])[] = [
  [record(0, event('a')), record(1, event('b')), record(2, 'bad'), record(3, event('c', { event_type: 'view' }))],
  [record(4, event('a', { ...later, event_type: 'view', value: '7' })), record(5, event('b')), record(8, event('d', { timestamp: '2025-04-01T10:00:00Z' })), record(0, '', { partition: 1 }), record(1, event('c', later), { partition: 1 })],
];

/** Kafka as ingest sees it: a batch is delivered until an invocation returns, then its offset is moved. */
class Topic {
  #next = 0;

  constructor(next = 0) {
    this.#next = next;
  }

  async deliver(worker: TestLake): Promise<void> {
    for (; this.#next < batches.length; this.#next++) await worker.ingest(batches[this.#next]);
  }
}

async function cycle(worker: TestLake, topic: Topic): Promise<void> {
  await topic.deliver(worker);
  await worker.drain(4);
}

function openWorker(store: MemoryStore, life: Lifeline): Promise<TestLake> {
  return openTestLake({ store: new DyingStore(store, life), engine, folder, clock: patientClock(), checkpointInterval: 3n });
}

/** The rows of every table, the columns of the cut apart, and the balance. */
async function content(store: MemoryStore): Promise<Record<string, unknown>> {
  const lake = await openWorker(store, new Lifeline());
  const tables: Record<string, unknown> = {};
  for (const name of ['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions', 'offset_gaps']) {
    const columns = (await lake.lake.table(name)).delta.snapshot.schema.fields.map((field) => field.name).filter((column) => ![...COLUMNS_OF_THE_CUT, 'seen_at'].includes(column));
    const list = columns.map((column) => `"${column}"`).join(', ');
    tables[name] = await lake.rows(name, `SELECT ${list} FROM rows ORDER BY ALL`);
  }
  const { verdict, equations } = await lake.balance();
  return { ...tables, verdict, lost: equations.filter((each) => each.verdict !== 'ok').map(({ text }) => text), champions: (await lake.rows('model_history')).length };
}

interface Start { readonly store: MemoryStore; readonly delivered: number }

/** Dies as told, again and again for several lives, and then finishes. */
async function survive(start: Start, lives: readonly Lifeline[]): Promise<Record<string, unknown>> {
  const store = start.store.copy();
  const topic = new Topic(start.delivered);
  for (const life of [...lives, new Lifeline()]) {
    try {
      await cycle(await openWorker(store, life), topic);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
    }
  }
  return content(store);
}

/** What a worker does in an undisturbed cycle. */
async function operationsOf(start: Start): Promise<readonly string[]> {
  const life = new Lifeline();
  await cycle(await openWorker(start.store.copy(), life), new Topic(start.delivered));
  return life.operations;
}

/** A worker that is told of a failure ends here as well: then a put that throws is no other end than one before or after it. */
const ENDS: readonly Death[] = ['stop-before', 'fail-before', 'lost-reply', 'own-write-exists'];

function* distinctDeaths(operations: readonly string[]): Iterable<{ at: number; death: Death }> {
  for (const [i, operation] of operations.entries()) {
    if (!isWrite(operation)) continue;
    const ends = operation.startsWith('putIfAbsent') ? ENDS : ['stop-before' as const];
    for (const death of ends) yield { at: i + 1, death };
  }
  yield { at: operations.length, death: 'stop-after' };
}

const missingFrom = (before: ReadonlySet<string>, keys: ReadonlySet<string>) => [...keys].filter((key) => !before.has(key)).length;

async function keysOf(store: MemoryStore): Promise<Set<string>> {
  return new Set((await collect(store.list(''))).map(({ key }) => key));
}

describe('a worker on DuckDB that dies', () => {
  let undisturbed: Record<string, unknown>;
  let second: Start;
  const fromNothing: Start = { store: new MemoryStore(), delivered: 0 };

  beforeAll(async () => {
    undisturbed = await survive(fromNothing, []);
    // The first batch is through: what dies is a cycle of replacements over tables that exist.
    const store = new MemoryStore();
    const worker = await openWorker(store, new Lifeline());
    await worker.lake.ensureAll();
    await worker.ingest(batches[0]);
    await worker.drain();
    second = { store, delivered: 1 };
  });

  test('the undisturbed run is what it should be', async () => {
    expect(undisturbed).toMatchObject({ verdict: 'ok', lost: [], champions: 1 });
    expect((undisturbed['silver_events'] as unknown[]).length).toBe(4);
    expect((undisturbed['quarantine_events'] as unknown[]).length).toBe(2);
    expect(undisturbed['offset_gaps']).toMatchObject([{ first_offset: 6n, last_offset: 7n }]);
    expect(await survive(second, [])).toEqual(undisturbed);
  });

  test('dies at every write: nothing is lost, nothing is doubled', async () => {
    const operations = await operationsOf(second);
    const of = [...distinctDeaths(operations)];
    expect(of.length).toBeGreaterThan(30);
    for (const { at, death } of of) expect(await survive(second, [new Lifeline(at, death)]), `${death} at ${at}: ${operations[at - 1]}`).toEqual(undisturbed);
  }, 600_000);

  test('fails at every read: the stage says so, and nothing but what was written before is there', async () => {
    const operations = await operationsOf(second);
    const before = await keysOf(second.store);
    for (const [i, operation] of operations.entries()) {
      if (isWrite(operation)) continue;
      const store = second.store.copy();
      await expect(openWorker(store, new Lifeline(i + 1, 'fail-before')).then((worker) => cycle(worker, new Topic(1))), operation).rejects.toMatchObject({ code: 'test/dead' });
      const written = new Set(operations.slice(0, i).filter(isWrite).map((each) => each.replace(/^\w+ /, '')));
      expect(missingFrom(before, await keysOf(store)), operation).toBe(missingFrom(before, written));
    }
  }, 600_000);
});
