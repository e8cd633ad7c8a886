import type { Snapshot } from '../delta/snapshot.ts';
import { progressOf } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';
import type { AddFile } from '../delta/actions.ts';
import { TableError } from '../errors.ts';
import type { BalanceFacts, CountedTerms, PartitionFacts, TableRows, Term } from '../monitoring/balance.ts';
import { laneStartAppId, parseLaneAppId } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';
import { TERMS, countAppId } from './counts.ts';
import type { Lake } from './lake.ts';
import { provisionalFiles } from './quarantine.ts';
import { stageAppId } from './stage.ts';
import { BRONZE, GOLD, OFFSET_GAPS, QUARANTINE, SILVER } from './tables.ts';
import type { TableIo } from './table-io.ts';

/** The facts of the balance (semantics.md, section 8) out of logs and statistics; data is read only where a file straddles the border. */
export async function readBalanceFacts(lake: Lake): Promise<BalanceFacts> {
  const [bronze, silver, quarantine, gold, gaps] = await Promise.all([BRONZE, SILVER, QUARANTINE, GOLD, OFFSET_GAPS].map((name) => lake.table(name))) as [TableIo, TableIo, TableIo, TableIo, TableIo];
  // Downstream first: what is read later can only be further on, and is then taken at the version the reader names. The snapshots are
  // kept: other invocations of this process move the tables on meanwhile.
  const goldNow = await gold.delta.refresh();
  const silverNow = await silver.delta.refresh();
  const quarantineNow = await quarantine.delta.refresh();
  const bronzeNow = await bronze.delta.refresh();
  const refined = progressOf(silverNow, stageAppId('refine', bronzeNow.metaData.id)) ?? -1n;
  const scored = progressOf(goldNow, stageAppId('score', silverNow.metaData.id)) ?? -1n;
  const bronzeAtSilver = await snapshotAt(bronze, refined);
  const silverAtGold = await snapshotAt(silver, scored);
  const gapOffsets = await readGaps(gaps);
  const lanes = [...bronzeNow.txns.keys()].map(parseLaneAppId).filter((lane) => lane !== null);
  return {
    partitions: lanes.map((lane) => partitionFacts(lane, { bronze: bronzeNow, bronzeAtSilver, silver: silverNow, refined, gapOffsets })),
    silver: wholeTable(silverNow),
    quarantine: { rows: await openRows(quarantine, quarantineNow, refined), erased: 0n, expired: 0n },
    silverAtGold: silverAtGold === 'none' ? NO_ROWS : silverAtGold === 'gone' ? UNKNOWN_ROWS : wholeTable(silverAtGold),
    gold: wholeTable(goldNow),
  };
}

/** `none`: the reader has consumed nothing. `gone`: the log no longer reaches that version. */
type SnapshotAt = Snapshot | 'none' | 'gone';

const NO_ROWS: TableRows = { rows: 0n, erased: 0n, expired: 0n };
const UNKNOWN_ROWS: TableRows = { rows: null, erased: null, expired: null };

async function snapshotAt(table: TableIo, version: bigint): Promise<SnapshotAt> {
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
  readonly gapOffsets: ReadonlyMap<string, bigint>;
}

function partitionFacts(lane: Lane, { bronze, bronzeAtSilver, silver, refined, gapOffsets }: PartitionSources): PartitionFacts {
  const bronzeCount = countAppId('bronze', lane);
  const atSilver: Term = bronzeAtSilver === 'none' ? 0n : bronzeAtSilver === 'gone' ? null : (progressOf(bronzeAtSilver, bronzeCount) ?? 0n);
  // Refine writes all terms of a partition with its first row: before that they are zero, after that an absent one is unknown.
  const untouched = refined < 0n || atSilver === 0n;
  const counted = Object.fromEntries(TERMS.map((term) => [term, progressOf(silver, countAppId(term, lane)) ?? (untouched ? 0n : null)])) as unknown as CountedTerms;
  return {
    topic: lane.topic, incarnation: lane.incarnation, partition: lane.partition,
    base: progressOf(bronze, laneStartAppId(lane)),
    last: progressOf(bronze, `bronze/${laneKey(lane)}`),
    bronzeRows: progressOf(bronze, bronzeCount),
    gapOffsets: gapOffsets.get(laneKey(lane)) ?? 0n,
    bronzeRowsAtSilver: atSilver,
    counted,
  };
}

function laneKey({ topic, incarnation, partition }: Lane): string {
  return `${topic}/${incarnation}/${partition}`;
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

/** Quarantine rows that are not resolved, up to the Bronze version in Silver's txn. */
async function openRows(quarantine: TableIo, snapshot: Snapshot, refined: bigint): Promise<Term> {
  const provisional = new Set(provisionalFiles(snapshot, refined));
  let open = 0n;
  for (const add of snapshot.files.values()) {
    if (provisional.has(add)) continue;
    const resolvedNulls = parseStats(add.stats)?.nullCount['resolved_at'];
    if (resolvedNulls === undefined) return null;
    open += BigInt(resolvedNulls as number);
  }
  if (provisional.size === 0) return open;
  const [row] = await quarantine.scan(snapshot, provisional, (scan) => quarantine.engine.session((session) =>
    session.rows(`SELECT count(*) AS n FROM (${scan}) WHERE bronze_version <= ${refined} AND resolved_at IS NULL`)));
  return open + (row!['n'] as bigint);
}

async function readGaps(gaps: TableIo): Promise<Map<string, bigint>> {
  const snapshot = await gaps.delta.refresh();
  if (snapshot.files.size === 0) return new Map();
  const rows = await gaps.scan(snapshot, snapshot.files.values(), (scan) => gaps.engine.session((session) => session.rows(
    `SELECT topic || '/' || incarnation || '/' || "partition"::VARCHAR AS lane, sum(last_offset - first_offset + 1)::BIGINT AS offsets FROM (${scan}) WHERE NOT healed GROUP BY ALL`)));
  return new Map(rows.map((row) => [row['lane'] as string, row['offsets'] as bigint]));
}
