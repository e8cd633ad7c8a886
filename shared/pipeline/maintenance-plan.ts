import type { AddFile } from '../delta/actions.ts';
import { checkpointDue } from '../delta/checkpoint.ts';
import { mayNotClean } from '../delta/clean-log.ts';
import { planOptimize } from '../delta/operations/optimize-table.ts';
import { planBins } from '../delta/operations/plan-compaction.ts';
import { retentionFor } from '../delta/operations/plan-vacuum.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { numRecords } from '../delta/stats.ts';
import type { Consumed } from './consumers.ts';
import { bytesOf } from './stage.ts';
import { BRONZE, GOLD, OFFSET_GAPS, SILVER } from './tables.ts';

/** A table as its log shows it, and what is known beside it. */
export interface TableFacts {
  readonly name: string;
  readonly snapshot: Snapshot;
  /** Who reads it version by version, the slowest; null: nobody. */
  readonly consumed: Consumed | null;
  /** Columns to cluster by; none: files are only merged. */
  readonly zOrderBy: readonly string[];
  /** How long its rows stay; null: for ever. */
  readonly retentionDays: number | null;
  /** When this worker last looked for files that nobody needs; null: never. */
  readonly vacuumedMs: number | null;
}

export interface PlanOptions {
  /** By the clock of the store. */
  readonly nowMs: number;
  readonly checkpointInterval: bigint;
  /** Whether there is a broker that may give what was missing. */
  readonly hasBroker: boolean;
  /** Most bytes to write anew in one run. */
  readonly bytesMax: number;
}

/** Files of one partition, to become one. `score`: files saved for each MB that is written anew, weighted by who opens them. */
export interface RewriteStep {
  readonly kind: 'optimize' | 'zorder' | 'purge';
  readonly table: string;
  readonly why: string;
  readonly inputs: readonly AddFile[];
  readonly bytes: number;
  readonly score: number;
}

/** `bytes`: what it may write; of a vacuum nobody knows before the folder is listed. */
export interface UpkeepStep {
  readonly kind: 'heal' | 'expire' | 'checkpoint' | 'clean-log' | 'vacuum';
  readonly table: string;
  readonly why: string;
  readonly bytes: number;
}

export interface MaintenancePlan {
  /** In this order: what takes rows away, then the rewrites, the hottest first, then what they leave to do. */
  readonly steps: readonly (RewriteStep | UpkeepStep)[];
  /** Rewrites beyond the budget of bytes: for the next run. */
  readonly left: readonly RewriteStep[];
}

const [MB, DAY_MS] = [1024 * 1024, 86_400_000];
/** So many files of about one size are merged: then a row is written anew once for each growth by as much of its file, not once a run. */
const FILES_MIN = { crumbs: 8, larger: 32 };
/** Of files below it a merge costs little and saves as many requests; above it bytes weigh more. */
const CRUMB_BYTES = 256 * 1024;
const TIER_FACTOR = 8;
/** Below it a partition is a file or two, which have to be opened in any order. */
const CLUSTER_BYTES_MIN = 32 * MB;
/** A file that lost less of its rows is not worth its rewriting. */
const DELETED_SHARE_MIN = 0.25;
/** Silver is opened by every refine and by people, Gold by people, the others once. */
const HEAT: Readonly<Record<string, number | undefined>> = { [SILVER]: 4, [GOLD]: 3, [BRONZE]: 2 };
const CHECKPOINT_ENTRY_BYTES = 100;

/** What is to be done now, from the logs alone. Pure. */
export function planMaintenance(tables: readonly TableFacts[], options: PlanOptions): MaintenancePlan {
  const rewrites = tables.flatMap((table) => rewritesOf(table)).sort((a, b) => b.score - a.score);
  let bytes = 0;
  // The first is done whatever it takes: else it would never be.
  const taken = rewrites.filter((step, i) => (bytes += step.bytes) <= options.bytesMax || i === 0);
  const left = rewrites.filter((step) => !taken.includes(step));
  const commits = Map.groupBy(taken, ({ table }) => table);
  return {
    steps: [
      ...tables.flatMap((table) => healOf(table, options)), ...tables.flatMap(expireOf), ...taken,
      ...tables.flatMap((table) => [...checkpointOf(table, commits.get(table.name)?.length ?? 0, options), ...cleanLogOf(table, options), ...vacuumOf(table, options)]),
    ],
    left,
  };
}

