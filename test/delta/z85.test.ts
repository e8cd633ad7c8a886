import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeZ85, encodeZ85 } from '../../shared/delta/z85.ts';
import { encodeZ85 as independently } from '../support/roaring.ts';

test('the example of the RFC', () => {
  const bytes = Uint8Array.of(0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b);
  expect(encodeZ85(bytes)).toBe('HelloWorld');
  expect(decodeZ85('HelloWorld')).toEqual(bytes);
});

test('what was encoded is decoded, filled up with zeros', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
    const text = encodeZ85(bytes);
    expect(text).toBe(independently(bytes));
    const filled = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    filled.set(bytes);
    expect(decodeZ85(text)).toEqual(filled);
  }));
});

test.each(['1234', '1234"', '#####', 'ää123'])('%s is no Z85', (text) => {
  expect(decodeZ85(text)).toBeNull();
});
