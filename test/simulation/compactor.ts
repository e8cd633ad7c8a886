import { compactFiles } from '../../shared/delta/operations/optimize.ts';
import type { AddFile } from '../../shared/delta/actions.ts';
import type { Lake } from '../../shared/pipeline/lake.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import type { Host } from './supervisor.ts';

const TABLES = [BRONZE, SILVER, SILVER, QUARANTINE, GOLD];
const BIN_FILES_MAX = 4;

/**
 * OPTIMIZE far more often than `maintain` would: a few files of one partition, while upserts are on their way, so that rows move under a
 * change that has planned with them, and go under a rewrite that has begun.
 */
export async function compactSome(lake: Lake, { clock }: Host): Promise<{ more: boolean }> {
  const table = await lake.table(TABLES[Math.floor(clock.random() * TABLES.length)]);
  const snapshot = await table.delta.refresh();
  const partitions = Map.groupBy(snapshot.files.values(), ({ partitionValues }) => JSON.stringify(partitionValues));
  const bins = [...partitions.values()].filter((files) => files.length > 1 || files.some((file) => file.deletionVector));
  if (bins.length === 0) return { more: false };
  const bin: AddFile[] = bins[Math.floor(clock.random() * bins.length)].slice(0, BIN_FILES_MAX);
  await table.delta.commit(snapshot, await compactFiles(table, snapshot, bin));
  return { more: false };
}
