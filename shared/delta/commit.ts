import { backoffMs } from '../clock.ts';
import type { Backoff, Clock } from '../clock.ts';
import { ConflictError, TransientError, assert } from '../errors.ts';
import type { Facts } from '../errors.ts';
import type { PutOutcome } from '../storage/object-store.ts';
import { fileKey, printActions } from './actions.ts';
import type { Action, CommitInfo } from './actions.ts';
import { judgeConflict } from './conflict.ts';
import type { ClashOver, ConflictVerdict, Intention } from './conflict.ts';
import { deletedFileRetentionMs } from './interval.ts';
import { commitKey } from './log-path.ts';
import { advance, isOutdated, readCommit } from './log-reader.ts';
import type { LogSource } from './log-reader.ts';
import { checkWritable } from './protocol.ts';
import { Replay } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

/** One transaction: what goes into the log, apart from commitInfo's own fields that this file fills. */
export interface Transaction {
  readonly operation: string;
  readonly operationParameters?: Readonly<Record<string, string>>;
  readonly operationMetrics?: Readonly<Record<string, string>>;
  readonly removalIntent?: NonNullable<CommitInfo['intent']>;
  readonly actions: readonly Action[];
  readonly reads: Intention['reads'];
  readonly dataChange?: boolean;
  /** When the first of its new files was stored, by the store's clock; absent where it brings none. */
  readonly writtenAtMs?: number;
  /**
   * The same transaction on a newer snapshot on which the rows that it names stand elsewhere, or are gone; null: plan again. Absent where its
   * files hold more than it can follow. Writes vectors at most.
   */
  readonly remap?: (to: Snapshot) => Promise<Transaction | null>;
}

export type CommitOutcome =
  /** `retries`: puts that were lost to rivals or to silence before the one that counts. */
  | { readonly kind: 'committed'; readonly snapshot: Snapshot; readonly retries: number }
  /**
   * A rival's commit and ours exclude each other, or (`age`) the new files or the base are so old that VACUUM or log cleanup may take what they need: plan again on `snapshot`.
   * Our data files stay; VACUUM removes orphans.
   */
  | { readonly kind: 'clash'; readonly over: ClashOver | 'age'; readonly snapshot: Snapshot; readonly retries: number };

export const ENGINE = 'assay/0.1.0';
/** Of 60 appenders that never pause, none needed more than 33 attempts (8 ms a GET, 16 ms a PUT); longer waits would starve who lost a few times. */
const COMMIT_BACKOFF: Backoff = { attemptsMax: 60, delayMsBase: 20, delayMsMax: 500 };
const AGE_MS_MAX = 3_600_000;
/** Of the retention after which files without a commit may be deleted. */
const AGE_SHARE = 4;
/** However short that is set: files have to be written and committed within it, or nothing ever is. */
const AGE_MS_MIN = 60_000;

/**
 * Puts version N+1 if absent (PROTOCOL.md, "Delta Log Entries"). A lost race or an answer that does not tell is settled by reading the
 * version back and comparing `txnId`: the same attempt is never applied twice and never lost. A version is left behind only once somebody's
 * commit is there, so a put that is still on its way can't land later.
 * Failures when the budget is spent: TransientError `delta/commit-unknown` while the last put may have been stored, ConflictError
 * `delta/contended` where others were always first. Nothing is deleted, a repeat is safe by `txn`.
 */
