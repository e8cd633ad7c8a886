import { literal, quote } from '../../shared/columnar/sql-text.ts';
import { sqlType } from '../../shared/columnar/sql-type.ts';
import { printJson } from '../../shared/delta/json.ts';
import type { StructField } from '../../shared/delta/schema.ts';
import type { FileStats } from '../../shared/delta/stats.ts';

/** How many values of `rows` lie outside their file's bounds, by DuckDB's own order (text by UTF-8 bytes); must be 0. */
export function countFalseBounds(fields: readonly StructField[], stats: FileStats): string {
  const outside = fields.flatMap(({ name, type }) => [['<', stats.minValues[name]], ['>', stats.maxValues[name]]].flatMap(([side, bound]) =>
    (bound === undefined ? [] : [`count(*) FILTER (${quote(name)} ${String(side)} ${boundSql(bound)}::${sqlType(type)})`])));
  return `SELECT (${['0', ...outside].join(' + ')})::BIGINT AS wrong FROM rows`;
}

function boundSql(bound: unknown): string {
  return literal(typeof bound === 'string' ? bound : printJson(bound));
}
