import avro from 'avsc';
import type { Schema, Type } from 'avsc';

/** Longs as bigints: avsc has them as doubles, and refuses those past 2^53. */
const LONGS = avro.types.LongType['__with']({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt, toJSON: String, isValid: (value: unknown) => typeof value === 'bigint', compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** avsc's type of a schema, as the writer of what our own decoder reads. */
export function avroType(schema: unknown, options: { readonly wrapUnions?: boolean } = {}): Type {
  return avro.Type.forSchema(withoutMeaning(schema) as Schema, { registry: { long: LONGS }, ...options });
}

/** Logical types are for readers; without them a long is the one from above. */
function withoutMeaning(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema, (_key, value: unknown) => (value as { logicalType?: unknown } | null)?.logicalType && (value as { type: unknown }).type === 'long' ? 'long' : value));
}
