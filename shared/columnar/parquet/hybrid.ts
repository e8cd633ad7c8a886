import { appendVarint } from './thrift.ts';

/** Parquet's RLE and bit-packing hybrid (parquet-format, Encodings.md): what levels and dictionary indexes are written in. Pure. */

/** Bits that hold every value up to `max`; one at least, since some readers take no width of zero. */
export function bitWidth(max: number): number {
  return Math.max(1, 32 - Math.clz32(max));
}

/** One value, `count` times. */
export function repeated(value: number, count: number, width: number): Buffer {
  const bytes: number[] = [];
  appendVarint(bytes, count * 2);
  for (let shift = 0; shift < width; shift += 8) bytes.push((value >>> shift) & 0xff);
  return Buffer.from(bytes);
}

/** As one run where all are equal, else bit-packed; `width` is 24 at most. */
export function hybrid(values: ArrayLike<number>, width: number): Buffer {
  const { length } = values;
  let same = 1;
  while (same < length && values[same] === values[0]) same++;
  if (same >= length) return repeated(length === 0 ? 0 : values[0], length, width);
  const header: number[] = [];
  const groups = Math.ceil(length / 8);
  appendVarint(header, groups * 2 + 1);
  const packed = Buffer.alloc(header.length + groups * width);
  packed.set(header);
  packBits(values, width, packed, header.length);
  return packed;
}

/** Values side by side, the least significant bit first; `to` is zero there. */
export function packBits(values: ArrayLike<number>, width: number, to: Uint8Array, start: number): void {
  let [held, bits, at] = [0, 0, start];
  for (let i = 0; i < values.length; i++) {
    held |= values[i] << bits;
    bits += width;
    while (bits >= 8) {
      to[at++] = held & 0xff;
      held >>>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) to[at] = held & 0xff;
}

/** Levels of a data page of version 1: length, then the hybrid. */
export function levelBytes(encoded: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(encoded.length);
  return Buffer.concat([length, encoded]);
}
