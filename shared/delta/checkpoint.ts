import type { Action, RemoveFile, Txn } from './actions.ts';
import { deletedFileRetentionMs, transactionRetentionMs } from './interval.ts';
import { printJson } from './json.ts';
import { LayeredMap } from './layered-map.ts';
import { LAST_CHECKPOINT, checkpointKey } from './log-path.ts';
import { readHint } from './log-reader.ts';
import type { LogSource } from './log-reader.ts';
import { checkWritable } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

/** A checkpoint of this many entries, some 20 kB, is worth an interval; a larger one as many more. A reader has the commits since then to get, so not for ever. */
const ENTRIES_PER_INTERVAL = 250;
const VERSIONS_MAX = 500n;

/**
 * Whether a checkpoint is due: `interval` versions since the newest one; more, but no more than 500, where the table has many files and tombstones. A
 * checkpoint costs what the table has and a commit what it adds, so with a fixed interval checkpoints would outweigh the data.
 */
export function checkpointDue({ version, checkpointVersion, files, tombstones }: Snapshot, interval: bigint): boolean {
  const intervals = BigInt(Math.max(1, Math.floor((files.size + tombstones.size) / ENTRIES_PER_INTERVAL)));
  const scaled = interval * intervals < VERSIONS_MAX ? interval * intervals : VERSIONS_MAX;
  return version > 0n && version - checkpointVersion >= (interval > scaled ? interval : scaled);
}

/**
 * Writes the classic checkpoint of the snapshot's version and then the hint (PROTOCOL.md, "Checkpoints", "Last Checkpoint File").
 * Two writers of one version write the same state, so a file that exists already is done. The hint only goes forward, but for
 * two writers at the same moment: then it names a checkpoint that is there all the same. Gives the snapshot without what had expired.
 */
export async function writeCheckpoint(source: LogSource, snapshot: Snapshot): Promise<Snapshot> {
  checkWritable(snapshot.protocol, snapshot.metaData, source.table, 'clean');
  const live = withoutExpired(snapshot, source.store.nowMs());
  let size = 0;
  function* lines(): Iterable<string> {
    for (const action of checkpointActions(live)) {
      size++;
      yield printJson(action);
    }
  }
  const written = await source.codec.write(source.store, checkpointKey(snapshot.version), lines());
  const done = { ...live, checkpointVersion: snapshot.version };
  if ((await readHint(source.store) ?? -1n) >= snapshot.version) return done;
  // Of another writer's file of the same state the bytes may differ.
  const bytes = written.kind === 'created' ? { sizeInBytes: written.bytes } : {};
  await source.store.put(LAST_CHECKPOINT, Buffer.from(printJson({ version: snapshot.version, size, ...bytes, numOfAddFiles: snapshot.files.size })));
  return done;
}

/** Full reconciliation; no commitInfo; file actions with dataChange=false. */
export function* checkpointActions(snapshot: Snapshot): Iterable<Action> {
  yield { protocol: snapshot.protocol };
  yield { metaData: snapshot.metaData };
  for (const txn of snapshot.txns.values()) yield { txn };
  for (const domainMetadata of snapshot.domains.values()) if (!domainMetadata.removed) yield { domainMetadata };
  for (const add of snapshot.files.values()) yield { add: { ...add, dataChange: false } };
  for (const remove of snapshot.tombstones.values()) yield { remove: { ...remove, dataChange: false } };
}

/**
 * Tombstones live as long as `delta.deletedFileRetentionDuration` says; one without a time has expired. Txns live for ever, or as long as
 * `delta.setTransactionRetentionDuration` says; one without a time stays, since progress that is lost would be made twice.
 */
export function withoutExpired(snapshot: Snapshot, nowMs: number): Snapshot {
  const removedAfterMs = nowMs - deletedFileRetentionMs(snapshot.metaData);
  const retentionMs = transactionRetentionMs(snapshot.metaData);
  return {
    ...snapshot,
    tombstones: only(snapshot.tombstones, ({ deletionTimestamp }: RemoveFile) => (deletionTimestamp ?? 0) > removedAfterMs),
    txns: retentionMs === null ? snapshot.txns : only(snapshot.txns, ({ lastUpdated }: Txn) => (lastUpdated ?? Infinity) > nowMs - retentionMs),
  };
}

function only<V extends object>(map: ReadonlyMap<string, V>, test: (value: V) => boolean): ReadonlyMap<string, V> {
  const kept = new Map([...map].filter(([, value]) => test(value)));
  return kept.size === map.size ? map : LayeredMap.from(kept);
}
