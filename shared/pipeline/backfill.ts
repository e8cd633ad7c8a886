import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { ConfigError, TableError } from '../errors.ts';
import { countResolved, resolveAccepted } from './backfill-accepted.ts';
import { ALL_DAYS, consumedBronze, isAllDays } from './backfill-bronze.ts';
import type { DayRange } from './backfill-bronze.ts';
import type { Part } from './backfill-counts.ts';
import { backfillRejected, settleOpened } from './backfill-quarantine.ts';
import { SHARES_MAX, Shares } from './backfill-shares.ts';
import { backfillKeys, keysInRange } from './backfill-silver.ts';
import type { SilverChange } from './backfill-silver.ts';
import { laneName } from './bronze-plan.ts';
import { parseCountAppId } from './counts.ts';
import { expiredBefore, expiredRows } from './expired.ts';
import { checkGeneration, plannedGeneration } from './generation.ts';
import { isGone } from './gone.ts';
import { settledBy } from './quarantine-rows.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { isRereading } from './reread.ts';
import { settlePending } from './replay-settle.ts';
import { BRONZE, QUARANTINE, SILVER } from './tables.ts';
import type { Judge } from './verdict.ts';

export type BackfillOptions = RoutedRefineOptions & {
  /** The rules without a route, for rows that quarantine has already. */
  readonly unrouted: Judge;
  /** Counts, and changes nothing. */
  readonly isDryRun: boolean;
  /** Which keys and records, by when they came into Bronze. Default: all. */
  readonly days?: DayRange;
};

export interface BackfillReport extends SilverChange {
  /** Rows of quarantine that are valid now. */
  readonly accepted: number;
  /** Rows that are rejected now and were not, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Open rows of quarantine whose reason or detail is another now. */
  readonly changedReasons: number;
}

interface State {
  readonly silver: Snapshot;
  readonly quarantine: Snapshot;
  readonly bronze: Snapshot;
  /** That refine has read. */
  readonly bronzeRows: bigint;
  readonly lostBeforeUs: bigint | null;
}

const US_PER_DAY = 86_400_000_000n;

/**
 * Silver and quarantine as if all of Bronze had been refined under the rules of now (semantics.md, section 6); with `days`, for the keys that have a
 * row of these days in Bronze or in Silver, the winner still out of all of Bronze, and for the rejected records of these days. Three steps, after each
 * commit of which the balance holds: what quarantine has open and is valid now is resolved, and counts as a loser; Silver's winners are
 * recomputed; what is rejected now is opened in quarantine. Bronze is judged once, which gives each row to a share of
 * the keys, or of the places (two bytes a row); each step goes by shares, in memory bounded by `sliceRows`, and reads its share's rows out of all files.
 * A repeat changes nothing.
 * Failures: those of refine; ConfigError `backfill/routed` where it would have to be known which records another pipeline had; TableError
 * `backfill/bronze-expired`, `backfill/quarantine-expired`, `backfill/rereading`, `backfill/gone`.
 */
export async function backfill(options: BackfillOptions): Promise<BackfillReport> {
  try {
    return await backfillAll(options);
  } catch (cause) {
    if (!isGone(cause)) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new TableError('backfill/gone', `backfill of Silver: what it needs is gone: ${why}. Where a vacuum took files of the version of Bronze that refine has read, let refine go on from there ("assay run"), then backfill; what is missing then is lost, and its table has to be restored`, { cause });
  }
}

async function backfillAll(options: BackfillOptions): Promise<BackfillReport> {
  const { isDryRun, days = ALL_DAYS } = options;
  const planned = await stateOf({ ...options, isDryRun: true });
  checkNothingExpired(planned.quarantine);
  const parts = Math.min(SHARES_MAX, Math.max(1, Math.ceil(Number(planned.bronzeRows) / options.sliceRows)));
  const shares = new Shares(options, parts);
  await checkRoutes(planned, shares, options);
  const each = Array.from({ length: parts }, (_part, index): Part => ({ index, of: parts }));
  const report = { replaced: 0, inserted: 0, deleted: 0, unchanged: 0, accepted: 0, changedReasons: 0, rejected: {} as Record<string, number> };
  const range = { ...options, days, shares };
  report.accepted += await settleResolved(options);
  for (const part of each) {
    report.accepted += await untilSettled('backfill of quarantine', async () => {
      const state = await stateOf(options);
      const keys = await keysInRange(part, { bronze: state.bronze, snapshot: state.silver }, { ...range, lostBeforeUs: state.lostBeforeUs });
      return resolveAccepted(part, state, { ...options, judge: options.unrouted, keys });
    });
    if (!isDryRun) await settleResolved(options);
  }
  const displaced = new Set<string>();
  for (const part of each) {
    const change = await untilSettled('backfill of Silver', async () => {
      const { bronze, silver, lostBeforeUs } = await stateOf(options);
      return backfillKeys(part, { bronze, snapshot: silver }, { ...range, lostBeforeUs });
    });
    for (const term of ['replaced', 'inserted', 'deleted', 'unchanged'] as const) report[term] += change[term];
    if (!isAllDays(days)) for (const place of change.displaced) displaced.add(place);
  }
  for (const part of each) {
    const change = await untilSettled('backfill of quarantine', async () => {
      if (!isDryRun) {
        await settle(options);
        // A time later than that of a replay which Silver waits for would pass over it.
        await settlePending({ ...options, judge: options.unrouted });
      }
      return backfillRejected(part, await stateOf(options), { ...range, displaced });
    });
    for (const { reason } of change.opened) report.rejected[reason] = (report.rejected[reason] ?? 0) + 1;
    report.changedReasons += change.changed.length;
    if (!isDryRun && change.opened.length > 0) await settle(options);
  }
  return report;
}

