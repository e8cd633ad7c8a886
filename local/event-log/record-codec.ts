import { crc32 } from 'node:zlib';
import type { KafkaHeader, KafkaRecord } from '../../shared/sources/record.ts';

/** What a producer hands to the log; the log adds topic, partition and offset. `timestampMs` is a whole number (CreateTime). */
export interface NewRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
  readonly timestampMs: number;
}

/*
  A record on disk, little-endian, null as length -1:

  record => body_length crc32 body
    body_length => UINT32           bytes of body
    crc32       => UINT32           of body
    body => timestamp_ms key value [headers]
      timestamp_ms => FLOAT64       whole numbers up to 2^53 are exact
      key, value   => length BYTES
        length => INT32
      headers => count (key value)*
        count => UINT32
        key   => length UTF8
        value => length BYTES

  The offset is not stored: a segment's name holds its first offset and records follow each other without a hole.
*/
export const FRAME_BYTES = 8;
const BODY_BYTES_MIN = 8 + 4 + 4 + 4;
const NULL_LENGTH = -1;
const NO_HEADERS: readonly KafkaHeader[] = [];

/** Bytes that `record` takes on disk. */
export function encodedBytes(record: NewRecord): number {
  let bytes = FRAME_BYTES + BODY_BYTES_MIN + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) bytes += 8 + Buffer.byteLength(header.key) + (header.value?.length ?? 0);
  return bytes;
}

/** Writes `record` at `at`; the caller has made room. Returns the position after it. */
export function encodeRecord(target: Buffer, at: number, record: NewRecord): number {
  const body = at + FRAME_BYTES;
  let position = target.writeDoubleLE(record.timestampMs, body);
  position = putBytes(target, position, record.key);
  position = putBytes(target, position, record.value);
  position = target.writeUInt32LE(record.headers.length, position);
  for (const header of record.headers) {
    const keyBytes = target.write(header.key, position + 4, 'utf8');
    position = target.writeInt32LE(keyBytes, position) + keyBytes;
    position = putBytes(target, position, header.value);
  }
  target.writeUInt32LE(position - body, at);
  target.writeUInt32LE(crc32(target.subarray(body, position)), at + 4);
  return position;
}

function putBytes(target: Buffer, at: number, bytes: Uint8Array | null): number {
  const position = target.writeInt32LE(bytes === null ? NULL_LENGTH : bytes.length, at);
  if (bytes === null) return position;
  target.set(bytes, position);
  return position + bytes.length;
}

/** Whether `buffer` holds at `at`: a whole record with a right checksum, the start of one that goes on past the end, or damage. */
export function recordState(buffer: Buffer, at: number): 'whole' | 'cut' | 'damaged' {
  if (buffer.length - at < FRAME_BYTES) return 'cut';
  const bodyBytes = buffer.readUInt32LE(at);
  if (bodyBytes < BODY_BYTES_MIN) return 'damaged';
  const end = at + FRAME_BYTES + bodyBytes;
  if (end > buffer.length) return 'cut';
  return crc32(buffer.subarray(at + FRAME_BYTES, end)) === buffer.readUInt32LE(at + 4) ? 'whole' : 'damaged';
}

/** Bytes of the record at `at`, frame included, read from its length alone. */
export function frameBytes(buffer: Buffer, at: number): number {
  return FRAME_BYTES + buffer.readUInt32LE(at);
}

/** The timestamp of the record at `at`, read alone: a search by time skips everything else. */
export function frameTimestampMs(buffer: Buffer, at: number): number {
  return buffer.readDoubleLE(at + FRAME_BYTES);
}

/** The whole record at `at`. Key, value and header values are views into `buffer`, not copies. */
export function decodeRecord(buffer: Buffer, at: number, topic: string, partition: number, offset: bigint): KafkaRecord {
  const timestampMs = buffer.readDoubleLE(at + FRAME_BYTES);
  let position = at + FRAME_BYTES + 8;
  const keyBytes = buffer.readInt32LE(position);
  const key = viewBytes(buffer, position + 4, keyBytes);
  position += 4 + Math.max(keyBytes, 0);
  const valueBytes = buffer.readInt32LE(position);
  const value = viewBytes(buffer, position + 4, valueBytes);
  position += 4 + Math.max(valueBytes, 0);
  const headers = decodeHeaders(buffer, position);
  return { topic, partition, offset, timestampMs, timestampType: 'CreateTime', key, value, headers };
}

function decodeHeaders(buffer: Buffer, at: number): readonly KafkaHeader[] {
  const count = buffer.readUInt32LE(at);
  if (count === 0) return NO_HEADERS;
  const headers: KafkaHeader[] = [];
  let position = at + 4;
  for (let i = 0; i < count; i++) {
    const keyBytes = buffer.readInt32LE(position);
    const key = buffer.toString('utf8', position + 4, position + 4 + keyBytes);
    position += 4 + keyBytes;
    const valueBytes = buffer.readInt32LE(position);
    headers.push({ key, value: viewBytes(buffer, position + 4, valueBytes) });
    position += 4 + Math.max(valueBytes, 0);
  }
  return headers;
}

function viewBytes(buffer: Buffer, at: number, length: number): Buffer | null {
  return length === NULL_LENGTH ? null : buffer.subarray(at, at + length);
}
