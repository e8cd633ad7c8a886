import type { Action } from './actions.ts';

/** What a transaction of ours read and writes, as far as it matters to a rival. */
export interface Intention {
  /** `nothing`: a blind append. `table`: any add of a rival might have held rows we look for (Serializable). */
  readonly reads: 'nothing' | 'table';
  /** False for OPTIMIZE: only files count, rows stay the same. */
  readonly dataChange: boolean;
  /** Paths of files that we remove. The path alone decides: a vector update removes and adds one path under two keys. */
  readonly touched: ReadonlySet<string>;
  readonly appIds: ReadonlySet<string>;
  readonly changesMetadata: boolean;
}

export type ConflictVerdict =
  | { readonly kind: 'rebase' }
  | { readonly kind: 'clash'; readonly over: 'metadata' | 'txn' | 'added-rows' | 'removed-file' };

/** Judges one winner against us, by the table of delta.md A5 with semantics.md section 6 (upserts as Serializable). Pure. */
export function judgeConflict(ours: Intention, winner: readonly Action[]): ConflictVerdict {
  let addsData = false;
  let changesFiles = false;
  for (const action of winner) {
    if (action.metaData || action.protocol) return { kind: 'clash', over: 'metadata' };
    if (action.txn && ours.appIds.has(action.txn.appId)) return { kind: 'clash', over: 'txn' };
    if (action.remove) {
      changesFiles = true;
      if (ours.touched.has(action.remove.path)) return { kind: 'clash', over: 'removed-file' };
    }
    if (action.add) {
      changesFiles = true;
      if (action.add.dataChange) addsData = true;
    }
  }
  if (ours.changesMetadata && changesFiles) return { kind: 'clash', over: 'added-rows' };
  if (ours.reads === 'table' && ours.dataChange && addsData) return { kind: 'clash', over: 'added-rows' };
  return { kind: 'rebase' };
}
