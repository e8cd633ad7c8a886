/**
 * Confluent's wire format: a magic 0, the schema's id in four bytes big-endian, then the payload; for Protobuf the payload begins with
 * the indexes of the message type. (docs.confluent.io, "Schema Registry … Wire format")
 */

const MAGIC = 0;
const HEADER_BYTES = 5;

export interface Frame {
  /** An unsigned 32-bit number. */
  readonly schemaId: number;
  /** What follows the header. */
  readonly payload: Buffer;
}

/** Or what is there instead of a frame. */
export function readFrame(bytes: Buffer): Frame | string {
  if (bytes.length < HEADER_BYTES) return `${bytes.length} bytes are too few for the magic byte and the schema's id`;
  if (bytes[0] !== MAGIC) return `the first byte is 0x${bytes[0].toString(16).padStart(2, '0')}, not the magic 0x00`;
  return { schemaId: bytes.readUInt32BE(1), payload: bytes.subarray(HEADER_BYTES) };
}

/** Deeper than any schema nests its messages. */
const INDEXES_MAX = 64;

export interface IndexedPayload {
  /** Which message of the file, then which one nested in it, … */
  readonly indexes: readonly number[];
  readonly message: Buffer;
}

/** Zigzag varints: how many indexes, then each; a lone 0 stands for the first message. Null where there are none to read. */
export function readMessageIndexes(payload: Buffer): IndexedPayload | null {
  const count = zigzagAt(payload, 0);
  if (count === null || count.value < 0 || count.value > INDEXES_MAX) return null;
  if (count.value === 0) return { indexes: [0], message: payload.subarray(count.end) };
  const indexes: number[] = [];
  let at = count.end;
  for (let i = 0; i < count.value; i++) {
    const index = zigzagAt(payload, at);
    if (index === null || index.value < 0) return null;
    indexes.push(index.value);
    at = index.end;
  }
  return { indexes, message: payload.subarray(at) };
}

/** Up to 32 bits. */
function zigzagAt(bytes: Buffer, start: number): { value: number; end: number } | null {
  let coded = 0;
  for (let i = 0; i < 5; i++) {
    if (start + i >= bytes.length) return null;
    const byte = bytes[start + i];
    coded += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value: coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2, end: start + i + 1 };
  }
  return null;
}
