import { describe, expect, test } from 'vitest';
import { ProtobufWriter } from '../../shared/model/protobuf-writer.ts';
import { readOnnxInfo } from '../../shared/model/onnx-info.ts';

test('field 8 is the opsets and field 14 the metadata; the rest is stepped over', () => {
  const opset = new ProtobufWriter().text(1, 'ai.onnx.ml').integer(2, 300);
  const plain = new ProtobufWriter().integer(2, 17);
  const entry = new ProtobufWriter().text(1, 'ключ').text(2, 'значение');
  const bytes = new ProtobufWriter().integer(1, 10).integer(5, 2 ** 40).text(7, 'graph').messages(8, [opset, plain]).message(14, entry).finish();
  // A fixed64 (field 20) and a fixed32 (field 21), which no writer of ours makes.
  const fixed = Uint8Array.of(0xa1, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0xad, 0x01, 1, 2, 3, 4);
  expect(readOnnxInfo(Uint8Array.of(...fixed, ...bytes))).toEqual({ opsets: { 'ai.onnx.ml': 300, '': 17 }, metadata: { ключ: 'значение' } });
});

describe('bytes that are no message', () => {
  test.each([
    ['a length past the end', Uint8Array.of(0x42, 5, 1)],
    ['a varint without end', Uint8Array.of(0x08, 0xff, 0xff)],
    ['a wire type that is not there', Uint8Array.of(0x0f, 1)],
    ['an entry that is no message', Uint8Array.of(0x72, 1, 0x0f)],
  ])('%s', (_, bytes) => {
    expect(readOnnxInfo(bytes)).toBeNull();
  });
});
