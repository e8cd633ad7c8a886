import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DECODED_CHARS_MAX } from '../../shared/formats/decoder.ts';
import { readFrame } from '../../shared/formats/framing.ts';
import { gunzip } from '../../shared/formats/gzip.ts';

describe('Confluent\'s framing', () => {
  test('an id is unsigned', () => {
    expect(readFrame(Buffer.from([0, 0xff, 0xff, 0xff, 0xfe, 1, 2]))).toEqual({ schemaId: 4_294_967_294, payload: Buffer.from([1, 2]) });
    expect(readFrame(Buffer.from([0, 0, 0, 0, 1]))).toEqual({ schemaId: 1, payload: Buffer.alloc(0) });
  });

  test.each([
    [[], '0 bytes are too few for the magic byte and the schema\'s id'],
    [[0, 0, 0, 1], '4 bytes are too few for the magic byte and the schema\'s id'],
    [[0x7b, 0x22, 0x61, 0x22, 0x7d], 'the first byte is 0x7b, not the magic 0x00'],
    [[1, 0, 0, 0, 1, 0], 'the first byte is 0x01, not the magic 0x00'],
  ])('%j is none', (bytes, problem) => {
    expect(readFrame(Buffer.from(bytes))).toBe(problem);
  });
});

describe('gzip', () => {
  const whole = gzipSync('{"a":1}');

  test('is taken off, several members in a row as one', () => {
    expect(String(gunzip(whole))).toBe('{"a":1}');
    expect(String(gunzip(Buffer.concat([whole, gzipSync('!')])))).toBe('{"a":1}!');
    expect(String(gunzip(gzipSync('')))).toBe('');
  });

  test.each([
    ['cut short', whole.subarray(0, -1), /Z_BUF_ERROR/],
    ['a wrong checksum', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8)]), /Z_DATA_ERROR/],
    ['no gzip', Buffer.from('{"a":1}'), /Z_DATA_ERROR/],
    ['nothing', Buffer.alloc(0), /Z_BUF_ERROR/],
    ['followed by something', Buffer.concat([whole, Buffer.from('xyz')]), /Z_DATA_ERROR/],
    ['padded with zeros', Buffer.concat([whole, Buffer.alloc(3)]), /3 bytes after the gzip/],
    ['followed by half a member', Buffer.concat([whole, whole.subarray(0, 12)]), /Z_/],
    ['a bomb', gzipSync(Buffer.alloc(DECODED_CHARS_MAX + 1)), /unfolds to more than 16777216 bytes/],
  ])('%s', (_name, bytes, problem) => {
    expect(gunzip(bytes)).toMatch(problem);
  });

  test('the most that is taken', () => {
    expect(gunzip(gzipSync(Buffer.alloc(DECODED_CHARS_MAX)))).toHaveLength(DECODED_CHARS_MAX);
  });
});
