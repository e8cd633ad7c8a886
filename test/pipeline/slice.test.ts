import { describe, expect, test } from 'vitest';
import type { Action } from '../../shared/delta/actions.ts';
import type { DeltaTable } from '../../shared/delta/table.ts';
import { TableError } from '../../shared/errors.ts';
import { nextSlice } from '../../shared/pipeline/slice.ts';

const file = (path: string, rows: number, dataChange = true): Action =>
  ({ add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange, stats: JSON.stringify({ numRecords: rows }) } });
const gone = (path: string, dataChange = true): Action => ({ remove: { path, dataChange, deletionTimestamp: 0 } });

/** A log whose version i holds the i-th list. */
function logOf(...versions: Action[][]): DeltaTable {
  return {
    versions: async function* (from: bigint, to: bigint) {
      for (let version = from; version <= to; version++) yield Promise.resolve({ version, actions: versions[Number(version)] });
    },
  } as unknown as DeltaTable;
}

const source = logOf([], [file('a', 3)], [file('b', 3)], [{ txn: { appId: 'x', version: 1n } }], [file('c', 1)], [file('d', 9)]);

describe('nextSlice', () => {
  test.each([
    { what: 'as many versions as hold the rows', from: 0n, upTo: 5n, rowsMax: 6, to: 3n, more: true },
    { what: 'a version without rows costs nothing', from: 0n, upTo: 5n, rowsMax: 7, to: 4n, more: true },
    { what: 'the first version whole, however large', from: 4n, upTo: 5n, rowsMax: 2, to: 5n, more: false },
    { what: 'a larger version waits for a slice of its own', from: 3n, upTo: 5n, rowsMax: 9, to: 4n, more: true },
    { what: 'never past the version that was asked for', from: -1n, upTo: 2n, rowsMax: 100, to: 2n, more: false },
    { what: 'one row at a time', from: 0n, upTo: 5n, rowsMax: 1, to: 1n, more: true },
  ])('$what', async ({ from, upTo, rowsMax, to, more }) => {
    const slice = await nextSlice(source, { from, upTo, rowsMax });
    expect(slice).toMatchObject({ from, to, more });
    expect(slice!.versions.map(({ version }) => version)).toEqual(Array.from({ length: Number(to - from) }, (_v, i) => from + 1n + BigInt(i)));
  });

  const heavy = (path: string, bytes: number): Action => {
    const { add } = file(path, 1);
    return { add: { ...add!, size: 10, tags: { 'assay.payload_bytes': String(bytes) } } };
  };
  const payloads = logOf([], [heavy('a', 30)], [heavy('b', 30)], [file('foreign', 1)], [heavy('c', 500)], [heavy('d', 1)]);

  test.each([
    { what: 'as many versions as hold the payload', from: 0n, bytesMax: 68, to: 3n },
    { what: 'a file that does not say is taken for eight times its size', from: 0n, bytesMax: 67, to: 2n },
    { what: 'the first version whole, however much it holds', from: 3n, bytesMax: 100, to: 4n },
    { what: 'rows bound it all the same', from: 0n, bytesMax: 1_000, to: 4n },
  ])('by payload: $what', async ({ from, bytesMax, to }) => {
    expect(await nextSlice(payloads, { from, upTo: 5n, rowsMax: 4, bytesMax })).toMatchObject({ from, to, more: true });
  });

  test('nothing newer is no slice', async () => {
    expect(await nextSlice(source, { from: 5n, upTo: 5n, rowsMax: 1 })).toBeNull();
    expect(await nextSlice(source, { from: 9n, upTo: 5n, rowsMax: 1 })).toBeNull();
  });

  test('what changes no row is no change: neither adds nor removes of OPTIMIZE are seen, nor counted', async () => {
    const log = logOf([], [file('big', 1000, false), gone('a', false), gone('b', false)], [file('c', 1), gone('d'), { commitInfo: { intent: 'replace' } }]);
    const slice = (await nextSlice(log, { from: 0n, upTo: 2n, rowsMax: 1 }))!;
    expect(slice.to).toBe(2n);
    expect(slice.versions.map(({ adds, removes, intent }) => [adds.map(({ path }) => path), removes.map(({ path }) => path), intent])).toEqual([[[], [], null], [['c'], ['d'], 'replace']]);
  });

  test('a file that says nothing of its rows cannot be cut by rows', async () => {
    const log = logOf([], [{ add: { path: 'a', partitionValues: {}, size: 1, modificationTime: 0, dataChange: true } }]);
    await expect(nextSlice(log, { from: 0n, upTo: 1n, rowsMax: 1 })).rejects.toThrow(TableError);
  });
});
