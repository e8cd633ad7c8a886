import { crc32 } from 'node:zlib';
import { TableError } from '../errors.ts';
import type { DeletionVector } from './actions.ts';
import { objectKey } from './object-key.ts';
import { decodeRoaring64 } from './roaring.ts';
import { decodeZ85 } from './z85.ts';

/**
 * Deletion vectors (PROTOCOL.md, "Deletion Vectors" and "Deletion Vector Format"): which rows of a data file are gone, by position
 * from 0. Pure: whoever has a store reads `vectorKey` and hands the bytes in.
 */
export const FORMAT_VERSION = 1;
export const MAGIC = 1_681_511_377;
const UUID_CHARS = 20;

/** The key of the file that holds the vector, or null where the log itself holds it. `root` is the table's URL. */
export function vectorKey({ storageType, pathOrInlineDv }: DeletionVector, root: string): string | null {
  switch (storageType) {
    case 'i': return null;
    case 'p': return objectKey(pathOrInlineDv, root);
    case 'u': {
      const hex = Buffer.from(fromZ85(pathOrInlineDv.slice(-UUID_CHARS))).toString('hex');
      if (hex.length !== 32) throw damaged(`its file's name ${pathOrInlineDv} is no UUID`);
      const prefix = pathOrInlineDv.slice(0, -UUID_CHARS);
      return `${prefix === '' ? '' : `${prefix}/`}${vectorFileName(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))}`;
    }
    default: throw new TableError('delta/deletion-vector', `a deletion vector is stored as ${JSON.stringify(storageType)}; this reader knows u, p and i`);
  }
}

export function vectorFileName(uuid: string): string {
  return `deletion_vector_${uuid}.bin`;
}

/**
 * Positions of the deleted rows, ascending. `file` is the whole content of `vectorKey`, or null for a vector in the log. Size, checksum
 * and cardinality must agree with the log. Failures: TableError `delta/deletion-vector`, `delta/roaring-damaged`.
 */
export function deletedRows(vector: DeletionVector, file: Uint8Array | null): BigInt64Array {
  const payload = file === null ? inlinePayload(vector) : filePayload(vector, file);
  if (payload.byteLength < 4 || viewOf(payload).getInt32(0, true) !== MAGIC) throw damaged('it does not begin with the magic number of a 64-bit Roaring bitmap');
  const rows = decodeRoaring64(payload.subarray(4));
  if (rows.length !== vector.cardinality) throw damaged(`the log says ${vector.cardinality} rows, it holds ${rows.length}`);
  return rows;
}

function inlinePayload({ pathOrInlineDv, sizeInBytes }: DeletionVector): Uint8Array {
  const bytes = fromZ85(pathOrInlineDv);
  if (bytes.byteLength < sizeInBytes) throw damaged(`the log says ${sizeInBytes} bytes, it has ${bytes.byteLength}`);
  return bytes.subarray(0, sizeInBytes);
}

function filePayload({ offset, sizeInBytes }: DeletionVector, file: Uint8Array): Uint8Array {
  const start = offset ?? 1;
  const end = start + 4 + sizeInBytes;
  if (file.byteLength < end + 4) throw damaged(`the log says ${sizeInBytes} bytes at ${start}, its file has ${file.byteLength}`);
  const view = viewOf(file);
  if (file[0] !== FORMAT_VERSION) throw damaged(`its file has format version ${file[0]}, this reader knows ${FORMAT_VERSION}`);
  if (view.getInt32(start) !== sizeInBytes) throw damaged(`the log says ${sizeInBytes} bytes at ${start}, its file says ${view.getInt32(start)}`);
  const payload = file.subarray(start + 4, end);
  if (crc32(payload) !== view.getUint32(end)) throw damaged(`the checksum of its ${sizeInBytes} bytes at ${start} is wrong`);
  return payload;
}

function fromZ85(text: string): Uint8Array {
  const bytes = decodeZ85(text);
  if (bytes === null) throw damaged(`${JSON.stringify(text)} is no Z85 text`);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(what: string): TableError {
  return new TableError('delta/deletion-vector', `a deletion vector is damaged: ${what}; restore its file, or the table to a version without it`);
}
