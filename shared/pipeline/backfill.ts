import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { ConfigError, TableError } from '../errors.ts';
import { consumedBronze } from './backfill-bronze.ts';
import { backfillRejected, settleOpened } from './backfill-quarantine.ts';
import { backfillKeys } from './backfill-silver.ts';
import type { SilverChange } from './backfill-silver.ts';
import { parseCountAppId } from './counts.ts';
import type { Pipeline } from './definition.ts';
import { expiredRows } from './expired.ts';
import { checkGeneration } from './generation.ts';
import { settledBy } from './quarantine-rows.ts';
import type { RoutedRefineOptions } from './refine-options.ts';
import { replay } from './replay.ts';
import { freshSilver, settlePending } from './replay-settle.ts';
import { QUARANTINE } from './tables.ts';
import type { Judge } from './verdict.ts';

export type BackfillOptions = RoutedRefineOptions & {
  /** The rules without a route, for rows that quarantine has already. */
  readonly unrouted: Judge;
  /** Counts, and changes nothing. */
  readonly isDryRun: boolean;
};

export interface BackfillReport extends SilverChange {
  /** Rows of quarantine that are valid now. */
  readonly accepted: number;
  /** Rows that are rejected now and were not, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Open rows of quarantine whose reason or detail is another now. */
  readonly changedReasons: number;
}

/**
 * Silver and quarantine as if all of Bronze had been refined under the rules of now (semantics.md, section 6). Three steps, after each commit of
 * which the balance holds: what quarantine holds and is valid goes to Silver (a replay); Silver's winners are recomputed, a share of the keys
 * at a time; what is rejected now is opened in quarantine. A record between two steps counts as one that lost. Each share reads Bronze
 * once, so memory is bounded by `sliceRows` and Bronze is read twice for every `sliceRows` rows that it has. A repeat changes nothing.
 * Failures: those of refine; ConfigError `backfill/routed` for a pipeline that takes a part of a topic; TableError `backfill/bronze-expired`,
 * `backfill/quarantine-expired`.
 */
export async function backfill(options: BackfillOptions): Promise<BackfillReport> {
  checkNotRouted(options.pipeline);
  const start = await stateOf(options);
  checkNothingExpired(start.quarantine);
  const parts = Math.max(1, Math.ceil(Number(start.bronzeRows) / options.sliceRows));
  const report = { replaced: 0, inserted: 0, deleted: 0, unchanged: 0, accepted: 0, changedReasons: 0, rejected: {} as Record<string, number> };
  if (!options.isDryRun) await settle(options);
  report.accepted = (await replay({ ...options, judge: options.unrouted, filter: {} })).accepted;
  for (let index = 0; index < parts; index++) {
    const change = await untilSettled('backfill of Silver', async () => {
      const { bronze, silver } = await stateOf(options);
      return backfillKeys({ index, of: parts }, { bronze, snapshot: silver }, options);
    });
    for (const term of ['replaced', 'inserted', 'deleted', 'unchanged'] as const) report[term] += change[term];
  }
  for (let index = 0; index < parts; index++) {
    const change = await untilSettled('backfill of quarantine', async () => {
      if (!options.isDryRun) {
        await settle(options);
        // A time later than that of a replay which Silver waits for would pass over it.
        await settlePending({ ...options, judge: options.unrouted });
      }
      return backfillRejected({ index, of: parts }, await stateOf(options), options);
    });
    for (const { reason } of change.opened) report.rejected[reason] = (report.rejected[reason] ?? 0) + 1;
    report.changedReasons += change.changed.length;
    if (!options.isDryRun && change.opened.length > 0) await settle(options);
  }
  return report;
}

/** A record that changes sides between pipelines would have to leave one's counts and enter the other's. */
function checkNotRouted({ name, topics }: Pipeline): void {
  const routed = topics.find(({ where }) => where !== null);
  if (!routed) return;
  throw new ConfigError('backfill/routed', `backfill of Silver: pipeline ${name} takes a part of topic ${routed.name}, and which part is not recounted yet; nothing was changed: a new lake over the same topic is the way for now`);
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

async function freshTables(options: BackfillOptions): Promise<{ silver: Snapshot; quarantine: Snapshot }> {
  const silver = await freshSilver(options);
  const table = await options.lake.table(QUARANTINE);
  await table.delta.refresh();
  return { silver, quarantine: await checkGeneration(table.delta, options.lake.definition(QUARANTINE)) };
}

async function stateOf(options: BackfillOptions): Promise<{ silver: Snapshot; quarantine: Snapshot; bronze: Snapshot; bronzeRows: bigint }> {
  const tables = await freshTables(options);
  const bronzeRows = [...tables.silver.txns.keys()].reduce((sum, appId) => (parseCountAppId(appId)?.term === 'bronze' ? sum + progressOf(tables.silver, appId)! : sum), 0n);
  const { refined } = await settledBy(options.lake, tables.silver);
  return { ...tables, bronze: await consumedBronze(options.lake, refined < 0n ? 0n : refined, bronzeRows), bronzeRows };
}