export async function commit(source: LogSource, base: Snapshot, transaction: Transaction, clock: Clock): Promise<CommitOutcome> {
  const txnId = clock.uuid();
  let [ours, snapshot]: [Transaction, Snapshot] = [transaction, base];
  let lastPut = 'exists' as PutOutcome;
  for (let attempt = 0; attempt < COMMIT_BACKOFF.attemptsMax; attempt++) {
    checkTransaction(ours.actions, snapshot);
    checkWritable(snapshot.protocol, snapshot.metaData, source.table, ours.actions);
    const sentAtMs = source.store.nowMs();
    if (isTooOld(source, ours, snapshot) || isOutdated(snapshot, sentAtMs)) {
      // While a put may still land, planning again could write the rows twice.
      if (lastPut === 'unknown') break;
      return { kind: 'clash', over: 'age', snapshot, retries: attempt };
    }
    const version = snapshot.version + 1n;
    const actions = [{ commitInfo: commitInfo(ours, txnId, base.version, clock) }, ...ours.actions];
    const body = Buffer.from(printActions(actions));
    const put = source.store.putIfAbsent(commitKey(version), body);
    lastPut = await (lastPut === 'unknown' ? orUnknown(put, source, version, transaction) : put);
    if (lastPut === 'created') return { kind: 'committed', snapshot: advance(source, snapshot, actions, sentAtMs), retries: attempt };
    const winner = await readBack(source, version, transaction);
    if (winner && winnerTxnId(winner) === txnId) return { kind: 'committed', snapshot: advance(source, snapshot, winner, sentAtMs), retries: attempt };
    await clock.sleep(backoffMs(attempt, COMMIT_BACKOFF, clock));
    if (winner) {
      lastPut = 'exists';
      // After the wait: the next put must follow the newest version, not the one that was newest before.
      const caught = await catchUp(source, snapshot, winner, intentionOf(ours));
      snapshot = caught.snapshot;
      const settled = await settle(caught.verdict, ours, snapshot);
      if ('over' in settled) return { kind: 'clash', over: settled.over, snapshot, retries: attempt + 1 };
      ours = settled;
    }
  }
  throw spent(`commit of ${transaction.operation} to ${source.table} after version ${base.version}: ${COMMIT_BACKOFF.attemptsMax} attempts at most`, lastPut, { table: source.table, version: snapshot.version + 1n });
}

/** Who is there in our place, perhaps ourselves; null: nobody yet. A version that can't be read may be ours: that stays unknown. */
function readBack(source: LogSource, version: bigint, transaction: Transaction): Promise<Action[] | null> {
  return orUnknown(readCommit(source, version), source, version, transaction);
}

/** Trouble of the store while a put of ours may have been stored, or may yet be: TransientError `delta/commit-unknown`. */
async function orUnknown<T>(request: Promise<T>, { table }: LogSource, version: bigint, { operation }: Transaction): Promise<T> {
  try {
    return await request;
  } catch (cause) {
    if (!(cause instanceof TransientError)) throw cause;
    throw new TransientError('delta/commit-unknown', `commit of ${operation} to ${table} as version ${version}: the store neither confirmed the put nor showed the version; its files are kept, the next run repeats what is missing`, { cause, facts: { table, version } });
  }
}

/** What to put next, or what excludes it. */
async function settle(verdict: ConflictVerdict, ours: Transaction, snapshot: Snapshot): Promise<Transaction | { readonly over: ClashOver }> {
  if (verdict.kind === 'clash') return { over: verdict.over };
  if (verdict.kind === 'rebase') return ours;
  return (await ours.remap?.(snapshot)) ?? { over: 'removed-file' };
}

/** semantics.md, section 6: files that no commit names are VACUUM's after the retention, by the store's clock. */
function isTooOld({ store }: LogSource, { writtenAtMs }: Transaction, { metaData }: Snapshot): boolean {
  if (writtenAtMs === undefined) return false;
  return store.nowMs() - writtenAtMs > Math.max(AGE_MS_MIN, Math.min(AGE_MS_MAX, deletedFileRetentionMs(metaData) / AGE_SHARE));
}

function spent(what: string, lastPut: PutOutcome, facts: Facts): ConflictError | TransientError {
  return lastPut === 'unknown'
    ? new TransientError('delta/commit-unknown', `${what}, the last neither confirmed nor refused; its files are kept, the next run repeats what is missing`, { facts })
    : new ConflictError('delta/contended', `${what}, another writer was always first; its files are kept, the next run repeats what is missing. Let fewer writers at this table if it repeats`, { facts });
}

