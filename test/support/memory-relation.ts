import { compareScalars, evaluate } from '../../shared/columnar/predicate.ts';
import type { Predicate, Scalar } from '../../shared/columnar/predicate.ts';
import type { Column, Relation } from '../../shared/columnar/relation.ts';
import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { assert } from '../../shared/errors.ts';
import { castOf } from './memory-cast.ts';
import { compareNullsLast, keyText } from './memory-keys.ts';

/** Rows in memory. A row may hold more values than the relation has columns: `at` says where each one is. Never changed. */
export class MemoryRelation implements Relation {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  readonly at: readonly number[];
  /** The session that made it, by identity. */
  readonly owner: object;
  readonly #index: ReadonlyMap<string, number>;

  constructor(columns: readonly Column[], rows: readonly (readonly unknown[])[], { at, owner }: { at?: readonly number[]; owner: object }) {
    this.columns = columns;
    this.rows = rows;
    this.at = at ?? columns.map((_column, i) => i);
    this.owner = owner;
    this.#index = new Map(columns.map(({ name }, i) => [name, i]));
    if (this.#index.size !== columns.length) throw new Error(`bug: columns of a relation come twice: ${columns.map(({ name }) => name).join(', ')}`);
  }

  has(name: string): boolean {
    return this.#index.has(name);
  }

  column(name: string): Column {
    const i = this.#index.get(name);
    // No assert: making its message for nothing would take a good part of a simulation's time.
    if (i === undefined) throw new Error(`bug: no column ${name} in a relation of ${this.columns.map((column) => column.name).join(', ')}`);
    return this.columns[i];
  }

  /** Where the column's value is in a row. */
  place(name: string): number {
    this.column(name);
    return this.at[this.#index.get(name)!];
  }

  withRows(rows: readonly (readonly unknown[])[]): MemoryRelation {
    return new MemoryRelation(this.columns, rows, { at: this.at, owner: this.owner });
  }

  /** With one value a row as a further column. */
  withColumn(column: Column, values: readonly unknown[]): MemoryRelation {
    const rows = this.rows.map((row, i) => [...this.at.map((at) => row[at]), values[i]]);
    return new MemoryRelation([...this.columns, column], rows, { owner: this.owner });
  }

  /** The text of a row's key; null where one of its values is null and nulls are no key. */
  keyer(names: readonly string[], nulls: 'are-keys' | 'are-none'): (row: readonly unknown[]) => string | null {
    const places = names.map((name) => this.place(name));
    return (row) => {
      let key = '';
      for (const place of places) {
        if (row[place] === null && nulls === 'are-none') return null;
        key += keyText(row[place]);
      }
      return key;
    };
  }
}

export function select(relation: MemoryRelation, names: readonly string[]): MemoryRelation {
  return new MemoryRelation(names.map((name) => relation.column(name)), relation.rows, { at: names.map((name) => relation.place(name)), owner: relation.owner });
}

export function where(relation: MemoryRelation, predicate: Predicate): MemoryRelation {
  checkTypes(relation, predicate);
  let current: readonly unknown[] = [];
  const places = new Map(relation.columns.map(({ name }) => [name, relation.place(name)]));
  const valueOf = (column: string) => current[places.get(column)!];
  return relation.withRows(relation.rows.filter((row) => {
    current = row;
    return evaluate(predicate, valueOf) === true;
  }));
}

/** Comparisons need a column with an order that the engine knows, and a scalar in its raw form: a mistake is told even where there are no rows. */
function checkTypes(relation: MemoryRelation, predicate: Predicate): void {
  switch (predicate.op) {
    case 'and': case 'or': return predicate.of.forEach((of) => checkTypes(relation, of));
    case 'not': return checkTypes(relation, predicate.of);
    case 'is-null': case 'is-not-null': return void relation.column(predicate.column);
    case 'in': case '=': case '<>': case '<': case '<=': case '>': case '>=': {
      const { name, type } = relation.column(predicate.column);
      const sample = typeof type === 'string' ? SAMPLES[type] : undefined;
      assert(sample !== undefined, `column ${name} of type ${JSON.stringify(type)} is compared`);
      for (const value of predicate.op === 'in' ? predicate.values : [predicate.value]) compareScalars(sample, value);
    }
  }
}

const SAMPLES: Readonly<Record<string, Scalar>> = {
  string: '', long: 0n, integer: 0, short: 0, byte: 0, float: 0, double: 0, boolean: false, date: 0, timestamp: 0n, timestamp_ntz: 0n,
};

export function union(first: MemoryRelation, others: readonly MemoryRelation[]): MemoryRelation {
  const all = [first, ...others];
  const columns = new Map<string, Column>();
  for (const relation of all) {
    for (const column of relation.columns) {
      const known = columns.get(column.name);
      columns.set(column.name, known === undefined ? column : { name: column.name, type: common(known.type, column.type) });
    }
  }
  const rows = all.flatMap((relation) => {
    const sources = [...columns.values()].map(({ name, type }) => (relation.has(name)
      ? { place: relation.place(name), cast: castOf(relation.column(name).type, type, 'name') } : null));
    return relation.rows.map((row) => sources.map((source) => {
      if (source === null) return null;
      return source.cast === null ? row[source.place] : source.cast(row[source.place]);
    }));
  });
  return new MemoryRelation([...columns.values()], rows, { owner: first.owner });
}

const WIDENING = ['byte', 'short', 'integer', 'long', 'float', 'double'];

/** The type that holds the values of both. */
function common(a: SqlSource, b: SqlSource): SqlSource {
  if (typeof a !== 'string' || typeof b !== 'string' || a === b) return a;
  const [i, j] = [WIDENING.indexOf(a), WIDENING.indexOf(b)];
  assert(i >= 0 && j >= 0, `a column is ${a} in one relation and ${b} in another`);
  return WIDENING[Math.max(i, j)];
}

export function join(left: MemoryRelation, right: MemoryRelation, on: readonly string[]): MemoryRelation {
  const matches = new Map<string, (readonly unknown[])[]>();
  const rightKey = right.keyer(on, 'are-none');
  for (const row of right.rows) {
    const key = rightKey(row);
    if (key === null) continue;
    const found = matches.get(key);
    if (found) found.push(row);
    else matches.set(key, [row]);
  }
  const added = right.columns.filter(({ name }) => !on.includes(name));
  const places = added.map(({ name }) => right.place(name));
  const leftKey = left.keyer(on, 'are-none');
  const rows = left.rows.flatMap((row) => {
    const key = leftKey(row);
    const found = key === null ? undefined : matches.get(key);
    return found?.map((match) => [...left.at.map((at) => row[at]), ...places.map((place) => match[place])]) ?? [];
  });
  return new MemoryRelation([...left.columns, ...added], rows, { owner: left.owner });
}

export function semiJoin(left: MemoryRelation, right: MemoryRelation, on: readonly string[]): MemoryRelation {
  const keys = new Set(right.rows.map(right.keyer(on, 'are-none')));
  const keyOf = left.keyer(on, 'are-none');
  return left.withRows(left.rows.filter((row) => {
    const key = keyOf(row);
    return key !== null && keys.has(key);
  }));
}

/** Rows with equal values keep their order. */
export function numbered(relation: MemoryRelation, by: readonly string[], name: string): MemoryRelation {
  const places = by.map((column) => relation.place(column));
  const sorted = relation.rows.toSorted((a, b) => {
    for (const place of places) {
      const order = compareNullsLast(a[place], b[place]);
      if (order !== 0) return order;
    }
    return 0;
  });
  return relation.withRows(sorted).withColumn({ name, type: 'integer' }, sorted.map((_row, i) => i));
}
