import type { Column, ColumnAggregate, Row } from './relation.ts';
import { quote } from './sql-text.ts';
import { rawSql } from './raw-sql.ts';

/** Least and greatest value of columns, and how many rows have none: what statistics of files and ranges of keys are made of. */

const ORDERED = new Set(['string', 'long', 'integer', 'short', 'byte', 'double', 'float', 'date', 'timestamp', 'timestamp_ntz']);

/** To be selected from the rows; `aggregatesOf` reads the result. */
export function aggregatesSql(columns: readonly Column[]): string {
  return ['count(*) AS n', ...columns.flatMap((column, i) => columnSql(column).map((sql, k) => `${sql} AS ${['c', 'min', 'max'][k]}${i}`))].join(', ');
}

export function aggregatesOf(row: Row, columns: readonly Column[]): { readonly rows: bigint; readonly aggregates: readonly ColumnAggregate[] } {
  const rows = row['n'] as bigint;
  const bound = (name: string) => (row[name] ?? null) as ColumnAggregate['min'];
  return { rows, aggregates: columns.map((_column, i) => ({ nulls: rows - (row[`c${i}`] as bigint), min: bound(`min${i}`), max: bound(`max${i}`) })) };
}

function columnSql(column: Column): string[] {
  const name = quote(column.name);
  const count = `count(${name})`;
  if (typeof column.type !== 'string' || !ORDERED.has(column.type)) return [count];
  const bounds = ['min', 'max'].map((side) => rawSql(`${side}(${name})`, column.type));
  // A NaN makes both bounds meaningless to engines that order it otherwise.
  const isFloat = column.type === 'double' || column.type === 'float';
  return [count, ...bounds.map((bound) => (isFloat ? `CASE WHEN bool_or(isnan(${name})) THEN NULL ELSE ${bound} END` : bound))];
}
