import type { DataType, StructType } from '../../shared/delta/schema.ts';

/** A row as `assay table read --json` prints it (parsed by `parseJson`), in the form of test/support/other-engines.ts. */
export function canonicalRow(schema: StructType, row: unknown): string {
  return JSON.stringify(canonical(schema, row));
}

function canonical(type: DataType, value: unknown): unknown {
  if (value === null) return null;
  if (typeof type === 'string') {
    const scalar = value as string | number | bigint | boolean;
    return type === 'double' || type === 'float' ? bitsOf(Number(scalar)) : String(scalar);
  }
  if (type.type === 'array') return (value as unknown[]).map((item) => canonical(type.elementType, item));
  if (type.type === 'map') throw new Error('no table of ours has a map');
  const fields = [...type.fields].sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(fields.map((field) => [field.name, canonical(field.type, (value as Record<string, unknown>)[field.name])]));
}

function bitsOf(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}
