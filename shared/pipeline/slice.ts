import type { Action, AddFile, RemoveFile } from '../delta/actions.ts';
import type { DeltaTable } from '../delta/table.ts';
import { rowsOfFile } from './stage.ts';

/** A stretch of a source table's versions that a stage takes in at once. */
export interface Slice {
  /** Last version consumed before; the slice is (from, to]. */
  readonly from: bigint;
  readonly to: bigint;
  readonly versions: readonly SliceVersion[];
  /** Newer versions are waiting. */
  readonly more: boolean;
}

export interface SliceVersion {
  readonly version: bigint;
  /** Data-changing ones only: a rewrite that changes no row is no change. */
  readonly adds: readonly AddFile[];
  readonly removes: readonly RemoveFile[];
  readonly intent: string | null;
}

/**
 * Versions after `from`, as many as hold at most `rowsMax` added rows, and always at least one: a larger one is processed whole.
 * Null: there is none.
 */
export async function nextSlice(source: DeltaTable, options: { from: bigint; upTo: bigint; rowsMax: number }): Promise<Slice | null> {
  const { from, upTo, rowsMax } = options;
  if (upTo <= from) return null;
  const versions: SliceVersion[] = [];
  let rows = 0n;
  for await (const { version, actions } of source.versions(from + 1n, upTo)) {
    const taken = sliceVersion(version, actions);
    const added = taken.adds.reduce((sum, add) => sum + rowsOfFile(add), 0n);
    if (versions.length > 0 && rows + added > BigInt(rowsMax)) break;
    versions.push(taken);
    rows += added;
  }
  const to = versions.at(-1)!.version;
  return { from, to, versions, more: to < upTo };
}

function sliceVersion(version: bigint, actions: readonly Action[]): SliceVersion {
  return {
    version,
    adds: actions.flatMap(({ add }) => (add?.dataChange ? [add] : [])),
    removes: actions.flatMap(({ remove }) => (remove?.dataChange ? [remove] : [])),
    intent: actions.find(({ commitInfo }) => commitInfo)?.commitInfo?.intent ?? null,
  };
}
