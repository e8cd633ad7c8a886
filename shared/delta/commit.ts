import { backoffMs } from '../clock.ts';
import type { Backoff, Clock } from '../clock.ts';
import { ConflictError, TransientError, assert } from '../errors.ts';
import type { Facts } from '../errors.ts';
import type { PutOutcome } from '../storage/object-store.ts';
import { fileKey, printActions } from './actions.ts';
import type { Action, CommitInfo } from './actions.ts';
import { judgeConflict } from './conflict.ts';
import type { ConflictVerdict, Intention } from './conflict.ts';
import { commitKey } from './log-path.ts';
import { advance, readCommit } from './log-reader.ts';
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
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly snapshot: Snapshot; readonly retries: number }
  /** A rival's commit and ours exclude each other: plan again on `snapshot`. Our data files stay; VACUUM removes orphans. */
  | { readonly kind: 'clash'; readonly over: Extract<ConflictVerdict, { kind: 'clash' }>['over']; readonly snapshot: Snapshot };

export const ENGINE = 'assay/0.1.0';
const COMMIT_BACKOFF: Backoff = { attemptsMax: 15, delayMsBase: 50, delayMsMax: 5_000 };

/**
 * Puts version N+1 if absent (PROTOCOL.md, "Delta Log Entries"). A lost race or an answer that does not tell is settled by reading the
 * version back and comparing `txnId`: the same attempt is never applied twice and never lost.
 * Failures when the budget is spent: TransientError `delta/commit-unknown` while the last put may have been stored, ConflictError
 * `delta/contended` where others were always first. Nothing is deleted, a repeat is safe by `txn`.
 */
export async function commit(source: LogSource, base: Snapshot, transaction: Transaction, clock: Clock): Promise<CommitOutcome> {
  checkTransaction(transaction.actions);
  for (const { remove } of transaction.actions) assert(!remove || base.files.has(fileKey(remove)), `a commit removes ${remove?.path}, which its snapshot does not have`);
  checkWritable(base.protocol, base.metaData, source.table);
  const txnId = clock.uuid();
  const intention = intentionOf(transaction);
  let snapshot = base;
  let lastPut: PutOutcome = 'exists';
  for (let attempt = 0; attempt < COMMIT_BACKOFF.attemptsMax; attempt++) {
    const version = snapshot.version + 1n;
    const actions = [{ commitInfo: commitInfo(transaction, txnId, base.version, clock) }, ...transaction.actions];
    lastPut = await source.store.putIfAbsent(commitKey(version), Buffer.from(printActions(actions)));
    if (lastPut === 'created') return { kind: 'committed', snapshot: advance(source, snapshot, actions), retries: attempt };
    const winner = await readCommit(source, version);
    if (winner && winnerTxnId(winner) === txnId) return { kind: 'committed', snapshot: advance(source, snapshot, winner), retries: attempt };
    if (winner) {
      lastPut = 'exists';
      const caught = await catchUp(source, snapshot, winner, intention);
      snapshot = caught.snapshot;
      if (caught.verdict.kind === 'clash') return { kind: 'clash', over: caught.verdict.over, snapshot };
    }
    await clock.sleep(backoffMs(attempt, COMMIT_BACKOFF, clock));
  }
  throw spent(`commit of ${transaction.operation} to ${source.table} after version ${base.version}: ${COMMIT_BACKOFF.attemptsMax} attempts`, lastPut, { table: source.table, version: snapshot.version + 1n });
}

function spent(what: string, lastPut: PutOutcome, facts: Facts): ConflictError | TransientError {
  return lastPut === 'exists'
    ? new ConflictError('delta/contended', `${what}, another writer was always first; its files are kept, the next run repeats what is missing. Let fewer writers at this table if it repeats`, { facts })
    : new TransientError('delta/commit-unknown', `${what}, none confirmed and none refused; its files are kept, the next run repeats what is missing`, { facts });
}

/** Version 0, if absent. False: somebody else created the table. */
export async function createTable(source: LogSource, actions: readonly Action[], clock: Clock): Promise<boolean> {
  checkTransaction(actions);
  const transaction: Transaction = { operation: 'CREATE TABLE', actions, reads: 'nothing' };
  const txnId = clock.uuid();
  const all = [{ commitInfo: commitInfo(transaction, txnId, -1n, clock) }, ...actions];
  const outcome = await source.store.putIfAbsent(commitKey(0n), Buffer.from(printActions(all)));
  if (outcome === 'created') return true;
  const winner = await readCommit(source, 0n);
  if (winner === null) {
    throw new TransientError('delta/commit-unknown', `creating ${source.table}: the store gave no answer and version 0 is not there; try again`, { facts: { table: source.table } });
  }
  return winnerTxnId(winner) === txnId;
}

/** Judges the winner and every later version that is there already. Stops at the first clash, but folds all in. */
async function catchUp(source: LogSource, base: Snapshot, first: readonly Action[], ours: Intention): Promise<{ snapshot: Snapshot; verdict: ConflictVerdict }> {
  const replay = new Replay(base);
  let version = base.version;
  let verdict: ConflictVerdict = { kind: 'rebase' };
  for (let winner: readonly Action[] | null = first; winner !== null; winner = await readCommit(source, version + 1n)) {
    if (verdict.kind === 'rebase') verdict = judgeConflict(ours, winner);
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
    appIds: new Set(actions.flatMap((action) => (action.txn ? [action.txn.appId] : []))),
    changesMetadata: actions.some((action) => action.metaData ?? action.protocol),
  };
}

function commitInfo(transaction: Transaction, txnId: string, readVersion: bigint, clock: Clock): CommitInfo {
  const removes = transaction.actions.some((action) => action.remove);
  return {
    timestamp: clock.nowMs(),
    operation: transaction.operation,
    operationParameters: transaction.operationParameters ?? {},
    ...(transaction.operationMetrics ? { operationMetrics: transaction.operationMetrics } : {}),
    ...(readVersion >= 0n ? { readVersion } : {}),
    isolationLevel: 'Serializable',
    isBlindAppend: transaction.reads === 'nothing' && !removes,
    engineInfo: ENGINE,
    txnId,
    ...(transaction.removalIntent ? { intent: transaction.removalIntent } : {}),
  } as CommitInfo;
}

/** PROTOCOL.md, "Actions": what one version may hold at most once. A breach is a bug of ours, caught before the put. */
function checkTransaction(actions: readonly Action[]): void {
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
