/*
  Kafka's primitive types (kafka.apache.org/protocol.html, "Protocol Primitive Types"), big-endian:

  UNSIGNED_VARINT          7 bits a byte, lowest first, the high bit says that more follow
  COMPACT_STRING           UNSIGNED_VARINT length + 1, UTF-8; COMPACT_NULLABLE_STRING: 0 is null
  COMPACT_ARRAY            UNSIGNED_VARINT count + 1, elements; 0 is null
  COMPACT_RECORDS          UNSIGNED_VARINT length + 1, bytes; 0 is null
  UUID                     16 bytes
  TAG_BUFFER               UNSIGNED_VARINT count, (UNSIGNED_VARINT tag, UNSIGNED_VARINT length, bytes)*
*/

/** A request that is not what its grammar says. The server closes the connection, as a broker does. */
export class WireError extends Error {}

export class WireReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#advance(4));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64BE(this.#advance(8));
  }

  uuid(): string {
    const at = this.#advance(16);
    const hex = this.#buffer.toString('hex', at, at + 16);
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }

  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#advance(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new WireError('a varint of more than 5 bytes');
  }

  /** NULLABLE_STRING: INT16 length, −1 is null. Only the request header has it. */
  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.#text(length);
  }

  compactNullableString(): string | null {
    const length = this.unsignedVarint() - 1;
    return length < 0 ? null : this.#text(length);
  }

  compactString(): string {
    const text = this.compactNullableString();
    if (text === null) throw new WireError('null where a string must be');
    return text;
  }

  compactNullableArray<T>(element: () => T): T[] | null {
    const count = this.unsignedVarint() - 1;
    if (count < 0) return null;
    if (count > this.#buffer.length) throw new WireError(`an array of ${count} in a request of ${this.#buffer.length} bytes`);
    return Array.from({ length: count }, element);
  }

  compactArray<T>(element: () => T): T[] {
    return this.compactNullableArray(element) ?? [];
  }

  tags(): void {
    const count = this.unsignedVarint();
    for (let i = 0; i < count; i++) {
      this.unsignedVarint();
      this.#advance(this.unsignedVarint());
    }
  }

  #text(length: number): string {
    const at = this.#advance(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  #advance(bytes: number): number {
    const at = this.#position;
    this.#position += bytes;
    if (this.#position > this.#buffer.length) throw new WireError(`${bytes} bytes at ${at} of a request of ${this.#buffer.length}`);
    return at;
  }
}

export class WireWriter {
  readonly #parts: Buffer[] = [];

  int8(value: number): this {
    return this.#fixed(1, (b) => b.writeInt8(value));
  }

  int16(value: number): this {
    return this.#fixed(2, (b) => b.writeInt16BE(value));
  }

  int32(value: number): this {
    return this.#fixed(4, (b) => b.writeInt32BE(value));
  }

  uint32(value: number): this {
    return this.#fixed(4, (b) => b.writeUInt32BE(value));
  }

  int64(value: bigint): this {
    return this.#fixed(8, (b) => b.writeBigInt64BE(value));
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  uuid(value: string): this {
    return this.bytes(Buffer.from(value.replaceAll('-', ''), 'hex'));
  }

  unsignedVarint(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    while (rest >= 0x80) {
      bytes.push((rest % 0x80) + 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.bytes(Buffer.from([...bytes, rest]));
  }

  compactString(value: string | null): this {
    if (value === null) return this.unsignedVarint(0);
    const bytes = Buffer.from(value);
    return this.unsignedVarint(bytes.length + 1).bytes(bytes);
  }

  compactArray<T>(values: readonly T[] | null, element: (value: T) => void): this {
    this.unsignedVarint(values === null ? 0 : values.length + 1);
    for (const value of values ?? []) element(value);
    return this;
  }

  /** COMPACT_RECORDS. */
  compactRecords(records: Buffer): this {
    return this.unsignedVarint(records.length + 1).bytes(records);
  }

  /** An empty TAG_BUFFER. */
  tags(): this {
    return this.unsignedVarint(0);
  }

  bytes(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #fixed(bytes: number, write: (buffer: Buffer) => void): this {
    const buffer = Buffer.allocUnsafe(bytes);
    write(buffer);
    return this.bytes(buffer);
  }
}
