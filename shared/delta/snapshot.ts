import { TableError } from '../errors.ts';
import { fileKey } from './actions.ts';
import type { Action, AddFile, DomainMetadata, MetaData, Protocol, RemoveFile, Txn } from './actions.ts';
import { LayeredMap, MapDraft } from './layered-map.ts';
import { checkReadable } from './protocol.ts';
import { parseSchema } from './schema.ts';
import type { StructType } from './schema.ts';

/** The table at one version, immutable (PROTOCOL.md, "Action Reconciliation"). */
export interface Snapshot {
  readonly version: bigint;
  readonly protocol: Protocol;
  readonly metaData: MetaData;
  readonly schema: StructType;
  /** Live files by `fileKey`. */
  readonly files: ReadonlyMap<string, AddFile>;
  /** Removed files by `fileKey`, as far as the log still tells. */
  readonly tombstones: ReadonlyMap<string, RemoveFile>;
  /** Progress by appId. */
  readonly txns: ReadonlyMap<string, Txn>;
  readonly domains: ReadonlyMap<string, DomainMetadata>;
  /** Version of the newest checkpoint known to exist; −1n where there is none. */
  readonly checkpointVersion: bigint;
  /**
   * When this was last seen to be the newest version, by the store's clock; −Infinity for never. Moves forward in place, and for every copy.
   * It bounds how long the versions after it are surely still in the log.
   */
  readonly lastSeenNewest: { atMs: number };
}

/** Mutable while versions are folded in, in ascending order; `finish` closes it. On a base it costs what the versions hold, not what the table has. */
export class Replay {
  #protocol: Protocol | null = null;
  #metaData: MetaData | null = null;
  readonly #files: MapDraft<string, AddFile>;
  readonly #tombstones: MapDraft<string, RemoveFile>;
  readonly #txns: MapDraft<string, Txn>;
  readonly #domains: MapDraft<string, DomainMetadata>;
  readonly #base: Snapshot | null;

  constructor(base: Snapshot | null) {
    this.#base = base;
    this.#protocol = base?.protocol ?? null;
    this.#metaData = base?.metaData ?? null;
    this.#files = draftOf(base?.files);
    this.#tombstones = draftOf(base?.tombstones);
    this.#txns = draftOf(base?.txns);
    this.#domains = draftOf(base?.domains);
  }

  /** Folds in one version, or a checkpoint. Inside a version removes come before adds: they never name the same file. */
  apply(actions: Iterable<Action>): void {
    const adds: AddFile[] = [];
    for (const action of actions) {
      if (action.add) adds.push(action.add);
      else if (action.remove) this.#remove(action.remove);
      else if (action.txn) this.#txns.set(action.txn.appId, action.txn);
      else if (action.metaData) this.#metaData = normalised(action.metaData);
      else if (action.protocol) this.#protocol = action.protocol;
      else if (action.domainMetadata) this.#domains.set(action.domainMetadata.domain, action.domainMetadata);
    }
    for (const add of adds) {
      const key = fileKey(add);
      this.#files.set(key, add);
      this.#tombstones.delete(key);
    }
  }

  finish(version: bigint, checkpointVersion: bigint, table: string): Snapshot {
    if (!this.#protocol || !this.#metaData) {
      throw new TableError('delta/no-metadata', `${table} at version ${version} has no ${this.#protocol ? 'metaData' : 'protocol'} action; the log is damaged or is not a Delta log`);
    }
    const known = this.#base?.metaData === this.#metaData && this.#base.protocol === this.#protocol;
    if (!known) checkReadable(this.#protocol, this.#metaData, table);
    return {
      version,
      protocol: this.#protocol,
      metaData: this.#metaData,
      schema: known ? this.#base.schema : parseSchema(this.#metaData.schemaString),
      files: this.#files.finish(),
      tombstones: this.#tombstones.finish(),
      txns: this.#txns.finish(),
      domains: this.#domains.finish(),
      checkpointVersion,
      lastSeenNewest: { atMs: this.#base?.lastSeenNewest.atMs ?? -Infinity },
    };
  }

  #remove(remove: RemoveFile): void {
    const key = fileKey(remove);
    this.#files.delete(key);
    this.#tombstones.set(key, remove);
  }
}

/** Progress of an application, or null where it has none. */
export function progressOf(snapshot: Snapshot, appId: string): bigint | null {
  return snapshot.txns.get(appId)?.version ?? null;
}

function draftOf<V extends object>(base: ReadonlyMap<string, V> | undefined): MapDraft<string, V> {
  return new MapDraft(base && LayeredMap.from(base));
}

function normalised(metaData: MetaData): MetaData {
  return { ...metaData, partitionColumns: metaData.partitionColumns ?? [], configuration: metaData.configuration ?? {} };
}
