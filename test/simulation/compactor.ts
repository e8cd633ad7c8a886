import { compactFiles } from '../../shared/delta/operations/optimize.ts';
import { vacuum } from '../../shared/delta/operations/vacuum.ts';
import type { AddFile } from '../../shared/delta/actions.ts';
import { consumedOf } from '../../shared/pipeline/consumers.ts';
import type { Lake } from '../../shared/pipeline/lake.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import type { Host } from './supervisor.ts';

const TABLES = [BRONZE, SILVER, SILVER, QUARANTINE, GOLD];
const BIN_FILES_MAX = 4;

const Z_ORDER_BY = ['event_id', 'timestamp'];

/**
 * OPTIMIZE far more often than `maintain` would: a few files of one partition, while upserts are on their way, so that rows move under a
 * change that has planned with them, and go under a rewrite that has begun. Each third rewrite of Silver or Gold puts its rows in Z-order, which clashes with every change.
 */
export async function compactSome(lake: Lake, { clock }: Host): Promise<{ more: boolean }> {
  const name = TABLES[Math.floor(clock.random() * TABLES.length)];
  const table = await lake.table(name);
  const snapshot = await table.delta.refresh();
  const partitions = Map.groupBy(snapshot.files.values(), ({ partitionValues }) => JSON.stringify(partitionValues));
  const bins = [...partitions.values()].filter((files) => files.length > 1 || files.some((file) => file.deletionVector));
  if (bins.length === 0) return { more: false };
  const bin: AddFile[] = bins[Math.floor(clock.random() * bins.length)].slice(0, BIN_FILES_MAX);
  const clusters = (name === SILVER || name === GOLD) && clock.random() < 1 / 3;
  await table.delta.commit(snapshot, await compactFiles(table, snapshot, bin, clusters ? { zOrderBy: Z_ORDER_BY } : {}));
  return { more: false };
}

/** VACUUM of one table after the other, while files are written and vectors moved: by its own floors, in place of the operator's. */
export async function vacuumSome(lake: Lake, { clock }: Host): Promise<{ more: boolean }> {
  const name = TABLES[Math.floor(clock.random() * TABLES.length)];
  const consumed = await consumedOf(name, lake);
  await vacuum(await lake.table(name), { isDryRun: false, consumed: consumed && consumed.version, filesMax: 1 + Math.floor(clock.random() * 100) });
  return { more: false };
}
