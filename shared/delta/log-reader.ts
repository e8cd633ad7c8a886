import { TableError, assert } from '../errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { parseAction, parseActions } from './actions.ts';
import type { Action } from './actions.ts';
import { parseJson, toBigInt } from './json.ts';
import { LAST_CHECKPOINT, LOG_FOLDER, SIDECAR_FOLDER, blockPrefix, commitKey, parseLogPath } from './log-path.ts';
import { logSegments } from './log-segment.ts';
import type { LogSegment } from './log-segment.ts';
import type { CheckpointCodec } from './parquet.ts';
import { Replay } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

/** Where a log is and how to read it. `table` names it in messages. */
export interface LogSource {
  readonly store: ObjectStore;
  readonly codec: CheckpointCodec;
  readonly table: string;
}

const PARALLEL_READS = 8;

/** The newest snapshot, or null where there is no table. Costs: hint, one listing, checkpoint, then the commits since. */
export async function loadSnapshot(source: LogSource): Promise<Snapshot | null> {
  const hint = await readHint(source.store);
  const near = hint === null ? null : await firstReadable(source, await segmentsFromHint(source, hint));
  return near ?? loadSnapshotAt(source, null);
}

/**
 * The table as it was, or for null as it is; null where there is no table. TableError `delta/no-such-version` where the log no longer
 * reaches it.
 */
export async function loadSnapshotAt(source: LogSource, version: bigint | null): Promise<Snapshot | null> {
  const segments = logSegments(await list(source.store, LOG_FOLDER), source.table, version);
  const snapshot = await firstReadable(source, segments);
  if (snapshot !== null || segments.length === 0) return snapshot;
  throw new TableError('delta/checkpoint-damaged', `${source.table}: no checkpoint of ${segments.map(({ checkpointVersion }) => checkpointVersion).join(', ')} can be read, and the commits since the first are not there; restore ${segments[0].checkpoint.join(', ')}`);
}

/**
 * The versions after `snapshot`, folded in. The first 404 ends the log only if one listing shows nothing newer. What a checkpoint
 * carries on past was cleaned up, then the table is read anew; else it is a gap, TableError `delta/log-gap`.
 */
export async function refreshSnapshot(source: LogSource, snapshot: Snapshot): Promise<Snapshot> {
  const replay = new Replay(snapshot);
  let version = snapshot.version;
  for (;;) {
    const actions = await readCommit(source, version + 1n);
    if (actions === null) break;
    replay.apply(actions);
    version++;
  }
  if (await provenBehind(source, version + 1n)) {
    const anew = await loadSnapshot(source);
    assert(anew, `the log of ${source.table} was listed, then it was not there`);
    return anew;
  }
  return version === snapshot.version ? snapshot : replay.finish(version, snapshot.checkpointVersion, source.table);
}

/** The next version's snapshot, from that version's actions. */
export function advance(source: LogSource, snapshot: Snapshot, actions: readonly Action[]): Snapshot {
  const replay = new Replay(snapshot);
  replay.apply(actions);
  return replay.finish(snapshot.version + 1n, snapshot.checkpointVersion, source.table);
}

/** The actions of one version, or null where it does not exist. */
export async function readCommit({ store, table }: LogSource, version: bigint): Promise<Action[] | null> {
  const bytes = await store.get(commitKey(version));
  return bytes === null ? null : parseActions(Buffer.from(bytes).toString('utf8'), `${table} version ${version}`);
}

/** The actions of versions `from` to `to`, in order. Failures: TableError `delta/version-gone` where the log was cleaned. */
export async function* readCommits(source: LogSource, from: bigint, to: bigint): AsyncIterable<{ version: bigint; actions: Action[] }> {
  for (let start = from; start <= to; start += BigInt(PARALLEL_READS)) {
    const end = start + BigInt(PARALLEL_READS) - 1n < to ? start + BigInt(PARALLEL_READS) - 1n : to;
    const versions = Array.from({ length: Number(end - start) + 1 }, (_, i) => start + BigInt(i));
    const batch = await Promise.all(versions.map((version) => readCommit(source, version)));
    for (const [i, actions] of batch.entries()) {
      if (actions === null) {
        throw new TableError('delta/version-gone', `${source.table}: version ${versions[i]} is no longer in the log (needed ${from} to ${to}); re-read the table whole`);
      }
      yield { version: versions[i], actions };
    }
  }
}

