import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DuckCheckpointCodec } from '../../shared/columnar/checkpoint-codec.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { literal } from '../../shared/columnar/sql-text.ts';
import { TransientError } from '../../shared/errors.ts';
import { MemoryStore } from '../support/memory-store.ts';

let folder: string;
let engine: Engine;
let codec: DuckCheckpointCodec;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-codec-'));
  engine = new Engine({ memoryMb: 128, threads: 2, tempDir: join(folder, 'spill') });
  codec = new DuckCheckpointCodec({ engine, tempDir: folder });
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function readLines(body: Uint8Array): Promise<string[]> {
  const store = new MemoryStore();
  await store.put('checkpoint', body);
  const lines: string[] = [];
  for await (const piece of codec.read(store, 'checkpoint')) lines.push(...Buffer.from(piece).toString().split('\n').slice(0, -1));
  return lines;
}

async function written(lines: Iterable<string>): Promise<Uint8Array> {
  const store = new MemoryStore();
  await codec.write(store, 'checkpoint', lines);
  return (await store.get('checkpoint'))!;
}

/** Each line read back, parsed, without its fields of null; values of a map keep theirs. */
async function roundTrip(lines: readonly string[]): Promise<unknown[]> {
  return (await readLines(await written(lines))).map((line) => JSON.parse(line, (key, value: unknown) =>
    (typeof value === 'object' && value !== null && !Array.isArray(value) && !['partitionValues', 'tags', 'configuration', 'options'].includes(key)
      ? Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null)) : value)) as unknown);
}

