import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Action } from '../../shared/delta/actions.ts';
import { readHint } from '../../shared/delta/log-reader.ts';
import { LAST_CHECKPOINT, checkpointKey, commitKey } from '../../shared/delta/log-path.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import type { TableDefinition } from '../../shared/delta/table.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { openDeltaBench, patientClock } from '../support/delta.ts';
import type { DeltaBench } from '../support/delta.ts';
import { MemoryStore } from '../support/memory-store.ts';

const DEFINITION: TableDefinition = { name: 't', description: 'd', schema: struct(field('a', 'long')), partitionColumns: [], configuration: { 'assay.x': 'y' } };

let bench: DeltaBench;
const clock = patientClock();
beforeAll(async () => {
  bench = await openDeltaBench(clock);
});
afterAll(() => bench.close());

let memory: MemoryStore;
let store: ObjectStore;
let meter: Meter;
beforeEach(() => {
  memory = new MemoryStore({ clock });
  meter = new Meter();
  store = new MeteredStore({ store: memory, meter, requests: 'per-call' });
});

const add = (path: string): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, stats: '{"numRecords":1}' } });
const open = async () => (await DeltaTable.open(bench.source(store), clock))!;

/** Each version adds `f<version>` and removes the one before; the progress is the version. */
async function grow(to: number, interval = 1_000): Promise<DeltaTable> {
  const table = await DeltaTable.ensure(bench.source(store), DEFINITION, clock);
  for (let version = Number(table.snapshot.version) + 1; version <= to; version++) {
    const removes: Action[] = version > 1 ? [{ remove: { path: `f${version - 1}`, dataChange: true, deletionTimestamp: clock.nowMs() } }] : [];
    await table.commit(table.snapshot, { operation: 'WRITE', reads: 'table', actions: [...removes, add(`f${version}`), { txn: { appId: 'x', version: BigInt(version) } }] });
    await table.checkpointIfDue(BigInt(interval));
  }
  return table;
}

const brief = ({ version, files, txns, checkpointVersion }: Snapshot) => ({ version, files: [...files.keys()], progress: txns.get('x')?.version, checkpointVersion });
const at = (version: number, checkpointVersion = -1) => ({ version: BigInt(version), files: [`f${version}`], progress: BigInt(version), checkpointVersion: BigInt(checkpointVersion) });

async function requests(work: () => Promise<unknown>) {
  const before = meter.read();
  await work();
  return meterDifference(meter.read(), before).byOperation;
}

