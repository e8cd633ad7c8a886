import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DuckCheckpointCodec } from '../../shared/columnar/checkpoint-codec.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { parseJson, printJson } from '../../shared/delta/json.ts';
import type { CheckpointCodec } from '../../shared/delta/parquet.ts';
import { TableError, TransientError } from '../../shared/errors.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryStore } from '../support/memory-store.ts';
import type { Fault } from '../support/memory-store.ts';

let folder: string;
let engine: Engine;
const lines = new LinesCodec();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-lines-'));
  engine = new Engine({ memoryMb: 128, threads: 1, tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const file = { partitionValues: { p: 'a', q: null }, size: 9_007_199_254_740_993n, dataChange: false, deletionVector: { storageType: 'u', pathOrInlineDv: 'x', offset: 1, sizeInBytes: 2, cardinality: 3 }, baseRowId: 4, defaultRowCommitVersion: 5 };
const ACTIONS: readonly Readonly<Record<string, unknown>>[] = [
  { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['a'], writerFeatures: ['a', 'b'] } },
  { metaData: { id: 'i', name: null, format: { provider: 'parquet', options: {} }, schemaString: '{}', partitionColumns: ['p'], createdTime: 1, configuration: { 'a.b': '☃' }, newField: 7 } },
  { txn: { appId: 'x', version: -(2n ** 63n), lastUpdated: 2, newField: 'lost' } },
  { domainMetadata: { domain: 'd', configuration: '{"a":1}', removed: false } },
  { add: { path: 'a b', ...file, modificationTime: 6, stats: '{"numRecords":1}', tags: { t: null }, clusteringProvider: 'c', newField: { lost: true } } },
  ...Array.from({ length: 120 }, (_v, i) => ({ add: { path: `file ${i}`, partitionValues: {}, size: i, modificationTime: 1, dataChange: false } })),
  { remove: { path: 'r', ...file, deletionTimestamp: 7, extendedFileMetadata: true, stats: 'lost', tags: { lost: 'too' } } },
  { commitInfo: { operation: 'WRITE' } },
  { newAction: { lost: true } },
];

async function read(codec: CheckpointCodec, store: MemoryStore): Promise<unknown[]> {
  let text = '';
  for await (const piece of codec.read(store, 'checkpoint')) text += Buffer.from(piece).toString();
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1).map(parseJson);
}

async function roundTrip(codec: CheckpointCodec, actions: readonly unknown[]): Promise<unknown[]> {
  const store = new MemoryStore();
  const { kind, bytes } = await codec.write(store, 'checkpoint', actions.map(printJson));
  expect({ kind, size: (await store.head('checkpoint'))!.size }).toEqual({ kind: 'created', size: bytes });
  return read(codec, store);
}

/** Without fields of null, values of maps apart; in one order. */
function comparable(actions: readonly unknown[]): string[] {
  return actions.map((action) => {
    const [name, fields] = Object.entries(action as Record<string, Record<string, unknown> | null>).find(([, value]) => value !== null)!;
    return printJson([name, Object.entries(fields!).filter(([, value]) => value !== null).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
  }).toSorted();
}

test('keeps of a checkpoint what the Parquet form keeps', async () => {
  const parquet = await roundTrip(new DuckCheckpointCodec({ engine, tempDir: folder }), ACTIONS);
  expect(parquet.length).toBe(126);
  expect(comparable(await roundTrip(lines, ACTIONS))).toEqual(comparable(parquet));
  expect(await roundTrip(lines, [])).toEqual([]);
});

test('a checkpoint that is there stays', async () => {
  const store = new MemoryStore();
  await lines.write(store, 'checkpoint', [printJson(ACTIONS[0])]);
  expect(await lines.write(store, 'checkpoint', [])).toMatchObject({ kind: 'exists' });
  expect(await read(lines, store)).toEqual([ACTIONS[0]]);
});

test.each<[Fault, string]>([['lost-reply', 'created'], ['fail-before', 'unknown']])('under %s: %s', async (fault, outcome) => {
  let next: Fault = 'none';
  const store = new MemoryStore({ faults: (operation) => (operation === 'putIfAbsent' ? next : 'none') });
  next = fault;
  const writing = lines.write(store, 'checkpoint', [printJson(ACTIONS[0])]);
  if (outcome === 'created') expect(await writing).toMatchObject({ kind: 'created' });
  else await expect(writing).rejects.toThrow(TransientError);
});

test.each<[string, (body: Uint8Array) => Uint8Array]>([
  ['cut short', (body) => body.slice(0, -1)], ['empty', () => new Uint8Array()], ['of something else', () => Buffer.from('PAR1')], ['without its start', (body) => body.slice(1)],
])('a file %s is refused', async (_what, damage) => {
  const store = new MemoryStore();
  await lines.write(store, 'whole', [printJson(ACTIONS[0])]);
  await store.put('checkpoint', damage((await store.get('whole'))!));
  await expect(read(lines, store)).rejects.toThrow(TableError);
});

test('a missing file is told', async () => {
  await expect(read(lines, new MemoryStore())).rejects.toMatchObject({ code: 'columnar/no-checkpoint' });
});
