import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../shared/clock.ts';
import { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import type { LocalObjects } from '../../shared/columnar/duck-relations.ts';
import { Engine } from '../../shared/columnar/duckdb.ts';
import { LocalFiles } from '../../shared/storage/local-files.ts';
import type { ObjectStore } from '../../shared/storage/object-store.ts';

export interface DuckBench {
  readonly engine: Engine;
  readonly folder: string;
  /** Where relations put files that are not yet objects. */
  readonly tempDir: string;
  on(objects: LocalObjects): DuckRelations;
  of(store: ObjectStore): DuckRelations;
  close(): Promise<void>;
}

/** DuckDB and a folder of its own; `close` removes both. */
export async function openDuckBench(): Promise<DuckBench> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-relations-'));
  const engine = new Engine({ memoryMb: 512, threads: 2, tempDir: join(folder, 'spill') });
  const tempDir = join(folder, 'written');
  const on = (objects: LocalObjects) => new DuckRelations({ engine, objects, tempDir, clock: systemClock });
  return {
    engine, folder, tempDir, on,
    of: (store) => on(new LocalFiles({ store, dir: join(folder, 'cache'), bytesMax: 1e9 })),
    close: async () => {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
