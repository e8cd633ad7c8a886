import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fileList } from '../../shared/columnar/sql-text.ts';
import type { Action } from '../../shared/delta/actions.ts';
import { checkpointActions, checkpointDue, withoutExpired, writeCheckpoint } from '../../shared/delta/checkpoint.ts';
import { parseJson, printJson } from '../../shared/delta/json.ts';
import { LAST_CHECKPOINT, checkpointKey, commitKey } from '../../shared/delta/log-path.ts';
import { loadSnapshot, readHint } from '../../shared/delta/log-reader.ts';
import { Replay } from '../../shared/delta/snapshot.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { TransientError } from '../../shared/errors.ts';
import { openDeltaBench, patientClock } from '../support/delta.ts';
import type { DeltaBench } from '../support/delta.ts';
import { MemoryStore } from '../support/memory-store.ts';
import type { Fault } from '../support/memory-store.ts';
import { METADATA, PROTOCOL, logs } from '../support/random-log.ts';

const DAY_MS = 86_400_000;
const clock = patientClock();
let bench: DeltaBench;
beforeAll(async () => {
  bench = await openDeltaBench(clock);
});
afterAll(() => bench.close());

let fault: (key: string) => Fault;
let store: MemoryStore;
beforeEach(() => {
  fault = () => 'none';
  store = new MemoryStore({ clock, faults: (operation, key) => (operation === 'putFile' ? fault(key) : 'none') });
});

function snapshotOf(actions: readonly Action[], version = 0n, checkpointVersion = -1n): Snapshot {
  const replay = new Replay(null);
  replay.apply([{ protocol: PROTOCOL }, { metaData: METADATA }, ...actions]);
  return replay.finish(version, checkpointVersion, 't');
}

/** Fields of null and absent fields are one in a checkpoint. */
const withoutNulls = (value: unknown): unknown => stripped(parseJson(printJson(value)));
function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null).map(([key, inner]) => [key, key === 'partitionValues' ? inner : stripped(inner)]));
}
const state = ({ version, protocol, metaData, files, tombstones, txns, domains }: Snapshot) => withoutNulls({
  version, protocol, metaData, txns: Object.fromEntries(txns), files: Object.fromEntries([...files].map(([key, file]) => [key, { ...file, dataChange: false }])),
  tombstones: Object.fromEntries([...tombstones].map(([key, file]) => [key, { ...file, dataChange: false }])), domains: Object.fromEntries([...domains].filter(([, { removed }]) => !removed)),
});

test('what is written is read back, to the last digit and the oddest character', async () => {
  await fc.assert(fc.asyncProperty(logs, async (versions) => {
    const fresh = new MemoryStore({ clock: { ...clock, nowMs: () => 2 } });
    const replay = new Replay(null);
    for (const [i, actions] of versions.entries()) {
      replay.apply(actions);
      await fresh.putIfAbsent(commitKey(BigInt(i)), Buffer.from(actions.map((action) => `${printJson(action)}\n`).join('')));
    }
    const whole = replay.finish(BigInt(versions.length - 1), -1n, 't');
    // At time 0 of the random log no tombstone has expired.
    await writeCheckpoint(bench.source(fresh), whole);
    const read = (await loadSnapshot(bench.source(fresh)))!;
    expect(read.checkpointVersion).toBe(whole.version);
    expect(state(read)).toEqual(state(whole));
  }), { numRuns: 40 });
});

