import type { Clock } from '../clock.ts';
import type { Action, RemoveFile } from './actions.ts';
import { printJson } from './json.ts';
import { LAST_CHECKPOINT, checkpointKey } from './log-path.ts';
import { readHint } from './log-reader.ts';
import type { LogSource } from './log-reader.ts';
import { checkWritable } from './protocol.ts';
import type { Snapshot } from './snapshot.ts';

const DELETED_FILE_RETENTION_MS = 7 * 86_400_000;

/** Whether a checkpoint is due: `interval` versions since the newest one. */
export function checkpointDue(snapshot: Snapshot, interval: bigint): boolean {
  return snapshot.version - snapshot.checkpointVersion >= interval && snapshot.version > 0n;
}

/**
 * Writes the classic checkpoint of the snapshot's version and then the hint (PROTOCOL.md, "Checkpoints", "Last Checkpoint File").
 * Two writers of one version write the same state, so a file that exists already is done. The hint only goes forward.
 */
export async function writeCheckpoint(source: LogSource, snapshot: Snapshot, clock: Clock): Promise<Snapshot> {
  checkWritable(snapshot.protocol, snapshot.metaData, source.table);
  const nowMs = clock.nowMs();
  const lines = [...checkpointActions(snapshot, nowMs)].map(printJson);
  const body = await source.codec.write(lines);
  // Not known to be there: the next commit is due to try again.
  if (await source.store.putIfAbsent(checkpointKey(snapshot.version), body) === 'unknown') return snapshot;
  const written = { ...snapshot, checkpointVersion: snapshot.version, tombstones: unexpired(snapshot, nowMs) };
  if ((await readHint(source.store) ?? -1n) >= snapshot.version) return written;
  const hint = { version: snapshot.version, size: lines.length, sizeInBytes: body.byteLength, numOfAddFiles: snapshot.files.size };
  await source.store.put(LAST_CHECKPOINT, Buffer.from(printJson(hint)));
  return written;
}

/** Full reconciliation with unexpired tombstones; no commitInfo; file actions with dataChange=false. */
export function* checkpointActions(snapshot: Snapshot, nowMs: number): Iterable<Action> {
  yield { protocol: snapshot.protocol };
  yield { metaData: snapshot.metaData };
  for (const txn of snapshot.txns.values()) yield { txn };
  for (const domainMetadata of snapshot.domains.values()) if (!domainMetadata.removed) yield { domainMetadata };
  for (const add of snapshot.files.values()) yield { add: { ...add, dataChange: false } };
  for (const remove of unexpired(snapshot, nowMs).values()) yield { remove: { ...remove, dataChange: false } };
}

function unexpired({ tombstones }: Snapshot, nowMs: number): Map<string, RemoveFile> {
  return new Map([...tombstones].filter(([, remove]) => (remove.deletionTimestamp ?? 0) + DELETED_FILE_RETENTION_MS > nowMs));
}
