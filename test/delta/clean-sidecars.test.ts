import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { printActions } from '../../shared/delta/actions.ts';
import type { Action } from '../../shared/delta/actions.ts';
import { cleanLog } from '../../shared/delta/clean-log.ts';
import { cleanSidecars } from '../../shared/delta/clean-sidecars.ts';
import { LAST_CHECKPOINT, SIDECAR_FOLDER, checkpointKey, commitKey } from '../../shared/delta/log-path.ts';
import { loadSnapshot, loadSnapshotAt } from '../../shared/delta/log-reader.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { Meter } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { startTestAzurite } from '../support/azurite.ts';
import type { TestAzurite } from '../support/azurite.ts';
import { collect } from '../support/collect.ts';
import { openDeltaBench, patientClock } from '../support/delta.ts';
import type { DeltaBench } from '../support/delta.ts';
import { DyingStore, Lifeline, deathsOf } from '../support/dying-store.ts';
import { LinesCodec } from '../support/lines-codec.ts';
import { MemoryStore } from '../support/memory-store.ts';

const DAY_MS = 86_400_000;
const UUID = '6374b053-df23-479b-b2cf-c9c550132b49';
const codec = new LinesCodec();
const key = (version: number, rest: string) => `_delta_log/${String(version).padStart(20, '0')}.${rest}`;
const manifestKey = (version: number) => key(version, `checkpoint.${UUID}.json`);
const add = (path: string): Action => ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, stats: '{"numRecords":1}' } });
const sidecar = (name: string): Action => ({ sidecar: { path: name, sizeInBytes: 1 } });
const HEAD: Action[] = [
  { protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['v2Checkpoint'], writerFeatures: ['v2Checkpoint'] } },
  {
    metaData: {
      id: 'i', format: { provider: 'parquet', options: {} }, schemaString: JSON.stringify(struct(field('a', 'long'))), partitionColumns: [],
      configuration: { 'delta.logRetentionDuration': 'interval 10 days', 'delta.checkpointPolicy': 'v2' },
    },
  },
];
const sidecarsOf = async (store: ObjectStore) => (await collect(store.list(SIDECAR_FOLDER))).map((info) => info.key.slice(SIDECAR_FOLDER.length)).sort();
const put = (store: ObjectStore, name: string, actions: readonly Action[]) => store.put(name, Buffer.from(printActions(actions)));

describe('of a log', () => {
  const clock = patientClock(Date.parse('2025-04-01T12:00:00Z'));
  let store: MemoryStore;
  let meter: Meter;
  let source: LogSource;
  beforeEach(async () => {
    store = new MemoryStore({ clock });
    meter = new Meter();
    source = { store: new MeteredStore({ store, meter, requests: 'per-call' }), codec, table: 't' };
    for (const name of ['old', 'named']) await put(store, `${SIDECAR_FOLDER}${name}`, []);
    clock.advance(20 * DAY_MS);
    await put(store, `${SIDECAR_FOLDER}young`, []);
  });
  const clean = async (cutoffMs = clock.nowMs() - 10 * DAY_MS) => {
    const deleted = await cleanSidecars(source, await collect(store.list('_delta_log/')), cutoffMs);
    return { deleted, left: await sidecarsOf(store) };
  };

  test('those go that no checkpoint names and that are old enough', async () => {
    await put(store, manifestKey(7), [...HEAD, sidecar('named')]);
    await put(store, manifestKey(5), HEAD);
    expect(await clean()).toEqual({ deleted: 1, left: ['named', 'young'] });
  });

  test('a day is the least, however short the log is kept', async () => {
    clock.advance(DAY_MS - 1);
    expect(await clean(clock.nowMs())).toEqual({ deleted: 2, left: ['young'] });
    clock.advance(DAY_MS);
    expect(await clean(clock.nowMs())).toEqual({ deleted: 1, left: [] });
  });

  test('a classic name may hold the newer form, too', async () => {
    await codec.write(store, checkpointKey(3n), HEAD.map((action) => JSON.stringify(action)));
    await put(store, manifestKey(4), [...HEAD, sidecar('abfss://x@y.dfs.core.windows.net/t/_delta_log/_sidecars/old'), sidecar('named')]);
    expect(await clean()).toEqual({ deleted: 0, left: ['named', 'old', 'young'] });
  });

  test('a checkpoint that can\'t be read keeps all', async () => {
    await store.put(checkpointKey(3n), Buffer.from('lines 1\n'));
    expect(await clean()).toEqual({ deleted: 0, left: ['named', 'old', 'young'] });
  });

  test('no checkpoint is read for what is young, or is named already', async () => {
    for (const version of [8, 9]) await put(store, manifestKey(version), [...HEAD, sidecar('named'), sidecar('old')]);
    await clean(clock.nowMs() - 25 * DAY_MS);
    expect(meter.read().byOperation.get).toBe(0);
    expect(await clean()).toEqual({ deleted: 0, left: ['named', 'old', 'young'] });
    expect(meter.read().byOperation.get).toBe(1);
  });
});

