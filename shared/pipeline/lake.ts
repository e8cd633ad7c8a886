import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { DuckCheckpointCodec } from '../columnar/checkpoint-codec.ts';
import type { Engine } from '../columnar/duckdb.ts';
import { DeltaTable } from '../delta/table.ts';
import type { LogSource } from '../delta/log-reader.ts';
import type { TableDefinition } from '../delta/table.ts';
import { ConfigError, assert } from '../errors.ts';
import { LocalFiles } from '../storage/local-files.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { TableIo } from './table-io.ts';

export interface LakeOptions {
  readonly store: ObjectStore;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly tempDir: string;
  readonly cacheBytesMax: number;
  readonly definitions: readonly TableDefinition[];
  /** False: nothing is ever created; a table that is not there is a ConfigError `lake/no-table`. */
  readonly create?: boolean;
}

/** A folder of tables: each opened, or created, on first use, then kept. */
export class Lake {
  readonly #options: LakeOptions;
  readonly #tables = new Map<string, Promise<TableIo>>();

  constructor(options: LakeOptions) {
    this.#options = options;
  }

  get store(): ObjectStore {
    return this.#options.store;
  }

  get engine(): Engine {
    return this.#options.engine;
  }

  definition(name: string): TableDefinition {
    const definition = this.#options.definitions.find((candidate) => candidate.name === name);
    assert(definition, `no table ${name} is defined`);
    return definition;
  }

  get names(): string[] {
    return this.#options.definitions.map(({ name }) => name);
  }

  table(name: string): Promise<TableIo> {
    const open = this.#tables.get(name) ?? this.#open(name);
    this.#tables.set(name, open);
    // A failed opening is not kept: the next call tries again.
    open.catch(() => this.#tables.delete(name));
    return open;
  }

  /** The table if it is there, also one that no definition knows; else null. Never creates. */
  async find(name: string): Promise<TableIo | null> {
    const kept = this.#tables.get(name);
    if (kept) return kept;
    const found = await openTable({ ...this.#options, store: this.store.sub(name), table: name });
    if (found) this.#tables.set(name, Promise.resolve(found));
    return found;
  }

  /** Creates what is missing, so that every table can be opened by others from the start. */
  async ensureAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.table(name)));
  }

  async #open(name: string): Promise<TableIo> {
    const options: TableOptions = { ...this.#options, store: this.store.sub(name), table: name };
    if (this.#options.create === false) {
      const found = await openTable(options);
      if (found) return found;
      throw new ConfigError('lake/no-table', `${this.store.url} has no table ${name} yet; "assay run" or "assay start" on this lake makes it`, { facts: { lake: this.store.url, table: name } });
    }
    const delta = await DeltaTable.ensure(await logSource(options), this.definition(name), options.clock);
    return tableIo(delta, options);
  }
}

export interface TableOptions extends Pick<LakeOptions, 'engine' | 'clock' | 'tempDir' | 'cacheBytesMax'> {
  /** The table's folder. */
  readonly store: ObjectStore;
  /** For messages, and for its folder in the cache. */
  readonly table: string;
}

/** Any Delta table, whoever made it; null where there is none. */
export async function openTable(options: TableOptions): Promise<TableIo | null> {
  const delta = await DeltaTable.open(await logSource(options), options.clock);
  return delta === null ? null : tableIo(delta, options);
}

async function logSource({ store, table, engine, tempDir }: TableOptions): Promise<LogSource> {
  await mkdir(tempDir, { recursive: true });
  return { store, codec: new DuckCheckpointCodec({ engine, tempDir }), table };
}

function tableIo(delta: DeltaTable, { store, table, engine, clock, tempDir, cacheBytesMax }: TableOptions): TableIo {
  const localFiles = new LocalFiles({ store, dir: join(tempDir, 'cache', table), bytesMax: cacheBytesMax, clock });
  return new TableIo({ delta, store, localFiles, engine, tempDir, clock });
}
