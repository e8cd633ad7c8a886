import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { TransientError, assert } from '../../shared/errors.ts';

/** Casts of the memory engine: those that tables need, with DuckDB's results. */
export type Cast = (value: unknown) => unknown;

const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  byte: [-128n, 127n], short: [-32_768n, 32_767n], integer: [-2_147_483_648n, 2_147_483_647n], long: [-(2n ** 63n), 2n ** 63n - 1n],
};
const US_PER_DAY = 86_400_000_000n;

/**
 * Null where values stay as they are. `by`: fields of structs are matched by name, and what is missing is null (a file against the schema
 * it was written for), or in order (physical names against logical ones).
 */
export function castOf(from: SqlSource, to: SqlSource, by: 'name' | 'order'): Cast | null {
  const cast = typeof from === 'string' && typeof to === 'string' ? primitiveCast(from, to) : nestedCast(from, to, by);
  return cast === null ? null : (value) => (value === null ? null : cast(value));
}

export function chain(first: Cast | null, second: Cast | null): Cast | null {
  return first === null ? second : second === null ? first : (value) => second(first(value));
}

function nestedCast(from: SqlSource, to: SqlSource, by: 'name' | 'order'): Cast | null {
  if (typeof from === 'string' || typeof to === 'string' || from.type !== to.type) return unsupported(from, to);
  if (from.type === 'array' && to.type === 'array') {
    const element = castOf(from.elementType, to.elementType, by);
    return element === null ? null : (list) => (list as unknown[]).map(element);
  }
  if (from.type === 'map' && to.type === 'map') {
    const [key, value] = [castOf(from.keyType, to.keyType, by), castOf(from.valueType, to.valueType, by)];
    return key === null && value === null ? null : (map) => (map as { key: unknown; value: unknown }[]).map((entry) =>
      ({ key: key === null ? entry.key : key(entry.key), value: value === null ? entry.value : value(entry.value) }));
  }
  return from.type === 'struct' && to.type === 'struct' ? structCast(from, to, by) : unsupported(from, to);
}

type Struct = Extract<SqlSource, { type: 'struct' }>;

function structCast(from: Struct, to: Struct, by: 'name' | 'order'): Cast | null {
  const fields = to.fields.map(({ name, type }, i) => {
    const source = by === 'order' ? from.fields[i] : from.fields.find((field) => field.name === name);
    return { name, source: source?.name, cast: source === undefined ? null : castOf(source.type, type, by) };
  });
  const unchanged = from.fields.length === to.fields.length && fields.every(({ name, source, cast }, i) => cast === null && name === source && name === from.fields[i].name);
  if (unchanged) return null;
  return (value) => Object.fromEntries(fields.map(({ name, source, cast }) => {
    const inner = source === undefined ? null : (value as Record<string, unknown>)[source];
    return [name, cast === null ? inner : cast(inner)];
  }));
}

function primitiveCast(from: string, to: string): Cast | null {
  if (from === to) return null;
  if (to in INTEGERS) return integerCast(from, to);
  const isInteger = from in INTEGERS;
  if (to === 'double' || to === 'float') {
    if (!isInteger && !['double', 'float', 'string'].includes(from) && !from.startsWith('decimal')) return unsupported(from, to);
    return to === 'double' && from === 'float' ? null : (value) => float(value, to);
  }
  if (to === 'string' && (isInteger || from === 'boolean')) return String;
  if (to === 'boolean' && isInteger) return (value) => Number(value) !== 0;
  if (to === 'date' && from.startsWith('timestamp')) return (value) => Number(((value as bigint) - mod(value as bigint, US_PER_DAY)) / US_PER_DAY);
  if (to.startsWith('timestamp') && from === 'date') return (value) => BigInt(value as number) * US_PER_DAY;
  return to.startsWith('timestamp') && from.startsWith('timestamp') ? null : unsupported(from, to);
}

function integerCast(from: string, to: string): Cast | null {
  const [least, greatest] = INTEGERS[to];
  if (!(from in INTEGERS) && !['double', 'float', 'string', 'boolean'].includes(from)) return unsupported(from, to);
  return (value) => {
    const integer = toInteger(value);
    if (integer === null || integer < least || integer > greatest) throw refused(value, to);
    return to === 'long' ? integer : Number(integer);
  };
}

function toInteger(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string') return /^\s*[+-]?\d+\s*$/.test(value) ? BigInt(value.trim().replace(/^\+/, '')) : null;
  const number = Number(value);
  return Number.isFinite(number) ? BigInt(halfToEven(number)) : null;
}

function halfToEven(number: number): number {
  const floor = Math.floor(number);
  return number - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(number);
}

function float(value: unknown, to: 'double' | 'float'): number {
  const number = to === 'float' ? Math.fround(Number(value)) : Number(value);
  const [fits, whole] = [Number.isFinite(number), typeof value === 'number' ? Number.isFinite(value) : typeof value !== 'string'];
  if ((!fits && whole) || (typeof value === 'string' && Number.isNaN(number))) throw refused(value, to);
  return number;
}

function mod(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}

/** Like a statement that DuckDB refuses. */
function refused(value: unknown, to: string): TransientError {
  return new TransientError('columnar/statement', `the memory engine can't cast ${String(value)} to ${to}`);
}

function unsupported(from: SqlSource, to: SqlSource): never {
  assert(false, `the memory engine has no cast from ${JSON.stringify(from)} to ${JSON.stringify(to)}`);
}
