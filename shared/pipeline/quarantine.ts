import type { AddFile } from '../delta/actions.ts';
import { removeOf } from '../delta/actions.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';
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
export async function replaceQuarantine({ slice, rejected, snapshot }: QuarantineReplacement, options: RefineOptions): Promise<boolean> {
  const overlapping = [...snapshot.files.values()].filter((add) => overlaps(add, slice));
  if (rejected.length === 0 && overlapping.length === 0) return true;
  const table = await options.lake.table(QUARANTINE);
  const nowMs = options.clock.nowMs();
  const done = options.observe('quarantine_write');
  const adds = await options.lake.engine.session(async (session) => {
    await session.load('rejected', quarantineColumns(rejected, { pipeline: options.pipeline, nowUs: BigInt(nowMs) * 1000n }));
    if (overlapping.length === 0) return table.write(session, 'rejected');
    return table.scan(snapshot, overlapping, async (scan) => {
      await session.run(`CREATE OR REPLACE TEMP TABLE kept AS SELECT * EXCLUDE (_file) FROM (${scan}) WHERE bronze_version <= ${slice.from} OR bronze_version > ${slice.to} OR bronze_version IS NULL`);
      await session.run('CREATE OR REPLACE TEMP VIEW replacement AS SELECT * FROM kept UNION ALL BY NAME SELECT * FROM rejected');
      return table.write(session, 'replacement');
    });
  });
  const outcome = await table.delta.commit(snapshot, {
    operation: 'WRITE',
    operationParameters: { mode: '"Overwrite"', predicate: JSON.stringify(`bronze_version > ${slice.from} AND bronze_version <= ${slice.to}`) },
    operationMetrics: { numOutputRows: String(rejected.length), numFiles: String(adds.length), numRemovedFiles: String(overlapping.length) },
    removalIntent: 'replace',
    actions: [...overlapping.map((add) => ({ remove: removeOf(add, { nowMs, dataChange: true }) })), ...adds.map((add) => ({ add }))],
    reads: 'table',
  });
  if (outcome.kind === 'clash') return false;
  done({ rows: rejected.length, adds });
  return true;
}

/** Whether the file may hold rows of the slice; without statistics it may. */
function overlaps(add: AddFile, slice: Slice): boolean {
  const stats = parseStats(add.stats);
  const [min, max] = [stats?.minValues['bronze_version'], stats?.maxValues['bronze_version']];
  if (min === undefined || max === undefined) return true;
  return BigInt(max as number) > slice.from && BigInt(min as number) <= slice.to;
}

/** Files that hold rows above Silver's progress: provisional, not counted. */
export function provisionalFiles(snapshot: Snapshot, progress: bigint): AddFile[] {
  return [...snapshot.files.values()].filter((add) => {
    const max = parseStats(add.stats)?.maxValues['bronze_version'];
    return max === undefined || BigInt(max as number) > progress;
  });
}
