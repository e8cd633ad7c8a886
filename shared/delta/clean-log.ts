import type { ObjectInfo } from '../storage/object-store.ts';
import { cleanSidecars } from './clean-sidecars.ts';
import { isLogCleaned, logRetentionMs } from './interval.ts';
import { LOG_FOLDER, commitKey, parseLogAid, parseLogPath } from './log-path.ts';
import { readCheckpoints, readHint } from './log-reader.ts';
import type { LogSource } from './log-reader.ts';
import { logSegments } from './log-segment.ts';
import { checkWritable } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

/** Why a log keeps what it has. `consumer`: it is old enough, but somebody has yet to read it. `damaged`: the checkpoint to start from can't be read. */
export type CleanOutcome =
  /** `sidecars` of V2 checkpoints: how many went, absent where none did. */
  | { readonly kind: 'cleaned'; readonly files: number; readonly from: bigint; readonly more: boolean; readonly sidecars?: number }
  | { readonly kind: 'kept'; readonly sidecars?: number; readonly why: 'switched-off' | 'protected' | 'too-young' | 'no-checkpoint' | 'consumer' | 'damaged' };

export interface CleanOptions {
  /** Version up to which the slowest registered consumer has read the table, −1n for not at all; null without consumers. */
  readonly consumed: bigint | null;
}

/** A run deletes at most the files of so many versions. */
const VERSIONS_MAX = 2_000;
const DAY_MS = 86_400_000;

/**
 * Deletes what the log keeps beyond `delta.logRetentionDuration` and a checkpoint has made superfluous (delta.md A7; Spark's MetadataCleanup): all
 * below the newest checkpoint whose commit is as old as that, is there, and is not ahead of `_last_checkpoint` or of a consumer. That checkpoint is read
 * first. The oldest version goes first, so that what is left is contiguous wherever this ends. Then the sidecars go that no checkpoint names any more,
 * those too that a former run left. Failures: TableError for a table that this code can't write.
 */
export async function cleanLog(source: LogSource, snapshot: Snapshot, options: CleanOptions): Promise<CleanOutcome> {
  checkWritable(snapshot.protocol, snapshot.metaData, source.table, 'clean');
  const hindrance = mayNotClean(snapshot, source.store.nowMs());
  if (hindrance !== null) return { kind: 'kept', why: hindrance };
  const files: ObjectInfo[] = [];
  for await (const file of source.store.list(LOG_FOLDER)) files.push(file);
  const cutoff = cutoffMs(snapshot, source.store.nowMs());
  const plan = planCleaning(files, { ...options, table: source.table, cutoffMs: cutoff, hint: await readHint(source.store) });
  const gone = plan.kind === 'kept' ? new Set<string>() : await deleteVersions(source, plan);
  if (gone === null) return { kind: 'kept', why: 'damaged' };
  const sidecars = await cleanSidecars(source, files.filter(({ key }) => !gone.has(key)), cutoff);
  const outcome = plan.kind === 'kept' ? plan : { kind: 'cleaned' as const, files: gone.size, from: plan.from, more: plan.versions.length > VERSIONS_MAX };
  return sidecars === 0 ? outcome : { ...outcome, sidecars };
}

/** The keys that are gone; null: the checkpoint that the log would begin with can't be read, and nothing was deleted. */
async function deleteVersions(source: LogSource, { checkpoint, versions }: Plan): Promise<ReadonlySet<string> | null> {
  let holdsTable = false;
  const isWhole = await readCheckpoints(source, checkpoint, (actions) => {
    for (const { metaData } of actions) holdsTable ||= metaData !== undefined;
  });
  if (!isWhole || !holdsTable) return null;
  const gone = new Set<string>();
  for (const keys of versions.slice(0, VERSIONS_MAX)) {
    await Promise.all(keys.map((key) => source.store.delete(key)));
    for (const key of keys) gone.add(key);
  }
  return gone;
}

/** What the snapshot alone tells, without a request; null: the log has to be looked at. */
export function mayNotClean({ metaData, protocol, checkpointVersion }: Snapshot, nowMs: number): Extract<CleanOutcome, { kind: 'kept' }>['why'] | null {
  if (!isLogCleaned(metaData)) return 'switched-off';
  if (protocol.writerFeatures?.includes('checkpointProtection')) return 'protected';
  if (checkpointVersion < 1n) return 'no-checkpoint';
  return (metaData.createdTime ?? -Infinity) > nowMs - logRetentionMs(metaData) ? 'too-young' : null;
}

/** Midnight (UTC) before the retention began, as in Spark: cleaning has news once a day at most. */
function cutoffMs({ metaData }: Snapshot, nowMs: number): number {
  return Math.floor((nowMs - logRetentionMs(metaData)) / DAY_MS) * DAY_MS;
}

export interface Plan {
  readonly kind: 'clean';
  /** Version and files of the checkpoint that the log begins with afterwards. */
  readonly from: bigint;
  readonly checkpoint: readonly string[];
  /** The keys to delete, by version, the oldest first. */
  readonly versions: readonly (readonly string[])[];
}

/** Pure. `hint` is the version that `_last_checkpoint` names. */
export function planCleaning(
  files: readonly ObjectInfo[], { consumed, cutoffMs: cutoff, hint, table }: CleanOptions & { readonly cutoffMs: number; readonly hint: bigint | null; readonly table: string },
): Plan | Extract<CleanOutcome, { kind: 'kept' }> {
  const times = new Map(files.map(({ key, lastModifiedMs }) => [key, lastModifiedMs]));
  const isOld = (key: string) => (times.get(key) ?? Infinity) <= cutoff;
  // Every way that leads to the newest version; one with a gap, or with a part missing, is none of them.
  const starts = logSegments(times.keys(), table).filter(({ checkpointVersion }) => checkpointVersion >= 0n && (hint === null || checkpointVersion <= hint));
  if (starts.length === 0) return { kind: 'kept', why: 'no-checkpoint' };
  const old = starts.filter(({ checkpointVersion }) => isOld(commitKey(checkpointVersion)));
  const start = old.find(({ checkpointVersion }) => consumed === null || checkpointVersion <= consumed);
  const versions = start === undefined ? [] : expired(times.keys(), start.checkpointVersion, isOld);
  if (start !== undefined && versions.length > 0) return { kind: 'clean', from: start.checkpointVersion, checkpoint: start.checkpoint, versions };
  return { kind: 'kept', why: old.length > 0 && old[0] !== start && expired(times.keys(), old[0].checkpointVersion, isOld).length > 0 ? 'consumer' : 'too-young' };
}

/** Up to the first file that is not old: a log that was copied, or restored, looks young where it matters. */
function expired(keys: Iterable<string>, from: bigint, isOld: (key: string) => boolean): string[][] {
  const below = [...keys].flatMap((key) => {
    const path = parseLogPath(key) ?? parseLogAid(key);
    return path !== null && path.version < from ? [{ key, version: path.version }] : [];
  });
  const byVersion = [...Map.groupBy(below, ({ version }) => version)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group.map(({ key }) => key));
  const young = byVersion.findIndex((group) => !group.every(isOld));
  return young < 0 ? byVersion : byVersion.slice(0, young);
}
