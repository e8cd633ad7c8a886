import type { ObjectInfo } from '../../storage/object-store.ts';
import type { AddFile, RemoveFile } from '../actions.ts';
import { vectorKey } from '../deletion-vector.ts';
import { deletedFileRetentionMs } from '../interval.ts';
import { LOG_FOLDER } from '../log-path.ts';
import { objectKey } from '../object-key.ts';
import type { Snapshot } from '../snapshot.ts';

const DAY_MS = 86_400_000;
export const RETENTION_MS_MIN = 7 * DAY_MS;
/** What no commit names may be the work of a writer that is about to commit. Nobody can tell, so even force leaves it so long. */
const UNCOMMITTED_MS_MIN = DAY_MS;

/** How long what is not live stays: as asked for, else as the table says; and without force no less than either that or a week. */
export function retentionFor({ metaData }: Pick<Snapshot, 'metaData'>, { retentionMs, isForced }: { readonly retentionMs?: number; readonly isForced?: boolean }): number {
  const ofTable = deletedFileRetentionMs(metaData);
  return isForced ? (retentionMs ?? ofTable) : Math.max(retentionMs ?? 0, ofTable, RETENTION_MS_MIN);
}

export interface VacuumFacts {
  readonly snapshot: Pick<Snapshot, 'files' | 'tombstones' | 'metaData'>;
  /** Of versions that somebody has yet to read: these stay, whatever their age. */
  readonly unread: readonly RemoveFile[];
  /** Of versions younger than the retention. The snapshot forgets tombstones once the table's own retention is over, which may be shorter (delta#140). */
  readonly recent: readonly RemoveFile[];
  /** By the store's clock, as the times of objects are. */
  readonly nowMs: number;
  readonly retentionMs: number;
  /** The table's URL. */
  readonly root: string;
}

/**
 * A test for objects of the table's folder: may it go? It must look like data (`looksLikeData`), be stored before the retention began, and be named
 * neither by a live file nor by a removed one that has to stay; as itself, or as the file of its deletion vector (trino#30741). What no commit
 * names goes too, a day old at least. Pure. Failures: TableError `delta/absolute-path`, `delta/path`: the log names files that can't be told from these.
 */
export function vacuumTest(facts: VacuumFacts): (object: ObjectInfo) => boolean {
  const { snapshot: { files, tombstones, metaData }, unread, recent, nowMs, retentionMs, root } = facts;
  const cutoffMs = nowMs - retentionMs;
  const kept = new Set<string>();
  const removed = new Set<string>();
  for (const add of files.values()) noteKeys(kept, add, root);
  for (const remove of unread) noteKeys(kept, remove, root);
  for (const removes of [tombstones.values(), recent]) {
    for (const remove of removes) noteKeys((remove.deletionTimestamp ?? 0) >= cutoffMs ? kept : removed, remove, root);
  }
  const uncommittedCutoffMs = Math.min(cutoffMs, nowMs - UNCOMMITTED_MS_MIN);
  return ({ key, lastModifiedMs }) =>
    lastModifiedMs < (removed.has(key) ? cutoffMs : uncommittedCutoffMs) && !kept.has(key) && looksLikeData(key, metaData.partitionColumns);
}

/** Its key, also as it would be if its writer had not encoded the path (delta-rs#4624), and that of its vector. */
function noteKeys(into: Set<string>, file: Pick<AddFile | RemoveFile, 'path' | 'deletionVector'>, root: string): void {
  into.add(objectKey(file.path, root));
  into.add(file.path);
  const vector = file.deletionVector && vectorKey(file.deletionVector, root);
  if (vector) into.add(vector);
}

const DATA = /\.parquet$|(?:^|\/)deletion_vector_[^/]+\.bin$/i;
const CHANGE_DATA = '_change_data/';

/**
 * Parquet files and files of deletion vectors, those in `_change_data/` among them. Nothing whose name, or whose folder's, begins with `_` or `.`, but
 * for the folders of a partition column of such a name. Spark takes every file that is not hidden; other files are none of a table's business.
 */
export function looksLikeData(key: string, partitionColumns: readonly string[]): boolean {
  const inside = key.startsWith(CHANGE_DATA) ? key.slice(CHANGE_DATA.length) : key;
  const isHidden = (segment: string) => /^[_.]/.test(segment) && !partitionColumns.some((column) => segment.startsWith(`${column}=`));
  return DATA.test(key) && !inside.split('/').some(isHidden);
}

/** Folders below the table that are tables of their own, each ending in a slash: none of their files is ours. */
export function nestedTables(objects: readonly ObjectInfo[]): string[] {
  const log = `/${LOG_FOLDER}`;
  return [...new Set(objects.flatMap(({ key }) => (key.includes(log) && !key.startsWith(LOG_FOLDER) ? [key.slice(0, key.indexOf(log) + 1)] : [])))];
}
