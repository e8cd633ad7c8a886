import type { AddFile } from '../actions.ts';
import type { Snapshot } from '../snapshot.ts';
import { fieldOf } from '../schema.ts';
import { compactFiles, liveNow } from './optimize.ts';
import { planClustering } from './plan-clustering.ts';
import { planBins } from './plan-compaction.ts';
import type { RowTable } from './row-table.ts';

export interface OptimizeOptions {
  /** One to four columns; none: files are merged, their rows stay in order. */
  readonly zOrderBy?: readonly string[];
  /** Files from which rows were deleted are written anew, however few. */
  readonly purge?: boolean;
  readonly isDryRun?: boolean;
  /** No further bin is begun after so long; one bin is always done. Default: no bound. */
  readonly budgetMs?: number | undefined;
}

export interface FilesAndBytes {
  readonly files: number;
  readonly bytes: number;
}

export interface OptimizeOutcome {
  /** Commits made; of a dry run: that would be made. */
  readonly bins: number;
  readonly removed: FilesAndBytes;
  /** Nothing in a dry run. */
  readonly added: FilesAndBytes;
  /** Bins that met a rival: their files are as they were. */
  readonly overtaken: number;
  /** Bins that were not begun: out of time. */
  readonly left: number;
}

const MB = 1024 * 1024;
/** A bin is rewritten in seconds, and sorted within DuckDB's memory. */
const CLUSTERING = { cubeBytesFull: 64 * MB, binBytesMax: 128 * MB, deletedShareMin: 0.1 };

/**
 * OPTIMIZE: small files of a partition become one, or with `zOrderBy` what is not in that order yet (plan-clustering.ts); a commit each bin, planned once. No row
 * changes. A second call finds nothing to do. TableError `delta/no-column` where the table lacks one.
 */
export async function optimizeTable(table: RowTable, options: OptimizeOptions = {}): Promise<OptimizeOutcome> {
  const { zOrderBy = [], isDryRun = false, budgetMs = Infinity } = options;
  const bins = planOptimize(await table.delta.refresh(), options);
  const done = { bins: 0, removed: filesAndBytes([]), added: filesAndBytes([]), overtaken: 0, left: 0 };
  const startedMs = table.clock.monotonicMs();
  for (const [i, bin] of bins.entries()) {
    if (i > 0 && table.clock.monotonicMs() - startedMs >= budgetMs) return { ...done, left: bins.length - i };
    const adds = isDryRun ? [] : await rewrite(table, bin, zOrderBy);
    if (adds === null) {
      done.overtaken++;
      continue;
    }
    done.bins++;
    done.removed = sum(done.removed, filesAndBytes(bin));
    done.added = sum(done.added, filesAndBytes(adds));
  }
  return done;
}

/** Files of one partition each. Pure. */
export function planOptimize(snapshot: Snapshot, { zOrderBy = [], purge = false }: Pick<OptimizeOptions, 'zOrderBy' | 'purge'>): AddFile[][] {
  for (const column of zOrderBy) fieldOf(snapshot.schema, column);
  const bins = zOrderBy.length > 0 ? planClustering(snapshot, { ...CLUSTERING, zOrderBy }).map(({ files }) => [...files]) : planBins(snapshot, { filesMin: 2 });
  if (!purge) return bins;
  const planned = new Set(bins.flat());
  return [...bins, ...[...snapshot.files.values()].filter((file) => file.deletionVector && !planned.has(file)).map((file) => [file])];
}

/** Null: somebody else had changed these files. */
async function rewrite(table: RowTable, bin: readonly AddFile[], zOrderBy: readonly string[]): Promise<AddFile[] | null> {
  const { snapshot } = table.delta;
  const inputs = liveNow(snapshot, bin);
  if (inputs === null) return null;
  const transaction = await compactFiles(table, snapshot, inputs, { zOrderBy });
  const outcome = await table.delta.commit(snapshot, transaction);
  return outcome.kind === 'clash' ? null : transaction.actions.flatMap(({ add }) => (add ? [add] : []));
}

function filesAndBytes(files: readonly AddFile[]): FilesAndBytes {
  return { files: files.length, bytes: files.reduce((total, { size }) => total + size, 0) };
}

function sum(a: FilesAndBytes, b: FilesAndBytes): FilesAndBytes {
  return { files: a.files + b.files, bytes: a.bytes + b.bytes };
}
