/** Thrift's compact protocol, writing alone, as far as Parquet's headers and footer need it (thrift-compact-protocol.md). Pure. */

const [TRUE, FALSE, I16, I32, I64, BINARY, LIST, STRUCT] = [1, 2, 4, 5, 6, 8, 9, 12];

/** A value that knows its type and appends its bytes. */
export interface ThriftValue {
  readonly type: number;
  readonly append: (to: number[]) => void;
}

/** Fields by ascending id; null where one is left out. */
export type ThriftFields = readonly (readonly [id: number, value: ThriftValue | null])[];

export const i16 = (value: number): ThriftValue => ({ type: I16, append: (to) => appendVarint(to, zigzag(value)) });
export const i32 = (value: number): ThriftValue => ({ type: I32, append: (to) => appendVarint(to, zigzag(value)) });
/** Of a safe integer. */
export const i64 = (value: number): ThriftValue => ({ type: I64, append: (to) => appendVarint(to, zigzag(value)) });
/** As a field: its value is its type. Never inside a list. */
export const bool = (value: boolean): ThriftValue => ({ type: value ? TRUE : FALSE, append: () => undefined });
export const text = (value: string): ThriftValue => binary(Buffer.from(value));

export function binary(bytes: Uint8Array): ThriftValue {
  return {
    type: BINARY,
    append: (to) => {
      appendVarint(to, bytes.length);
      for (const byte of bytes) to.push(byte);
    },
  };
}

/** Of one type; none is a list of structs. */
export function list(items: readonly ThriftValue[]): ThriftValue {
  const type = items[0]?.type ?? STRUCT;
  return {
    type: LIST,
    append: (to) => {
      if (items.length < 15) {
        to.push((items.length << 4) | type);
      } else {
        to.push(0xf0 | type);
        appendVarint(to, items.length);
      }
      for (const item of items) item.append(to);
    },
  };
}

export function struct(fields: ThriftFields): ThriftValue {
  return {
    type: STRUCT,
    append: (to) => {
      let last = 0;
      for (const [id, value] of fields) {
        if (value === null) continue;
        // No struct of Parquet skips more than 15 ids, so the short form serves.
        to.push(((id - last) << 4) | value.type);
        value.append(to);
        last = id;
      }
      to.push(0);
    },
  };
}

export function thriftBytes(value: ThriftValue): Buffer {
  const bytes: number[] = [];
  value.append(bytes);
  return Buffer.from(bytes);
}

/** ULEB128 of a whole number below 2^53. */
export function appendVarint(to: number[], value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    to.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  to.push(rest);
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
