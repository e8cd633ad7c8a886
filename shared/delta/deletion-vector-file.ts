import { crc32 } from 'node:zlib';
import { TableError, assert } from '../errors.ts';
import type { AddFile, DeletionVector } from './actions.ts';
import { FORMAT_VERSION, MAGIC, vectorFileName } from './deletion-vector.ts';
import { parseJsonVerbatim } from './json-verbatim.ts';
import { printJson } from './json.ts';
import { encodeRoaring64 } from './roaring-encode.ts';
import { parseStats } from './stats.ts';
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

/**
 * The add of a file whose deleted rows are others now. Fields this code does not know go along. With a vector, the statistics keep the
 * file's physical count of rows, which the protocol demands, and say that bounds are wide (PROTOCOL.md, "Per-file Statistics"); every
 * other number in them keeps its digits. `rowsInFile` is needed where the log has no such count: TableError `delta/statistics` without it.
 */
export function withVector(add: AddFile, vector: DeletionVector | null, options: { rowsInFile?: bigint } = {}): AddFile {
  const { deletionVector: _former, ...file } = add;
  return vector === null ? file : { ...file, stats: wideStats(add, options.rowsInFile), deletionVector: vector };
}

function wideStats({ path, stats }: AddFile, rowsInFile: bigint | undefined): string {
  const numRecords = parseStats(stats)?.numRecords ?? rowsInFile;
  if (numRecords === undefined) {
    throw new TableError('delta/statistics', `rows of ${path} can't be deleted by a vector: the log does not say how many it has; rewrite the file (OPTIMIZE)`, { facts: { path } });
  }
  const members = (stats ? parseJsonVerbatim(stats) : null) as Record<string, unknown> | null;
  return printJson({ ...members, numRecords, tightBounds: false });
}
