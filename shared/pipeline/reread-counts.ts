import { and, compare, isNull } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { scanLive } from '../delta/operations/scan.ts';
import type { Txn } from '../delta/actions.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { TableError } from '../errors.ts';
import { laneName } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';
import { countAppId, parseCountAppId } from './counts.ts';
import type { Term, TermCounts } from './counts.ts';
import { expiredBefore, expiredRows, expiredRowsTxn, hasExpiredRows } from './expired.ts';
import { isOpen, settledBy } from './quarantine-rows.ts';
import type { RefineOptions } from './refine-options.ts';
import type { Reread } from './reread.ts';
import { BRONZE, QUARANTINE, SILVER } from './tables.ts';

export interface LaneTotals {
  readonly lane: Lane;
  readonly terms: TermCounts;
}

/**
 * The totals of every lane after Bronze was read whole at one version, set instead of added. Bronze's own are what it says it ever had. Silver's are
 * its rows. Quarantine's are what was counted and what is new. What is left of those that were read, and are no other pipeline's, has lost;
 * rows that expired from Bronze and were other pipelines' count so, too, for nobody can tell them apart any more. Rows that had expired from
 * quarantine, and were found in Bronze and judged again, are no longer counted as what they were; where Bronze lost rows, too, only those that must be.
 * TableError `pipeline/reread` where more is there than was read.
 */
export async function rereadCounts({ bronze: newest, silver, quarantine, from }: Reread, whole: Snapshot, { lake }: Pick<RefineOptions, 'lake'>): Promise<LaneTotals[]> {
  const inSilver = await rowsByLane(SILVER, silver, null, { lake });
  const opened = await rowsByLane(QUARANTINE, quarantine, and(compare('bronze_version', '>', from), compare('bronze_version', '<=', whole.version), isNull('resolved_at')), { lake });
  // Of what is counted, rows that are still there; the others have expired. Null: none ever has.
  const left = hasExpiredRows(quarantine) ? await rowsByLane(QUARANTINE, quarantine, isOpen({ ...(await settledBy(lake, silver)), refined: from }), { lake }) : null;
  const lanes = new Map<string, Lane>();
  for (const appId of [...whole.txns.keys(), ...silver.txns.keys()]) {
    const counted = parseCountAppId(appId);
    if (counted) lanes.set(laneName(counted.lane), counted.lane);
  }
  return [...lanes].map(([name, lane]) => {
    const before = (term: Term) => progressOf(silver, countAppId(term, lane)) ?? 0n;
    const bronze = progressOf(whole, countAppId('bronze', lane)) ?? 0n;
    const judged = before('quarantine') + (opened.get(name) ?? 0n);
    const expired = left === null ? 0n : before('quarantine') - (left.get(name) ?? 0n);
    const least = judged + (inSilver.get(name) ?? 0n) - bronze;
    const inQuarantine = judged - (expiredBefore(newest) === null ? expired : clamp(least, expired));
    const rest = bronze - (inSilver.get(name) ?? 0n) - inQuarantine;
    if (rest < 0n) {
      throw new TableError('pipeline/reread', `reading ${BRONZE} version ${whole.version} whole: of ${name} Silver has ${inSilver.get(name) ?? 0n} rows and quarantine ${inQuarantine}, more than the ${bronze} that Bronze ever had; restore the table that was changed by hand`);
    }
    // More only where a record of Silver would be another pipeline's by now.
    const elsewhere = before('elsewhere') < rest ? before('elsewhere') : rest;
    const lost = rest - elsewhere;
    const superseded = before('superseded') < lost ? before('superseded') : lost;
    return { lane, terms: { bronze, silver: inSilver.get(name) ?? 0n, duplicate: lost - superseded, superseded, quarantine: inQuarantine, elsewhere } };
  });
}

function clamp(value: bigint, most: bigint): bigint {
  if (value < 0n) return 0n;
  return value > most ? most : value;
}

/** How many open rows ever expired from quarantine, so that these totals are right; as a transaction of quarantine, or null where it says so already. */
export async function expiredNow({ silver, quarantine }: Reread, { whole, counts, nowMs }: { whole: Snapshot; counts: readonly LaneTotals[]; nowMs: number }, { lake }: Pick<RefineOptions, 'lake'>): Promise<Txn | null> {
  if (!hasExpiredRows(quarantine)) return null;
  const open = await rowsByLane(QUARANTINE, quarantine, isOpen({ ...(await settledBy(lake, silver)), refined: whole.version }), { lake });
  const counted = counts.reduce((sum, { terms }) => sum + terms.quarantine, 0n);
  const now = [...open.values()].reduce((sum, rows) => sum - rows, counted);
  const change = now - expiredRows(quarantine);
  return change === 0n ? null : expiredRowsTxn(quarantine, Number(change), nowMs);
}

async function rowsByLane(name: string, snapshot: Snapshot, where: Predicate | null, { lake }: Pick<RefineOptions, 'lake'>): Promise<Map<string, bigint>> {
  if (snapshot.files.size === 0) return new Map();
  const table = await lake.table(name);
  return lake.engine.session(async (session) => {
    const scan = await scanLive(session, table, snapshot);
    const by = ['topic', 'incarnation', 'partition'];
    const { tuples } = await session.coded(session.select(where ? session.where(scan, where) : scan, by), by, 'row lane');
    return new Map(tuples.map(({ values, rows }) => [laneName(values as unknown as Lane), BigInt(rows)]));
  });
}
