import type { AddFile } from '../actions.ts';
import type { Snapshot } from '../snapshot.ts';
import { numRecords } from '../stats.ts';

/** Tags of files that were clustered together; named as delta-spark's (AddFile.Tags): other engines' OPTIMIZE may know them. */
export const CUBE_ID = 'ZCUBE_ID';
export const CUBE_COLUMNS = 'ZCUBE_ZORDER_BY';
export const CUBE_CURVE = 'ZCUBE_ZORDER_CURVE';

export interface ClusteringOptions {
  /** One to four columns; their order counts. */
  readonly zOrderBy: readonly string[];
  /** A cube of that many live bytes is full, and left alone. */
  readonly cubeBytesFull: number;
  /** Most bytes of one bin: what one commit rewrites. */
  readonly binBytesMax: number;
  /** A file or a cube with at least this share of rows deleted is written anew; above 1: never. */
  readonly deletedShareMin: number;
}

/** Files of one partition, to be clustered together as one cube. */
export interface ClusteringBin {
  readonly files: readonly AddFile[];
  readonly bytes: number;
}

/** New rows are merged into a cube when they are at least this share of it. */
const GROWTH_MIN = 1 / 4;

/**
 * Which files to cluster: those that are not by these columns, with the cubes that they are large enough to be merged into. Pure; nothing for a
 * table that is clustered already. Each rewrite of a cube makes it larger by a quarter at least, unless it is of rows deleted: a byte is rewritten at most
 * 1 + log(cubeBytesFull / its first cube) / log 1.25 times.
 */
export function planClustering(snapshot: Snapshot, options: ClusteringOptions): ClusteringBin[] {
  const partitions = Map.groupBy(snapshot.files.values(), (file) => JSON.stringify(snapshot.metaData.partitionColumns.map((name) => file.partitionValues[name] ?? null)));
  return [...partitions.values()].flatMap((files) => planPartition(files, options));
}

export function cubeTags(zOrderBy: readonly string[], id: string): Record<string, string> {
  return { [CUBE_ID]: id, [CUBE_COLUMNS]: JSON.stringify(zOrderBy), [CUBE_CURVE]: 'zorder' };
}

function planPartition(files: readonly AddFile[], options: ClusteringOptions): ClusteringBin[] {
  const columns = JSON.stringify(options.zOrderBy);
  const cubeOf = (file: AddFile) => (file.tags?.[CUBE_COLUMNS] === columns ? file.tags[CUBE_ID] ?? null : null);
  const cubes = [...Map.groupBy(files.filter((file) => cubeOf(file) !== null), cubeOf).values()].map(partOf);
  const isStale = (cube: ClusteringBin) => deletedShare(cube.files) >= options.deletedShareMin;
  const fresh = [...files.filter((file) => cubeOf(file) === null).sort((a, b) => a.modificationTime - b.modificationTime).map((file) => partOf([file])), ...cubes.filter(isStale)];
  const open = cubes.filter((cube) => !isStale(cube) && cube.bytes < options.cubeBytesFull).sort((a, b) => a.bytes - b.bytes);
  const bins = packed(fresh, options.binBytesMax);
  const last = bins.pop();
  return last === undefined ? [] : [...bins, grown(last, open, options.binBytesMax)];
}

/** With the cubes, from the smallest on, that what was gathered so far is a good part of. */
function grown(bin: ClusteringBin, cubes: readonly ClusteringBin[], bytesMax: number): ClusteringBin {
  let [files, bytes] = [bin.files, bin.bytes];
  for (const cube of cubes) {
    if (bytes < cube.bytes * GROWTH_MIN || bytes + cube.bytes > bytesMax) break;
    [files, bytes] = [[...files, ...cube.files], bytes + cube.bytes];
  }
  return { files, bytes };
}

function packed(parts: readonly ClusteringBin[], bytesMax: number): ClusteringBin[] {
  const bins: ClusteringBin[] = [];
  let bin: ClusteringBin = { files: [], bytes: 0 };
  for (const part of parts) {
    if (bin.files.length > 0 && bin.bytes + part.bytes > bytesMax) {
      bins.push(bin);
      bin = { files: [], bytes: 0 };
    }
    bin = { files: [...bin.files, ...part.files], bytes: bin.bytes + part.bytes };
  }
  return bin.files.length === 0 ? bins : [...bins, bin];
}

function partOf(files: readonly AddFile[]): ClusteringBin {
  return { files, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

function deletedShare(files: readonly AddFile[]): number {
  const rows = files.reduce((sum, file) => sum + Number(numRecords(file) ?? 0n), 0);
  const deleted = files.reduce((sum, { deletionVector }) => sum + (deletionVector?.cardinality ?? 0), 0);
  return rows === 0 ? 0 : deleted / rows;
}
