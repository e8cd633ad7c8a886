import { isUtf8 } from 'node:buffer';
import { BadBytes } from './decoder.ts';

const VARINT_BYTES_MAX = 10;
const INT_MIN = -(2 ** 31);
const INT_MAX = 2 ** 31 - 1;

/** Reads Avro's binary encoding (Avro 1.12 specification, "Binary encoding") from its start on. Throws BadBytes where it does not fit. */
export class AvroCursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw new BadBytes(`the bytes end too early, at ${this.#at}`);
    return this.#bytes[this.#at++];
  }

  /** Zigzag varint of 64 bits; a bigint only where it takes more than 49 of them. */
  long(): number | bigint {
    let coded = 0;
    for (let i = 0, unit = 1; i < 7; i++, unit *= 128) {
      const byte = this.byte();
      coded += (byte & 0x7f) * unit;
      if (byte < 0x80) return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
    }
    return this.#longTail(BigInt(coded));
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'bigint' || value < INT_MIN || value > INT_MAX) throw new BadBytes(`an int is outside 32 bits, before ${this.#at}`);
    return value;
  }

  float(): number {
    return this.#fixed(4).readFloatLE();
  }

  double(): number {
    return this.#fixed(8).readDoubleLE();
  }

  fixed(size: number): Buffer {
    return this.#fixed(size);
  }

  /** Length-prefixed. */
  bytes(): Buffer {
    const length = this.long();
    if (typeof length === 'bigint' || length < 0) throw new BadBytes(`a length of ${length}, before ${this.#at}`);
    return this.#fixed(length);
  }

  string(): string {
    const bytes = this.bytes();
    if (!isUtf8(bytes)) throw new BadBytes(`a string that is not UTF-8, before ${this.#at}`);
    return bytes.toString('utf8');
  }

  #fixed(size: number): Buffer {
    if (size > this.left) throw new BadBytes(`${size} bytes are said to follow at ${this.#at}, and ${this.left} are there`);
    const start = this.#at;
    this.#at += size;
    return this.#bytes.subarray(start, this.#at);
  }

  #longTail(low: bigint): bigint {
    let coded = low;
    for (let i = 7; i < VARINT_BYTES_MAX; i++) {
      const byte = this.byte();
      coded += BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte >= 0x80) continue;
      if (i === VARINT_BYTES_MAX - 1 && byte > 1) break;
      return (coded & 1n) === 0n ? coded >> 1n : -((coded + 1n) >> 1n);
    }
    throw new BadBytes(`a number outside 64 bits, before ${this.#at}`);
  }
}
