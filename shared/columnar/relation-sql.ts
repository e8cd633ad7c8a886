import { assert } from '../errors.ts';
import type { Predicate } from './predicate.ts';
import { predicateSql } from './predicate-sql.ts';
import type { LoadColumn } from './load-column.ts';
import type { Column, Relation } from './relation.ts';
import { quote } from './sql-text.ts';
import { sqlType } from './sql-type.ts';

/** How far rows come in order: all, none that could be relied on, or those with equal values of these columns. */
export type Order = boolean | { readonly within: readonly string[] };

/**
 * A relation as SQL. Beyond its columns the SQL gives `keys` hidden ones (BIGINT, see `keyName`): rows are in order of these, and
 * `inOrder` says how far the SQL gives them so already (duckdb.org, "Order Preservation"): scans, filters, projections and UNION ALL keep
 * order, until a join stands anywhere in the plan. So a sort is paid only where order is seen, and hidden columns that nobody reads are
 * pruned. Without keys the order is none that anybody promised.
 */
export class DuckRelation implements Relation {
  readonly columns: readonly Column[];
  readonly sql: string;
  readonly keys: number;
  readonly inOrder: Order;
  /** The rows themselves, where the relation is a load and nothing else. */
  readonly load: readonly LoadColumn[] | null;

  constructor(options: { columns: readonly Column[]; sql: string; keys: number; inOrder: Order; load?: readonly LoadColumn[] }) {
    this.columns = options.columns;
    this.sql = options.sql;
    this.keys = options.keys;
    this.inOrder = options.inOrder;
    this.load = options.load ?? null;
  }

  /** With other columns, or in another state of order, by SQL that gives the same keys. */
  by(sql: string, { columns = this.columns, inOrder = this.inOrder }: { columns?: readonly Column[]; inOrder?: Order } = {}): DuckRelation {
    return new DuckRelation({ columns, sql, keys: this.keys, inOrder });
  }

  get names(): string[] {
    return this.columns.map(({ name }) => name);
  }

  column(name: string): Column {
    const found = this.columns.find((column) => column.name === name);
    assert(found !== undefined, `no column ${name} in a relation of ${this.names.join(', ')}`);
    return found;
  }

  /** To be put behind a `SELECT … FROM (sql)` whose reader sees the order; he may look at the rows of one value of some columns alone. */
  orderBy(oneOf: readonly Column[] = []): string {
    const { inOrder } = this;
    const known = (name: string) => oneOf.some((column) => column.name === name && sqlType(column.type) === sqlType(this.column(name).type));
    const given = typeof inOrder === 'boolean' ? inOrder : inOrder.within.every(known);
    return given || this.keys === 0 ? '' : ` ORDER BY ${keyNames(this.keys).join(', ')}`;
  }
}

/** The relations of other engines are no business of this one. */
export function duck(relation: Relation): DuckRelation {
  assert(relation instanceof DuckRelation, 'a relation of another engine');
  return relation;
}

/** A character that no column's name holds keeps hidden columns apart. */
export function keyName(index: number): string {
  return quote(`\u0001key ${index}`);
}

function keyNames(count: number): string[] {
  return Array.from({ length: count }, (_value, i) => keyName(i));
}

/** Names for a SELECT, which needs one at least. */
export function listSql(names: readonly string[], alias = ''): string {
  return names.length === 0 ? '1' : names.map((name) => `${alias}${quote(name)}`).join(', ');
}

/** The rows alone, in order where it is to be seen. */
export function visibleSql(relation: DuckRelation, options: { ordered: boolean }): string {
  return `SELECT ${listSql(relation.names)} FROM (${relation.sql})${options.ordered ? relation.orderBy() : ''}`;
}

/** A table of this session, its rows in the order in which they were put in. */
export function tableRelation(table: string, columns: readonly Column[]): DuckRelation {
  const sql = `SELECT ${[...columns.map(({ name }) => quote(name)), `rowid AS ${keyName(0)}`].join(', ')} FROM ${quote(table)}`;
  return new DuckRelation({ columns, sql, keys: 1, inOrder: true });
}

export function selected(relation: DuckRelation, names: readonly string[]): DuckRelation {
  const columns = names.map((name) => relation.column(name));
  const list = [...names.map(quote), ...keyNames(relation.keys)];
  const { inOrder } = relation;
  const kept = typeof inOrder === 'boolean' ? inOrder : inOrder.within.every((name) => names.includes(name)) && inOrder;
  return relation.by(`SELECT ${list.length === 0 ? '1' : list.join(', ')} FROM (${relation.sql})`, { columns, inOrder: kept });
}

