import fc from 'fast-check';
import { expect, test } from 'vitest';
import { objectKey } from '../../shared/delta/object-key.ts';
import { partitionFolder, pathOfKey } from '../../shared/delta/partition-path.ts';

test.each([
  [[], {}, ''],
  [['event_type'], { event_type: 'click' }, 'event_type=click/'],
  [['a', 'b'], { a: '2025-04-01', b: null }, 'a=2025-04-01/b=__HIVE_DEFAULT_PARTITION__/'],
  [['a'], { a: '' }, 'a=__HIVE_DEFAULT_PARTITION__/'],
  [['a'], {}, 'a=__HIVE_DEFAULT_PARTITION__/'],
  [['a b'], { 'a b': 'x/y=100% ä' }, 'a%20b=x%2Fy%3D100%25%20%C3%A4/'],
  [['a'], { a: '..' }, 'a=../'],
  [['*'], { '*': 'a*b' }, '%2A=a%2Ab/'],
  [['a'], { a: 'x'.repeat(253) }, `a=${'x'.repeat(253)}/`],
  [['a'], { a: 'x'.repeat(254) }, ''],
  [['a', 'b'], { a: 'x', b: 'ä'.repeat(50) }, ''],
])('%j of %j is %j', (columns, values, folder) => expect(partitionFolder(columns, values)).toBe(folder));

test('the log\'s path of a key leads back to it, and holds nothing that an URI may not', () => {
  const value = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed());
  fc.assert(fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), (values) => {
    const columns = values.map((_, i) => `c${i}`);
    const key = `${partitionFolder(columns, Object.fromEntries(values.map((text, i) => [`c${i}`, text])))}part-0.parquet`;
    const path = pathOfKey(key);
    return objectKey(path, 'file:/table') === key && /^[\w.!~*'()%/=-]+$/.test(path);
  }));
});
