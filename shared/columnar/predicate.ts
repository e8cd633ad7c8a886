/**
 * Conditions on rows, as values: an engine turns them into its own form, the log prunes files by them. Three-valued as in SQL: a
 * comparison with null is unknown, and only what is true holds. Text goes by UTF-8 bytes, −0.0 equals 0.0, NaN equals itself and is
 * greater than every number (as DuckDB and Spark order them).
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
