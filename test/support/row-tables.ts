import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import type { ColumnKind, LoadColumn } from '../../shared/columnar/load-column.ts';
import type { Predicate } from '../../shared/columnar/predicate.ts';
import type { Relation, RelationEngine, RelationSession, Row } from '../../shared/columnar/relation.ts';
import type { LogSource } from '../../shared/delta/log-reader.ts';
import type { AddFile } from '../../shared/delta/actions.ts';
import type { CommitOutcome, Transaction } from '../../shared/delta/commit.ts';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import { compactFiles } from '../../shared/delta/operations/optimize.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { transactionOf } from '../../shared/delta/operations/transaction.ts';
import type { ChangeDetails } from '../../shared/delta/operations/transaction.ts';
import { deleteByKey, deleteWhere, overwrite, replaceWhere, upsert } from '../../shared/delta/operations/upsert.ts';
import type { PlannedChange } from '../../shared/delta/operations/upsert.ts';
import { writeFiles } from '../../shared/delta/operations/write.ts';
import type { StructField } from '../../shared/delta/schema.ts';
import { fieldOf, struct } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { duckOver } from '../../shared/open-lake.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';
import { openDeltaBench } from './delta.ts';
import type { DeltaBench } from './delta.ts';
import { LinesCodec } from './lines-codec.ts';
import { MemoryRelations } from './memory-relations.ts';
import { MemoryStore } from './memory-store.ts';

/** What the operations on rows are tried on: both engines, and both ways to take rows away. */
export interface RowMode {
  readonly engine: 'memory' | 'duckdb';
  readonly vectors: boolean;
}

export const ROW_MODES: readonly (readonly [name: string, mode: RowMode])[] = (['memory', 'duckdb'] as const).flatMap((engine) =>
  [false, true].map((vectors) => [`${engine}, ${vectors ? 'vectors' : 'copy-on-write'}`, { engine, vectors }] as const));
export const VECTOR_MODES = ROW_MODES.filter(([, { vectors }]) => vectors);

export interface RowTableOptions {
  readonly fields: readonly StructField[];
  readonly partitionColumns?: readonly string[];
  readonly configuration?: Readonly<Record<string, string>>;
  readonly store?: ObjectStore;
}

/** Makes tables in memory stores; `close` ends the engines. */
export class RowTables {
  readonly #bench: DeltaBench;
  readonly #clock: Clock;

  private constructor(bench: DeltaBench, clock: Clock) {
    this.#bench = bench;
    this.#clock = clock;
  }

  static async open(clock: Clock = systemClock): Promise<RowTables> {
    return new RowTables(await openDeltaBench(clock), clock);
  }

