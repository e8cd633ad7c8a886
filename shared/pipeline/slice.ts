import { changedVersion } from '../delta/operations/changes.ts';
import type { ChangedVersion } from '../delta/operations/changes.ts';
import type { DeltaTable } from '../delta/table.ts';
import { rowsOfFile } from './stage.ts';

/** A stretch of a source table's versions that a stage takes in at once. */
export interface Slice {
  /** Last version consumed before; the slice is (from, to]. */
  readonly from: bigint;
  readonly to: bigint;
  readonly versions: readonly ChangedVersion[];
  /** Newer versions are waiting. */
  readonly more: boolean;
}

/**
 * Versions after `from`, as many as hold at most `rowsMax` added rows, and always at least one: a larger one is processed whole.
 * Null: there is none.
 */
export async function nextSlice(source: DeltaTable, options: { from: bigint; upTo: bigint; rowsMax: number }): Promise<Slice | null> {
  const { from, upTo, rowsMax } = options;
  if (upTo <= from) return null;
  const versions: ChangedVersion[] = [];
  let rows = 0n;
  for await (const { version, actions } of source.versions(from + 1n, upTo)) {
    const taken = changedVersion(version, actions);
    const changed = rowsChanged(taken);
    if (versions.length > 0 && rows + changed > BigInt(rowsMax)) break;
    versions.push(taken);
    rows += changed;
  }
  const to = versions.at(-1)!.version;
  return { from, to, versions, more: to < upTo };
}

/** What refine stops at: a removal other than by expiry, which does not flow downstream (semantics.md, section 6). */
export function isRemoving({ removes, intent }: ChangedVersion): boolean {
  return removes.length > 0 && intent !== 'expire';
}

/** Rows of new files, and those that grown vectors took away. */
function rowsChanged({ adds, removes }: ChangedVersion): bigint {
  const before = new Map(removes.map(({ path, deletionVector }) => [path, deletionVector?.cardinality ?? 0]));
  return adds.reduce((sum, add) => {
    const deleted = before.get(add.path);
    return sum + (deleted === undefined ? rowsOfFile(add) : BigInt(Math.abs((add.deletionVector?.cardinality ?? 0) - deleted)));
  }, 0n);
}
