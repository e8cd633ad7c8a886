import { CHANGE, FILE } from '../../shared/columnar/relation.ts';
import type { Row } from '../../shared/columnar/relation.ts';
import { MemoryRelation } from './memory-relation.ts';

interface Tuple {
  readonly key: string;
  readonly values: readonly unknown[];
  /** Came less went. */
  balance: number;
}

interface Change {
  came: Tuple | null;
  went: Tuple | null;
}

/** `RelationSession.net`. */
export function net({ added, removed }: { added: MemoryRelation; removed: MemoryRelation }, by: { readonly key: readonly string[]; readonly columns: readonly string[] }): MemoryRelation {
  const tuples = new Map<string, Tuple>();
  count(tuples, added, by, 1);
  count(tuples, removed, by, -1);
  const changes = new Map<string, Change>();
  for (const tuple of tuples.values()) {
    if (tuple.balance === 0) continue;
    const change = changes.get(tuple.key) ?? { came: null, went: null };
    changes.set(tuple.key, change);
    if (tuple.balance > 0) change.came ??= tuple;
    else change.went ??= tuple;
  }
  const fileOf = greatestFile(removed, by.key);
  const rows = [...changes].map(([key, { came, went }]) =>
    [...(came ?? went)!.values, came === null ? 'removed' : went === null ? 'added' : 'replaced', fileOf.get(key) ?? null]);
  const columns = [...by.columns.map((name) => added.column(name)), { name: CHANGE, type: 'string' }, { name: FILE, type: 'integer' }];
  return new MemoryRelation(columns, rows, { owner: added.owner });
}

function count(tuples: Map<string, Tuple>, relation: MemoryRelation, by: { readonly key: readonly string[]; readonly columns: readonly string[] }, sign: 1 | -1): void {
  const [keyOf, identityOf] = [relation.keyer(by.key, 'are-keys'), relation.keyer(by.columns, 'are-keys')];
  const places = by.columns.map((name) => relation.place(name));
  for (const row of relation.rows) {
    const [key, identity] = [keyOf(row)!, identityOf(row)!];
    const tuple = tuples.get(identity) ?? { key, values: places.map((place) => row[place]), balance: 0 };
    tuple.balance += sign;
    tuples.set(identity, tuple);
  }
}

function greatestFile(removed: MemoryRelation, key: readonly string[]): Map<string, number> {
  const files = new Map<string, number>();
  const [keyOf, place] = [removed.keyer(key, 'are-keys'), removed.place(FILE)];
  for (const row of removed.rows) files.set(keyOf(row)!, Math.max(files.get(keyOf(row)!) ?? 0, row[place] as number));
  return files;
}

/** `RelationSession.coded`. */
export function coded(relation: MemoryRelation, by: readonly string[], name: string): { relation: MemoryRelation; tuples: { values: Row; rows: number }[] } {
  const keyOf = relation.keyer(by, 'are-keys');
  const places = by.map((column) => relation.place(column));
  const codes = new Map<string, number>();
  const tuples: { values: Row; rows: number }[] = [];
  const column = relation.rows.map((row) => {
    const key = keyOf(row)!;
    const code = codes.get(key) ?? tuples.push({ values: Object.fromEntries(by.map((column, i) => [column, row[places[i]]])), rows: 0 }) - 1;
    codes.set(key, code);
    tuples[code].rows++;
    return code;
  });
  return { relation: relation.withColumn({ name, type: 'integer' }, column), tuples };
}
