import { TableError } from '../errors.ts';
import { quote } from './sql-text.ts';

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
  if (type.type === 'array') return `${sqlType(type.elementType)}[]`;
  if (type.type === 'map') return `MAP(${sqlType(type.keyType)}, ${sqlType(type.valueType)})`;
  return `STRUCT(${type.fields.map((field) => `${quote(field.name)} ${sqlType(field.type)}`).join(', ')})`;
}

/**
 * The Delta type that `name`, as DuckDB prints its types, is read as; null where there is none (TIME, INTERVAL, UUID, …). Integers of
 * other widths than Delta's are taken as `long`: their values come as whole numbers all the same.
 */
export function sourceType(name: string): SqlSource | null {
  const text = new TypeText(name);
  const type = text.type();
  return text.done ? type : null;
}

const DELTA: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(PRIMITIVES).map(([delta, duckdb]) => [duckdb, delta])),
  HUGEINT: 'long', UHUGEINT: 'long', UBIGINT: 'long', UINTEGER: 'long', USMALLINT: 'integer', UTINYINT: 'integer',
};

/** Recursive descent over `STRUCT("a" INTEGER, "b" DATE[])`, `MAP(VARCHAR, DOUBLE)`, `DECIMAL(18,3)`, `INTEGER[2]`. */
class TypeText {
  #rest: string;

  constructor(text: string) {
    this.#rest = text;
  }

  get done(): boolean {
    return this.#rest === '';
  }

  type(): SqlSource | null {
    let type = this.#scalar();
    while (type !== null && this.#take(/^\[\d*\]/) !== null) type = { type: 'array', elementType: type };
    return type;
  }

  #scalar(): SqlSource | null {
    const decimal = this.#take(/^DECIMAL\(\d+,\s*\d+\)/);
    if (decimal !== null) return `decimal(${decimal.slice('DECIMAL('.length, -1).replaceAll(' ', '')})`;
    if (this.#take(/^STRUCT\(/) !== null) return this.#struct();
    if (this.#take(/^MAP\(/) !== null) return this.#map();
    return DELTA[this.#take(/^[A-Z]+(?: WITH TIME ZONE)?/) ?? ''] ?? null;
  }

  #struct(): SqlSource | null {
    const fields: { name: string; type: SqlSource }[] = [];
    do {
      const name = this.#take(/^(?:"(?:[^"]|"")*"|\w+) /);
      const type = name === null ? null : this.type();
      if (name === null || type === null) return null;
      fields.push({ name: name.startsWith('"') ? name.slice(1, -2).replaceAll('""', '"') : name.trimEnd(), type });
    } while (this.#take(/^, /) !== null);
    return this.#take(/^\)/) === null ? null : { type: 'struct', fields };
  }

  #map(): SqlSource | null {
    const keyType = this.type();
    const valueType = keyType !== null && this.#take(/^, /) !== null ? this.type() : null;
    if (keyType === null || valueType === null || this.#take(/^\)/) === null) return null;
    return { type: 'map', keyType, valueType };
  }

  #take(pattern: RegExp): string | null {
    const found = pattern.exec(this.#rest)?.[0] ?? null;
    if (found !== null) this.#rest = this.#rest.slice(found.length);
    return found;
  }
}