/** A version and a checkpoint with two sidecars a day, of which the first is the former's second. */
async function grow(store: MemoryStore, clock: ReturnType<typeof patientClock>, versions: number): Promise<void> {
  for (let version = 0; version < versions; version++) {
    await put(store, commitKey(BigInt(version)), [...(version === 0 ? HEAD : []), add(`f${version}`)]);
    const adds = Array.from({ length: version + 1 }, (_value, i) => JSON.stringify(add(`f${i}`)));
    await codec.write(store, `${SIDECAR_FOLDER}s${version}`, adds.slice(-1));
    await codec.write(store, `${SIDECAR_FOLDER}rest${version}`, adds.slice(0, -2));
    const former = version === 0 ? [] : [sidecar(`s${version - 1}`)];
    await put(store, manifestKey(version), [...HEAD, sidecar(`s${version}`), sidecar(`rest${version}`), ...former]);
    await store.put(LAST_CHECKPOINT, Buffer.from(`{"version":${version},"size":1}`));
    clock.advance(DAY_MS);
  }
}

test('ends or fails at any storage operation: what is left reads the same at every version, and the next run ends it', async () => {
  const VERSIONS = 16;
  /** The first version that the log keeps. */
  const KEPT = 5;
  const clock = patientClock(Date.parse('2025-04-01T12:00:00Z'));
  const begin = async () => {
    const store = new MemoryStore({ clock });
    await grow(store, clock, VERSIONS);
    return store;
  };
  const run = async (store: MemoryStore, life: Lifeline) => {
    const snapshot = (await loadSnapshot({ store, codec, table: 't' }))!;
    return cleanLog({ store: new DyingStore(store, life), codec, table: 't' }, snapshot, { consumed: null });
  };
  const readable = async (store: MemoryStore) => {
    const wrong: number[] = [];
    for (let version = KEPT; version < VERSIONS; version++) {
      const files = [...((await loadSnapshotAt({ store, codec, table: 't' }, BigInt(version)))?.files.keys() ?? [])].sort();
      if (files.length !== version + 1) wrong.push(version);
    }
    return wrong;
  };
  const undisturbed = await begin();
  const life = new Lifeline();
  expect(await run(undisturbed, life)).toEqual({ kind: 'cleaned', files: 2 * 5, from: 5n, more: false, sidecars: 2 * 5 - 1 });
  const left = await sidecarsOf(undisturbed);
  // The second of version 4 is the first of version 5's checkpoint.
  expect([left.includes('s4'), left.includes('s3'), left.includes('rest4'), left.length]).toEqual([true, false, false, 2 * VERSIONS - 9]);
  expect(life.operations.length).toBeGreaterThan(25);
  for (const [i, operation] of life.operations.entries()) {
    for (const death of deathsOf(operation)) {
      const store = await begin();
      await run(store, new Lifeline(i + 1, death)).catch((error: unknown) => expect(error).toMatchObject({ code: 'test/dead' }));
      const what = `${death} ${i + 1}: ${operation}`;
      expect(await readable(store), what).toEqual([]);
      await run(store, new Lifeline());
      expect(await readable(store), what).toEqual([]);
      expect(await sidecarsOf(store), what).toEqual(left);
    }
  }
});

const TABLES = join(import.meta.dirname, '../../../shared/delta-tables');
const present = existsSync(TABLES);

describe.skipIf(!present)(`tables of Spark and of the kernels${present ? '' : ': ../shared/delta-tables is not beside this clone'}`, () => {
  let bench: DeltaBench;
  let azurite: TestAzurite;
  let folder: string;
  beforeAll(async () => {
    [bench, azurite, folder] = await Promise.all([openDeltaBench(), startTestAzurite(), mkdtemp(join(tmpdir(), 'assay-sidecars-'))]);
  });
  afterAll(async () => {
    await Promise.all([bench.close(), azurite.close(), rm(folder, { recursive: true })]);
  });
  const stores: Readonly<Record<string, (name: string) => Promise<ObjectStore>>> = {
    'a directory': (name) => Promise.resolve(new FileStore({ dir: join(folder, name) })),
    'Azure Blob Storage': () => azurite.container(),
  };
  /** The same, later. */
  const later = (store: ObjectStore, days: number): ObjectStore => new Proxy(store, {
    get: (of, name) => {
      if (name === 'nowMs') return () => of.nowMs() + days * DAY_MS;
      const value = Reflect.get(of, name, of) as unknown;
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(of) : value;
    },
  });

  describe.each(Object.keys(stores))('in %s', (kind) => {
    test.each([
      ['kernel/v2-checkpoints-json-with-sidecars/v2-checkpoints-json-with-sidecars', 12, 2, 6n],
      ['spark/v2-checkpoint-json/delta', 2, 2, 2n],
    ])('%s: of %i sidecars those of the newest checkpoint stay', async (name, before, after, from) => {
      const origin = join(TABLES, name);
      const store = await stores[kind](name);
      for (const entry of await readdir(origin, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        await store.put(path.slice(origin.length + 1), await readFile(path));
      }
      expect(await sidecarsOf(store)).toHaveLength(before);
      const table = await bench.open(store);
      const { snapshot } = table.delta;
      expect(await cleanLog(bench.source(later(store, 20)), snapshot, { consumed: null })).toEqual({ kind: 'kept', why: 'too-young' });
      const outcome = await cleanLog(bench.source(later(store, 40)), snapshot, { consumed: null });
      expect(outcome).toMatchObject({ kind: 'cleaned', from, ...(before > after ? { sidecars: before - after } : {}) });
      expect(await sidecarsOf(store)).toHaveLength(after);
      const again = await bench.open(store);
      expect([again.delta.snapshot.version, [...again.delta.snapshot.files.keys()].sort()]).toEqual([snapshot.version, [...snapshot.files.keys()].sort()]);
      expect(again.delta.snapshot.checkpointVersion).toBe(from);
    });
  });
});
