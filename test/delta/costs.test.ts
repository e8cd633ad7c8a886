import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadSnapshot } from '../../shared/delta/log-reader.ts';
import { field } from '../../shared/delta/schema.ts';
import { DyingStore, Lifeline } from '../support/dying-store.ts';
import type { Operation } from '../support/dying-store.ts';
import { inRounds } from '../support/in-rounds.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { RowTables } from '../support/row-tables.ts';
import type { RowMode, TestTable } from '../support/row-tables.ts';

/**
 * What an operation asks of storage, exactly, on DuckDB with real Parquet: the same on every machine, and the bill. What waits for what is seen
 * on the engine in memory, which does nothing but wait for the store.
 */
const vectors: RowMode = { engine: 'duckdb', vectors: true };
const memoryVectors: RowMode = { engine: 'memory', vectors: true };
const copies: RowMode = { engine: 'duckdb', vectors: false };
const rowsOf = (ids: readonly number[], note = '') => ids.map((id) => ({ id: BigInt(id), p: id % 2 === 0 ? 'even' : 'odd', note }));
const from = (first: number, count: number, step = 1) => Array.from({ length: count }, (_value, i) => first + i * step);

let tables: RowTables;
beforeAll(async () => { tables = await RowTables.open(); });
afterAll(() => tables.close());

/** In which round each operation began. */
class Watch extends Lifeline {
  readonly began: number[] = [];
  rounds = (): number => 0;

  override run<T>(operation: Operation<T>): Promise<T> {
    this.began.push(this.rounds());
    return super.run(operation);
  }
}

let memory: MemoryStore;
let life: Watch;
beforeEach(() => {
  memory = new MemoryStore();
  life = new Watch();
});

function create(mode: RowMode, partitionColumns: readonly string[] = []): Promise<TestTable> {
  const slow = inRounds(memory);
  life.rounds = () => slow.rounds();
  return tables.create(mode, { fields: [field('id', 'long'), field('p', 'string'), field('note', 'string')], partitionColumns, store: new DyingStore(slow.store, life) });
}

/** The requests in order, generated names and versions apart. */
async function requestsOf(work: () => Promise<unknown>): Promise<string[]> {
  return (await roundsOf(work)).flat();
}

/** Those that begin at once, together. */
async function roundsOf(work: () => Promise<unknown>): Promise<string[][]> {
  const before = life.operations.length;
  await work();
  const requests = life.operations.slice(before).map((operation, i) => ({ round: life.began[before + i], text: operation.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, '…').replace(/\d{20}/, '…') }));
  return [...Map.groupBy(requests, ({ round }) => round).values()].map((round) => round.map(({ text }) => text).sort());
}

const HINT = 'get _delta_log/_last_checkpoint';
const LIST = 'list _delta_log/00000000000000000';
const GET_LOG = 'get _delta_log/….json';
const PUT_DATA = 'putFile ….parquet';
const PUT_LOG = 'putIfAbsent _delta_log/….json';
const PUT_VECTORS = 'putIfAbsent deletion_vector_….bin';
const READ_DATA = 'getFile ….parquet';
const GET_VECTORS = 'get deletion_vector_….bin';

describe('a cold snapshot', () => {
  const twelve = async (mode: RowMode, since: number): Promise<TestTable> => {
    const table = await create(mode);
    for (const i of from(0, 12)) await table.apply(table.append(rowsOf([i])));
    await table.table.delta.checkpoint();
    for (const i of from(0, since)) await table.apply(table.append(rowsOf([100 + i])));
    return table;
  };

  test.each([0, 1, 9])('with a checkpoint and %i commits since: hint, listing, checkpoint, and the commits', async (since) => {
    const { table: { delta: { source } } } = await twelve(vectors, since);
    const requests = await requestsOf(async () => expect((await loadSnapshot(source))!.files.size).toBe(12 + since));
    expect(requests.toSorted()).toEqual([HINT, LIST, 'getFile _delta_log/….checkpoint.parquet', ...from(0, since).map(() => GET_LOG)].toSorted());
  });

  test('reads the commits beside the checkpoint: three deep', async () => {
    const { table: { delta: { source } } } = await twelve(memoryVectors, 9);
    expect(await roundsOf(() => loadSnapshot(source))).toEqual([[HINT], [LIST], ['get _delta_log/….checkpoint.parquet', ...from(0, 9).map(() => GET_LOG)].sort()]);
  });
});

