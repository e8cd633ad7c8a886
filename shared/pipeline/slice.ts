import { changedVersion } from '../delta/operations/changes.ts';
import type { ChangedVersion } from '../delta/operations/changes.ts';
import type { AddFile } from '../delta/actions.ts';
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

/** Tag of a Bronze file: keys, values and headers of its records as they came, in bytes. Files are compressed, so their size tells little of it. */
export const PAYLOAD_BYTES = 'assay.payload_bytes';

/** What a file without the tag is taken to hold, as a multiple of its size: JSON events compress five to ten times. */
const BYTES_OF_A_STORED_BYTE = 8;

export interface SliceOptions {
  readonly from: bigint;
  readonly upTo: bigint;
  readonly rowsMax: number;
  /** Of payload, in memory. Default: no bound. */
  readonly bytesMax?: number | undefined;
}

/**
 * Versions after `from`, as many as hold at most `rowsMax` added rows and `bytesMax` bytes, and always at least one: a larger one is processed
 * whole. Null: there is none.
 */
export async function nextSlice(source: DeltaTable, { from, upTo, rowsMax, bytesMax = Infinity }: SliceOptions): Promise<Slice | null> {
  if (upTo <= from) return null;
  const versions: ChangedVersion[] = [];
  let [rows, bytes] = [0n, 0];
  for await (const { version, actions } of source.versions(from + 1n, upTo)) {
    const taken = changedVersion(version, actions);
    const changed = rowsChanged(taken);
    const payload = payloadBytes(taken.adds);
    if (versions.length > 0 && (rows + changed > BigInt(rowsMax) || bytes + payload > bytesMax)) break;
    versions.push(taken);
    rows += changed;
    bytes += payload;
  }
  const to = versions.at(-1)!.version;
  return { from, to, versions, more: to < upTo };
}

export function payloadBytes(adds: readonly AddFile[]): number {
  return adds.reduce((sum, { size, tags }) => sum + (Number(tags?.[PAYLOAD_BYTES] ?? NaN) || size * BYTES_OF_A_STORED_BYTE), 0);
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
