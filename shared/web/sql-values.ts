import { assert } from '../errors.ts';

/** What comes back from SQL, narrowed. Another kind than the statement asks for is a bug of ours. */
export type SqlRow = Readonly<Record<string, unknown>>;

export function asCount(value: unknown): bigint | null {
  if (value === null || value === undefined) return null;
  assert(typeof value === 'bigint' || Number.isSafeInteger(value), `a count came back from SQL as ${typeof value}`);
  return BigInt(value as bigint | number);
}

export function asNumber(value: unknown): number | null {
  if (value === null || value === undefined) return null;
  assert(typeof value === 'number' || typeof value === 'bigint', `a number came back from SQL as ${typeof value}`);
  return Number(value);
}

export function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  assert(typeof value === 'string', `a text came back from SQL as ${typeof value}`);
  return value;
}

export function asBoolean(value: unknown): boolean {
  assert(typeof value === 'boolean', `a truth value came back from SQL as ${typeof value}`);
  return value;
}
