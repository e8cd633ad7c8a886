import { assert } from '../errors.ts';

/**
 * Conditions on rows, as values: an engine turns them into its own form, the log prunes files by them. Three-valued as in SQL: a
 * comparison with null is unknown, and only what is true holds. Text goes by UTF-8 bytes, −0.0 equals 0.0, NaN equals itself and is
 * greater than every number (as DuckDB and Spark order them). `in` is an `or` of equalities: of no values it is false, for null too.
 */
export type Scalar = string | number | bigint | boolean;

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A scalar has the raw form of its column: bigint for long and timestamps (µs), number for double, integer and date (days). */
export type Predicate =
  | { readonly op: Comparison; readonly column: string; readonly value: Scalar }
  | { readonly op: 'in'; readonly column: string; readonly values: readonly Scalar[] }
  | { readonly op: 'is-null' | 'is-not-null'; readonly column: string }
  | { readonly op: 'and' | 'or'; readonly of: readonly Predicate[] }
  | { readonly op: 'not'; readonly of: Predicate };

export const and = (...of: readonly Predicate[]): Predicate => ({ op: 'and', of });
export const or = (...of: readonly Predicate[]): Predicate => ({ op: 'or', of });
export const not = (of: Predicate): Predicate => ({ op: 'not', of });
export const compare = (column: string, op: Comparison, value: Scalar): Predicate => ({ op, column, value });
export const isNull = (column: string): Predicate => ({ op: 'is-null', column });

/** The rules above for one row; null is unknown. `valueOf` gives the raw value of a column, null for null. No decimals: their texts have no order. */
export function evaluate(predicate: Predicate, valueOf: (column: string) => unknown): boolean | null {
  switch (predicate.op) {
    case 'and': return conjunction(predicate.of, (of) => evaluate(of, valueOf), false);
    case 'or': return conjunction(predicate.of, (of) => evaluate(of, valueOf), true);
    case 'not': return opposite(evaluate(predicate.of, valueOf));
    case 'is-null': return absent(valueOf(predicate.column));
    case 'is-not-null': return !absent(valueOf(predicate.column));
    case 'in': {
      const value = valueOf(predicate.column);
      return conjunction(predicate.values, (wanted) => (absent(value) ? null : compareScalars(value as Scalar, wanted) === 0), true);
    }
    case '=': case '<>': case '<': case '<=': case '>': case '>=': break;
  }
  const value = valueOf(predicate.column);
  return absent(value) ? null : holds(predicate.op, compareScalars(value as Scalar, predicate.value));
}

/** Below zero: a is less; 0: equal; above: greater. In the order stated above; false is less than true. */
export function compareScalars(a: Scalar, b: Scalar): number {
  assert(family(a) === family(b), `a ${typeof a} compared with a ${typeof b}`);
  if (typeof a === 'string') return compareText(a, b as string);
  if (a < b) return -1;
  if (a > b) return 1;
  // NaN is neither less nor greater for JavaScript.
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** SQL, for people to read: times and dates stand as the raw numbers they are compared by. */
export function printPredicate(predicate: Predicate): string {
  switch (predicate.op) {
    case 'and': case 'or': {
      if (predicate.of.length === 0) return predicate.op === 'and' ? 'true' : 'false';
      const printed = predicate.of.map((of) => (isJunction(of) && of.op !== predicate.op ? `(${printPredicate(of)})` : printPredicate(of)));
      return printed.join(predicate.op === 'and' ? ' AND ' : ' OR ');
    }
    case 'not': return `NOT (${printPredicate(predicate.of)})`;
    case 'is-null': return `${printName(predicate.column)} IS NULL`;
    case 'is-not-null': return `${printName(predicate.column)} IS NOT NULL`;
    case 'in': return `${printName(predicate.column)} IN (${predicate.values.map(printScalar).join(', ')})`;
    case '=': case '<>': case '<': case '<=': case '>': case '>=': break;
  }
  return `${printName(predicate.column)} ${predicate.op} ${printScalar(predicate.value)}`;
}

/** What a comparison says of two values in this order (`compareScalars`). */
export function holds(op: Comparison, order: number): boolean {
  if (order === 0) return op === '=' || op === '<=' || op === '>=';
  return op === '<>' || (order < 0 ? op === '<' || op === '<=' : op === '>' || op === '>=');
}

/** AND, or with `decisive` true OR: one decisive part decides, else an unknown one leaves it open. */
function conjunction<T>(parts: readonly T[], outcome: (part: T) => boolean | null, decisive: boolean): boolean | null {
  let result: boolean | null = !decisive;
  for (const part of parts) {
    const one = outcome(part);
    if (one === decisive) return decisive;
    if (one === null) result = null;
  }
  return result;
}

/** By code point, which is by UTF-8 bytes. In UTF-16 units a surrogate, half of a character beyond U+FFFF, would lie below U+E000 to U+FFFF. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function family(value: Scalar): string {
  return typeof value === 'bigint' ? 'number' : typeof value;
}

function absent(value: unknown): boolean {
  return value === null || value === undefined;
}

function opposite(value: boolean | null): boolean | null {
  return value === null ? null : !value;
}

function isJunction(predicate: Predicate): boolean {
  return (predicate.op === 'and' || predicate.op === 'or') && predicate.of.length > 1;
}

function printName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

function printScalar(value: Scalar): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}
