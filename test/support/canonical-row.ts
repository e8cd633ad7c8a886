import { createHash } from 'node:crypto';
import { printTimestampUs } from '../../shared/delta/partition-values.ts';
import type { DataType, StructType } from '../../shared/delta/schema.ts';

/** Rows in the form of test/support/engines/canonical.py, which says what it is. */
type Scalar = (type: string, value: unknown) => string;

/** A row as `assay table read --json` prints it (parsed by `parseJson`). */
export function canonicalRow(schema: StructType, row: unknown): string {
  return JSON.stringify(canonical(schema, row, (_type, value) => String(value)));
}

/** A row with raw values, as shared/columnar/relation.ts has them. */
export function canonicalRaw(schema: StructType, row: unknown): string {
  return JSON.stringify(canonical(schema, row, (type, value) => {
    if (type === 'timestamp') return printTimestampUs(value as bigint);
    if (type === 'date') return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    return type === 'binary' ? Buffer.from(value as Uint8Array).toString('base64') : String(value);
  }));
}

export interface RowDigest {
  readonly rows: number;
  readonly digest: string;
}

/** Of canonical rows, in whatever order. */
export function digestOf(lines: readonly string[]): RowDigest {
  let sum = 0n;
  for (const line of lines) sum += BigInt(`0x${createHash('sha256').update(line).digest('hex').slice(0, 32)}`);
  return { rows: lines.length, digest: BigInt.asUintN(128, sum).toString(16).padStart(32, '0') };
}

function canonical(type: DataType, value: unknown, scalar: Scalar): unknown {
  if (value === null || value === undefined) return null;
  if (typeof type === 'string') return type === 'double' || type === 'float' ? bitsOf(Number(value)) : scalar(type, value);
  if (type.type === 'array') return (value as unknown[]).map((item) => canonical(type.elementType, item, scalar));
  if (type.type === 'map') throw new Error('no table of ours has a map');
  const fields = [...type.fields].sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(fields.map((field) => [field.name, canonical(field.type, (value as Record<string, unknown>)[field.name], scalar)]));
}

function bitsOf(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}
