import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { literal } from '../../shared/columnar/sql-text.ts';
import { printActions, removeOf } from '../../shared/delta/actions.ts';
import type { Action, AddFile, MetaData } from '../../shared/delta/actions.ts';
import { packVectors, withVector } from '../../shared/delta/deletion-vector-file.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { union } from '../../shared/delta/positions.ts';
import { protocolFor } from '../../shared/delta/protocol.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import { printStats } from '../../shared/delta/stats.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { digestOf } from '../support/canonical-row.ts';
import { ARROW_ENGINES, DeltaEngines, missingFor, skippedFor } from '../support/delta-engines.ts';

const missing = missingFor(ARROW_ENGINES);

const range = (from: number, to: number, step = 1) => BigInt64Array.from({ length: Math.ceil((to - from) / step) }, (_value, i) => BigInt(from + i * step));

/** Data files by what is deleted of them, at first and later on. Between them they have every form of container, alone and beside others. */
const FILES: readonly { readonly name: string; readonly rows: number; readonly first: BigInt64Array; readonly more: BigInt64Array }[] = [
  { name: 'one row', rows: 10, first: BigInt64Array.of(5n), more: BigInt64Array.of(0n, 9n) },
  { name: 'an array', rows: 12_000, first: range(0, 12_000, 3), more: range(1, 90, 3) },
  { name: 'the largest array, then a bitmap', rows: 8_192, first: range(0, 8_192, 2), more: BigInt64Array.of(8_191n) },
  { name: 'runs', rows: 70_000, first: union(range(100, 60_000), range(65_530, 65_540)), more: range(60_000, 65_000) },
  { name: 'all forms at once', rows: 270_000, first: union(union(range(0, 65_536, 2), range(70_000, 130_900)), union(range(131_072, 131_372, 7), range(196_608, 262_144))), more: range(200, 65_000) },
  { name: 'all rows but the last', rows: 66_000, first: range(0, 65_990), more: range(65_990, 65_999) },
];
const FIRST_ID = 1_000_000;
const SCHEMA = struct(field('id', 'long'));
const METADATA: MetaData = {
  id: '7e3b0f6e-6f6c-4e0e-8a52-c5a1a8d7f0aa', format: { provider: 'parquet', options: {} }, schemaString: JSON.stringify(SCHEMA),
  partitionColumns: [], configuration: { 'delta.enableDeletionVectors': 'true' },
};

/** The ids that are left once these positions are gone from each file. */
function idsWithout(deleted: readonly BigInt64Array[]): number[] {
  return FILES.flatMap(({ rows }, i) => {
    const gone = new Set(deleted[i]);
    return Array.from({ length: rows }, (_value, row) => row).filter((row) => !gone.has(BigInt(row))).map((row) => i * FIRST_ID + row);
  });
}

const digestOfIds = (ids: readonly number[]) => digestOf(ids.map((id) => `{"id":"${id}"}`));

describe.skipIf(missing !== null)(`deletion vectors of ours, read by others${skippedFor(missing)}`, () => {
  const engines = new DeltaEngines();
  let folder: string;
  let duckdb: Engine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-vectors-'));
    duckdb = new Engine({ memoryMb: 256, threads: 2, tempDir: join(folder, 'spill') });
  });
  afterAll(async () => {
    await Promise.all([engines.close(), duckdb.close()]);
    await rm(folder, { recursive: true, force: true });
  });

  /** Version 0 has the rows, version 1 the first vectors, version 2 larger ones. */
  async function write(dir: string, inlineBytesMax: number): Promise<void> {
    const store = new FileStore({ dir });
    const commit = (version: bigint, actions: readonly Action[]) => store.putIfAbsent(commitKey(version), Buffer.from(printActions(actions)));
    await mkdir(dir);
    let files = await Promise.all(FILES.map(({ rows }, i) => dataFile(dir, i, rows)));
    await commit(0n, [{ protocol: protocolFor(METADATA) }, { metaData: METADATA }, ...files.map((add) => ({ add }))]);
    const later = FILES.map(({ first, more }) => union(first, more));
    for (const [version, vectors] of [[1n, FILES.map(({ first }) => first)], [2n, later]] as const) {
      const { descriptors, file } = packVectors(vectors, { uuid: systemClock.uuid(), inlineBytesMax });
      if (file) await store.putIfAbsent(file.key, file.body);
      const shrunk = files.map((add, i) => withVector(add, descriptors[i]));
      await commit(version, files.flatMap((add, i) => [{ remove: removeOf(add, { nowMs: systemClock.nowMs(), dataChange: true }) }, { add: shrunk[i] }]));
      files = shrunk;
    }
  }

  async function dataFile(dir: string, i: number, rows: number): Promise<AddFile> {
    const path = `${systemClock.uuid()}.parquet`;
    const first = i * FIRST_ID;
    await duckdb.session((session) => session.run(`COPY (SELECT ${first} + range AS id FROM range(${rows})) TO ${literal(join(dir, path))} (FORMAT parquet)`));
    const { size, mtimeMs } = await stat(join(dir, path));
    const stats = printStats(BigInt(rows), SCHEMA.fields, { id: { nulls: 0n, min: BigInt(first), max: BigInt(first + rows - 1) } });
    return { path, partitionValues: {}, size, modificationTime: Math.floor(mtimeMs), dataChange: true, stats };
  }

  describe.each([['in files', 0], ['in the log', 1_000_000], ['small ones in the log', 100]])('%s', (name, inlineBytesMax) => {
    let dir: string;
    beforeAll(async () => {
      dir = join(folder, name.replaceAll(' ', '-'));
      await write(dir, inlineBytesMax);
    });

    test.each(ARROW_ENGINES)('%s reads the rows that are left, at each version', async (engine) => {
      expect(await engines.read(engine, dir, { version: 1 })).toEqual(digestOfIds(idsWithout(FILES.map(({ first }) => first))));
      expect(await engines.read(engine, dir)).toEqual(digestOfIds(idsWithout(FILES.map(({ first, more }) => union(first, more)))));
    });

    test.each(ARROW_ENGINES)('%s finds a row by its id where it is left, and none where it is deleted', async (engine) => {
      const left = new Set(idsWithout(FILES.map(({ first, more }) => union(first, more))));
      for (const [i, { rows }] of FILES.entries()) {
        for (const id of [i * FIRST_ID, i * FIRST_ID + rows - 1]) {
          expect(await engines.lines(engine, dir, { where: `id = ${id}` }), FILES[i].name).toEqual(left.has(id) ? [`{"id":"${id}"}`] : []);
        }
      }
    });
  });
});
