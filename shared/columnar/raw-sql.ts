import type { ReadColumn } from './relation.ts';
import { quote } from './sql-text.ts';
import type { SqlSource } from './sql-type.ts';

/**
 * An expression in the raw form of its type (relation.ts), in one of the few types that `Session.chunks` hands over without a look at
 * each value: timestamps as BIGINT microseconds, dates as days, decimals as text.
 */
export function rawSql(expression: string, type: SqlSource): string {
  switch (type) {
    case 'timestamp': case 'timestamp_ntz': return `epoch_us(${expression})`;
    case 'date': return `(${expression} - DATE '1970-01-01')::INTEGER`;
    case 'short': case 'byte': return `${expression}::INTEGER`;
    case 'float': return `${expression}::DOUBLE`;
    default: return typeof type === 'string' && type.startsWith('decimal(') ? `${expression}::VARCHAR` : expression;
  }
}

/** Without nulls a column of numbers is handed over as a typed array. */
export function readSql(column: ReadColumn, typeOf: (name: string) => SqlSource): string {
  if (typeof column === 'string') return rawSql(quote(column), typeOf(column));
  const raw = rawSql(quote(column.name), typeOf(column.name));
  return column.as === 'double' ? `coalesce(${raw}::DOUBLE, 'NaN'::DOUBLE)` : `coalesce(${raw}, '')`;
}
