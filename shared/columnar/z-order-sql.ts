import type { DuckRelation } from './relation-sql.ts';
import { quote, literal } from './sql-text.ts';
import { RANKS, curvePart } from './z-order.ts';

/** Every `step`-th row of a relation that is in order; a table of its own, so that it is read once for all columns. */
export function sampleSql(relation: DuckRelation, by: readonly string[], { table, step }: { table: string; step: number }): string {
  const list = by.map(quote).join(', ');
  return `CREATE TEMP TABLE ${quote(table)} AS SELECT ${list} FROM (SELECT ${list}, row_number() OVER () - 1 AS ${quote('\u0001row')} FROM (${relation.sql})) WHERE ${quote('\u0001row')} % ${step} = 0`;
}

/** The values that begin a rank, ascending and different, as a variable: constants of any type without printing them. */
export function boundariesSql(column: string, { table, variable }: { table: string; variable: string }): string {
  const values = `SELECT list(${quote(column)} ORDER BY ${quote(column)}) AS l FROM ${quote(table)} WHERE ${quote(column)} IS NOT NULL`;
  return `SET VARIABLE ${quote(variable)} = (SELECT list(DISTINCT b ORDER BY b) FROM (SELECT l[1 + (j * len(l)) // ${RANKS}] AS b FROM (${values}), range(1, ${RANKS}) AS ranks(j)) WHERE b IS NOT NULL)`;
}

/** A row's place on the curve. Each column's rank is found by a tree of comparisons: eight a row. A null is less than nothing: it comes last. */
export function curveSql(by: readonly { readonly name: string; readonly variable: string; readonly boundaries: number }[]): string {
  const parts = by.map(({ name, variable, boundaries }, column) => {
    const branch = (from: number, to: number): string => {
      if (from === to) return `${curvePart(from, { boundaries, column, columns: by.length })}::BIGINT`;
      const middle = (from + to) >> 1;
      return `CASE WHEN ${quote(name)} < getvariable(${literal(variable)})[${middle + 1}] THEN ${branch(from, middle)} ELSE ${branch(middle + 1, to)} END`;
    };
    return branch(0, boundaries);
  });
  return parts.map((part) => `(${part})`).join(' + ');
}
