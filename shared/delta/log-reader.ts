import { TableError, assert } from '../errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { parseActions } from './actions.ts';
import type { Action, MetaData } from './actions.ts';
import { logRetentionMs } from './interval.ts';
import { parseJson, toBigInt } from './json.ts';
import { LAST_CHECKPOINT, LOG_FOLDER, SIDECAR_FOLDER, blockPrefix, commitKey, lastOfBlock, parseLogPath } from './log-path.ts';
import { hasCheckpoint, logSegments } from './log-segment.ts';
import type { LogSegment } from './log-segment.ts';
import type { CheckpointCodec } from './parquet.ts';
import { readAhead } from './read-ahead.ts';
import { Replay } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

/** Where a log is and how to read it. `table` names it in messages. */
export interface LogSource {
  readonly store: ObjectStore;
  readonly codec: CheckpointCodec;
  readonly table: string;
  /** Refuses, by throwing, a table as its owner can't use it. Asked by DeltaTable whenever the metaData is new to it. */
  readonly check?: (metaData: MetaData, table: string) => void;
}

/**
 * The newest snapshot, or null where there is no table. Costs: hint, one listing (two near the end of a thousand versions), checkpoint, and
 * the commits since; the last two are read side by side.
 */
export async function loadSnapshot(source: LogSource): Promise<Snapshot | null> {
  return untilListedWhole(async () => {
    const nowMs = source.store.nowMs();
    const hint = await readHint(source.store);
    const near = hint === null ? null : await firstReadable(source, await segmentsFromHint(source, hint));
    return seenNewest(near ?? await firstOf(source, logSegments(await list(source.store, LOG_FOLDER), source.table)), nowMs);
  });
}

/** The table as it was; null where there is no table. TableError `delta/no-such-version` where the log no longer reaches it. */
export async function loadSnapshotAt(source: LogSource, version: bigint): Promise<Snapshot | null> {
  return untilListedWhole(async () => firstOf(source, logSegments(await list(source.store, LOG_FOLDER), source.table, version)));
}

const LISTINGS_MAX = 3;
const MOMENTARY = new Set(['delta/log-gap', 'delta/version-gone', 'delta/checkpoint-damaged']);

/**
 * A listing comes in pages, and its objects are read later: what was put behind a page, or was cleaned up before it was read, looks like damage.
 * The next listing shows it right; real damage stays.
 */
async function untilListedWhole<T>(load: () => Promise<T>): Promise<T> {
  for (let listing = 1; ; listing++) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof TableError && MOMENTARY.has(error.code)) || listing === LISTINGS_MAX) throw error;
    }
  }
}

/**
 * The versions after `snapshot`, folded in: one listing, and the commits it shows. Where the commit of the snapshot's own version is gone, or a
 * checkpoint goes on past a missing one, the log was cleaned, and is read anew. A gap is a TableError `delta/log-gap`.
 */
export async function refreshSnapshot(source: LogSource, snapshot: Snapshot): Promise<Snapshot> {
  const nowMs = source.store.nowMs();
  if (isOutdated(snapshot, nowMs)) return loadAnew(source);
  const since = (await listFrom(source.store, snapshot.version)).map(parseLogPath).filter((path) => path !== null);
  const commits = new Set(since.flatMap((path) => (path.kind === 'commit' ? [path.version] : [])));
  if (!commits.has(snapshot.version)) return loadAnew(source);
  let version = snapshot.version;
  while (commits.has(version + 1n)) version++;
  const beyond = since.filter((path) => path.version > version);
  if (beyond.length > 0) {
    // A listing in pages may miss what was put behind it; what then follows was put later.
    if ((await source.store.head(commitKey(version + 1n))) !== null) return refreshSnapshot(source, snapshot);
    if (beyond.some(({ kind }) => kind !== 'commit')) return loadAnew(source);
    throw logGap(source, version + 1n, beyond[0].version);
  }
  const checkpointVersion = since.reduce((newest, path) => (path.kind === 'checkpoint' && path.version > newest ? path.version : newest), snapshot.checkpointVersion);
  if (version === snapshot.version) return seenNewest(checkpointVersion === snapshot.checkpointVersion ? snapshot : { ...snapshot, checkpointVersion }, nowMs);
  const replay = new Replay(snapshot);
  for await (const { value } of readAhead(snapshot.version + 1n, version, (each) => readCommit(source, each))) {
    if (value === null) return loadAnew(source);
    replay.apply(value);
  }
  return seenNewest(replay.finish(version, checkpointVersion, source.table), nowMs);
}

