import { afterAll, describe, expect, test } from 'vitest';
import { tmpdir } from 'node:os';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { field, struct } from '../../shared/delta/schema.ts';
import type { DataType } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { truncateMax, truncateMin } from '../../shared/delta/stats.ts';
import { pruneByKey } from '../../shared/pipeline/prune.ts';

const engine = new Engine({ memoryMb: 64, threads: 1, tempDir: tmpdir() });
afterAll(() => engine.close());

type Bounds = Readonly<Record<string, readonly [unknown, unknown]>> | null;

/** A table whose files have these bounds; null: no statistics at all. */
function snapshotOf(columns: Readonly<Record<string, DataType>>, files: Readonly<Record<string, Bounds>>): Snapshot {
  const side = (bounds: NonNullable<Bounds>, i: 0 | 1) => Object.fromEntries(Object.entries(bounds).map(([name, pair]) => [name, pair[i]]).filter(([, value]) => value !== undefined));
  const adds = Object.entries(files).map(([path, bounds]) => [path, {
    path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true,
    stats: bounds === null ? null : JSON.stringify({ numRecords: 1, minValues: side(bounds, 0), maxValues: side(bounds, 1), nullCount: {} }),
  }] as const);
  return { schema: struct(...Object.entries(columns).map(([name, type]) => field(name, type))), files: new Map(adds) } as unknown as Snapshot;
}

/** The files that may hold a key of `rows`, SQL. */
async function possible(snapshot: Snapshot, key: readonly string[], rows: string): Promise<string[]> {
  return engine.session(async (session) => {
    await session.run(`CREATE TEMP TABLE wanted AS ${rows}`);
    return (await pruneByKey(session, snapshot, key, 'wanted')).map(({ path }) => path);
  });
}

describe('pruneByKey', () => {
  const text = snapshotOf({ id: 'string' }, { low: { id: ['a', 'c'] }, middle: { id: ['d', 'f'] }, high: { id: ['g', 'z'] }, blind: null, half: { id: ['x', undefined] } });

  test.each([
    { what: 'one key', rows: "SELECT 'e' AS id", files: ['middle', 'blind'] },
    { what: 'a range over two files', rows: "SELECT unnest(['c', 'd']) AS id", files: ['low', 'middle', 'blind'] },
    { what: 'bounds are included', rows: "SELECT 'g' AS id", files: ['high', 'blind'] },
    { what: 'below all', rows: "SELECT 'A' AS id", files: ['blind'] },
    { what: 'above all', rows: "SELECT '~' AS id", files: ['blind', 'half'] },
    { what: 'no key at all', rows: "SELECT 'a' AS id WHERE false", files: [] },
  ])('text: $what', async ({ rows, files }) => {
    expect(await possible(text, ['id'], rows)).toEqual(files);
  });

  test('text goes by bytes: a character beyond the first plane is above U+FFFD', async () => {
    const snapshot = snapshotOf({ id: 'string' }, { file: { id: ['\uFFFD', '\u{1F600}'] } });
    expect(await possible(snapshot, ['id'], "SELECT chr(65536) AS id")).toEqual(['file']);
    expect(await possible(snapshot, ['id'], "SELECT chr(65532) AS id")).toEqual([]);
  });

  test('cut bounds never hide a long key', async () => {
    for (const id of ['x'.repeat(200), '\u{10FFFF}'.repeat(70), `${'é'.repeat(32)}tail`, '\u{1F600}'.repeat(40)]) {
      const max = truncateMax(id);
      const snapshot = snapshotOf({ id: 'string' }, { file: { id: [truncateMin(id), max ?? undefined] } });
      expect(await possible(snapshot, ['id'], `SELECT '${id}' AS id`)).toEqual(['file']);
    }
  });

  test('integers go by value, with every digit, also below zero', async () => {
    const snapshot = snapshotOf({ no: 'long' }, { low: { no: [-5, -1] }, high: { no: [9, 10] } });
    expect(await possible(snapshot, ['no'], 'SELECT -1::BIGINT AS no')).toEqual(['low']);
    expect(await possible(snapshot, ['no'], 'SELECT unnest([9, 10])::BIGINT AS no')).toEqual(['high']);
    expect(await possible(snapshot, ['no'], 'SELECT 5::BIGINT AS no')).toEqual([]);
    const large = { ...snapshot, files: new Map([['big', { path: 'big', stats: '{"numRecords":1,"minValues":{"no":9007199254740993},"maxValues":{"no":9007199254740993}}' }]]) } as unknown as Snapshot;
    expect(await possible(large, ['no'], 'SELECT 9007199254740993 AS no')).toEqual(['big']);
    expect(await possible(large, ['no'], 'SELECT 9007199254740992 AS no')).toEqual([]);
  });

  test('a composite key prunes by each column that has a range; a partition column, a time or a truth has none', async () => {
    const columns = { shop: 'string', no: 'long', at: 'timestamp', gift: 'boolean' };
    const snapshot = snapshotOf(columns, { a: { no: [1, 5], at: ['2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z'] }, b: { no: [6, 9] } });
    expect(await possible(snapshot, ['shop', 'no', 'at', 'gift'], "SELECT 'x' AS shop, 3::BIGINT AS no, TIMESTAMPTZ '2030-01-01' AS at, true AS gift")).toEqual(['a']);
    expect(await possible(snapshot, ['at', 'gift'], "SELECT TIMESTAMPTZ '2030-01-01' AS at, true AS gift")).toEqual(['a', 'b']);
  });

  test('without files there is nothing to look at', async () => {
    expect(await possible(snapshotOf({ id: 'string' }, {}), ['id'], "SELECT 'a' AS id")).toEqual([]);
  });
});
