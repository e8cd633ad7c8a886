import { expect, test } from 'vitest';
import type { DeletionVector } from '../../shared/delta/actions.ts';
import { deletedRows, vectorKey } from '../../shared/delta/deletion-vector.ts';
import { encodeRoaring64, encodeZ85, vectorFile, vectorPayload } from '../support/roaring.ts';

const ROOT = 'az://account/lake/table';
const rows = [0n, 3n, 70_000n];
const payload = vectorPayload(encodeRoaring64(rows));
const { file, offsets } = vectorFile([vectorPayload(encodeRoaring64([1n])), payload]);
const stored: DeletionVector = { storageType: 'u', pathOrInlineDv: 'ab^-aqEH.-t@S}K{vb[*k^', offset: offsets[1], sizeInBytes: payload.length, cardinality: 3 };
const inline: DeletionVector = { storageType: 'i', pathOrInlineDv: encodeZ85(payload), sizeInBytes: payload.length, cardinality: 3 };

test('the file of a vector: the UUID example of the protocol, with and without a prefix', () => {
  expect(vectorKey(stored, ROOT)).toBe('ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin');
  expect(vectorKey({ ...stored, pathOrInlineDv: '^-aqEH.-t@S}K{vb[*k^' }, ROOT)).toBe('deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin');
  expect(vectorKey(inline, ROOT)).toBeNull();
});

test('an absolute path below the table is a key, any other is refused', () => {
  const absolute = (pathOrInlineDv: string): DeletionVector => ({ ...stored, storageType: 'p', pathOrInlineDv });
  expect(vectorKey(absolute('abfss://lake@account.dfs.core.windows.net/table/a%20b.bin'), ROOT)).toBe('a b.bin');
  expect(() => vectorKey(absolute('abfss://lake@other.dfs.core.windows.net/table/a.bin'), ROOT)).toThrow(expect.objectContaining({ code: 'delta/absolute-path' }));
});

test('a vector in a file and one in the log', () => {
  expect([...deletedRows(stored, file)]).toEqual(rows);
  expect([...deletedRows({ ...stored, offset: offsets[0], sizeInBytes: offsets[1] - 9, cardinality: 1 }, file)]).toEqual([1n]);
  expect([...deletedRows(inline, null)]).toEqual(rows);
});

const changed = (at: number): Buffer => {
  const copy = Buffer.from(file);
  copy[at] ^= 1;
  return copy;
};

test.each<[string, DeletionVector, Buffer | null, RegExp]>([
  ['another cardinality', { ...stored, cardinality: 2 }, file, /log says 2 rows, it holds 3/],
  ['another size', { ...stored, sizeInBytes: stored.sizeInBytes - 1 }, file, /its file says/],
  ['an offset past the end', { ...stored, offset: file.length }, file, /its file has/],
  ['a flipped bit', stored, changed(offsets[1] + 20), /checksum/],
  ['a flipped checksum', stored, changed(file.length - 1), /checksum/],
  ['another format version', stored, changed(0), /format version 0/],
  ['a cut file', stored, file.subarray(0, -1), /its file has/],
  ['the obsolete big-endian inline form of the protocol\'s example', { storageType: 'i', pathOrInlineDv: 'wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L', sizeInBytes: 40, cardinality: 6 }, null, /magic/],
  ['text that is no Z85', { ...inline, pathOrInlineDv: `${inline.pathOrInlineDv.slice(0, -1)}"` }, null, /is no Z85 text/],
  ['half a Z85 word', { ...inline, pathOrInlineDv: inline.pathOrInlineDv.slice(0, -1) }, null, /is no Z85 text/],
  ['a Z85 word too large', { ...inline, pathOrInlineDv: '#####' }, null, /is no Z85 text/],
  ['fewer bytes than the log says', { ...inline, sizeInBytes: 400 }, null, /log says 400 bytes/],
])('%s is refused', (_name, vector, bytes, message) => {
  expect(() => deletedRows(vector, bytes)).toThrow(expect.objectContaining({ code: 'delta/deletion-vector', message: expect.stringMatching(message) as string }));
});

test('an unknown place is refused by name', () => {
  expect(() => vectorKey({ ...stored, storageType: 'x' } as unknown as DeletionVector, ROOT)).toThrow(/stored as "x"/);
});
