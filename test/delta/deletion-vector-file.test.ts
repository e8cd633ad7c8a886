import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AddFile, DeletionVector } from '../../shared/delta/actions.ts';
import { deletedRows, vectorKey } from '../../shared/delta/deletion-vector.ts';
import { packVectors, withVector } from '../../shared/delta/deletion-vector-file.ts';
import { parseStats } from '../../shared/delta/stats.ts';

const UUID = 'd2c639aa-8816-431a-aaf6-d3fe2512ff61';
const ROOT = 'az://account/lake/table';

const vectors = fc.array(
  fc.oneof(
    fc.uniqueArray(fc.bigInt({ min: 0n, max: 0x2_0000_0000n }), { minLength: 1, maxLength: 30 }).map((rows) => BigInt64Array.from(rows).sort()),
    fc.tuple(fc.nat(100_000), fc.integer({ min: 1, max: 9_000 }), fc.constantFrom(1, 3)).map(([from, length, step]) => BigInt64Array.from({ length }, (_value, i) => BigInt(from + i * step))),
  ),
  { minLength: 1, maxLength: 8 },
);

test('the reader gives back what was packed: in the log, in the file, in both', () => {
  fc.assert(fc.property(vectors, fc.constantFrom(0, 34, 60, 1_000, 1_000_000), (given, inlineBytesMax) => {
    const { descriptors, file } = packVectors(given, { uuid: UUID, inlineBytesMax });
    for (const [i, descriptor] of descriptors.entries()) {
      const key = vectorKey(descriptor, ROOT);
      expect(key === null).toBe(descriptor.sizeInBytes <= inlineBytesMax);
      if (key !== null) expect(key).toBe(file!.key);
      expect(deletedRows(descriptor, key === null ? null : file!.body)).toEqual(given[i]);
    }
    expect(file === null).toBe(descriptors.every(({ storageType }) => storageType === 'i'));
  }), { numRuns: 60 });
});

test('sizes: one row is 34 bytes in the log, 43 in a file', () => {
  const inline = packVectors([BigInt64Array.of(5n)], { uuid: UUID, inlineBytesMax: 34 });
  expect(inline).toEqual({ descriptors: [{ storageType: 'i', pathOrInlineDv: expect.any(String) as string, sizeInBytes: 34, cardinality: 1 }], file: null });
  expect(inline.descriptors[0].pathOrInlineDv).toHaveLength(45);
  const filed = packVectors([BigInt64Array.of(5n)], { uuid: UUID, inlineBytesMax: 33 });
  expect(filed.descriptors).toEqual([{ storageType: 'u', pathOrInlineDv: '^-aqEH.-t@S}K{vb[*k^', offset: 1, sizeInBytes: 34, cardinality: 1 }]);
  expect(filed.file!.key).toBe(`deletion_vector_${UUID}.bin`);
  expect(filed.file!.body.byteLength).toBe(43);
});

test('each vector of a file has its own checksum', () => {
  const given = [BigInt64Array.of(1n), BigInt64Array.of(2n, 3n)];
  const { descriptors, file } = packVectors(given, { uuid: UUID, inlineBytesMax: 0 });
  expect(descriptors.map(({ offset }) => offset)).toEqual([1, 43]);
  const broken = Uint8Array.from(file!.body);
  broken[descriptors[1].offset! + 4 + 20] ^= 1;
  expect(deletedRows(descriptors[0], broken)).toEqual(given[0]);
  expect(() => deletedRows(descriptors[1], broken)).toThrow(/checksum/);
});

test('a vector of nothing and a name that is no UUID are bugs of the caller', () => {
  expect(() => packVectors([new BigInt64Array()], { uuid: UUID, inlineBytesMax: 0 })).toThrow(/bug: .*must delete a row/);
  expect(() => packVectors([BigInt64Array.of(1n)], { uuid: 'v1', inlineBytesMax: 0 })).toThrow(/bug: v1 is no UUID/);
});

describe('an add with another vector', () => {
  const vector: DeletionVector = { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 34, cardinality: 1 };
  const add: AddFile & Record<string, unknown> = {
    path: 'a%20b.parquet', partitionValues: { p: null }, size: 5, modificationTime: 6, dataChange: false, tags: { t: 'v' }, baseRowId: 7, futureField: { deep: [1] },
  };
  const changed = (stats: string | null | undefined, rowsInFile?: bigint) => withVector({ ...add, stats }, vector, { rowsInFile }).stats;

  test('every other field goes along, unknown ones too', () => {
    const former: DeletionVector = { ...vector, pathOrInlineDv: 'former' };
    expect(withVector({ ...add, stats: '{"numRecords":3}', deletionVector: former }, vector))
      .toEqual({ ...add, stats: '{"numRecords":3,"tightBounds":false}', deletionVector: vector });
  });

  test('without a vector the bounds stay as they are: wide ones hold for all rows too', () => {
    const stats = '{ "numRecords":3,"tightBounds":false}';
    expect(withVector({ ...add, stats, deletionVector: vector }, null)).toEqual({ ...add, stats });
  });

  test('no digit of the statistics is lost', () => {
    const numbers = '"a":1.0,"b":1,"c":123456789012345678.90123456789,"d":9223372036854775807,"e":-0.0,"f":1e3,"g":{"h":0.10}';
    expect(changed(`{"numRecords":9007199254740993,"minValues":{${numbers}},"maxValues":{"s":"\\u2603 1.0","__proto__":1.50},"nullCount":{"a":0},"tightBounds":true}`))
      .toBe(`{"numRecords":9007199254740993,"minValues":{${numbers}},"maxValues":{"s":"☃ 1.0","__proto__":1.50},"nullCount":{"a":0},"tightBounds":false}`);
  });

  test('any number keeps its text', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 10n ** 38n }), fc.nat(37), fc.boolean(), (digits, scale, negative) => {
      const text = String(digits).padStart(scale + 1, '0');
      const decimal = `${negative ? '-' : ''}${text.slice(0, text.length - scale)}${scale > 0 ? `.${text.slice(-scale)}` : ''}`;
      expect(changed(`{"numRecords":1,"minValues":{"d":${decimal}}}`)).toContain(`"minValues":{"d":${decimal}}`);
    }));
  });

  test.each([null, undefined, '', 'null', '{}', '{"numRecords":null,"minValues":{"a":1.0}}'])('a file whose log lacks the count (%s) needs it from the caller', (stats) => {
    expect(() => changed(stats)).toThrow(expect.objectContaining({ code: 'delta/statistics' }));
    expect(parseStats(changed(stats, 12n))!.numRecords).toBe(12n);
    expect(changed(stats, 12n)).toContain('"tightBounds":false');
  });
});
