import { TableError } from '../errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { parseAction, parseActions } from './actions.ts';
import type { Action } from './actions.ts';
import { parseJson, toBigInt } from './json.ts';
import { LAST_CHECKPOINT, LOG_FOLDER, SIDECAR_FOLDER, blockPrefix, commitKey, parseLogPath } from './log-path.ts';
import { logSegment } from './log-segment.ts';
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

/** The newest snapshot, or null where there is no table. Costs: hint, checkpoint, one listing, then the commits since. */
export async function loadSnapshot(source: LogSource): Promise<Snapshot | null> {
  const hint = await readHint(source.store);
  const segment = (hint === null ? null : await segmentFromHint(source, hint)) ?? logSegment(await list(source.store, LOG_FOLDER), source.table);
  return segment === null ? null : readSegment(source, segment);
}

/** The table as it was; TableError `delta/no-such-version` where the log no longer reaches it. */
export async function loadSnapshotAt(source: LogSource, version: bigint): Promise<Snapshot | null> {
  const segment = logSegment(await list(source.store, LOG_FOLDER), source.table, version);
  return segment === null ? null : readSegment(source, segment);
}

/**
 * The versions after `snapshot`, folded in. The first 404 ends the log only if one listing shows nothing newer, else it is a gap.
 */
export async function refreshSnapshot(source: LogSource, snapshot: Snapshot): Promise<Snapshot> {
  let current = snapshot;
  for (;;) {
    const next = current.version + 1n;
    const actions = await readCommit(source, next);
    if (actions === null) {
      await proveEnd(source, next);
      return current;
    }
    current = advance(source, current, actions);
  }
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
      yield { version: versions[i]!, actions };
    }
  }
}

async function proveEnd(source: LogSource, missing: bigint): Promise<void> {
  for (const key of await list(source.store, blockPrefix(missing))) {
    const path = parseLogPath(key);
    if (path?.kind === 'commit' && path.version > missing) {
      // Written between our GET and the listing: then the missing one is there by now.
      if ((await source.store.head(commitKey(missing))) !== null) return;
      throw new TableError('delta/log-gap', `${source.table}: commit ${missing} is missing while ${path.version} exists; the table cannot be read until it is restored`);
    }
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

/** Null where the hint does not lead to a whole segment: the caller lists the log instead. */
async function segmentFromHint({ store, table }: LogSource, hint: bigint): Promise<LogSegment | null> {
  const keys = await list(store, blockPrefix(hint));
  for (let block = hint; keys.includes(commitKey(lastOfBlock(block))); ) {
    block = lastOfBlock(block) + 1n;
    keys.push(...(await list(store, blockPrefix(block))));
  }
  const known = keys.filter((key) => (parseLogPath(key)?.version ?? -1n) >= hint);
  if (!known.some((key) => parseLogPath(key)?.kind === 'checkpoint')) return null;
  return logSegment(known, table);
}

function lastOfBlock(version: bigint): bigint {
  return (version / 1000n) * 1000n + 999n;
}

async function list(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

async function readSegment(source: LogSource, segment: LogSegment): Promise<Snapshot> {
  const replay = new Replay(null);
  for (const key of segment.checkpoint) replay.apply(await readCheckpoint(source, key));
  const from = segment.checkpointVersion + 1n;
  for await (const { actions } of readCommits(source, from, segment.version)) replay.apply(actions);
  return replay.finish(segment.version, segment.checkpointVersion, source.table);
}

async function readCheckpoint(source: LogSource, key: string): Promise<Action[]> {
  const bytes = await source.store.get(key);
  if (bytes === null) throw new TableError('delta/missing-file', `${source.table}: ${key} was listed but is gone; read again`);
  const where = `${source.table} ${key}`;
  const lines = key.endsWith('.json') ? Buffer.from(bytes).toString('utf8').split('\n').filter((line) => line !== '') : await source.codec.read(bytes);
  const actions = lines.map((line) => parseAction(line, where));
  const sidecars = actions.flatMap((action) => (action.sidecar ? [action.sidecar.path] : []));
  for (const sidecar of sidecars) actions.push(...(await readCheckpoint(source, SIDECAR_FOLDER + sidecar)));
  return actions;
}