  async create({ engine, vectors }: RowMode, { fields, partitionColumns = [], configuration = {}, store = new MemoryStore({ clock: this.#clock }) }: RowTableOptions): Promise<TestTable> {
    await DeltaTable.ensure(this.#source(engine, store), {
      name: 'test', description: '', schema: struct(...fields), partitionColumns,
      configuration: { ...(vectors ? { 'delta.enableDeletionVectors': 'true' } : {}), ...configuration },
    }, this.#clock);
    return this.#open(engine, store);
  }

  close(): Promise<void> {
    return this.#bench.close();
  }

  async #open(engine: RowMode['engine'], store: ObjectStore): Promise<TestTable> {
    const delta = (await DeltaTable.open(this.#source(engine, store), this.#clock))!;
    const relations = engine === 'duckdb' ? await this.#duckdb(store) : new MemoryRelations(store);
    return new TestTable({ delta, engine: relations, folder: '', clock: this.#clock }, () => this.#open(engine, store));
  }

  #source(engine: RowMode['engine'], store: ObjectStore): LogSource {
    return engine === 'duckdb' ? this.#bench.source(store) : { store, codec: new LinesCodec(), table: 'test' };
  }

  /** Each writer with a folder of its own for what it downloads. */
  async #duckdb(store: ObjectStore): Promise<RelationEngine> {
    const { engine, folder } = this.#bench;
    return duckOver(store, { engine, tempDir: await mkdtemp(join(folder, 'writer-')), cacheBytesMax: 1e9, clock: this.#clock }).engine;
  }
}

/** A transaction and the snapshot it was planned on. */
export interface Planned {
  readonly snapshot: Snapshot;
  readonly transaction: Transaction;
}

/** A table and the operations on its rows, each as a transaction that is not yet committed. */
export class TestTable {
  readonly table: RowTable;
  readonly #again: () => Promise<TestTable>;

  constructor(table: RowTable, again: () => Promise<TestTable>) {
    this.table = table;
    this.#again = again;
  }

  get snapshot(): Snapshot {
    return this.table.delta.snapshot;
  }

  get files(): AddFile[] {
    return [...this.snapshot.files.values()];
  }

  /** The same table for another writer: opened anew. */
  another(): Promise<TestTable> {
    return this.#again();
  }

  append(rows: readonly Row[]): Promise<Planned> {
    return this.#planned(async (session, snapshot) => {
      const { adds, writtenAtMs } = await writeFiles(session, this.table, snapshot, await this.#values(session, rows));
      return { operation: 'WRITE', reads: 'nothing', actions: adds.map((add) => ({ add })), ...(writtenAtMs === undefined ? {} : { writtenAtMs }) };
    });
  }

  upsert(rows: readonly Row[], key: readonly string[], details: Partial<ChangeDetails> = {}): Promise<Planned> {
    return this.change({ operation: 'MERGE', removalIntent: 'replace', ...details }, async (session, snapshot) =>
      upsert(session, this.table, snapshot, { rows: await this.#values(session, rows), key }));
  }

  deleteByKey(keys: readonly Row[], key: readonly string[], details: Partial<ChangeDetails> = {}): Promise<Planned> {
    return this.change({ operation: 'DELETE', removalIntent: 'erase', ...details }, async (session, snapshot) =>
      deleteByKey(session, this.table, snapshot, { keys: await this.#values(session, keys, key), key }));
  }

  deleteWhere(where: Predicate, details: Partial<ChangeDetails> = {}): Promise<Planned> {
    return this.change({ operation: 'DELETE', removalIntent: 'expire', ...details }, (session, snapshot) => deleteWhere(session, this.table, snapshot, where));
  }

  replaceWhere(rows: readonly Row[] | null, where: Predicate, details: Partial<ChangeDetails> = {}): Promise<Planned> {
    return this.change({ operation: 'WRITE', removalIntent: 'replace', ...details }, async (session, snapshot) =>
      replaceWhere(session, this.table, snapshot, { rows: rows && await this.#values(session, rows), where }));
  }

  overwrite(rows: readonly Row[], details: Partial<ChangeDetails> = {}): Promise<Planned> {
    return this.change({ operation: 'WRITE', removalIntent: 'replace', ...details }, async (session, snapshot) =>
      overwrite(session, this.table, snapshot, await this.#values(session, rows)));
  }

  async compact(files: readonly AddFile[] = this.files): Promise<Planned> {
    const { snapshot } = this;
    return { snapshot, transaction: await compactFiles(this.table, snapshot, files) };
  }

  change(details: ChangeDetails, plan: (session: RelationSession, snapshot: Snapshot) => Promise<PlannedChange>): Promise<Planned> {
    return this.#planned(async (session, snapshot) => transactionOf(this.table, snapshot, await plan(session, snapshot), details));
  }

  commit({ snapshot, transaction }: Planned): Promise<CommitOutcome> {
    return this.table.delta.commit(snapshot, transaction);
  }

  /** Commits what nobody overtook. */
  async apply(planned: Planned | Promise<Planned>): Promise<Snapshot> {
    const outcome = await this.commit(await planned);
    if (outcome.kind === 'committed') return outcome.snapshot;
    throw new Error(`the commit clashed over ${outcome.over}`);
  }

  /** As the snapshot has them, in an order of their own; `version` of an older snapshot. */
  async rows(version?: bigint): Promise<Row[]> {
    const snapshot = version === undefined ? this.snapshot : await this.table.delta.at(version);
    return sorted(await this.read(snapshot));
  }

  /** In the order of the files. */
  read(snapshot: Snapshot, files: Iterable<AddFile> = snapshot.files.values()): Promise<Row[]> {
    return this.table.engine.session(async (session) => session.rows(withoutPlace(session, await scanLive(session, this.table, snapshot, files))));
  }

  /** The rows as a relation; of these columns alone. */
  #values(session: RelationSession, rows: readonly Row[], names: readonly string[] = this.snapshot.schema.fields.map(({ name }) => name)): Promise<Relation> {
    return session.values(names.map((name) => column(fieldOf(this.snapshot.schema, name), rows)));
  }

  async #planned(plan: (session: RelationSession, snapshot: Snapshot) => Promise<Transaction>): Promise<Planned> {
    const { snapshot } = this;
    return { snapshot, transaction: await this.table.engine.session((session) => plan(session, snapshot)) };
  }
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  string: 'text', long: 'long', integer: 'integer', double: 'double', boolean: 'boolean', timestamp: 'timestamp', date: 'date', binary: 'blob',
};

function column({ name, type }: StructField, rows: readonly Row[]): LoadColumn {
  return { name, kind: KINDS[type as string], values: rows.map((row) => row[name] ?? null) };
}

/** In one order, whatever they came in. */
export function sorted(rows: readonly Row[]): Row[] {
  return rows.map((row) => ({ row, text: rowText(row) })).sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)).map(({ row }) => row);
}

/** One text a row: equal texts, equal rows. */
export function rowText(row: Row): string {
  return JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)), (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return typeof value === 'number' && !Number.isFinite(value) ? `${value} number` : value;
  });
}
