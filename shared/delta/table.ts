import type { Clock } from '../clock.ts';
import { TableError } from '../errors.ts';
import type { Action, MetaData } from './actions.ts';
import { checkpointDue, writeCheckpoint } from './checkpoint.ts';
import { cleanLog, mayNotClean } from './clean-log.ts';
import type { CleanOptions, CleanOutcome } from './clean-log.ts';
import { commit, createTable } from './commit.ts';
import type { CommitOutcome, Transaction } from './commit.ts';
import { isOutdated, loadSnapshot, loadSnapshotAt, readCommits, refreshSnapshot } from './log-reader.ts';
import type { LogSource } from './log-reader.ts';
import { protocolFor } from './protocol.ts';
import type { StructType } from './schema.ts';
import type { Snapshot } from './snapshot.ts';

/** What a new table is made of. */
export interface TableDefinition {
  readonly name: string;
  readonly description: string;
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
}

/** One Delta table: its log, and the newest snapshot this process has seen. */
export class DeltaTable {
  readonly source: LogSource;
  readonly #clock: Clock;
  #snapshot: Snapshot;
  /** Day (UTC, by the store's clock) on which this process last looked for superfluous log files. */
  #cleanedOn = -1;

  private constructor(source: LogSource, snapshot: Snapshot, clock: Clock) {
    source.check?.(snapshot.metaData, source.table);
    this.source = source;
    this.#snapshot = snapshot;
    this.#clock = clock;
  }

  /** Null where there is no table. */
  static async open(source: LogSource, clock: Clock): Promise<DeltaTable | null> {
    const snapshot = await loadSnapshot(source);
    return snapshot === null ? null : new DeltaTable(source, snapshot, clock);
  }

  /** Opens the table, creating it first where it is missing. Safe to call from many workers at once. */
  static async ensure(source: LogSource, definition: TableDefinition, clock: Clock): Promise<DeltaTable> {
    const askedAtMs = source.store.nowMs();
    const existing = await DeltaTable.open(source, clock);
    if (existing) return existing;
    const metaData = newMetaData(definition, clock);
    // Somebody else may have made the table since, and have cleaned its first versions from the log: they must not be put again.
    if (isOutdated({ lastSeenNewest: { atMs: askedAtMs }, metaData }, source.store.nowMs())) return DeltaTable.ensure(source, definition, clock);
    await createTable(source, [{ protocol: protocolFor(metaData) }, { metaData }], clock);
    const table = await DeltaTable.open(source, clock);
    if (table) return table;
    throw new TableError('delta/not-created', `created ${source.table} but then found no log there; check that LAKE_URL names one place for all workers`);
  }

  /** As of the last refresh or commit; no request. */
  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get id(): string {
    return this.#snapshot.metaData.id;
  }

  /** Reads what others have committed since. */
  async refresh(): Promise<Snapshot> {
    return this.#keep(await refreshSnapshot(this.source, this.#snapshot));
  }

  /** An older version; TableError `delta/no-such-version`. */
  async at(version: bigint): Promise<Snapshot> {
    if (version === this.#snapshot.version) return this.#snapshot;
    const snapshot = await loadSnapshotAt(this.source, version);
    if (snapshot) return snapshot;
    throw new TableError('delta/no-such-version', `${this.source.table} has no version ${version}`);
  }

  /** Commits on the snapshot the caller planned with. The newest snapshot is kept either way. Onto one whose successors may be gone, never. */
  async commit(base: Snapshot, transaction: Transaction): Promise<CommitOutcome> {
    if (isOutdated(base, this.source.store.nowMs())) return { kind: 'clash', over: 'age', snapshot: await this.refresh(), retries: 0 };
    const outcome = await commit(this.source, base, transaction, this.#clock);
    this.#keep(outcome.snapshot);
    return outcome;
  }

  /** The actions of versions `from` to `to`. */
  versions(from: bigint, to: bigint): AsyncIterable<{ version: bigint; actions: Action[] }> {
    return readCommits(this.source, from, to);
  }

  async checkpointIfDue(interval: bigint): Promise<boolean> {
    if (!checkpointDue(this.#snapshot, interval)) return false;
    await this.checkpoint();
    return true;
  }

  async checkpoint(): Promise<void> {
    this.#keep(await writeCheckpoint(this.source, this.#snapshot));
  }

  /** Cleans the log, once a day for this object, since the retention ends at midnight; null where it was done, or where nothing can be due. */
  async cleanLogIfDue(options: CleanOptions): Promise<CleanOutcome | null> {
    const nowMs = this.source.store.nowMs();
    const day = Math.floor(nowMs / 86_400_000);
    if (this.#cleanedOn === day || mayNotClean(this.#snapshot, nowMs) !== null) return null;
    const outcome = await cleanLog(this.source, this.#snapshot, options);
    if (outcome.kind === 'kept' || !outcome.more) this.#cleanedOn = day;
    return outcome;
  }

  /** Only forward: of calls that overlap, one that began earlier may end later. Returns the newest. */
  #keep(snapshot: Snapshot): Snapshot {
    if (snapshot.metaData !== this.#snapshot.metaData) this.source.check?.(snapshot.metaData, this.source.table);
    const [older, newer] = snapshot.version < this.#snapshot.version ? [snapshot, this.#snapshot] : [this.#snapshot, snapshot];
    this.#snapshot = older.checkpointVersion > newer.checkpointVersion ? { ...newer, checkpointVersion: older.checkpointVersion } : newer;
    return this.#snapshot;
  }
}

function newMetaData(definition: TableDefinition, clock: Clock): MetaData {
  return {
    id: clock.uuid(),
    name: definition.name,
    description: definition.description,
    format: { provider: 'parquet', options: {} },
    schemaString: JSON.stringify(definition.schema),
    partitionColumns: definition.partitionColumns,
    configuration: definition.configuration,
    createdTime: clock.nowMs(),
  };
}
