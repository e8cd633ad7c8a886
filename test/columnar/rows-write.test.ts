import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { LoadColumn } from '../../shared/columnar/load-column.ts';
import type { WriteTarget } from '../../shared/columnar/relation.ts';
import { rowsAsTheyAre } from '../../shared/columnar/rows-write.ts';
import { LocalFiles } from '../../shared/storage/local-files.ts';
import { openDuckBench } from '../support/duck-relations.ts';
import type { DuckBench } from '../support/duck-relations.ts';
import { MemoryStore } from '../support/memory-store.ts';

const target = (more: Partial<WriteTarget>): WriteTarget => ({ columns: [{ name: 'n', type: 'integer' }], partitionBy: [], statistics: ['n'], keyOf: () => 'a.parquet', ...more });
const n: LoadColumn = { name: 'n', kind: 'integer', values: [1, null, 3] };

describe('rows that need no statement', () => {
  const fits = (load: readonly LoadColumn[], more: Partial<WriteTarget> = {}) => rowsAsTheyAre(load, target(more)) !== null;

  test('have the target\'s types, or lack a column that is plain', () => {
    expect(fits([n])).toBe(true);
    expect(fits([n], { columns: [{ name: 'N', type: 'integer' }, { name: 'more', type: 'timestamp' }] })).toBe(true);
    expect(fits([n], { columns: [{ name: 'n', type: 'long' }] })).toBe(false);
    expect(fits([n], { columns: [{ name: 'more', type: 'decimal(5,2)' }] })).toBe(false);
    expect(fits([n], { columns: [{ name: 'more', type: { type: 'array', elementType: 'string' } }] })).toBe(false);
  });

  test('are of one partition, by constants', () => {
    const partitionBy = [{ name: 'day', type: 'date' }];
    expect(rowsAsTheyAre([n, { name: 'day', kind: 'date', constant: 20_000 }], target({ partitionBy }))?.partition).toEqual({ day: 20_000 });
    expect(rowsAsTheyAre([n], target({ partitionBy }))?.partition).toEqual({ day: null });
    expect(rowsAsTheyAre([n, { name: 'day', kind: 'long', constant: 3 }], target({ partitionBy: [{ name: 'day', type: 'long' }] }))?.partition).toEqual({ day: 3n });
    expect(fits([n, { name: 'day', kind: 'date', values: [1, 1, 1] }], { partitionBy })).toBe(false);
    expect(fits([n, { name: 'day', kind: 'integer', constant: 1 }], { partitionBy })).toBe(false);
  });
});

describe('the engine', () => {
  let bench: DuckBench;
  beforeAll(async () => { bench = await openDuckBench(); });
  afterAll(() => bench.close());

  test('is not started for them, and knows them all the same when it is asked', async () => {
    const store = new MemoryStore();
    // No size of memory: DuckDB can't start.
    const refused = new Engine({ memoryMb: Number.NaN, threads: 2, tempDir: bench.folder });
    const relations = (engine: Engine) => new DuckRelations({ engine, objects: new LocalFiles({ store, dir: `${bench.folder}/cache`, bytesMax: 1e9 }), tempDir: bench.tempDir, clock: systemClock });
    const write = (engine: Engine, key: string) => relations(engine).session(async (session) => session.write(await session.values([n]), target({ keyOf: () => key })));
    expect(await write(refused, 'a.parquet')).toMatchObject([{ rows: 3n, aggregates: { n: { nulls: 1n, min: 1, max: 3 } } }]);
    await expect(relations(refused).session(async (session) => session.count(await session.values([n])))).rejects.toThrow('Failed to set config');
    await relations(bench.engine).session(async (session) => {
      const rows = await session.values([n]);
      await session.write(rows, target({ keyOf: () => 'b.parquet' }));
      expect(await session.rows(rows)).toEqual([{ n: 1 }, { n: null }, { n: 3 }]);
    });
  });

  test('refuses statements of a session that has ended', async () => {
    const late = await bench.engine.session((session) => Promise.resolve(session));
    await expect(late.run('SELECT 1')).rejects.toThrow('a session that has ended');
  });
});
