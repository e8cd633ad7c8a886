import { and, compare } from '../columnar/predicate.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import { replaceWhere } from '../delta/operations/upsert.ts';
import { mayHold } from '../delta/skipping.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { RefineOptions } from './refine-options.ts';
import { quarantineColumns } from './refine-batch.ts';
import type { RejectedRow } from './refine-batch.ts';
import type { Slice } from './slice.ts';
import { QUARANTINE } from './tables.ts';

export interface QuarantineReplacement {
  readonly slice: Slice;
  readonly rejected: readonly RejectedRow[];
  /** Quarantine as it was when the slice was planned, its generation checked. */
  readonly snapshot: Snapshot;
}

/**
 * The rejected rows of a slice, by one replaceWhere over `bronze_version` in (from, to] (semantics.md, section 6): a repeat with
 * another cut replaces instead of adding, and never reaches past the slice's end. False: overtaken by a rival or by a newer generation.
 */
export async function replaceQuarantine({ slice, rejected, snapshot }: QuarantineReplacement, options: Omit<RefineOptions, 'judge'>): Promise<boolean> {
  const where = and(compare('bronze_version', '>', slice.from), compare('bronze_version', '<=', slice.to));
  if (rejected.length === 0 && ![...snapshot.files.values()].some((file) => mayHold(where, file, snapshot))) return true;
  const table = await options.lake.table(QUARANTINE);
  const nowUs = BigInt(options.clock.nowMs()) * 1000n;
  const done = options.observe('quarantine_write');
  const change = await options.lake.engine.session(async (session) => replaceWhere(session, table, snapshot, {
    rows: rejected.length === 0 ? null : await session.values(quarantineColumns(rejected, { pipeline: options.pipeline, nowUs })), where,
  }));
  const outcome = await table.delta.commit(snapshot, transactionOf(table, snapshot, change, {
    operation: 'WRITE',
    operationParameters: { mode: '"Overwrite"', predicate: JSON.stringify(`bronze_version > ${slice.from} AND bronze_version <= ${slice.to}`) },
    operationMetrics: { numOutputRows: String(rejected.length), numFiles: String(change.adds.length), numRemovedFiles: String(change.emptied.length + change.rewritten.length) },
    removalIntent: 'replace',
  }));
  if (outcome.kind === 'clash') return false;
  done({ rows: rejected.length, adds: change.adds });
  return true;
}