describe('an append on a warm snapshot', () => {
  test.each([1, 10_000])('of %i rows is one data file and one log entry', async (count) => {
    const table = await create(vectors);
    await table.apply(table.append(rowsOf([0])));
    expect(await requestsOf(() => table.apply(table.append(rowsOf(from(1, count)))))).toEqual([PUT_DATA, PUT_LOG]);
  });

  test('has a data file for every combination of partition values', async () => {
    const table = await create(vectors, ['p']);
    const requests = await requestsOf(() => table.apply(table.append(rowsOf(from(0, 100)))));
    expect([requests.slice(0, -1).sort(), requests.at(-1)]).toEqual([['putFile p=even/….parquet', 'putFile p=odd/….parquet'], PUT_LOG]);
  });
});

describe('an upsert on a warm snapshot', () => {
  const FILE_ROWS = 3_000;
  /** Three files of consecutive keys; another writer, so that nothing of them is on this machine. */
  async function threeFiles(mode: RowMode): Promise<TestTable> {
    const table = await create(mode);
    for (const i of from(0, 3)) await table.apply(table.append(rowsOf(from(i * FILE_ROWS, FILE_ROWS), 'before')));
    return table.another();
  }
  const upsert = (table: TestTable, ids: readonly number[]) => requestsOf(() => table.apply(table.upsert(rowsOf(ids, 'after'), ['id'])));

  test('of new keys reads nothing', async () => {
    expect(await upsert(await threeFiles(vectors), from(10 * FILE_ROWS, 5))).toEqual([PUT_DATA, PUT_LOG]);
  });

  test('of a few rows of one file: that file is read, and its vector is a file of less than a hundred bytes', async () => {
    const table = await threeFiles(vectors);
    expect(await upsert(table, [5, 7])).toEqual([READ_DATA, PUT_DATA, PUT_VECTORS, PUT_LOG]);
    expect(table.files.map(({ deletionVector }) => deletionVector?.storageType)).toEqual(expect.arrayContaining(['u', undefined, undefined, undefined]));
    expect(await bytesOf(/deletion_vector/)).toBeLessThan(100);
    // What was read once is not read again, but for the vector.
    expect(await upsert(table, [9])).toEqual([GET_VECTORS, PUT_DATA, PUT_VECTORS, PUT_LOG]);
  });

  test('of many rows of two files: both are read, one file has both vectors, two bytes a row', async () => {
    const table = await threeFiles(vectors);
    const ids = from(1, 1_000, 4);
    expect(await upsert(table, ids)).toEqual([READ_DATA, READ_DATA, PUT_DATA, PUT_VECTORS, PUT_LOG]);
    expect(await bytesOf(/deletion_vector/)).toBeLessThan(2 * ids.length + 100);
    // Whoever takes more rows away reads both vectors at once, too, and the file with the rows that came; the third file nobody touches.
    expect(await upsert(await table.another(), from(2, 1_000, 4))).toEqual([GET_VECTORS, READ_DATA, READ_DATA, READ_DATA, PUT_DATA, PUT_VECTORS, PUT_LOG]);
  });

  test('of ever more rows: never more than a bit a row', async () => {
    const table = await create(vectors);
    const count = 60_000;
    await table.apply(table.append(rowsOf(from(0, count))));
    await table.apply(table.upsert(rowsOf(from(0, count).filter((id) => id % 3 > 0 || id % 7 === 0)), ['id']));
    expect(await bytesOf(/deletion_vector/)).toBeLessThan(65_536 / 8 + 100);
  });

  test('reads files at once, then puts one thing after the other: data, vectors, log', async () => {
    const table = await threeFiles(memoryVectors);
    // This engine asks for the time of its file, which a putFile tells.
    expect(await roundsOf(() => table.apply(table.upsert(rowsOf(from(1, 1_000, 4), 'after'), ['id'])))).toEqual([
      ['get ….parquet', 'get ….parquet'], ['putIfAbsent ….parquet'], ['head ….parquet'], [PUT_VECTORS], [PUT_LOG],
    ]);
  });

  test('without vectors writes the touched files anew, in one file, and nothing else', async () => {
    const table = await threeFiles(copies);
    expect(await upsert(table, [5, FILE_ROWS + 5])).toEqual([READ_DATA, READ_DATA, PUT_DATA, PUT_LOG]);
    expect(table.files).toHaveLength(2);
  });

  async function bytesOf(pattern: RegExp): Promise<number> {
    let bytes = 0;
    for await (const { key, size } of memory.list('')) if (pattern.test(key)) bytes += size;
    return bytes;
  }
});
