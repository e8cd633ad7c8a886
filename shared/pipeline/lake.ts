import type { Clock } from '../clock.ts';
import type { RelationEngine } from '../columnar/relation.ts';
import type { LogSource } from '../delta/log-reader.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import type { CheckpointCodec } from '../delta/parquet.ts';
import { DeltaTable } from '../delta/table.ts';
import type { TableDefinition } from '../delta/table.ts';
import { ConfigError, assert } from '../errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { checkProgressStays } from './generation.ts';

export interface LakeOptions<E extends RelationEngine = RelationEngine> {
  readonly store: ObjectStore;
  /** Opened on `store`, or on the root above it (`folder`). */
  readonly engine: E;
  readonly codec: CheckpointCodec;
  readonly clock: Clock;
  readonly definitions: readonly TableDefinition[];
  /** Where `store` lies below the root that the engine was opened on: `orders/`. Default: it is that root. */
  readonly folder?: string;
  /** A lake whose tables are this one's, too, by their names. */
  readonly shared?: { readonly lake: Lake<E>; readonly names: readonly string[] };
  /** False: nothing is ever created; a table that is not there is a ConfigError `lake/no-table`. */
  readonly create?: boolean;
}

/** A folder of tables: each opened, or created, on first use, then kept. */
export class Lake<E extends RelationEngine = RelationEngine> {
  readonly #options: LakeOptions<E>;
  readonly #tables = new Map<string, Promise<RowTable<E>>>();

  constructor(options: LakeOptions<E>) {
    this.#options = options;
  }

  get store(): ObjectStore {
    return this.#options.store;
  }

  get engine(): E {
    return this.#options.engine;
  }

  /**
   * A lake in a folder of this one that has some of this one's tables for its own: what a further pipeline over the same Bronze writes
   * stands beside, under the same names.
   */
  within(name: string, { definitions, shared }: { readonly definitions: readonly TableDefinition[]; readonly shared: readonly string[] }): Lake<E> {
    const { store, folder = '' } = this.#options;
    return new Lake({ ...this.#options, store: store.sub(name), folder: `${folder}${name}/`, definitions, shared: { lake: this, names: shared } });
  }

  definition(name: string): TableDefinition {
    const owner = this.#ownerOf(name);
    if (owner) return owner.definition(name);
    const definition = this.#options.definitions.find((candidate) => candidate.name === name);
    assert(definition, `no table ${name} is defined`);
    return definition;
  }

  /** Of every table that can be asked for. */
  get names(): string[] {
    return [...(this.#options.shared?.names ?? []), ...this.ownNames];
  }

  /** Without those of another lake. */
  get ownNames(): string[] {
    return this.#options.definitions.map(({ name }) => name);
  }

  table(name: string): Promise<RowTable<E>> {
    const owner = this.#ownerOf(name);
    if (owner) return owner.table(name);
    const open = this.#tables.get(name) ?? this.#open(name);
    this.#tables.set(name, open);
    // A failed opening is not kept: the next call tries again.
    open.catch(() => this.#tables.delete(name));
    return open;
  }

  /** The table if it is there, also one that no definition knows; else null. Never creates. */
  async find(name: string): Promise<RowTable<E> | null> {
    const owner = this.#ownerOf(name);
    if (owner) return owner.find(name);
    const kept = this.#tables.get(name);
    if (kept) return kept;
    const found = await openTable(this.#place(name));
    if (found) this.#tables.set(name, Promise.resolve(found));
    return found;
  }

  /** Where a table called `other` lies, or would lie, in the folder of the one called `name`. */
  beside(name: string, other: string): Pick<TablePlace<E>, 'store' | 'folder' | 'table'> {
    return this.#ownerOf(name)?.beside(name, other) ?? this.#place(other);
  }

  /** Creates what is missing, so that every table can be opened by others from the start. */
  async ensureAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.table(name)));
  }

  #ownerOf(name: string): Lake<E> | null {
    const { shared } = this.#options;
    return shared?.names.includes(name) ? shared.lake : null;
  }

  async #open(name: string): Promise<RowTable<E>> {
    const place = this.#place(name);
    if (this.#options.create === false) {
      const found = await openTable(place);
      if (found) return found;
      throw new ConfigError('lake/no-table', `${this.store.url} has no table ${name} yet; "assay run" or "assay start" on this lake makes it`, { facts: { lake: this.store.url, table: name } });
    }
    const { store, codec, engine, clock, folder } = place;
    return { delta: await DeltaTable.ensure({ store, codec, table: name, check: checkProgressStays }, this.definition(name), clock), engine, clock, folder };
  }

  #place(name: string): TablePlace<E> {
    const { store, folder = '', engine, codec, clock } = this.#options;
    return { store: store.sub(name), folder: `${folder}${name}/`, table: name, check: checkProgressStays, engine, codec, clock };
  }
}

export interface TablePlace<E extends RelationEngine> extends Pick<LakeOptions<E>, 'engine' | 'codec' | 'clock'> {
  /** The table's folder, and where that lies below the root that the engine was opened on. */
  readonly store: ObjectStore;
  readonly folder: string;
  /** For messages. */
  readonly table: string;
  readonly check?: LogSource['check'];
}

/** Any Delta table, whoever made it; null where there is none. */
export async function openTable<E extends RelationEngine>({ store, codec, table, check, engine, clock, folder }: TablePlace<E>): Promise<RowTable<E> | null> {
  const delta = await DeltaTable.open({ store, codec, table, ...(check ? { check } : {}) }, clock);
  return delta === null ? null : { delta, engine, clock, folder };
}
