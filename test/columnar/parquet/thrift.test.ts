import { expect, test } from 'vitest';
import { binary, bool, i16, i32, i64, list, struct, text, thriftBytes } from '../../../shared/columnar/parquet/thrift.ts';

const bytes = (value: Parameters<typeof thriftBytes>[0]) => [...thriftBytes(value)];

test('fields: the step from the last id and the type in one byte, absent ones left out, a zero at the end', () => {
  expect(bytes(struct([[1, i32(1)], [3, null], [4, text('ab')], [7, bool(true)], [8, bool(false)]]))).toEqual([0x15, 2, 0x38, 2, 97, 98, 0x31, 0x12, 0]);
});

test('whole numbers are zigzag varints, also beyond 32 bits', () => {
  expect(bytes(i16(-1))).toEqual([1]);
  expect(bytes(i32(-64))).toEqual([127]);
  expect(bytes(i64(64))).toEqual([0x80, 1]);
  expect(bytes(i64(2 ** 40))).toEqual([0x80, 0x80, 0x80, 0x80, 0x80, 0x40]);
});

test('lists: short and long', () => {
  expect(bytes(list([i32(1), i32(2)]))).toEqual([0x25, 2, 4]);
  expect(bytes(list(Array.from({ length: 200 }, () => i32(0)))).slice(0, 4)).toEqual([0xf5, 200, 1, 0]);
  expect(bytes(list([]))).toEqual([0x0c]);
});

test('bytes of any length', () => {
  expect(bytes(binary(new Uint8Array(300))).slice(0, 3)).toEqual([0xac, 2, 0]);
});
