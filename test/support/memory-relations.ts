import { rowCount } from '../../shared/columnar/load-column.ts';
import type { LoadColumn } from '../../shared/columnar/load-column.ts';
import type { Predicate } from '../../shared/columnar/predicate.ts';
import { FILE, ROW } from '../../shared/columnar/relation.ts';
import type { Chunk, ColumnAggregate, FileScan, ReadColumn, Relation, RelationEngine, RelationSession, Row, ScanFile, WriteTarget, WrittenFile } from '../../shared/columnar/relation.ts';
import { TableError, TransientError, assert } from '../../shared/errors.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { castOf } from './memory-cast.ts';
import { clustered } from './memory-cluster.ts';
import { decodeFile, encodeFile } from './memory-file.ts';
import type { DataFile } from './memory-file.ts';
import { aggregate } from './memory-keys.ts';
import { columnReader, typeOfKind } from './memory-load.ts';
import { coded, net } from './memory-net.ts';
import { MemoryRelation, join, numbered, select, semiJoin, union, where } from './memory-relation.ts';
import { rowsOf, valueReader } from './memory-scan.ts';

/**
 * A relational engine in memory, for tests and the simulation: it waits for nothing but the store, so that what runs on it depends on
 * the order of the store's answers alone. Rows are computed at once, and kept whole. Its data files are its own (memory-file.ts).
 */
export class MemoryRelations implements RelationEngine {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async session<T>(use: (session: RelationSession) => Promise<T>): Promise<T> {
    const session = new MemorySession(this.#store);
    try {
      return await use(session);
    } finally {
      session.end();
    }
  }
}

const CHUNK_ROWS = 2048;

/** Holds its users to the contract too: relations of another session, calls after the end or between chunks are bugs. */
class MemorySession implements RelationSession {
  readonly #store: ObjectStore;
  #state: 'open' | 'reading' | 'ended' = 'open';

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  end(): void {
    this.#state = 'ended';
  }

  async values(columns: readonly LoadColumn[]): Promise<Relation> {
    this.#check();
    const readers = columns.map(columnReader);
    const rows = Array.from({ length: rowCount(columns) }, (_row, i) => readers.map((read) => read(i)));
    return new MemoryRelation(columns.map(({ name, kind }) => ({ name, type: typeOfKind(kind) })), rows, { owner: this });
  }

  async scan({ columns, files }: FileScan): Promise<Relation> {
    this.#check();
    const data = await this.#fetch(files);
    const rows = files.flatMap((file, i) => {
      const { key, partitionValues } = file;
      const of = data.get(key)!;
      const readers = columns.map((column) => valueReader(column, { key, partitionValues, file: of }));
      return rowsOf(of, file).map((position) => [...readers.map((read) => read(of.rows[position])), i, BigInt(position)]);
    });
    const described = [...columns.map(({ name, type }) => ({ name, type })), { name: FILE, type: 'integer' }, { name: ROW, type: 'long' }];
    return new MemoryRelation(described, rows, { owner: this });
  }

