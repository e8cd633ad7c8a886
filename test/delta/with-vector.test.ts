import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AddFile, DeletionVector } from '../../shared/delta/actions.ts';
import { parseStats } from '../../shared/delta/stats.ts';
import { withVector } from '../../shared/delta/with-vector.ts';

const vector: DeletionVector = { storageType: 'i', pathOrInlineDv: 'x', sizeInBytes: 34, cardinality: 1 };
const add: AddFile & Record<string, unknown> = {
  path: 'a%20b.parquet', partitionValues: { p: null }, size: 5, modificationTime: 6, dataChange: false, tags: { t: 'v' }, baseRowId: 7, futureField: { deep: [1] },
};
const changed = (stats: string | null | undefined, rowsInFile?: bigint) => withVector({ ...add, stats }, vector, { dataChange: true, rowsInFile }).stats;

test('every other field goes along, unknown ones too', () => {
  const former: DeletionVector = { ...vector, pathOrInlineDv: 'former' };
  expect(withVector({ ...add, stats: '{"numRecords":3}', deletionVector: former }, vector, { dataChange: true }))
    .toEqual({ ...add, dataChange: true, stats: '{"numRecords":3,"tightBounds":false}', deletionVector: vector });
});

test('without a vector the bounds stay as they are: wide ones hold for all rows too', () => {
  const stats = '{ "numRecords":3,"tightBounds":false}';
  expect(withVector({ ...add, stats, deletionVector: vector }, null, { dataChange: false })).toEqual({ ...add, stats });
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