/** A gap of fewer versions than this is seen even where it crosses from one block of names into the next. */
const GAP_SEEN = 10n;

/** False: the log ends before `missing`. True: it goes on with a checkpoint. */
async function provenBehind(source: LogSource, missing: bigint): Promise<boolean> {
  const keys: string[] = [];
  for (const prefix of new Set([blockPrefix(missing), blockPrefix(missing + GAP_SEEN)])) keys.push(...(await list(source.store, prefix)));
  const newer = keys.map(parseLogPath).filter((path) => path !== null && path.version >= missing && !(path.kind === 'commit' && path.version === missing));
  if (newer.length === 0) return false;
  // Written between our GET and the listing: then the missing one is there by now.
  if ((await source.store.head(commitKey(missing))) !== null) return false;
  if (newer.some((path) => path!.kind !== 'commit')) return true;
  throw new TableError('delta/log-gap', `${source.table}: commit ${missing} is missing while ${newer[0]!.version} exists; the table cannot be read until it is restored`);
}

/** Version that `_last_checkpoint` names, or null without a readable one. */
export async function readHint(store: ObjectStore): Promise<bigint | null> {
  const bytes = await store.get(LAST_CHECKPOINT);
  if (bytes === null) return null;
  try {
    return toBigInt((parseJson(Buffer.from(bytes).toString('utf8')) as { version: unknown }).version);
  } catch {
    // The protocol calls it a hint: an unreadable one only costs a listing.
    return null;
  }
}

/** None where the hint does not lead to a checkpoint: the caller lists the log instead. */
async function segmentsFromHint({ store, table }: LogSource, hint: bigint): Promise<LogSegment[]> {
  const keys = await list(store, blockPrefix(hint));
  for (let block = hint; keys.includes(commitKey(lastOfBlock(block))); ) {
    block = lastOfBlock(block) + 1n;
    keys.push(...(await list(store, blockPrefix(block))));
  }
  const since = keys.filter((key) => (parseLogPath(key)?.version ?? -1n) >= hint);
  return since.some((key) => parseLogPath(key)?.kind !== 'commit') ? logSegments(since, table) : [];
}

function lastOfBlock(version: bigint): bigint {
  return (version / 1000n) * 1000n + 999n;
}

async function list(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** A damaged checkpoint is passed over: the next way gives the same state. Null: there is no way, or none is left. */
async function firstReadable(source: LogSource, segments: readonly LogSegment[]): Promise<Snapshot | null> {
  for (const segment of segments) {
    const replay = new Replay(null);
    if (!(await readCheckpoints(source, segment.checkpoint, replay))) continue;
    for await (const { actions } of readCommits(source, segment.checkpointVersion + 1n, segment.version)) replay.apply(actions);
    return replay.finish(segment.version, segment.checkpointVersion, source.table);
  }
  return null;
}

/** False: a file is missing or damaged. */
async function readCheckpoints(source: LogSource, keys: readonly string[], replay: Replay): Promise<boolean> {
  try {
    for (const key of keys) replay.apply(await readCheckpoint(source, key));
    return true;
  } catch (error) {
    if (error instanceof TableError) return false;
    throw error;
  }
}

/** The actions of one file of a checkpoint, and of the sidecars it names (PROTOCOL.md, "V2 Spec"). */
async function readCheckpoint(source: LogSource, key: string): Promise<Action[]> {
  const bytes = await source.store.get(key);
  if (bytes === null) throw new TableError('delta/missing-file', `${source.table}: the checkpoint file ${key} is not there`);
  const where = `${source.table} ${key}`;
  const actions = key.endsWith('.json')
    ? parseActions(Buffer.from(bytes).toString('utf8'), where)
    : (await source.codec.read(bytes)).map((line) => parseAction(line, where));
  const sidecars = actions.flatMap(({ sidecar }) => (sidecar ? [SIDECAR_FOLDER + sidecarName(sidecar.path)] : []));
  for (const sidecar of sidecars) actions.push(...(await readCheckpoint(source, sidecar)));
  return actions;
}

/** A sidecar lies in its one folder, whether the log names it by its file's name or by a whole URI. */
function sidecarName(path: string): string {
  return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
}
