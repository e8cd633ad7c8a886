import { isUtf8 } from 'node:buffer';
import { BadBytes } from './decoder.ts';

const VARINT_BYTES_MAX = 10;
const PLAIN_BYTES_MAX = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
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
    return this.#bytes.readFloatLE(this.#skip(4));
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#skip(8));
  }

  fixed(size: number): Buffer {
    return this.#bytes.subarray(this.#skip(size), this.#at);
  }

  /** Length-prefixed. */
  bytes(): Buffer {
    return this.fixed(this.#length());
  }

  /** A string as JSON has it, quotes included. */
  stringText(): string {
    const start = this.#skip(this.#length());
    if (this.#isPlain(start)) return `"${this.#bytes.toString('latin1', start, this.#at)}"`;
    if (!isUtf8(this.#bytes.subarray(start, this.#at))) throw new BadBytes(`a string that is not UTF-8, before ${this.#at}`);
    return JSON.stringify(this.#bytes.toString('utf8', start, this.#at));
  }

  /** Short ASCII that JSON does not escape: most strings, and several times as quick. */
  #isPlain(start: number): boolean {
    if (this.#at - start > PLAIN_BYTES_MAX) return false;
    for (let i = start; i < this.#at; i++) {
      const byte = this.#bytes[i];
      if (byte < 0x20 || byte > 0x7e || byte === QUOTE || byte === BACKSLASH) return false;
    }
    return true;
  }

  #length(): number {
    const length = this.long();
    if (typeof length === 'bigint' || length < 0) throw new BadBytes(`a length of ${length}, before ${this.#at}`);
    return length;
  }

  /** Where the bytes begin that are passed over. */
  #skip(size: number): number {
    if (size > this.left) throw new BadBytes(`${size} bytes are said to follow at ${this.#at}, and ${this.left} are there`);
    const start = this.#at;
    this.#at += size;
    return start;
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
