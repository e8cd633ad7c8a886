import { expect, test } from 'vitest';
import { ProtobufWriter } from '../../shared/model/protobuf-writer.ts';

// protobuf.dev/programming-guides/encoding gives these three.
test.each([
  ['the integer 150', new ProtobufWriter().integer(1, 150), '089601'],
  ['the text "testing"', new ProtobufWriter().text(2, 'testing'), '120774657374696e67'],
  ['packed integers', new ProtobufWriter().integers(6, [3, 270, 86_942]), '3206038e029ea705'],
  ['a message in a message', new ProtobufWriter().message(3, new ProtobufWriter().integer(1, 150)), '1a03089601'],
  ['a field above 15', new ProtobufWriter().integer(20, 1), 'a00101'],
  ['an integer above 32 bits', new ProtobufWriter().integer(1, 2 ** 40), '08808080808020'],
])('%s', (_, writer, hex) => {
  expect(Buffer.from(writer.finish()).toString('hex')).toBe(hex);
});

test.each([-1, 0.5, 2 ** 53])('%d is no varint', (value) => {
  expect(() => new ProtobufWriter().integer(1, value)).toThrow(`bug: a varint of ${value}`);
});
