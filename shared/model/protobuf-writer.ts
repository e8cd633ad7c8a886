import { assert } from '../errors.ts';

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/**
 * Writes one protobuf message, field after field in the order of the calls (protobuf.dev/programming-guides/encoding).
 * Only what an ONNX model needs; calls chain.
 */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];

  /** A non-negative integer below 2⁵³: int32, int64, enum. */
  integer(field: number, value: number): this {
    return this.#push(varint(field * 8 + VARINT), varint(value));
  }

  /** Repeated integers, packed. */
  integers(field: number, values: Iterable<number>): this {
    return this.bytes(field, concat(Array.from(values, varint)));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#push(varint(field * 8 + LENGTH_DELIMITED), varint(value.length), value);
  }

  message(field: number, value: ProtobufWriter): this {
    return this.bytes(field, value.finish());
  }

  messages(field: number, values: readonly ProtobufWriter[]): this {
    for (const value of values) this.message(field, value);
    return this;
  }

  finish(): Uint8Array {
    return concat(this.#parts);
  }

  #push(...parts: Uint8Array[]): this {
    this.#parts.push(...parts);
    return this;
  }
}

function varint(value: number): Uint8Array {
  assert(Number.isSafeInteger(value) && value >= 0, `a varint of ${value}`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