describe('content', () => {
  const removed = (path: string, deletionTimestamp?: number): Action => ({ remove: { path, dataChange: true, deletionTimestamp } });
  const paths = (snapshot: Snapshot) => [...checkpointActions(withoutExpired(snapshot, clock.nowMs()))].flatMap(({ remove }) => (remove ? [remove.path] : []));

  test('tombstones live a week; one without a time has expired', async () => {
    const snapshot = snapshotOf([removed('old', clock.nowMs() - 7 * DAY_MS), removed('young', clock.nowMs() - 7 * DAY_MS + 1), removed('timeless')]);
    expect(paths(snapshot)).toEqual(['young']);
    const written = await writeCheckpoint(bench.source(store), snapshot);
    expect([...written.tombstones.keys()]).toEqual(['young']);
  });

  test('no commitInfo, no removed domain, and file actions change no data', () => {
    const snapshot = snapshotOf([
      { commitInfo: { operation: 'X' } }, { domainMetadata: { domain: 'd', configuration: '', removed: true } }, { domainMetadata: { domain: 'e', configuration: 'c', removed: false } },
      { add: { path: 'a', partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } }, removed('b', clock.nowMs()),
    ]);
    const actions = [...checkpointActions(snapshot)];
    expect(actions.map((action) => Object.keys(action)[0])).toEqual(['protocol', 'metaData', 'domainMetadata', 'add', 'remove']);
    expect(actions.flatMap(({ add, remove }) => [add?.dataChange ?? remove?.dataChange ?? []].flat())).toEqual([false, false]);
  });

  test('columns are as the protocol has them: a nullable struct an action, three-level maps and lists', async () => {
    await writeCheckpoint(bench.source(store), snapshotOf([{ add: { path: 'a', partitionValues: { p: null, q: '' }, size: 2 ** 40, modificationTime: 0, dataChange: true, stats: '{}' } }, { txn: { appId: 'x', version: -1n } }]));
    const file = join(bench.folder, 'read-back.parquet');
    await store.getFile(checkpointKey(0n), file);
    const leaves = await bench.engine.session((session) => session.rows(`SELECT name, repetition_type AS r, converted_type AS t FROM parquet_schema(${fileList([file])})`));
    const names = leaves.map(({ name }) => name);
    for (const kind of ['txn', 'add', 'remove', 'metaData', 'protocol', 'domainMetadata']) expect(leaves).toContainEqual(expect.objectContaining({ name: kind, r: 'OPTIONAL' }));
    const map = names.indexOf('partitionValues');
    expect(leaves[map]).toMatchObject({ t: 'MAP' });
    expect(names.slice(map + 1, map + 4)).toEqual(['key_value', 'key', 'value']);
    const list = names.indexOf('partitionColumns');
    expect(names.slice(list + 1, list + 3)).toEqual(['list', 'element']);
    const rows = await bench.engine.session((session) => session.rows(`SELECT add.size AS size, add.partitionValues::VARCHAR AS p FROM read_parquet(${fileList([file])}) WHERE add IS NOT NULL`));
    expect(rows).toEqual([{ size: BigInt(2 ** 40), p: `{p=NULL, q=''}` }]);
  });
});

describe('the hint', () => {
  const hint = async () => JSON.parse(Buffer.from((await store.get(LAST_CHECKPOINT))!).toString()) as unknown;

  test('comes last and measures the checkpoint', async () => {
    const snapshot = snapshotOf([{ add: { path: 'a', partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } }], 7n);
    await writeCheckpoint(bench.source(store), snapshot);
    expect(await hint()).toEqual({ version: 7, size: 3, sizeInBytes: (await store.head(checkpointKey(7n)))!.size, numOfAddFiles: 1 });
  });

  test('only goes forward', async () => {
    await writeCheckpoint(bench.source(store), snapshotOf([], 9n));
    await writeCheckpoint(bench.source(store), snapshotOf([], 7n));
    expect(await readHint(store)).toBe(9n);
    expect(await store.head(checkpointKey(7n))).not.toBeNull();
  });

  test('is not written for a checkpoint that may not be there', async () => {
    fault = () => 'fail-before';
    const snapshot = snapshotOf([], 9n);
    await expect(writeCheckpoint(bench.source(store), snapshot)).rejects.toThrow(TransientError);
    expect(await readHint(store)).toBeNull();
  });

  test('two writers of one version: the first stands, both are done', async () => {
    const [one, two] = await Promise.all([writeCheckpoint(bench.source(store), snapshotOf([], 9n)), writeCheckpoint(bench.source(store), snapshotOf([], 9n))]);
    expect([one.checkpointVersion, two.checkpointVersion]).toEqual([9n, 9n]);
    expect(await readHint(store)).toBe(9n);
  });
});

test('due once the interval has passed, never for version 0', () => {
  expect(checkpointDue(snapshotOf([], 8n), 10n)).toBe(false);
  expect(checkpointDue(snapshotOf([], 9n), 10n)).toBe(true);
  expect(checkpointDue(snapshotOf([], 18n, 9n), 10n)).toBe(false);
  expect(checkpointDue(snapshotOf([], 19n, 9n), 10n)).toBe(true);
  expect(checkpointDue(snapshotOf([], 0n), 1n)).toBe(false);
});

test('a table whose features we cannot write gets none', async () => {
  const snapshot = { ...snapshotOf([], 9n), protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['icebergCompatV2'] } };
  await expect(writeCheckpoint(bench.source(store), snapshot)).rejects.toMatchObject({ code: 'delta/protocol' });
  expect(await store.head(checkpointKey(9n))).toBeNull();
});
