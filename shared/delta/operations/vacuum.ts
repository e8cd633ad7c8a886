import { ConfigError } from '../../errors.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import type { RemoveFile } from '../actions.ts';
import { deletedFileRetentionMs } from '../interval.ts';
import { LOG_FOLDER, parseLogPath } from '../log-path.ts';
import { readCommit } from '../log-reader.ts';
import { checkWritable } from '../protocol.ts';
import { readAhead } from '../read-ahead.ts';
import type { Snapshot } from '../snapshot.ts';
import { RETENTION_MS_MIN, nestedTables, retentionFor, vacuumTest } from './plan-vacuum.ts';
import type { RowTable } from './row-table.ts';

export interface VacuumOptions {
  /** How long files stay that are not live; absent: as the table's `delta.deletedFileRetentionDuration` says, but a week at least. */
  readonly retentionMs?: number;
  /** Takes a shorter retention at its word. Versions older than it can then be neither read nor restored. */
  readonly isForced?: boolean;
  readonly isDryRun: boolean;
  /** Version up to which the slowest registered consumer has read the table, −1n for not at all; null without consumers. */
  readonly consumed: bigint | null;
  /** By the table's clock: no further files are deleted then. */
  readonly deadlineMs?: number;
  /** At most so many in one call. */
  readonly filesMax?: number;
}

export interface VacuumOutcome {
  readonly retentionMs: number;
  /** What was found; where `more` is true, the first of them are gone. */
  readonly files: readonly ObjectInfo[];
  readonly bytes: number;
  readonly deleted: number;
  /** Files that would have gone, had a consumer read on. */
  readonly heldBack: number;
  readonly more: boolean;
}

/** Requests at a time. Before each batch the log is read again: what a rival has restored meanwhile stays. */
const BATCH = 64;

/**
 * Deletes files that no version within the retention needs (delta.md A7). Lists the folder once, deletes in batches, and may end anywhere: the next
 * call goes on. It makes no commit, unlike Spark's `VACUUM START` and `END`: no row changes, every consumer would have to read two more versions,
 * and tables that this code can't commit to can be cleaned all the same.
 * Failures: ConfigError `delta/retention` for a retention too short without force; TableError for a table this code can't write, or whose log names
 * files outside it.
 */
export async function vacuum(table: RowTable, options: VacuumOptions): Promise<VacuumOutcome> {
  const { store, table: name } = table.delta.source;
  checkAsked(await table.delta.refresh(), name, options);
  const objects: ObjectInfo[] = [];
  for await (const object of store.list('')) objects.push(object);
  // Read after the listing: what was committed meanwhile is live.
  const snapshot = await table.delta.refresh();
  checkWritable(snapshot.protocol, snapshot.metaData, name, 'clean');
  const retentionMs = retentionFor(snapshot, options);
  const nested = nestedTables(objects);
  const own = objects.filter(({ key }) => !key.startsWith(LOG_FOLDER) && !nested.some((folder) => key.startsWith(folder)));
  const removes = await readRemoves(table, objects, { ...options, retentionMs, snapshot });
  const facts = { ...removes, nowMs: store.nowMs(), retentionMs, root: store.url };
  const testOn = (now: Snapshot, unread: readonly RemoveFile[]) => vacuumTest({ ...facts, snapshot: now, unread });
  const files = own.filter(testOn(snapshot, removes.unread));
  const heldBack = removes.unread.length === 0 ? 0 : own.filter(testOn(snapshot, [])).length - files.length;
  const { deleted, passed } = options.isDryRun ? { deleted: 0, passed: files.length } : await deleteFiles(table, files, { ...options, testOn: (now) => testOn(now, removes.unread), snapshot });
  return { retentionMs, files, bytes: files.reduce((sum, { size }) => sum + size, 0), deleted, heldBack, more: passed < files.length };
}

/** Raised in silence it would not do what was asked for. */
function checkAsked({ metaData }: Snapshot, name: string, { retentionMs, isForced }: VacuumOptions): void {
  const leastMs = Math.max(RETENTION_MS_MIN, deletedFileRetentionMs(metaData));
  if (isForced || retentionMs === undefined || retentionMs >= leastMs) return;
  throw new ConfigError('delta/retention', `vacuum of ${name}: a retention of ${retentionMs / 3_600_000} hours is less than the ${leastMs / 3_600_000} that protect readers of older versions and writers that have yet to commit; nothing was deleted. Name a longer one, or force it while nobody else uses the table`);
}

/** Removes that the log still tells of: after the slowest consumer's version, and, where the table's own retention is shorter, since the retention began. */
async function readRemoves(
  { delta: { source } }: RowTable, objects: readonly ObjectInfo[],
  { consumed, retentionMs, snapshot }: Pick<VacuumOptions, 'consumed'> & { readonly retentionMs: number; readonly snapshot: Snapshot },
): Promise<{ unread: readonly RemoveFile[]; recent: readonly RemoveFile[] }> {
  const isForgotten = retentionMs > deletedFileRetentionMs(snapshot.metaData);
  const cutoffMs = source.store.nowMs() - retentionMs;
  const commits = objects.flatMap(({ key, lastModifiedMs }) => {
    const path = parseLogPath(key);
    return path?.kind === 'commit' && path.version <= snapshot.version ? [{ version: path.version, lastModifiedMs }] : [];
  });
  const wanted = commits.filter(({ version, lastModifiedMs }) => (consumed !== null && version > consumed) || (isForgotten && lastModifiedMs >= cutoffMs));
  const versions = wanted.map(({ version }) => version);
  // What came between the listing and the snapshot is wanted too.
  const listedTo = commits.reduce((newest, { version }) => (version > newest ? version : newest), -1n);
  const from = versions.reduce((least, version) => (version < least ? version : least), listedTo + 1n);
  const [unread, recent]: [RemoveFile[], RemoveFile[]] = [[], []];
  for await (const { version, value: actions } of readAhead(from, snapshot.version, (each) => readCommit(source, each))) {
    // Cleaned from the log meanwhile: then nobody reads it any more.
    for (const { remove } of actions ?? []) if (remove) (consumed !== null && version > consumed ? unread : recent).push(remove);
  }
  return { unread, recent };
}

/** `passed`: those that were looked at again; all but what has come back since are deleted. */
async function deleteFiles(
  table: RowTable, files: readonly ObjectInfo[],
  { deadlineMs = Infinity, filesMax = Infinity, testOn, snapshot }: Pick<VacuumOptions, 'deadlineMs' | 'filesMax'> & { readonly testOn: (now: Snapshot) => (object: ObjectInfo) => boolean; readonly snapshot: Snapshot },
): Promise<{ readonly deleted: number; readonly passed: number }> {
  let [deleted, passed, seen, mayGo] = [0, 0, snapshot, testOn(snapshot)];
  while (passed < Math.min(files.length, filesMax) && table.clock.nowMs() < deadlineMs) {
    const now = passed === 0 ? snapshot : await table.delta.refresh();
    if (now !== seen) [seen, mayGo] = [now, testOn(now)];
    const batch = files.slice(passed, Math.min(passed + BATCH, filesMax));
    const going = batch.filter(mayGo);
    await Promise.all(going.map(({ key }) => table.delta.source.store.delete(key)));
    passed += batch.length;
    deleted += going.length;
  }
  return { deleted, passed };
}
