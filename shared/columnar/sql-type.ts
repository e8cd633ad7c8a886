import { TableError } from '../errors.ts';
import { quote } from './duckdb.ts';

/** The structural part of a Delta type that this file needs (delta's own types fit it). */
export type SqlSource =
  | string
  | { readonly type: 'struct'; readonly fields: readonly { readonly name: string; readonly type: SqlSource }[] }
  | { readonly type: 'array'; readonly elementType: SqlSource }
  | { readonly type: 'map'; readonly keyType: SqlSource; readonly valueType: SqlSource };

const PRIMITIVES: Readonly<Record<string, string>> = {
  string: 'VARCHAR', long: 'BIGINT', integer: 'INTEGER', short: 'SMALLINT', byte: 'TINYINT', float: 'FLOAT', double: 'DOUBLE',
  boolean: 'BOOLEAN', binary: 'BLOB', date: 'DATE', timestamp: 'TIMESTAMP WITH TIME ZONE', timestamp_ntz: 'TIMESTAMP',
};

/** DuckDB's type for a Delta type (PROTOCOL.md, "Schema Serialization Format"). TableError for one neither knows. */
export function sqlType(type: SqlSource): string {
  if (typeof type === 'string') {
    const decimal = /^decimal\((\d+),\s*(-?\d+)\)$/.exec(type);
    const name = decimal ? `DECIMAL(${decimal[1]}, ${decimal[2]})` : PRIMITIVES[type];
    if (name) return name;
    throw new TableError('columnar/type', `columns of type ${type} are not supported`);
  }
  switch (type.type) {
    case 'array': return `${sqlType(type.elementType)}[]`;
    case 'map': return `MAP(${sqlType(type.keyType)}, ${sqlType(type.valueType)})`;
    case 'struct': return `STRUCT(${type.fields.map((field) => `${quote(field.name)} ${sqlType(field.type)}`).join(', ')})`;
  }
}
