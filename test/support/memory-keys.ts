import type { ColumnAggregate } from '../../shared/columnar/relation.ts';
import { compareScalars } from '../../shared/columnar/predicate.ts';
import type { Scalar } from '../../shared/columnar/predicate.ts';
import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { assert } from '../../shared/errors.ts';

/** Equality and order of the memory engine's values: those of predicate.ts, nested values and bytes too. */

/** Equal texts for equal values: NaN equals NaN, −0.0 equals 0.0, null equals null, 1n equals 1. */
export function keyText(value: unknown): string {
  if (value === null) return '-';
  if (typeof value === 'string') return `s${value.length}:${value}`;
  // String(-0) is "0".
  if (typeof value === 'number' || typeof value === 'bigint') return `n${value};`;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value instanceof Uint8Array) return `b${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')};`;
  if (Array.isArray(value)) return `[${value.map(keyText).join('')}]`;
  assert(typeof value === 'object', `a value of type ${typeof value}`);
  return `{${Object.values(value).map(keyText).join('')}}`;
}

/** Ascending, nulls last. */
export function compareNullsLast(a: unknown, b: unknown): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (a instanceof Uint8Array) return Buffer.compare(a, b as Uint8Array);
  return compareScalars(a as Scalar, b as Scalar);
}

const ORDERED = new Set(['string', 'long', 'integer', 'short', 'byte', 'float', 'double', 'date', 'timestamp', 'timestamp_ntz']);

export function aggregate(values: readonly unknown[], type: SqlSource): ColumnAggregate {
  let nulls = 0n;
  let min: Scalar | null = null;
  let max: Scalar | null = null;
  for (const value of values as readonly (Scalar | null)[]) {
    if (value === null) {
      nulls++;
    } else if (typeof type === 'string' && ORDERED.has(type)) {
      if (min === null || compareScalars(value, min) < 0) min = value;
      if (max === null || compareScalars(value, max) > 0) max = value;
    }
  }
  // NaN is the greatest value: where there is one, it is the maximum.
  const bounds = Number.isNaN(max) ? { min: null, max: null } : { min, max };
  return { nulls, ...bounds } as ColumnAggregate;
}