/** A record that changes sides between pipelines would have to leave one's counts and enter the other's; which ones did, the counts alone can't tell. */
async function checkRoutes({ silver, bronze }: State, shares: Shares, options: BackfillOptions): Promise<void> {
  const { name, topics } = options.pipeline;
  const routed = topics.find(({ where }) => where !== null);
  if (routed) {
    throw new ConfigError('backfill/routed', `backfill of Silver: pipeline ${name} takes a part of topic ${routed.name}, and which part is not recounted yet; nothing was changed: a new lake over the same topic is the way for now`);
  }
  const left = new Map<string, bigint>();
  for (const appId of silver.txns.keys()) {
    const counted = parseCountAppId(appId);
    if (counted?.term === 'elsewhere') left.set(laneName(counted.lane), progressOf(silver, appId)!);
  }
  await shares.judge(bronze);
  for (const [lane, rows] of shares.elsewhere) left.set(lane, (left.get(lane) ?? 0n) - rows);
  const [moved] = [...left].filter(([, rows]) => rows !== 0n);
  if (moved === undefined) return;
  throw new ConfigError('backfill/routed', `backfill of Silver: of ${moved[0]}, ${moved[1] < 0n ? `${-moved[1]} rows more` : `${moved[1]} rows fewer`} are other pipelines' by the files of now than by those refine has gone by; that is not recounted yet. Nothing was changed: name the topics as before, or start a new lake`);
}

/** Rows that expired are counted, and would be found in Bronze and counted once more. */
function checkNothingExpired(quarantine: Snapshot): void {
  const rows = expiredRows(quarantine);
  if (rows === 0n) return;
  throw new TableError('backfill/quarantine-expired', `backfill of Silver: ${rows} open rows of quarantine have expired (QUARANTINE_RETENTION_DAYS), so it can't be recomputed; restore quarantine to a version that has them`);
}

async function settle(options: BackfillOptions): Promise<void> {
  await untilSettled('settling a backfill', async () => {
    const { silver, quarantine } = await freshTables(options);
    return (await settleOpened(silver, quarantine, options)) ? true : null;
  });
}

/** What was resolved and not counted, by whom ever; rows that a backfill had opened and not counted go before. */
async function settleResolved(options: BackfillOptions): Promise<number> {
  return untilSettled('counting resolved rows', async () => {
    if (!options.isDryRun) await settle(options);
    return countResolved(await freshTables(options), options);
  });
}

/** Silver before quarantine: rows that it does not leave to refine stay as they are. A dry run raises no generation. */
async function freshTables({ lake, isDryRun }: BackfillOptions): Promise<{ silver: Snapshot; quarantine: Snapshot }> {
  const fresh = async (name: string) => {
    const { delta } = await lake.table(name);
    await delta.refresh();
    return isDryRun ? plannedGeneration(delta, lake.definition(name)) : checkGeneration(delta, lake.definition(name));
  };
  const silver = await fresh(SILVER);
  return { silver, quarantine: await fresh(QUARANTINE) };
}

async function stateOf(options: BackfillOptions): Promise<State> {
  const { lake, days = ALL_DAYS } = options;
  const tables = await freshTables(options);
  const bronzeRows = [...tables.silver.txns.keys()].reduce((sum, appId) => (parseCountAppId(appId)?.term === 'bronze' ? sum + progressOf(tables.silver, appId)! : sum), 0n);
  const { refined } = await settledBy(lake, tables.silver);
  if (isRereading({ silver: tables.silver, from: refined }, (await lake.table(BRONZE)).delta.id)) {
    throw new TableError('backfill/rereading', 'backfill of Silver: refine is reading Bronze whole just now, for versions it had yet to read are gone; let refine finish ("assay run"), then backfill');
  }
  const bronze = await consumedBronze(lake, refined, { countedRows: bronzeRows, days });
  const lostBefore = expiredBefore((await lake.table(BRONZE)).delta.snapshot);
  return { ...tables, bronze, bronzeRows, lostBeforeUs: lostBefore === null ? null : BigInt(lostBefore) * US_PER_DAY };
}