const OUTDATED_MS_MAX = 86_400_000;
/** Of the time that the log keeps its versions. */
const OUTDATED_SHARE = 4;
/** However short that time is set: a load and a commit must fit in. */
const OUTDATED_MS_MIN = 60_000;

/**
 * Whether so much time has passed that the versions after this one may have been cleaned from the log: a missing commit then proves nothing,
 * and a new one would be put where nobody reads.
 */
export function isOutdated({ lastSeenNewest, metaData }: Pick<Snapshot, 'lastSeenNewest' | 'metaData'>, nowMs: number): boolean {
  return nowMs - lastSeenNewest.atMs > Math.max(OUTDATED_MS_MIN, Math.min(OUTDATED_MS_MAX, logRetentionMs(metaData) / OUTDATED_SHARE));
}

/** The next version's snapshot, from that version's actions. It was the newest when its put was sent; the answer may have come days later. */
export function advance(source: LogSource, snapshot: Snapshot, actions: readonly Action[], sentAtMs: number): Snapshot {
  const replay = new Replay(snapshot);
  replay.apply(actions);
  return seenNewest(replay.finish(snapshot.version + 1n, snapshot.checkpointVersion, source.table), sentAtMs);
}

/** The actions of one version, or null where it does not exist. */
export async function readCommit({ store, table }: LogSource, version: bigint): Promise<Action[] | null> {
  const bytes = await store.get(commitKey(version));
  return bytes === null ? null : [...parseActions(bytes, `${table} version ${version}`)];
}

