import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bitWidth, hybrid, repeated } from '../../../shared/columnar/parquet/hybrid.ts';

/** By the letter of Encodings.md, slowly: bit by bit. */
function decode(bytes: Uint8Array, width: number, count: number): number[] {
  const values: number[] = [];
  let at = 0;
  while (values.length < count) {
    let [header, shift] = [0, 0];
    for (;;) {
      const byte = bytes[at++];
      header += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte < 0x80) break;
    }
    if (header % 2 === 0) {
      let value = 0;
      for (let i = 0; i < Math.ceil(width / 8); i++) value += bytes[at++] * 2 ** (8 * i);
      for (let i = 0; i < header / 2; i++) values.push(value);
      continue;
    }
    const bits = ((header - 1) / 2) * 8 * width;
    const bit = (i: number) => (bytes[at + (i >> 3)] >> (i & 7)) & 1;
    for (let i = 0; i < bits; i += width) values.push(Array.from({ length: width }, (_value, k) => bit(i + k) * 2 ** k).reduce((sum, part) => sum + part, 0));
    at += bits / 8;
  }
  return values.slice(0, count);
}

test('a run of one value', () => {
  expect([...repeated(1, 3, 1)]).toEqual([6, 1]);
  expect([...repeated(0, 100_000, 3)]).toEqual([0xc0, 0x9a, 0x0c, 0]);
  expect(decode(repeated(300, 5, 9), 9, 5)).toEqual([300, 300, 300, 300, 300]);
});

test('widths', () => {
  expect([0, 1, 2, 3, 4, 255, 256].map(bitWidth)).toEqual([1, 1, 2, 2, 3, 8, 9]);
});

test('any values come back', () => {
  const cases = fc.integer({ min: 1, max: 20 }).chain((width) => fc.tuple(fc.constant(width), fc.array(fc.integer({ min: 0, max: 2 ** width - 1 }), { minLength: 1, maxLength: 100 })));
  fc.assert(fc.property(cases, ([width, values]) => {
    expect(decode(hybrid(values, width), width, values.length)).toEqual(values);
  }));
});