/** The bytes of a checkpoint as another engine wrote it, from one SELECT. */
async function foreign(select: string, rowGroup = 122_880): Promise<Uint8Array> {
  const path = join(folder, 'foreign.parquet');
  await engine.session((session) => session.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet, ROW_GROUP_SIZE ${rowGroup})`));
  return readFile(path);
}

test('the oddest text and every digit survive', async () => {
  const odd = ['', ' ', '"', '\\', '\n', '\0', 'päivä ☃ 😀', "it's", '{"a":1}', '%20'];
  const lines = [
    { add: { path: odd.join(''), partitionValues: Object.fromEntries(odd.map((text) => [text, text])), size: 9007199254740991, modificationTime: 1, dataChange: false, stats: JSON.stringify({ x: odd }) } },
    { add: { path: 'b', partitionValues: { p: null, q: '' }, size: 0, modificationTime: 0, dataChange: false, tags: { t: null }, deletionVector: { storageType: 'u', pathOrInlineDv: 'x', offset: 1, sizeInBytes: 2, cardinality: 3 } } },
    { txn: { appId: odd.join('/'), version: 1, lastUpdated: 5 } },
  ];
  expect(await roundTrip(lines.map((line) => JSON.stringify(line)))).toEqual([lines[2], lines[0], lines[1]]);
});

test('int64 at its ends', async () => {
  const lines = ['9223372036854775807', '-9223372036854775808', '-1'].map((version) => `{"txn":{"appId":"${version}","version":${version}}}`);
  const read = await readLines(await written(lines));
  expect(read.map((line) => /"version":(-?\d+)/.exec(line)![1])).toEqual(['9223372036854775807', '-9223372036854775808', '-1']);
});

test('a checkpoint of nothing', async () => {
  expect(await readLines(await written([]))).toEqual([]);
});

test('50,000 files, and one line of 8 MB, in 128 MB', async () => {
  const stats = 'y'.repeat(200);
  const lines = Array.from({ length: 50_000 }, (_value, i) => JSON.stringify({ add: { path: `p${i}`, partitionValues: {}, size: i, modificationTime: 1, dataChange: false, stats } }));
  const long = JSON.stringify({ add: { path: 'long', partitionValues: {}, size: 1, modificationTime: 1, dataChange: false, stats: '☃'.repeat(2_700_000) } });
  const read = await readLines(await written([...lines, long]));
  expect(read).toHaveLength(50_001);
  const adds = new Map(read.map((line) => (JSON.parse(line) as { add: { path: string; size: number; stats: string } }).add).map((add) => [add.path, add]));
  for (let i = 0; i < 50_000; i++) expect(adds.get(`p${i}`)?.size).toBe(i);
  expect(adds.get('long')!.stats).toBe('☃'.repeat(2_700_000));
});

test('struct-only statistics, partition values beside their parsed form, columns we do not know', async () => {
  const bytes = await foreign(`SELECT {'path': 'a', 'partitionValues': MAP {'p': '1'}, 'size': 3::BIGINT, 'modificationTime': 1::BIGINT, 'dataChange': false,
    'stats_parsed': {'numRecords': 2::BIGINT, 'minValues': {'x': DATE '2020-01-01'}}, 'partitionValues_parsed': {'p': 1}} AS add, {'y': 1} AS checkpointMetadata, 7 AS novel`);
  expect(await readLines(bytes)).toEqual(['{"add":{"path":"a","partitionValues":{"p":"1"},"size":3,"modificationTime":1,"dataChange":false}}']);
});

test('sidecars of a V2 checkpoint', async () => {
  const bytes = await foreign(`SELECT {'path': 's.parquet', 'sizeInBytes': 5::BIGINT, 'modificationTime': 1::BIGINT, 'tags': NULL::MAP(VARCHAR, VARCHAR)} AS sidecar, NULL::STRUCT(minReaderVersion INTEGER) AS protocol
    UNION ALL SELECT NULL, {'minReaderVersion': 3}`);
  expect((await readLines(bytes)).map((line) => JSON.parse(line) as unknown)).toEqual([{ sidecar: { path: 's.parquet', sizeInBytes: 5, modificationTime: 1 }, protocol: null }, { sidecar: null, protocol: { minReaderVersion: 3 } }]);
});

test.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['JSON', Buffer.from('{"add":{}}'.repeat(10))],
  ['a file cut short', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(100)])],
  ['a footer larger than the file', Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(10), Buffer.from([255, 255, 0, 0]), Buffer.from('PAR1')])],
])('%s is no Parquet', async (_name, bytes) => {
  await expect(readLines(bytes)).rejects.toMatchObject({ code: 'columnar/not-parquet', retry: 'never' });
});

test('an object that is not there', async () => {
  await expect(codec.read(new MemoryStore(), 'gone').next()).rejects.toMatchObject({ code: 'columnar/no-checkpoint', retry: 'never' });
});

test('a foreign file of few large row groups, and of many tiny ones', async () => {
  const select = `SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE {'path': 'p' || i, 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': i} END AS add, CASE WHEN i % 7 = 0 THEN {'path': 'r' || i} END AS remove FROM range(60000) t(i)`;
  const expected = Array.from({ length: 60_000 }, (_value, i) => (i % 7 === 0 ? `r${i}` : `p${i}`)).sort();
  for (const rows of [60_000, 2_048]) {
    const read = await readLines(await foreign(select, rows));
    expect(read.map((line) => JSON.parse(line) as { add?: { path: string }; remove?: { path: string } }).map(({ add, remove }) => (add ?? remove)!.path).sort()).toEqual(expected);
  }
});

test('says whose file stands, and does not guess', async () => {
  const store = new MemoryStore();
  expect(await codec.write(store, 'c', ['{"txn":{"appId":"a","version":1}}'])).toEqual({ kind: 'created', bytes: (await store.head('c'))!.size });
  expect(await codec.write(store, 'c', ['{"txn":{"appId":"b","version":2}}'])).toMatchObject({ kind: 'exists' });
  const silent = new MemoryStore({ faults: (operation) => (operation === 'putFile' ? 'lost-reply' : 'none') });
  await expect(codec.write(silent, 'c', [])).rejects.toThrow(TransientError);
});

test('a reader that has had enough', async () => {
  const store = new MemoryStore();
  await codec.write(store, 'c', Array.from({ length: 50_000 }, (_value, i) => `{"add":{"path":"p${i}"}}`));
  for await (const piece of codec.read(store, 'c')) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  expect((await readdir(folder)).filter((name) => name.startsWith('checkpoint-'))).toEqual([]);
});

test('no file is left behind', async () => {
  await readLines(await written([]));
  await readLines(Buffer.from('x')).catch(() => undefined);
  expect((await readdir(folder)).filter((name) => name.startsWith('checkpoint-'))).toEqual([]);
});
