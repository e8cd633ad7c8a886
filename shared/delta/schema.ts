import { TableError } from '../errors.ts';

/** Delta schemas (PROTOCOL.md, "Schema Serialization Format"). Only the types our tables use can be created; others are read. */
export type PrimitiveType =
  | 'string' | 'long' | 'integer' | 'short' | 'byte' | 'float' | 'double' | 'boolean' | 'binary' | 'date' | 'timestamp' | 'timestamp_ntz';

export interface StructType { readonly type: 'struct'; readonly fields: readonly StructField[] }
export interface ArrayType { readonly type: 'array'; readonly elementType: DataType; readonly containsNull: boolean }
export interface MapType { readonly type: 'map'; readonly keyType: DataType; readonly valueType: DataType; readonly valueContainsNull: boolean }
/** A primitive name, `decimal(p,s)`, or a name this code does not know (left to `isPrimitive` to judge). */
export type DataType = string | StructType | ArrayType | MapType;

export interface StructField {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export function field(name: string, type: DataType, options: { nullable?: boolean } = {}): StructField {
  return { name, type, nullable: options.nullable ?? true, metadata: {} };
}

export function struct(...fields: StructField[]): StructType {
  return { type: 'struct', fields };
}

export function array(elementType: DataType): ArrayType {
  return { type: 'array', elementType, containsNull: true };
}

export function parseSchema(schemaString: string): StructType {
  let parsed: unknown;
  try {
    parsed = JSON.parse(schemaString);
  } catch (cause) {
    throw new TableError('delta/schema', `schemaString is not JSON: ${start(schemaString)}; restore the log entry that holds it`, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || (parsed as { type?: unknown }).type !== 'struct') {
    throw new TableError('delta/schema', `schemaString is not a struct: ${start(schemaString)}; restore the log entry that holds it`);
  }
  return parsed as StructType;
}

/** Text, or nothing at all where a log lacks the field. */
function start(schemaString: string | undefined): string {
  return String(schemaString).slice(0, 80);
}

/** A column that an operation names but the table lacks is a caller's mistake, told with the columns there are. */
export function fieldOf(schema: StructType, name: string): StructField {
  const found = schema.fields.find((candidate) => candidate.name === name);
  if (found) return found;
  throw new TableError('delta/no-such-column', `no column ${name}; the table has ${schema.fields.map((f) => f.name).join(', ')}`);
}
