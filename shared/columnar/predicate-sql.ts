import { assert } from '../errors.ts';
import type { Predicate, Scalar } from './predicate.ts';
import { literal, quote } from './sql-text.ts';
import { sqlType } from './sql-type.ts';
import type { SqlSource } from './sql-type.ts';

/**
 * A condition as DuckDB's SQL. Its order is the one that predicate.ts states: text by bytes, NaN equal to itself and greatest, −0.0
 * equal to 0.0, and three-valued logic.
 */
export function predicateSql(predicate: Predicate, typeOf: (column: string) => SqlSource): string {
  if ('column' in predicate) return testSql(predicate, typeOf);
  if (predicate.op === 'not') return `(NOT ${predicateSql(predicate.of, typeOf)})`;
  const parts = predicate.of.map((part) => predicateSql(part, typeOf));
  return parts.length === 0 ? String(predicate.op === 'and') : `(${parts.join(` ${predicate.op} `)})`;
}

function testSql(test: Extract<Predicate, { column: string }>, typeOf: (column: string) => SqlSource): string {
  const column = quote(test.column);
  const scalar = (value: Scalar) => scalarSql(value, typeOf(test.column));
  if ('value' in test) return `(${column} ${test.op} ${scalar(test.value)})`;
  if ('values' in test) return test.values.length === 0 ? 'false' : `(${column} IN (${test.values.map(scalar).join(', ')}))`;
  return `(${column} ${test.op === 'is-null' ? 'IS NULL' : 'IS NOT NULL'})`;
}

/** A value in its raw form as a constant of its column's type. */
export function scalarSql(value: Scalar, type: SqlSource): string {
  assert(typeof type === 'string', `a condition on a column of type ${JSON.stringify(type)}`);
  switch (type) {
    case 'string': return literal(String(value));
    case 'long': case 'integer': case 'short': case 'byte': return `${literal(String(value))}::BIGINT`;
    // Text forms of JavaScript that DuckDB reads: 1e+300, NaN, -Infinity.
    case 'double': case 'float': return `${literal(Object.is(value, -0) ? '-0.0' : String(value))}::DOUBLE`;
    case 'boolean': return String(value);
    case 'date': return `(DATE '1970-01-01' + ${Number(value)})`;
    case 'timestamp': return `make_timestamp(${literal(String(value))}::BIGINT)::TIMESTAMPTZ`;
    case 'timestamp_ntz': return `make_timestamp(${literal(String(value))}::BIGINT)`;
    default:
      assert(type.startsWith('decimal('), `a condition on a column of type ${type}`);
      return `${literal(String(value))}::${sqlType(type)}`;
  }
}
