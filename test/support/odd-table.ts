import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { DuckCheckpointCodec } from '../../shared/columnar/checkpoint-codec.ts';
import { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import type { DuckSession } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { Predicate } from '../../shared/columnar/predicate.ts';
import type { Relation, Row } from '../../shared/columnar/relation.ts';
import type { AddFile } from '../../shared/delta/actions.ts';
import { cleanLog } from '../../shared/delta/clean-log.ts';
import type { CleanOutcome } from '../../shared/delta/clean-log.ts';
import type { Transaction } from '../../shared/delta/commit.ts';
import { addColumns } from '../../shared/delta/operations/alter.ts';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import { compactFiles } from '../../shared/delta/operations/optimize.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { transactionOf } from '../../shared/delta/operations/transaction.ts';
import { deleteByKey, deleteWhere, replaceWhere, upsert } from '../../shared/delta/operations/upsert.ts';
import type { PlannedChange } from '../../shared/delta/operations/upsert.ts';
import { writeFiles } from '../../shared/delta/operations/write.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { DeltaTable } from '../../shared/delta/table.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { LocalFiles } from '../../shared/storage/local-files.ts';
import { canonicalRaw } from './canonical-row.ts';
import { ExpectedRows, LATER, ODD_KEY, ODD_PARTITIONS, ODD_SCHEMA, loadColumns } from './odd-rows.ts';

/** A table of odd rows in a folder, changed by our operations, beside what it should hold. */
export class OddTable {
  readonly dir: string;
  readonly expected: ExpectedRows;
  readonly delta: DeltaTable;
  readonly #table: RowTable<DuckRelations>;
  readonly #folder: string;
  readonly #engine: Engine;

  private constructor({ folder, dir, engine, table }: { folder: string; dir: string; engine: Engine; table: RowTable<DuckRelations> }) {
    this.#folder = folder;
    this.dir = dir;
    this.#engine = engine;
    this.#table = table;
    this.delta = table.delta;
    this.expected = new ExpectedRows();
  }

  static async create(configuration: Readonly<Record<string, string>> = {}): Promise<OddTable> {
    return OddTable.#open(await mkdtemp(join(tmpdir(), 'assay-odd-')), configuration);
  }

  static async #open(folder: string, configuration: Readonly<Record<string, string>>): Promise<OddTable> {
    const [dir, tempDir] = [join(folder, 'table'), join(folder, 'temp')];
    const store = new FileStore({ dir });
    const engine = new Engine({ memoryMb: 512, threads: 2, tempDir });
    const source = { store, codec: new DuckCheckpointCodec({ engine, tempDir }), table: 'odd' };
    const definition = { name: 'odd', description: 'Odd rows', schema: ODD_SCHEMA, partitionColumns: ODD_PARTITIONS, configuration };
    const delta = await DeltaTable.ensure(source, definition, systemClock);
    const localFiles = new LocalFiles({ store, dir: join(folder, 'cache'), bytesMax: 1e9 });
    const objects = {
      acquire: (keys: Iterable<string>) => localFiles.acquire(keys),
      put: async (key: string, path: string) => {
        const put = await store.putFile(key, path);
        if (put.kind === 'exists') throw new Error(`${key} is there already`);
        return put;
      },
    };
    const relations = new DuckRelations({ engine, objects, tempDir, clock: systemClock });
    return new OddTable({ folder, dir, engine, table: { delta, engine: relations, folder: '', clock: systemClock } });
  }

  /** The rows that a worker reads which has never seen the table. */
  async linesAfresh(): Promise<string[]> {
    const fresh = await OddTable.#open(this.#folder, {});
    try {
      return await fresh.lines();
    } finally {
      await fresh.#engine.close();
    }
  }

  async close(): Promise<void> {
    await this.#engine.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async append(rows: readonly Row[]): Promise<void> {
    await this.#change(async (session, snapshot) => {
      const { adds, writtenAtMs } = await writeFiles(session, this.#table, snapshot, await this.#values(session, rows));
      return { operation: 'WRITE', operationParameters: { mode: '"Append"' }, operationMetrics: { numFiles: String(adds.length), numOutputRows: String(rows.length) }, actions: adds.map((add) => ({ add })), reads: 'nothing', writtenAtMs };
    });
    this.expected.put(rows);
  }

  async upsert(rows: readonly Row[]): Promise<void> {
    await this.#plan('MERGE', async (session, snapshot) => upsert(session, this.#table, snapshot, { rows: await this.#values(session, rows), key: ODD_KEY }));
    this.expected.put(rows);
  }

  async deleteKeys(rows: readonly Row[]): Promise<void> {
    await this.#plan('DELETE', async (session, snapshot) => deleteByKey(session, this.#table, snapshot, { keys: await this.#values(session, rows), key: ODD_KEY }));
    this.expected.delete(rows);
  }

  /** `matches` says the same as `where`. */
  async deleteWhere(where: Predicate, matches: (row: Row) => boolean): Promise<void> {
    await this.#plan('DELETE', (session, snapshot) => deleteWhere(session, this.#table, snapshot, where));
    this.expected.delete(this.expected.all().filter(matches));
  }

  async replaceWhere(where: Predicate, matches: (row: Row) => boolean, rows: readonly Row[]): Promise<void> {
    await this.#plan('WRITE', async (session, snapshot) => replaceWhere(session, this.#table, snapshot, { rows: await this.#values(session, rows), where }));
    this.expected.delete(this.expected.all().filter(matches));
    this.expected.put(rows);
  }

  async addLater(): Promise<void> {
    await addColumns(this.delta, [LATER]);
    this.expected.schema = this.delta.snapshot.schema;
  }

  /** The partition with the most files, `filesMax` of them into one. */
  async compact(filesMax: number): Promise<void> {
    const snapshot = await this.delta.refresh();
    const partitions = Map.groupBy(snapshot.files.values(), ({ partitionValues }) => JSON.stringify(partitionValues));
    const [largest] = [...partitions.values()].sort((a, b) => b.length - a.length);
    await this.#commit(snapshot, await compactFiles(this.#table, snapshot, largest.slice(0, filesMax)));
  }

  async checkpoint(): Promise<void> {
    await this.delta.refresh();
    await this.delta.checkpoint();
  }

  /** As a month later, when nobody reads below `consumed` any more. */
  async cleanLog(consumed: bigint): Promise<CleanOutcome> {
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + 31 * 86_400_000 };
    const snapshot = await this.delta.refresh();
    return cleanLog({ ...this.delta.source, store: new FileStore({ dir: this.dir, clock }) }, snapshot, { consumed });
  }

  /** Rows as we read them, in canonical form; of an older version, if asked for. */
  async lines(version?: bigint): Promise<string[]> {
    const snapshot = version === undefined ? await this.delta.refresh() : await this.delta.at(version);
    const rows = await this.#table.engine.session(async (session) => session.rows(withoutPlace(session, await scanLive(session, this.#table, snapshot))));
    return rows.map((row) => canonicalRaw(snapshot.schema, row));
  }

  /** Live files, as of the last commit or read. */
  files(): AddFile[] {
    return [...this.delta.snapshot.files.values()];
  }

  async #values(session: DuckSession, rows: readonly Row[]): Promise<Relation> {
    return session.values(loadColumns(this.expected.schema, rows));
  }

  async #plan(operation: string, plan: (session: DuckSession, snapshot: Snapshot) => Promise<PlannedChange>): Promise<void> {
    await this.#change(async (session, snapshot) => transactionOf(this.#table, snapshot, await plan(session, snapshot), { operation, operationParameters: { predicate: '"[]"' }, removalIntent: 'replace' }));
  }

  async #change(plan: (session: DuckSession, snapshot: Snapshot) => Promise<Transaction>): Promise<void> {
    const snapshot = await this.delta.refresh();
    await this.#commit(snapshot, await this.#table.engine.session((session) => plan(session, snapshot)));
  }

  /** Nobody else writes meanwhile. A change of nothing is no commit. */
  async #commit(snapshot: Snapshot, transaction: Transaction): Promise<void> {
    if (transaction.actions.length === 0) return;
    const outcome = await this.delta.commit(snapshot, transaction);
    if (outcome.kind !== 'committed') throw new Error(`a commit clashed over ${outcome.over}`);
  }
}