  select(relation: Relation, names: readonly string[]): Relation {
    return select(this.#own(relation), names);
  }

  where(relation: Relation, predicate: Predicate): Relation {
    return where(this.#own(relation), predicate);
  }

  union(first: Relation, ...others: readonly Relation[]): Relation {
    return union(this.#own(first), others.map((other) => this.#own(other)));
  }

  join(left: Relation, right: Relation, on: readonly string[]): Relation {
    return join(this.#own(left), this.#own(right), on);
  }

  semiJoin(left: Relation, right: Relation, on: readonly string[]): Relation {
    return semiJoin(this.#own(left), this.#own(right), on);
  }

  async numbered(relation: Relation, by: readonly string[], name: string): Promise<Relation> {
    return numbered(this.#own(relation), by, name);
  }

  async clustered(relation: Relation, by: readonly string[]): Promise<Relation> {
    return clustered(this.#own(relation), by);
  }

  async coded(relation: Relation, by: readonly string[], name: string): ReturnType<RelationSession['coded']> {
    return coded(this.#own(relation), by, name);
  }

  async net({ added, removed }: { added: Relation; removed: Relation }, by: { readonly key: readonly string[]; readonly columns: readonly string[] }): Promise<Relation> {
    return net({ added: this.#own(added), removed: this.#own(removed) }, by);
  }

  async materialise(relation: Relation): Promise<Relation> {
    return this.#own(relation);
  }

  async count(relation: Relation): Promise<number> {
    return this.#own(relation).rows.length;
  }

  async repeated(relation: Relation, columns: readonly string[]): Promise<number> {
    const own = this.#own(relation);
    const counts = new Map<string, number>();
    const keyOf = own.keyer(columns, 'are-none');
    for (const row of own.rows) {
      const key = keyOf(row);
      if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts.values()].filter((count) => count > 1).length;
  }

  async bounds(relation: Relation, columns: readonly string[]): Promise<{ min: ColumnAggregate['min']; max: ColumnAggregate['max'] }[]> {
    const own = this.#own(relation);
    return columns.map((name) => {
      const { min, max } = aggregateOf(own, name);
      return { min, max };
    });
  }

  async rows(relation: Relation): Promise<Row[]> {
    const own = this.#own(relation);
    return own.rows.map((row) => Object.fromEntries(own.columns.map(({ name }, i) => [name, row[own.at[i]]])));
  }

  async *chunks(relation: Relation, columns: readonly ReadColumn[]): AsyncIterable<Chunk> {
    const own = this.#own(relation);
    this.#state = 'reading';
    try {
      for (let start = 0; start < own.rows.length; start += CHUNK_ROWS) {
        const rows = own.rows.slice(start, start + CHUNK_ROWS);
        yield { rows: rows.length, columns: columns.map((column) => chunkColumn(own, rows, column)) };
      }
    } finally {
      if (this.#state === 'reading') this.#state = 'open';
    }
  }

  async write(relation: Relation, { columns, partitionBy, statistics, keyOf }: WriteTarget): Promise<WrittenFile[]> {
    const cast = union(new MemoryRelation([...columns, ...partitionBy], [], { owner: this }), [targeted(this.#own(relation), [...columns, ...partitionBy])]);
    const files: WrittenFile[] = [];
    for (const rows of partitionsOf(cast, partitionBy.map(({ name }) => name))) {
      const partition = Object.fromEntries(partitionBy.map(({ name }) => [name, rows[0][cast.place(name)]]));
      const key = keyOf(partition);
      const file: DataFile = { columns: columns.map(({ name, type }) => ({ name, type })), rows: rows.map((row) => row.slice(0, columns.length)) };
      const bytes = encodeFile(file);
      const storedAtMs = await this.#put(key, bytes);
      const stored = new MemoryRelation(file.columns, file.rows, { owner: this });
      const aggregates = Object.fromEntries(statistics.map((name) => [name, aggregateOf(stored, name)]));
      files.push({ key, partition, rows: BigInt(rows.length), bytes: bytes.length, storedAtMs, aggregates });
    }
    return files;
  }

  /** By key; every object is read once, whole. */
  async #fetch(files: readonly ScanFile[]): Promise<Map<string, DataFile>> {
    const keys = [...new Set(files.map(({ key }) => key))];
    const settled = await Promise.allSettled(keys.map(async (key) => {
      const bytes = await this.#store.get(key);
      if (bytes !== null) return [key, decodeFile(bytes, key)] as const;
      throw new TableError('storage/missing-file', `Reading ${JSON.stringify(key)} in ${this.#store.url}: there is no such object, though it is to be scanned`, { facts: { key } });
    }));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return new Map(settled.map((result) => (result as PromiseFulfilledResult<readonly [string, DataFile]>).value));
  }

  /** When it was stored, by the store's clock. An answer that was lost is settled by reading back. */
  async #put(key: string, bytes: Uint8Array): Promise<number> {
    if (await this.#store.putIfAbsent(key, bytes) !== 'created') {
      const there = await this.#store.get(key);
      if (there !== null && Buffer.compare(there, bytes) !== 0) throw new TableError('storage/object-exists', `Putting a data file as ${key} in ${this.#store.url}: an object is there. Put it under a fresh name.`, { facts: { key } });
      if (there === null) throw lost(key);
    }
    const info = await this.#store.head(key);
    if (info === null) throw lost(key);
    return info.lastModifiedMs;
  }

  #own(relation: Relation): MemoryRelation {
    this.#check();
    assert(relation instanceof MemoryRelation && relation.owner === this, 'a relation of another session');
    return relation;
  }

  #check(): void {
    assert(this.#state === 'open', this.#state === 'reading' ? 'a call on a session whose chunks are being read' : 'a call on a session that has ended');
  }
}

function lost(key: string): TransientError {
  return new TransientError('storage/unavailable', `putting ${key}: there was no answer, and no such object. The work is tried again later.`, { facts: { key } });
}

function aggregateOf(relation: MemoryRelation, name: string): ColumnAggregate {
  const place = relation.place(name);
  return aggregate(relation.rows.map((row) => row[place]), relation.column(name).type);
}

/** What a target has of the relation, in the target's types. */
function targeted(relation: MemoryRelation, columns: WriteTarget['columns']): MemoryRelation {
  const taken = columns.filter(({ name }) => relation.has(name));
  const sources = taken.map(({ name, type }) => ({ place: relation.place(name), cast: castOf(relation.column(name).type, type, 'name') }));
  const rows = relation.rows.map((row) => sources.map(({ place, cast }) => (cast === null ? row[place] : cast(row[place]))));
  return new MemoryRelation(taken, rows, { owner: relation.owner });
}

function partitionsOf(relation: MemoryRelation, by: readonly string[]): Iterable<readonly unknown[][]> {
  const keyOf = relation.keyer(by, 'are-keys');
  return Map.groupBy(relation.rows as unknown[][], keyOf).values();
}

function chunkColumn(relation: MemoryRelation, rows: readonly (readonly unknown[])[], column: ReadColumn): unknown[] {
  const place = relation.place(typeof column === 'string' ? column : column.name);
  const values = rows.map((row) => row[place]);
  if (typeof column === 'string') return values;
  if (column.as === 'text-or-empty') return values.map((value) => value ?? '');
  return values.map((value) => (value === null ? Number.NaN : Number(value)));
}
