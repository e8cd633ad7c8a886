import { and, compare, isNull } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { TableError } from '../errors.ts';
import { laneName } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';
import { countAppId, parseCountAppId } from './counts.ts';
import type { Term, TermCounts } from './counts.ts';
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
 * rows that expired from Bronze and were other pipelines' count so, too, for nobody can tell them apart any more.
 * TableError `pipeline/reread` where more is there than was read.
 */
export async function rereadCounts({ silver, quarantine, from }: Pick<Reread, 'silver' | 'quarantine' | 'from'>, whole: Snapshot, options: Pick<RefineOptions, 'lake'>): Promise<LaneTotals[]> {
  const inSilver = await rowsByLane(SILVER, silver, null, options);
  const opened = await rowsByLane(QUARANTINE, quarantine, and(compare('bronze_version', '>', from), compare('bronze_version', '<=', whole.version), isNull('resolved_at')), options);
  const lanes = new Map<string, Lane>();
  for (const appId of [...whole.txns.keys(), ...silver.txns.keys()]) {
    const counted = parseCountAppId(appId);
    if (counted) lanes.set(laneName(counted.lane), counted.lane);
  }
  return [...lanes].map(([name, lane]) => {
    const before = (term: Term) => progressOf(silver, countAppId(term, lane)) ?? 0n;
    const bronze = progressOf(whole, countAppId('bronze', lane)) ?? 0n;
    const inQuarantine = before('quarantine') + (opened.get(name) ?? 0n);
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
