import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { DuckCheckpointCodec } from '../columnar/checkpoint-codec.ts';
import type { Engine } from '../columnar/duckdb.ts';
import { DeltaTable } from '../delta/table.ts';
import type { TableDefinition } from '../delta/table.ts';
import { assert } from '../errors.ts';
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

  /** Creates what is missing, so that every table can be opened by others from the start. */
  async ensureAll(): Promise<void> {
    await Promise.all(this.names.map((name) => this.table(name)));
  }

  async #open(name: string): Promise<TableIo> {
    const { engine, clock, tempDir, cacheBytesMax } = this.#options;
    await mkdir(tempDir, { recursive: true });
    const store = this.store.sub(name);
    const codec = new DuckCheckpointCodec({ engine, tempDir });
    const delta = await DeltaTable.ensure({ store, codec, table: name }, this.definition(name), clock);
    const localFiles = new LocalFiles({ store, dir: join(tempDir, 'cache', name), bytesMax: cacheBytesMax, clock });
    return new TableIo({ delta, store, localFiles, engine, tempDir, clock });
  }
}