/** The actions of versions `from` to `to`, in order. Failures: TableError `delta/version-gone` where the log was cleaned. */
export async function* readCommits(source: LogSource, from: bigint, to: bigint): AsyncIterable<{ version: bigint; actions: Action[] }> {
  for await (const { version, value: actions } of readAhead(from, to, (each) => readCommit(source, each))) {
    if (actions === null) throw versionGone(source, version, { from, to });
    yield { version, actions };
  }
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

function seenNewest<T extends Snapshot | null>(snapshot: T, atMs: number): T {
  if (snapshot !== null) snapshot.lastSeenNewest.atMs = Math.max(snapshot.lastSeenNewest.atMs, atMs);
  return snapshot;
}

async function loadAnew(source: LogSource): Promise<Snapshot> {
  const anew = await loadSnapshot(source);
  assert(anew, `the log of ${source.table} was read before, then it was not there`);
  return anew;
}

/** None where the hint does not lead to a checkpoint: the caller lists the log instead. */
async function segmentsFromHint({ store, table }: LogSource, hint: bigint): Promise<LogSegment[]> {
  const since = await listFrom(store, hint);
  return hasCheckpoint(since) ? logSegments(since, table) : [];
}

/** A gap of fewer versions than this is seen even where it crosses from one thousand of names into the next. */
const GAP_SEEN = 10n;

/** What the log holds from `version` on, in order: the listing of its thousand versions, and of the next ones while the log goes on there. */
async function listFrom(store: ObjectStore, version: bigint): Promise<string[]> {
  const found: string[] = [];
  for (let block = version; ; block = lastOfBlock(block) + 1n) {
    let newest = version;
    for (const key of await list(store, blockPrefix(block))) {
      const path = parseLogPath(key);
      if (path === null || path.version < version) continue;
      found.push(key);
      newest = path.version;
    }
    if (newest + GAP_SEEN <= lastOfBlock(block)) return found;
  }
}

async function list(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function firstOf(source: LogSource, segments: readonly LogSegment[]): Promise<Snapshot | null> {
  const snapshot = await firstReadable(source, segments);
  if (snapshot !== null || segments.length === 0) return snapshot;
  throw new TableError('delta/checkpoint-damaged', `${source.table}: no checkpoint of ${segments.map(({ checkpointVersion }) => checkpointVersion).join(', ')} can be read, and the commits since the first are not there; restore ${segments[0].checkpoint.join(', ')}`);
}

/** A damaged checkpoint is passed over: the next way gives the same state. Null: there is no way, or none is left. */
async function firstReadable(source: LogSource, segments: readonly LogSegment[]): Promise<Snapshot | null> {
  for (const { checkpoint, checkpointVersion, version } of segments) {
    const from = checkpointVersion + 1n;
    const commits = readAhead(from, version, (each) => source.store.get(commitKey(each)));
    const replay = new Replay(null);
    if (!(await readCheckpoints(source, checkpoint, (actions) => replay.apply(actions)))) continue;
    for await (const { version: each, value: bytes } of commits) {
      if (bytes === null) throw versionGone(source, each, { from, to: version });
      replay.apply(parseActions(bytes, `${source.table} version ${each}`));
    }
    return replay.finish(version, checkpointVersion, source.table);
  }
  return null;
}

/** Gives the actions of a checkpoint's files to `use`, in pieces. False: a file is missing or damaged. */
export async function readCheckpoints(source: LogSource, keys: readonly string[], use: (actions: Iterable<Action>) => void): Promise<boolean> {
  try {
    for (const key of keys) await readCheckpoint(source, key, use);
    return true;
  } catch (error) {
    if (error instanceof TableError) return false;
    throw error;
  }
}

/** One file of a checkpoint, and the sidecars it names (PROTOCOL.md, "V2 Spec"). */
async function readCheckpoint(source: LogSource, key: string, use: (actions: Iterable<Action>) => void): Promise<void> {
  for (const sidecar of await readManifest(source, key, use)) await readCheckpoint(source, sidecar, use);
}

/** The keys of the sidecars that a checkpoint's file names; null: it is missing or damaged. */
export async function readSidecarKeys(source: LogSource, key: string): Promise<readonly string[] | null> {
  try {
    // Passed over, but for what they name.
    return await readManifest(source, key, (actions) => void [...actions]);
  } catch (error) {
    if (error instanceof TableError) return null;
    throw error;
  }
}

async function readManifest(source: LogSource, key: string, use: (actions: Iterable<Action>) => void): Promise<string[]> {
  const sidecars: string[] = [];
  const pieces = key.endsWith('.json') ? [await jsonCheckpoint(source, key)] : source.codec.read(source.store, key);
  for await (const piece of pieces) {
    use(noting(sidecars, parseActions(piece, `${source.table} ${key}`)));
  }
  return sidecars.map((sidecar) => SIDECAR_FOLDER + sidecarName(sidecar));
}

async function jsonCheckpoint({ store, table }: LogSource, key: string): Promise<Uint8Array> {
  const bytes = await store.get(key);
  if (bytes !== null) return bytes;
  throw new TableError('delta/missing-file', `${table}: the checkpoint file ${key} is not there`);
}

function* noting(sidecars: string[], actions: Iterable<Action>): Iterable<Action> {
  for (const action of actions) {
    if (action.sidecar) sidecars.push(action.sidecar.path);
    else yield action;
  }
}

/** A sidecar lies in its one folder, whether the log names it by its file's name or by a whole URI. */
function sidecarName(path: string): string {
  return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
}

function versionGone({ table }: LogSource, version: bigint, { from, to }: { from: bigint; to: bigint }): TableError {
  return new TableError('delta/version-gone', `${table}: version ${version} is no longer in the log (needed ${from} to ${to}); re-read the table whole`);
}

function logGap({ table }: LogSource, missing: bigint, there: bigint): TableError {
  return new TableError('delta/log-gap', `${table}: commit ${missing} is missing while ${there} exists; the table cannot be read until it is restored`);
}