describe('opening', () => {
  test('where there is no table', async () => {
    expect(await DeltaTable.open(bench.source(store), clock)).toBeNull();
  });

  test('commits alone, and after checkpoints', async () => {
    await grow(7);
    expect(brief((await open()).snapshot)).toEqual(at(7));
    await grow(23, 10);
    expect(brief((await open()).snapshot)).toEqual(at(23, 19));
  });

  test.each<[string, string]>([
    ['no JSON', '{"version":'], ['no object', 'null'], ['no version', '{}'], ['a version of text', '{"version":"x"}'], ['a broken version', '{"version":1.5}'],
    ['a negative version', '{"version":-3}'], ['a version to come', '{"version":999999}'], ['a version past int64', '{"version":99999999999999999999999}'],
    ['a version without a checkpoint', '{"version":17}'], ['an older checkpoint', '{"version":9,"size":3}'], ['nothing', ''],
  ])('a hint that holds %s costs only a listing', async (_name, hint) => {
    await grow(23, 10);
    await memory.put(LAST_CHECKPOINT, Buffer.from(hint));
    expect(brief((await open()).snapshot)).toEqual(at(23, 19));
  });

  test('no hint at all', async () => {
    await grow(23, 10);
    await memory.delete(LAST_CHECKPOINT);
    expect(brief((await open()).snapshot)).toEqual(at(23, 19));
  });

  test.each<[string, (key: string) => Promise<void>]>([
    ['is cut short', async (key) => memory.put(key, (await memory.get(key))!.subarray(0, 500))],
    ['is empty', (key) => memory.put(key, Buffer.alloc(0))],
    ['is something else', (key) => memory.put(key, Buffer.from('{"not":"parquet"}'.repeat(40)))],
  ])('a checkpoint that %s is passed over for the one before, or for the commits', async (_name, damage) => {
    await grow(23, 9);
    expect(brief((await open()).snapshot)).toEqual(at(23, 17));
    await damage(checkpointKey(17n));
    expect(brief((await open()).snapshot)).toEqual(at(23, 8));
    await damage(checkpointKey(8n));
    expect(brief((await open()).snapshot)).toEqual(at(23, -1));
  });

  test('with no other way a damaged checkpoint is a TableError that names it', async () => {
    await grow(12, 10);
    for (let version = 0n; version <= 9n; version++) await memory.delete(commitKey(version));
    expect(brief((await open()).snapshot)).toEqual(at(12, 9));
    await memory.put(checkpointKey(9n), Buffer.from('PAR1'));
    await expect(open()).rejects.toMatchObject({ code: 'delta/checkpoint-damaged', message: expect.stringContaining(checkpointKey(9n)) as string });
  });

  test('a missing commit is a gap, with and without a checkpoint', async () => {
    await grow(15, 10);
    await memory.delete(commitKey(12n));
    await expect(open()).rejects.toMatchObject({ code: 'delta/log-gap' });
    await memory.delete(LAST_CHECKPOINT);
    await expect(open()).rejects.toMatchObject({ code: 'delta/log-gap' });
  });

  test('a damaged commit is told with its version', async () => {
    await grow(3);
    await memory.put(commitKey(2n), Buffer.from('{"add":'));
    await expect(open()).rejects.toMatchObject({ code: 'delta/commit-damaged', message: expect.stringContaining('version 2') as string });
  });

  test('a log of more than a thousand versions, from a hint in an earlier block', async () => {
    await grow(1_003, 998);
    expect((await readHint(memory))!).toBe(997n);
    expect(brief((await open()).snapshot)).toEqual(at(1_003, 997));
    await memory.delete(commitKey(1_001n));
    await expect(open()).rejects.toMatchObject({ code: 'delta/log-gap' });
  });
});

describe('older versions', () => {
  test('each is as it was', async () => {
    const table = await grow(25, 10);
    for (const version of [1, 9, 10, 19, 20, 24, 25]) expect([...(await table.at(BigInt(version))).files.keys()]).toEqual([`f${version}`]);
    expect((await table.at(0n)).files.size).toBe(0);
  });

  test.each([26n, 1_000_000n, -1n])('there is no version %s', async (version) => {
    const table = await grow(25, 10);
    await expect(table.at(version)).rejects.toMatchObject({ code: 'delta/no-such-version' });
  });

  test('what a cleaned log no longer reaches is gone, not damaged', async () => {
    const table = await grow(25, 10);
    for (let version = 0n; version < 12n; version++) await memory.delete(commitKey(version));
    await memory.delete(checkpointKey(9n));
    await expect(table.at(14n)).rejects.toMatchObject({ code: 'delta/no-such-version' });
    expect([...(await table.at(20n)).files.keys()]).toEqual(['f20']);
    await expect(table.versions(10n, 14n)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'delta/version-gone' });
  });

  test('the actions of a range of versions, in order', async () => {
    const table = await grow(25);
    const seen: [bigint, string | undefined][] = [];
    for await (const { version, actions } of table.versions(3n, 21n)) seen.push([version, actions.find((action) => action.add)?.add?.path]);
    expect(seen).toEqual(Array.from({ length: 19 }, (_value, i) => [BigInt(i + 3), `f${i + 3}`]));
  });
});

