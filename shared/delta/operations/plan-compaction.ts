import type { AddFile } from '../actions.ts';
import type { Snapshot } from '../snapshot.ts';
import { CUBE_COLUMNS } from './plan-clustering.ts';

const FILE_BYTES_TARGET = 128 * 1024 * 1024;
const FILE_BYTES_SMALL = FILE_BYTES_TARGET / 2;

/**
 * Which files to merge: per partition, `filesMin` or more small ones in order of age, up to the target size. Those that were put in Z-order stay
 * apart: merged with others they would lose it. Pure.
 */
export function planBins(snapshot: Snapshot, { filesMin }: { readonly filesMin: number }): AddFile[][] {
  const small = [...snapshot.files.values()].filter(({ size, tags }) => size < FILE_BYTES_SMALL && tags?.[CUBE_COLUMNS] === undefined);
  const partitions = Map.groupBy(small, ({ partitionValues }) => JSON.stringify(snapshot.metaData.partitionColumns.map((column) => partitionValues[column] ?? null)));
  const bins = [...partitions.values()].flatMap((files) => packed(files.toSorted((a, b) => a.modificationTime - b.modificationTime)));
  return bins.filter((bin) => bin.length >= filesMin);
}

function packed(files: readonly AddFile[]): AddFile[][] {
  const bins: AddFile[][] = [];
  let [bin, bytes]: [AddFile[], number] = [[], 0];
  for (const file of files) {
    if (bytes + file.size > FILE_BYTES_TARGET && bin.length > 0) {
      bins.push(bin);
      [bin, bytes] = [[], 0];
    }
    bin.push(file);
    bytes += file.size;
  }
  bins.push(bin);
  return bins;
}
