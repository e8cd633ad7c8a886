import { not } from '../columnar/predicate.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { mayHold } from '../delta/skipping.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { progressOf } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';
import type { AddFile } from '../delta/actions.ts';
import { TableError } from '../errors.ts';
import type { BalanceFacts, CountedTerms, PartitionFacts, TableRows, Term } from '../monitoring/balance.ts';
import { laneAppId, laneName, laneStartAppId, parseLaneAppId } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';
import { TERMS, countAppId } from './counts.ts';
import { expiredRows } from './expired.ts';
import type { Lake } from './lake.ts';
import { countRowsInside, readGaps } from './offset-gaps.ts';
import { clipRanges, countOffsets } from './offset-ranges.ts';
import type { OffsetRange } from './offset-ranges.ts';
import { isOpen, settledBy } from './quarantine-rows.ts';
import type { Settled } from './quarantine-rows.ts';
import { isRereading } from './reread.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, GOLD, OFFSET_GAPS, QUARANTINE, SILVER } from './tables.ts';

/**
 * The facts of the balance (semantics.md, section 8) out of logs and statistics. Data is read only where a file of quarantine straddles
 * the border, or where gaps are listed whose offsets Bronze seems to have.
 */
export async function readBalanceFacts(lake: Lake): Promise<BalanceFacts> {
  const [bronze, silver, quarantine, gold, gaps] = await Promise.all([BRONZE, SILVER, QUARANTINE, GOLD, OFFSET_GAPS].map((name) => lake.table(name))) as [RowTable, RowTable, RowTable, RowTable, RowTable];
  // Downstream first: what is read later can only be further on, and is then taken at the version the reader names. The snapshots are
  // kept, for a stage of this worker may move its table on meanwhile.
  const goldNow = await gold.delta.refresh();
  const silverNow = await silver.delta.refresh();
  const quarantineNow = await quarantine.delta.refresh();
  const bronzeNow = await bronze.delta.refresh();
  const refined = progressOf(silverNow, stageAppId('refine', bronzeNow.metaData.id)) ?? -1n;
  const scored = progressOf(goldNow, stageAppId('score', silverNow.metaData.id)) ?? -1n;
  // While refine reads Bronze whole, what it has read is no version's.
  const bronzeAtSilver = isRereading({ silver: silverNow, from: refined }, bronzeNow.metaData.id) ? 'gone' : await snapshotAt(bronze, refined);
  const silverAtGold = await snapshotAt(silver, scored);
  const listed = await readGaps(gaps);
  const lanes = [...bronzeNow.txns.keys()].map(parseLaneAppId).filter((lane) => lane !== null);
  const partitions = lanes.map((lane) => partitionFacts(lane, { bronze: bronzeNow, bronzeAtSilver, silver: silverNow, refined }));
  return {
    partitions: await Promise.all(partitions.map(async (facts) => ({ ...facts, gapOffsets: await gapOffsets(facts, listed.get(laneName(facts)) ?? [], bronze, bronzeNow) }))),
    silver: wholeTable(silverNow),
    quarantine: { rows: await openRows(quarantine, quarantineNow, await settledBy(lake, silverNow)), erased: 0n, expired: expiredRows(quarantineNow) },
    silverAtGold: silverAtGold === 'none' ? NO_ROWS : silverAtGold === 'gone' ? UNKNOWN_ROWS : wholeTable(silverAtGold),
    gold: wholeTable(goldNow),
  };
}

/** `none`: the reader has consumed nothing. `gone`: the log no longer reaches that version. */
type SnapshotAt = Snapshot | 'none' | 'gone';

const NO_ROWS: TableRows = { rows: 0n, erased: 0n, expired: 0n };
const UNKNOWN_ROWS: TableRows = { rows: null, erased: null, expired: null };

async function snapshotAt(table: RowTable, version: bigint): Promise<SnapshotAt> {
  if (version < 0n) return 'none';
  try {
    return await table.delta.at(version);
  } catch (error) {
    if (error instanceof TableError && error.code === 'delta/no-such-version') return 'gone';
    throw error;
  }
}

interface PartitionSources {
  readonly bronze: Snapshot;
  readonly bronzeAtSilver: SnapshotAt;
  readonly silver: Snapshot;
  readonly refined: bigint;
}

function partitionFacts(lane: Lane, { bronze, bronzeAtSilver, silver, refined }: PartitionSources): Omit<PartitionFacts, 'gapOffsets'> {
  const bronzeCount = countAppId('bronze', lane);
  const atSilver: Term = bronzeAtSilver === 'none' ? 0n : bronzeAtSilver === 'gone' ? null : (progressOf(bronzeAtSilver, bronzeCount) ?? 0n);
  // Refine writes all terms of a partition with its first row: before that they are zero, after that an absent one is unknown.
  const untouched = refined < 0n || atSilver === 0n;
  const counted = Object.fromEntries(TERMS.map((term) => [term, progressOf(silver, countAppId(term, lane)) ?? (untouched ? 0n : null)])) as unknown as CountedTerms;
  return {
    topic: lane.topic, incarnation: lane.incarnation, partition: lane.partition,
    base: progressOf(bronze, laneStartAppId(lane)),
    last: progressOf(bronze, laneAppId(lane)),
    bronzeRows: progressOf(bronze, bronzeCount),
    bronzeRowsAtSilver: atSilver,
    counted,
  };
}

/** Of the listed offsets those up to the progress, for later ones nobody has passed; without those that Bronze holds all the same. */
async function gapOffsets(facts: Omit<PartitionFacts, 'gapOffsets'>, listed: readonly OffsetRange[], bronze: RowTable, snapshot: Snapshot): Promise<Term> {
  const { base, last, bronzeRows } = facts;
  if (base === null || last === null || bronzeRows === null) return null;
  const passed = clipRanges(listed, { firstOffset: base + 1n, lastOffset: last });
  const offsets = countOffsets(passed);
  if (offsets === 0n || offsets + bronzeRows === last - base) return offsets;
  return offsets - (await countRowsInside(bronze, snapshot, facts, passed));
}

/** Sum of numRecords; unknown as soon as a file has no statistics. */
export function countRows(adds: Iterable<AddFile>): Term {
  let rows = 0n;
  for (const add of adds) {
    const stats = parseStats(add.stats);
    if (!stats) return null;
    rows += stats.numRecords - BigInt(add.deletionVector?.cardinality ?? 0);
  }
  return rows;
}

function wholeTable(snapshot: Snapshot): TableRows {
  return { rows: countRows(snapshot.files.values()), erased: 0n, expired: 0n };
}

/** Quarantine rows that Silver counts as open (`quarantine-rows.ts`). By statistics, where they say so for a whole file. */
async function openRows(quarantine: RowTable, snapshot: Snapshot, settled: Settled): Promise<Term> {
  const unsure: AddFile[] = [];
  let open = 0n;
  for (const add of snapshot.files.values()) {
    const stats = parseStats(add.stats);
    const isCounted = !add.deletionVector && !mayHold(not(isOpen(settled)), add, snapshot);
    // Every row is open, or none: the rest is looked at.
    if (isCounted && stats) open += stats.numRecords;
    else if (mayHold(isOpen(settled), add, snapshot)) unsure.push(add);
  }
  if (unsure.length === 0) return open;
  return open + await quarantine.engine.session(async (session) => BigInt(await session.count(session.where(await scanLive(session, quarantine, snapshot, unsure), isOpen(settled)))));
}