describe('refreshing', () => {
  test('brings what others committed, past a checkpoint of theirs', async () => {
    const reader = await grow(1);
    await grow(23, 10);
    expect(brief(await reader.refresh())).toEqual(at(23, 19));
  });

  test('a reader whose next versions were cleaned up reads on from the checkpoint', async () => {
    const reader = await grow(3);
    await grow(23, 10);
    for (let version = 0n; version <= 15n; version++) await memory.delete(commitKey(version));
    expect(brief(await reader.refresh())).toEqual(at(23, 19));
  });

  test.each([[2n, 3], [999n, 1_000], [998n, 1_001]])('commit %s missing while newer ones exist is a gap', async (missing, newest) => {
    const reader = await grow(Number(missing) - 1, 9_999);
    await grow(newest, 9_999);
    await memory.delete(commitKey(missing));
    await expect(reader.refresh()).rejects.toMatchObject({ code: 'delta/log-gap', message: expect.stringContaining(`commit ${missing} is missing`) as string });
  });

  test('overlapping calls only go forward', async () => {
    const table = await grow(3);
    const older = table.snapshot;
    const slow = table.refresh();
    await table.commit(older, { operation: 'WRITE', reads: 'nothing', actions: [add('x')] });
    await slow;
    expect(table.snapshot.version).toBe(4n);
    const checkpointing = table.checkpoint();
    await table.commit(table.snapshot, { operation: 'WRITE', reads: 'nothing', actions: [add('y')] });
    await checkpointing;
    expect({ version: table.snapshot.version, checkpointVersion: table.snapshot.checkpointVersion }).toEqual({ version: 5n, checkpointVersion: 4n });
  });
});

describe('what it costs', () => {
  test('a cold snapshot: hint, one listing, checkpoint, and a GET for each commit since', async () => {
    await grow(24, 10);
    expect(await requests(open)).toEqual({ get: 2 + 5, list: 1, head: 0, put: 0, delete: 0 });
  });

  test('on the checkpoint itself: three requests', async () => {
    await grow(19, 10);
    expect(await requests(open)).toEqual({ get: 2, list: 1, head: 0, put: 0, delete: 0 });
  });

  test('a commit on a warm snapshot: one put', async () => {
    const table = await grow(5);
    expect(await requests(() => table.commit(table.snapshot, { operation: 'WRITE', reads: 'nothing', actions: [add('z')] }))).toEqual({ put: 1, get: 0, list: 0, head: 0, delete: 0 });
  });

  test('nothing new: one request', async () => {
    const table = await grow(5);
    expect(await requests(() => table.refresh())).toEqual({ get: 0, list: 1, put: 0, head: 0, delete: 0 });
  });

  test('n new versions: n more', async () => {
    const table = await grow(5);
    await grow(9);
    expect(await requests(() => table.refresh())).toEqual({ get: 4, list: 1, put: 0, head: 0, delete: 0 });
  });

  test('a lost race: the put, the winner, proof that none followed, the put again', async () => {
    const [table, rival] = [await grow(5), await open()];
    await rival.commit(rival.snapshot, { operation: 'WRITE', reads: 'nothing', actions: [add('r')] });
    expect(await requests(() => table.commit(table.snapshot, { operation: 'WRITE', reads: 'nothing', actions: [add('z')] }))).toEqual({ put: 2, get: 2, list: 0, head: 0, delete: 0 });
  });

  test('a checkpoint: itself, the hint before and after', async () => {
    const table = await grow(5);
    expect(await requests(() => table.checkpoint())).toEqual({ put: 2, get: 1, list: 0, head: 0, delete: 0 });
  });
});

test('a new table is what its definition says, for every engine', async () => {
  const { snapshot } = await DeltaTable.ensure(bench.source(store), DEFINITION, clock);
  expect(snapshot.protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
  expect(snapshot.metaData).toMatchObject({ name: 't', description: 'd', format: { provider: 'parquet', options: {} }, partitionColumns: [], configuration: { 'assay.x': 'y' } });
  expect(snapshot.schema).toEqual(DEFINITION.schema);
});
