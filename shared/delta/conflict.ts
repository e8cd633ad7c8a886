import type { Action, AddFile } from './actions.ts';

/** What a transaction of ours read and writes, as far as it matters to a rival. */
export interface Intention {
  /**
   * `nothing`: a blind append. `table`: any row that a rival adds might have been one we look for (Serializable). A function: whether the rows
   * of this file might.
   */
  readonly reads: 'nothing' | 'table' | ((add: AddFile) => boolean);
  /** False for OPTIMIZE: only files count, rows stay the same. */
  readonly dataChange: boolean;
  /** Paths of files that we remove. The path alone decides: a vector update removes and adds one path under two keys. */
  readonly touched: ReadonlySet<string>;
  /** How rows of touched files go: their files are written anew, or vectors take them away. Only the latter can follow rows to another file. */
  readonly by: 'files' | 'vectors';
  readonly appIds: ReadonlySet<string>;
  readonly domains: ReadonlySet<string>;
  readonly changesMetadata: boolean;
}

export type ClashOver = 'metadata' | 'txn' | 'domain' | 'added-rows' | 'removed-file';

/**
 * `rebase`: our actions hold as they are. `remap`: they hold once the rows they name are looked up where the winner has put them, or taken
 * away where it took them. `clash`: plan again.
 */
export type ConflictVerdict =
  | { readonly kind: 'rebase' }
  | { readonly kind: 'remap' }
  | { readonly kind: 'clash'; readonly over: ClashOver };

/**
 * Judges one winner against us (delta.md A5; semantics.md, section 6: upserts are Serializable; Spark's ConflictChecker for the rest). Pure.
 *
 * | ours, winner → | adds rows | moves rows (dataChange=false) | takes rows away | metaData, protocol | same txn, domain |
 * |---|---|---|---|---|---|
 * | blind append, txn alone | rebase | rebase | rebase | clash | clash |
 * | OPTIMIZE | rebase | clash where it moved a file of ours | by vectors: remap for a file of ours; by files: clash for it | clash | clash |
 * | rows read | clash where they might be ours | by vectors: remap for a file of ours; by files: clash for it | clash for a file of ours | clash | clash |
 * | metaData, protocol | clash | clash | clash | clash | clash |
 */
export function judgeConflict(ours: Intention, winner: readonly Action[]): ConflictVerdict {
  const readded = new Set(winner.flatMap(({ add }) => (add ? [add.path] : [])));
  let verdict: ConflictVerdict = { kind: 'rebase' };
  for (const action of winner) {
    if (action.metaData || action.protocol) return clash('metadata');
    if (action.txn && ours.appIds.has(action.txn.appId)) return clash('txn');
    if (action.domainMetadata && ours.domains.has(action.domainMetadata.domain)) return clash('domain');
    if (ours.changesMetadata && (action.add ?? action.remove)) return clash('added-rows');
    if (action.remove && ours.touched.has(action.remove.path)) {
      if (!canFollow(ours, action.remove, readded)) return clash('removed-file');
      verdict = { kind: 'remap' };
    }
    // Also a file that keeps its path under another vector: a restore may have made the vector smaller.
    if (action.add?.dataChange && mightHaveRead(ours, action.add)) return clash('added-rows');
  }
  return verdict;
}

/** Whether the rows that we name of a file which the winner removed can be found again. */
function canFollow(ours: Intention, removed: NonNullable<Action['remove']>, readded: ReadonlySet<string>): boolean {
  if (ours.by === 'files') return false;
  // Another OPTIMIZE has the rows elsewhere: it did the work.
  if (!ours.dataChange) return removed.dataChange || readded.has(removed.path);
  return !removed.dataChange && !readded.has(removed.path);
}

function mightHaveRead({ reads, dataChange }: Intention, add: AddFile): boolean {
  if (!dataChange || reads === 'nothing') return false;
  return reads === 'table' || reads(add);
}

function clash(over: ClashOver): ConflictVerdict {
  return { kind: 'clash', over };
}
