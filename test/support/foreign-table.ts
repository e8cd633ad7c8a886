import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { literal } from '../../shared/columnar/sql-text.ts';
import { printActions } from '../../shared/delta/actions.ts';
import type { Action, AddFile, MetaData, Protocol } from '../../shared/delta/actions.ts';
import { commitKey } from '../../shared/delta/log-path.ts';
import { struct } from '../../shared/delta/schema.ts';
import type { StructField } from '../../shared/delta/schema.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import type { DeltaBench } from './delta.ts';

/** A table as another engine might have left it: files by any SELECT, a log by hand. */
export class ForeignTable {
  readonly store: FileStore;
  readonly dir: string;
  readonly #bench: DeltaBench;
  #versions = 0n;

  private constructor(bench: DeltaBench, dir: string) {
    this.#bench = bench;
    this.dir = dir;
    this.store = new FileStore({ dir });
  }

  static async create(bench: DeltaBench, name: string, options: { fields: StructField[]; partitionColumns?: string[]; configuration?: Record<string, string>; protocol?: Protocol }): Promise<ForeignTable> {
    const table = new ForeignTable(bench, join(bench.folder, name));
    const metaData: MetaData = {
      id: name, format: { provider: 'parquet', options: {} }, schemaString: JSON.stringify(struct(...options.fields)),
      partitionColumns: options.partitionColumns ?? [], configuration: options.configuration ?? {},
    };
    await table.commit({ protocol: options.protocol ?? { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData });
    return table;
  }

  /** Writes a data file; gives its add. `options` go to COPY, after the format. */
  async file(key: string, select: string, add: Partial<AddFile> = {}, options = ''): Promise<AddFile> {
    const path = join(this.dir, key);
    await mkdir(dirname(path), { recursive: true });
    await this.#bench.engine.session((session) => session.run(`COPY (${select}) TO ${literal(path)} (FORMAT parquet${options})`));
    return { path: encodeURI(key), partitionValues: {}, size: 1, modificationTime: 0, dataChange: true, ...add };
  }

  async commit(...actions: Action[]): Promise<void> {
    await this.store.putIfAbsent(commitKey(this.#versions++), Buffer.from(printActions(actions)));
  }

  open(): Promise<RowTable<DuckRelations>> {
    return this.#bench.open(this.store);
  }
}
