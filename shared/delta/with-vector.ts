import { TableError } from '../errors.ts';
import type { AddFile, DeletionVector } from './actions.ts';
import { parseJsonVerbatim, printJson } from './json.ts';
import { parseStats } from './stats.ts';

/**
 * The add that stands for a file once other rows of it are deleted. Fields this code does not know go along. With a vector, the
 * statistics keep the file's physical count of rows, which the protocol demands, and say that bounds are wide (PROTOCOL.md, "Per-file
 * Statistics"); every other number in them keeps its digits. `rowsInFile` is needed where the file has no such count: TableError
 * `delta/statistics` without it.
 */
export function withVector(add: AddFile, vector: DeletionVector | null, options: { dataChange: boolean; rowsInFile?: bigint }): AddFile {
  const { deletionVector: _former, ...file } = add;
  if (vector === null) return { ...file, dataChange: options.dataChange };
  return { ...file, dataChange: options.dataChange, stats: wideStats(add, options.rowsInFile), deletionVector: vector };
}

function wideStats({ path, stats }: AddFile, rowsInFile: bigint | undefined): string {
  const numRecords = parseStats(stats)?.numRecords ?? rowsInFile;
  if (numRecords === undefined) {
    throw new TableError('delta/statistics', `rows of ${path} can't be deleted by a vector: the log does not say how many it has; rewrite the file (OPTIMIZE)`, { facts: { path } });
  }
  const members = (stats ? parseJsonVerbatim(stats) : null) as Record<string, unknown> | null;
  return printJson({ ...members, numRecords, tightBounds: false });
}