export function filtered(relation: DuckRelation, predicate: Predicate): DuckRelation {
  const condition = predicateSql(predicate, (name) => relation.column(name).type);
  return relation.by(`SELECT * FROM (${relation.sql}) WHERE ${condition}`, { inOrder: !hasLongList(predicate) && relation.inOrder });
}

/** By a BIGINT of the rows; equal ones in the order they had. */
export function ordered(relation: DuckRelation, by: string): DuckRelation {
  const keys = keyNames(relation.keys).map((name, i) => `${name} AS ${keyName(i + 1)}`);
  const sql = `SELECT ${[...relation.names.map(quote), `${by} AS ${keyName(0)}`, ...keys].join(', ')} FROM (${relation.sql})`;
  return new DuckRelation({ columns: relation.columns, sql, keys: relation.keys + 1, inOrder: false });
}

/** DuckDB makes a join of an IN with five values or more. */
function hasLongList(predicate: Predicate): boolean {
  if ('column' in predicate) return predicate.op === 'in' && predicate.values.length > 4;
  return predicate.op === 'not' ? hasLongList(predicate.of) : predicate.of.some(hasLongList);
}

/** One after the other; the first key says whose row it is. */
export function united(relations: readonly DuckRelation[]): DuckRelation {
  const columns = new Map<string, Column>();
  for (const column of relations.flatMap((relation) => relation.columns)) if (!columns.has(column.name)) columns.set(column.name, column);
  const keys = Math.max(...relations.map((relation) => relation.keys));
  const selects = relations.map((relation, branch) => {
    const own = new Map(relation.columns.map((column) => [column.name, sqlType(column.type)]));
    const list = [...columns.values()].map(({ name, type }) => {
      const expected = sqlType(type);
      const value = own.get(name) === undefined ? `NULL::${expected}` : own.get(name) === expected ? quote(name) : `${quote(name)}::${expected}`;
      return `${value} AS ${quote(name)}`;
    });
    const order = Array.from({ length: keys }, (_value, i) => `${i < relation.keys ? keyName(i) : 'NULL::BIGINT'} AS ${keyName(i + 1)}`);
    return `SELECT ${[...list, `${branch}::BIGINT AS ${keyName(0)}`, ...order].join(', ')} FROM (${relation.sql})`;
  });
  return new DuckRelation({ columns: [...columns.values()], sql: selects.join(' UNION ALL '), keys: keys + 1, inOrder: commonOrder(relations, columns) });
}

function commonOrder(relations: readonly DuckRelation[], columns: ReadonlyMap<string, Column>): Order {
  const within = new Set<string>();
  for (const { inOrder, columns: own } of relations) {
    if (inOrder === false) return false;
    for (const name of inOrder === true ? [] : inOrder.within) {
      // A cast could make two values one.
      if (own.some((column) => column.name === name && sqlType(column.type) !== sqlType(columns.get(name)!.type))) return false;
      within.add(name);
    }
  }
  return within.size === 0 || { within: [...within] };
}

export function paired(left: DuckRelation, right: DuckRelation, on: readonly string[]): DuckRelation {
  const rest = right.columns.filter(({ name }) => !on.includes(name));
  for (const { name } of rest) assert(!left.names.includes(name), `both sides of a join have a column ${name}`);
  const list = [...left.names.map((name) => `l.${quote(name)}`), ...rest.map(({ name }) => `r.${quote(name)}`)];
  const sql = `SELECT ${list.length === 0 ? '1' : list.join(', ')} FROM (${left.sql}) l JOIN (${right.sql}) r ON ${equal(left, right, on)}`;
  return new DuckRelation({ columns: [...left.columns, ...rest], sql, keys: 0, inOrder: false });
}

/** Once each, as the left has it; DuckDB may build on either side. */
export function semiJoined(left: DuckRelation, right: DuckRelation, on: readonly string[]): DuckRelation {
  return left.by(`SELECT l.* FROM (${left.sql}) l SEMI JOIN (SELECT ${listSql(on)} FROM (${right.sql})) r ON ${equal(left, right, on)}`, { inOrder: false });
}

function equal(left: DuckRelation, right: DuckRelation, on: readonly string[]): string {
  for (const name of on) [left, right].forEach((side) => side.column(name));
  return on.length === 0 ? 'true' : on.map((name) => `l.${quote(name)} = r.${quote(name)}`).join(' AND ');
}