/** No file is in two of them. */
export function rewritesOf({ name, snapshot, zOrderBy }: Pick<TableFacts, 'name' | 'snapshot' | 'zOrderBy'>): RewriteStep[] {
  const heat = HEAT[name] ?? 1;
  const taken = new Set<AddFile>();
  const step = (kind: RewriteStep['kind'], inputs: readonly AddFile[], saved: number, why: string): RewriteStep => {
    for (const file of inputs) taken.add(file);
    const bytes = bytesOf(inputs);
    return { kind, table: name, why, inputs, bytes, score: (heat * saved) / Math.max(1, bytes / MB) };
  };
  const clustered = clusterBins(snapshot, zOrderBy).map((inputs) => step('zorder', inputs, inputs.length, `${inputs.length} files are not in the order of ${zOrderBy.join(', ')}`));
  const free = () => [...snapshot.files.values()].filter((file) => !taken.has(file));
  const merged = tieredBins(snapshot, free()).map((inputs) => step('optimize', inputs, inputs.length - 1, `${inputs.length} files of one partition and of about one size`));
  const purged = free().filter((file) => deletedShare(file) >= DELETED_SHARE_MIN).map((file) => step('purge', [file], deletedShare(file), `${Math.round(100 * deletedShare(file))} % of its rows are deleted`));
  return [...clustered, ...merged, ...purged];
}

function clusterBins(snapshot: Snapshot, zOrderBy: readonly string[]): AddFile[][] {
  if (zOrderBy.length === 0) return [];
  return planOptimize(snapshot, { zOrderBy }).filter((bin) => bytesOf(bin) >= CLUSTER_BYTES_MIN);
}

/** Small files of a partition with others of their size: one that was merged waits until there are more as large as it. */
function tieredBins(snapshot: Snapshot, files: readonly AddFile[]): AddFile[][] {
  const partitions = Map.groupBy(files, ({ partitionValues }) => JSON.stringify(snapshot.metaData.partitionColumns.map((column) => partitionValues[column] ?? null)));
  return [...partitions.values()].flatMap(tiersOf).flatMap((tier) => {
    const filesMin = bytesOf(tier) / tier.length < CRUMB_BYTES ? FILES_MIN.crumbs : FILES_MIN.larger;
    return planBins({ ...snapshot, files: new Map(tier.map((file, i) => [String(i), file])) }, { filesMin });
  });
}

/** None begins where files of about one size would be divided: each reaches from its smallest file to eight times that. */
function tiersOf(files: readonly AddFile[]): AddFile[][] {
  const tiers: AddFile[][] = [];
  for (const file of files.toSorted((a, b) => a.size - b.size)) {
    const tier = tiers.at(-1);
    if (tier !== undefined && file.size < TIER_FACTOR * tier[0].size) tier.push(file);
    else tiers.push([file]);
  }
  return tiers;
}

function deletedShare(file: AddFile): number {
  const rows = numRecords(file);
  return rows === null || rows === 0n ? 0 : (file.deletionVector?.cardinality ?? 0) / Number(rows);
}

function healOf({ name, snapshot }: TableFacts, { hasBroker }: PlanOptions): UpkeepStep[] {
  if (name !== OFFSET_GAPS || !hasBroker || snapshot.files.size === 0) return [];
  return [{ kind: 'heal', table: name, why: 'offsets that were missing may be read by now', bytes: 0 }];
}

function expireOf({ name, retentionDays }: TableFacts): UpkeepStep[] {
  return retentionDays === null ? [] : [{ kind: 'expire', table: name, why: `rows stay ${retentionDays} days`, bytes: 0 }];
}

/** A rewrite is a version, too. */
function checkpointOf({ name, snapshot }: TableFacts, commits: number, { checkpointInterval }: PlanOptions): UpkeepStep[] {
  const after = { ...snapshot, version: snapshot.version + BigInt(commits) };
  if (!checkpointDue(after, checkpointInterval)) return [];
  const entries = snapshot.files.size + snapshot.tombstones.size + snapshot.txns.size;
  return [{ kind: 'checkpoint', table: name, why: `${after.version - snapshot.checkpointVersion} versions since the newest one`, bytes: entries * CHECKPOINT_ENTRY_BYTES }];
}

function cleanLogOf({ name, snapshot, consumed }: TableFacts, { nowMs }: PlanOptions): UpkeepStep[] {
  // A checkpoint that this very run writes is too young to begin a log with.
  if (mayNotClean(snapshot, nowMs) !== null) return [];
  const reader = consumed === null ? '' : `; not past version ${consumed.version}, as far as ${consumed.stage} has read`;
  return [{ kind: 'clean-log', table: name, why: `versions older than the log's retention${reader}`, bytes: 0 }];
}

/** Before the table is as old as the retention nothing can go. Once a day: the folder is listed whole. */
function vacuumOf({ name, snapshot, consumed, vacuumedMs }: TableFacts, { nowMs }: PlanOptions): UpkeepStep[] {
  const retentionMs = retentionFor(snapshot, {});
  const isYoung = (snapshot.metaData.createdTime ?? -Infinity) > nowMs - retentionMs;
  if (isYoung || (vacuumedMs !== null && nowMs - vacuumedMs < DAY_MS)) return [];
  const reader = consumed === null ? '' : `; not what ${consumed.stage} has yet to read after version ${consumed.version}`;
  return [{ kind: 'vacuum', table: name, why: `files that nothing of ${Math.round(retentionMs / DAY_MS)} days needs${reader}`, bytes: 0 }];
}
