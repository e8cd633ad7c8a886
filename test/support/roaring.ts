import { crc32 } from 'node:zlib';

/** A writer of the bitmaps that deletion vectors hold, to test the reader: from the format's specification, one container kind at will. */
export type ContainerKind = 'array' | 'bitmap' | 'runs';

const MAGIC = 1_681_511_377;
const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** `kindOf` chooses a container's kind by its low values; array and bitmap are bound to their sizes by the format. */
export function encodeRoaring64(values: Iterable<bigint>, useRuns: (low: readonly number[]) => boolean = () => false): Buffer {
  const buckets = Map.groupBy([...new Set(values)].sort((a, b) => (a < b ? -1 : 1)), (value) => Number(value >> 32n));
  const parts = [...buckets].map(([high, inside]) => Buffer.concat([uint32(high), encode32(inside.map((value) => Number(value & 0xffff_ffffn)), useRuns)]));
  return Buffer.concat([uint64(BigInt(buckets.size)), ...parts]);
}

function encode32(values: readonly number[], useRuns: (low: readonly number[]) => boolean): Buffer {
  const containers = [...Map.groupBy(values, (value) => value >>> 16)].map(([key, inside]) => {
    const low = inside.map((value) => value & 0xffff);
    const kind: ContainerKind = useRuns(low) ? 'runs' : low.length <= 4096 ? 'array' : 'bitmap';
    return { key, kind, cardinality: low.length, body: BODY[kind](low) };
  });
  const size = containers.length;
  const hasRuns = containers.some(({ kind }) => kind === 'runs');
  const flags = Buffer.alloc(hasRuns ? Math.ceil(size / 8) : 0);
  for (const [i, { kind }] of containers.entries()) if (kind === 'runs') flags[i >> 3] |= 1 << (i & 7);
  const cookie = hasRuns ? uint32(12_347 | ((size - 1) << 16)) : Buffer.concat([uint32(12_346), uint32(size)]);
  const header = Buffer.concat(containers.flatMap(({ key, cardinality }) => [uint16(key), uint16(cardinality - 1)]));
  const withOffsets = !hasRuns || size >= 4;
  let at = cookie.length + flags.length + header.length + (withOffsets ? 4 * size : 0);
  const offsets = containers.map(({ body }) => {
    const offset = uint32(at);
    at += body.length;
    return offset;
  });
  return Buffer.concat([cookie, flags, header, ...(withOffsets ? offsets : []), ...containers.map(({ body }) => body)]);
}

const BODY: Readonly<Record<ContainerKind, (low: readonly number[]) => Buffer>> = {
  array: (low) => Buffer.concat(low.map(uint16)),
  bitmap: (low) => {
    const bits = Buffer.alloc(8192);
    for (const value of low) bits[value >> 3] |= 1 << (value & 7);
    return bits;
  },
  runs: (low) => {
    const starts = low.filter((value, i) => i === 0 || low[i - 1] !== value - 1);
    const ends = low.filter((value, i) => i === low.length - 1 || low[i + 1] !== value + 1);
    return Buffer.concat([uint16(starts.length), ...starts.flatMap((start, i) => [uint16(start), uint16(ends[i] - start)])]);
  },
};

/** What a vector's descriptor measures: magic number and bitmap. */
export function vectorPayload(bitmap: Uint8Array): Buffer {
  return Buffer.concat([uint32(MAGIC), bitmap]);
}

/** A file of vectors, and the offset of each. */
export function vectorFile(payloads: readonly Uint8Array[]): { file: Buffer; offsets: number[] } {
  const parts: Uint8Array[] = [Buffer.from([1])];
  const offsets: number[] = [];
  let at = 1;
  for (const payload of payloads) {
    const [size, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeInt32BE(payload.length);
    crc.writeUInt32BE(crc32(payload));
    parts.push(size, payload, crc);
    offsets.push(at);
    at += 8 + payload.length;
  }
  return { file: Buffer.concat(parts), offsets };
}

export function encodeZ85(bytes: Uint8Array): string {
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  let text = '';
  for (let at = 0; at < padded.length; at += 4) {
    const word = padded.readUInt32BE(at);
    for (let power = 85 ** 4; power >= 1; power /= 85) text += Z85[Math.floor(word / power) % 85];
  }
  return text;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