/** The first version of a log, if absent: 0, or that of a checkpoint which is there already. False: somebody else was first. */
export async function createTable(source: LogSource, actions: readonly Action[], clock: Clock, { version = 0n, operation = 'CREATE TABLE' } = {}): Promise<boolean> {
  checkTransaction(actions, null);
  const transaction: Transaction = { operation, actions, reads: 'nothing' };
  const txnId = clock.uuid();
  const all = [{ commitInfo: commitInfo(transaction, txnId, -1n, clock) }, ...actions];
  const outcome = await source.store.putIfAbsent(commitKey(version), Buffer.from(printActions(all)));
  if (outcome === 'created') return true;
  const winner = await readCommit(source, version);
  if (winner === null) {
    throw new TransientError('delta/commit-unknown', `creating ${source.table}: the store gave no answer and version ${version} is not there; try again`, { facts: { table: source.table } });
  }
  return winnerTxnId(winner) === txnId;
}

/** Judges the winner and every later version that is there already, and folds all in. The first clash decides. */
async function catchUp(source: LogSource, base: Snapshot, first: readonly Action[], ours: Intention): Promise<{ snapshot: Snapshot; verdict: ConflictVerdict }> {
  const replay = new Replay(base);
  let version = base.version;
  let verdict: ConflictVerdict = { kind: 'rebase' };
  for (let winner: readonly Action[] | null = first; winner !== null; winner = await readCommit(source, version + 1n)) {
    const judged = judgeConflict(ours, winner);
    if (verdict.kind !== 'clash' && judged.kind !== 'rebase') verdict = judged;
    replay.apply(winner);
    version++;
  }
  return { snapshot: replay.finish(version, base.checkpointVersion, source.table), verdict };
}

function winnerTxnId(actions: readonly Action[]): string | undefined {
  return actions.find((action) => action.commitInfo)?.commitInfo?.txnId;
}

function intentionOf(transaction: Transaction): Intention {
  const { actions } = transaction;
  return {
    reads: transaction.reads,
    dataChange: transaction.dataChange ?? true,
    touched: new Set(actions.flatMap((action) => (action.remove ? [action.remove.path] : []))),
    by: transaction.remap ? 'vectors' : 'files',
    appIds: new Set(actions.flatMap((action) => (action.txn ? [action.txn.appId] : []))),
    domains: new Set(actions.flatMap((action) => (action.domainMetadata ? [action.domainMetadata.domain] : []))),
    changesMetadata: actions.some((action) => action.metaData ?? action.protocol),
  };
}

function commitInfo(transaction: Transaction, txnId: string, readVersion: bigint, clock: Clock): CommitInfo {
  return {
    timestamp: clock.nowMs(),
    operation: transaction.operation,
    operationParameters: transaction.operationParameters ?? {},
    ...(transaction.operationMetrics ? { operationMetrics: transaction.operationMetrics } : {}),
    ...(readVersion >= 0n ? { readVersion } : {}),
    isolationLevel: 'Serializable',
    isBlindAppend: transaction.reads === 'nothing' && transaction.actions.every((action) => action.add ?? action.txn),
    engineInfo: ENGINE,
    txnId,
    ...(transaction.removalIntent ? { intent: transaction.removalIntent } : {}),
  } as CommitInfo;
}

/** PROTOCOL.md, "Actions": what one version may hold at most once, and that it removes what is there. A breach is a bug of ours, caught before the put. */
function checkTransaction(actions: readonly Action[], base: Snapshot | null): void {
  for (const { remove } of actions) assert(!remove || base?.files.has(fileKey(remove)), `a commit removes ${remove?.path}, which its snapshot does not have`);
  const seen = new Set<string>();
  const once = (key: string) => {
    assert(!seen.has(key), `a commit names ${key} twice`);
    seen.add(key);
  };
  for (const action of actions) {
    if (action.metaData) once('metaData');
    else if (action.protocol) once('protocol');
    else if (action.txn) once(`txn ${action.txn.appId}`);
    else if (action.domainMetadata) once(`domain ${action.domainMetadata.domain}`);
    else if (action.add ?? action.remove) {
      const file = (action.add ?? action.remove)!;
      once(`${action.add ? 'an add' : 'a remove'} of ${file.path}`);
      // Both for one path are legal only under two deletion vectors.
      once(`the file ${fileKey(file)}`);
    }
  }
}
