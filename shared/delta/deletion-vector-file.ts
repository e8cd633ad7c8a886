import { crc32 } from 'node:zlib';
import { assert } from '../errors.ts';
import type { DeletionVector } from './actions.ts';
import { FORMAT_VERSION, MAGIC, vectorFileName } from './deletion-vector.ts';
import { encodeRoaring64 } from './roaring-encode.ts';
import { encodeZ85 } from './z85.ts';

/**
 * The writing side of deletion-vector.ts: small vectors go into the log, the others of a commit share one file (PROTOCOL.md, "Deletion
 * Vector File Storage Format"). Pure: whoever has a store puts `file` before the commit, under its key relative to the table.
 */
export interface PackedVectors {
  /** In the order of the vectors. */
  readonly descriptors: readonly DeletionVector[];
  readonly file: { readonly key: string; readonly body: Uint8Array } | null;
}

/** Size before a payload and checksum behind it. */
const FRAME_BYTES = 8;
/** The log's `offset` and `sizeInBytes` are 32-bit integers. */
const FILE_BYTES_MAX = 0x7fff_ffff;

/** Each vector: positions of deleted rows, ascending, at least one. `uuid` names the file, so it must be fresh. */
export function packVectors(vectors: readonly BigInt64Array[], options: { uuid: string; inlineBytesMax: number }): PackedVectors {
  const payloads = vectors.map(payloadOf);
  const inline = (payload: Uint8Array) => payload.byteLength <= options.inlineBytesMax;
  const filed = payloads.filter((payload) => !inline(payload));
  const body = new Uint8Array(filed.reduce((sum, payload) => sum + FRAME_BYTES + payload.byteLength, 1));
  assert(body.byteLength <= FILE_BYTES_MAX, `a file of ${filed.length} deletion vectors has ${body.byteLength} bytes; split the commit`);
  body[0] = FORMAT_VERSION;
  const name = encodeZ85(Buffer.from(options.uuid.replaceAll('-', ''), 'hex'));
  assert(name.length === 20, `${options.uuid} is no UUID`);
  let offset = 1;
  const descriptors = payloads.map((payload, i): DeletionVector => {
    const measures = { sizeInBytes: payload.byteLength, cardinality: vectors[i].length };
    if (inline(payload)) return { storageType: 'i', pathOrInlineDv: encodeZ85(payload), ...measures };
    const descriptor: DeletionVector = { storageType: 'u', pathOrInlineDv: name, offset, ...measures };
    offset += frame(payload, body.subarray(offset));
    return descriptor;
  });
  return { descriptors, file: filed.length === 0 ? null : { key: vectorFileName(options.uuid), body } };
}

/** Magic number, little-endian, and bitmap. */
function payloadOf(positions: BigInt64Array): Uint8Array {
  assert(positions.length > 0, 'a deletion vector must delete a row; a file without deleted rows has none');
  const bitmap = encodeRoaring64(positions);
  const payload = new Uint8Array(4 + bitmap.byteLength);
  new DataView(payload.buffer).setInt32(0, MAGIC, true);
  payload.set(bitmap, 4);
  return payload;
}

/** Big-endian around the payload. Returns how many bytes it took. */
function frame(payload: Uint8Array, into: Uint8Array): number {
  const view = new DataView(into.buffer, into.byteOffset);
  view.setInt32(0, payload.byteLength);
  into.set(payload, 4);
  view.setUint32(4 + payload.byteLength, crc32(payload));
  return FRAME_BYTES + payload.byteLength;
}
