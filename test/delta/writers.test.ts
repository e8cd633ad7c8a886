import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startAzurite } from '../../local/azurite.ts';
import type { Azurite } from '../../local/azurite.ts';
import { systemClock } from '../../shared/clock.ts';
import type { AddFile } from '../../shared/delta/actions.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { BlobStore } from '../../shared/storage/blob-store.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { collect } from '../support/collect.ts';
import { LinesCodec } from '../support/lines-codec.ts';

/** Many writers at one table, none of which pauses: each with its own snapshots, as 20 instances of a Function have them. */
const WRITERS = 20;
const COMMITS = 50;
const CHECKPOINT_INTERVAL = 10n;
const DEFINITION = { name: 't', description: '', schema: struct(field('writer', 'integer'), field('number', 'integer')), partitionColumns: [], configuration: {} };

let folder: string;
let azurite: Azurite;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-writers-'));
  azurite = await startAzurite({ dir: join(folder, 'azurite'), blobPort: 0, tablePort: 0 });
});
afterAll(async () => {
  await azurite.close();
  await rm(folder, { recursive: true, force: true });
});

const numbers = (n: number) => Array.from({ length: n }, (_value, i) => i);

/** The store, counting the puts of commits. */
function countingCommits(store: ObjectStore, commits: { puts: number }): ObjectStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'putIfAbsent') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      return (key: string, body: Uint8Array) => {
        if (key.startsWith('_delta_log/') && key.endsWith('.json')) commits.puts++;
        return target.putIfAbsent(key, body);
      };
    },
  });
}

/** Commits its rows in order, each as one new file; gives the newest snapshot and how many puts were lost. */
async function write(table: DeltaTable, writer: number): Promise<{ snapshot: Snapshot; retries: number }> {
  const { store } = table.source;
  let retries = 0;
  for (const number of numbers(COMMITS)) {
    const base = table.snapshot;
    const body = Buffer.from(JSON.stringify({ writer, number }));
    const add: AddFile = { path: `${systemClock.uuid()}.parquet`, partitionValues: {}, size: body.length, modificationTime: store.nowMs(), dataChange: true };
    expect(await store.putIfAbsent(add.path, body)).toBe('created');
    const outcome = await table.commit(base, {
      operation: 'WRITE', reads: 'nothing', writtenAtMs: add.modificationTime, actions: [{ txn: { appId: `writer/${writer}`, version: BigInt(number) } }, { add }],
    });
    expect(outcome.kind).toBe('committed');
    retries += outcome.retries;
    if (writer === 0) await table.checkpointIfDue(CHECKPOINT_INTERVAL);
  }
  return { snapshot: table.snapshot, retries };
}

const STORES: readonly (readonly [string, () => Promise<ObjectStore>])[] = [
  ['a directory', () => Promise.resolve(new FileStore({ dir: join(folder, 'table') }))],
  ['Azurite', async () => {
    const store = new BlobStore({ access: { connectionString: azurite.connectionString }, container: 'writers' });
    await store.ensureContainer();
    return store;
  }],
];

test.each(STORES)(`${WRITERS} writers with ${COMMITS} commits each, on %s: every row once, in one unbroken order`, async (_name, open) => {
  const commits = { puts: 0 };
  const source = { store: countingCommits(await open(), commits), codec: new LinesCodec(), table: 't' };
  await DeltaTable.ensure(source, DEFINITION, systemClock);
  const tables = await Promise.all(numbers(WRITERS).map(async () => (await DeltaTable.open(source, systemClock))!));
  const written = await Promise.all(tables.map(write));

  const last = WRITERS * COMMITS;
  const cold = (await DeltaTable.open(source, systemClock))!;
  expect(cold.snapshot.version).toBe(BigInt(last));
  expect(cold.snapshot.checkpointVersion).toBeGreaterThan(0n);
  const keys = (await collect(source.store.list(''))).map(({ key }) => key);
  expect(keys.filter((key) => /^_delta_log\/\d{20}\.json$/.test(key))).toEqual(numbers(last + 1).map((version) => commitKey(BigInt(version))));
  // The put of version 0, and every other one: it won, or its loss was counted.
  expect(commits.puts).toBe(1 + last + written.reduce((sum, { retries }) => sum + retries, 0));

  const [order, added] = [numbers(WRITERS).map((): bigint[] => []), [] as string[]];
  for await (const { actions } of cold.versions(1n, BigInt(last))) {
    for (const { txn, add } of actions) {
      if (txn) order[Number(txn.appId.split('/')[1])].push(txn.version);
      if (add) added.push(add.path);
    }
  }
  expect(order).toEqual(numbers(WRITERS).map(() => numbers(COMMITS).map(BigInt)));
  expect(new Set(added).size).toBe(last);
  expect([...cold.snapshot.files.keys()].sort()).toEqual(added.toSorted());
  expect(keys.filter((key) => key.endsWith('.parquet') && !key.startsWith('_delta_log/'))).toEqual(added.toSorted());
  const rows = await Promise.all(added.map(async (path) => Buffer.from((await source.store.get(path))!).toString()));
  expect(rows.sort()).toEqual(numbers(WRITERS).flatMap((writer) => numbers(COMMITS).map((number) => JSON.stringify({ writer, number }))).sort());

  const newest = written.map(({ snapshot }) => snapshot).sort((a, b) => Number(b.version - a.version))[0];
  expect(newest.version).toBe(BigInt(last));
  expect([...newest.files.keys()].sort()).toEqual([...cold.snapshot.files.keys()].sort());
  expect([...cold.snapshot.txns.values()].map(({ version }) => version)).toEqual(numbers(WRITERS).map(() => BigInt(COMMITS - 1)));
}, 600_000);
