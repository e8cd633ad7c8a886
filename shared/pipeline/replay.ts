import { and, compare } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { checkGeneration } from './generation.ts';
import { filterOf, isPending, isUnresolved, nextReplayMs, quarantinedRows, rawOf, settledBy } from './quarantine-rows.ts';
import type { QuarantineFilter, Settled } from './quarantine-rows.ts';
import { resolve } from './replay-mark.ts';
import type { Marked, ReplayTools } from './replay-mark.ts';
import { freshSilver, settlePending } from './replay-settle.ts';
import { UNROUTED } from './route.ts';
import { QUARANTINE, SILVER } from './tables.ts';

export type ReplayOptions = ReplayTools & {
  readonly filter: QuarantineFilter;
  /** Judges, and changes nothing. */
  readonly isDryRun: boolean;
};

/** What the rules of now say of rows that were rejected for `reason`: `accepted`, or the reason of now. */
export interface ReplayVerdict {
  readonly topic: string;
  readonly reason: string;
  readonly verdict: string;
  readonly rows: number;
}

export interface ReplayReport {
  /** Open rows that were judged again. */
  readonly judged: number;
  readonly accepted: number;
  /** Rows of an interrupted replay: those that are now in Silver too; in a dry run those that wait. */
  readonly finished: number;
  readonly verdicts: readonly ReplayVerdict[];
}

export const ACCEPTED = 'accepted';

/**
 * Judges open rows of quarantine again, under the rules of now, and takes those that are valid into Silver (semantics.md, sections 5 and 6): each
 * competes for its key as in refine. A row stays in quarantine with `resolved_at`; one that is still invalid stays as it is.
 *
 * In slices of `sliceRows`, each two commits: `resolved_at` in quarantine, then Silver (`quarantine-rows.ts` says why the balance holds in
 * between). Restartable anywhere; a repeat finds nothing; other workers may go on. Failures: those of refine.
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const verdicts = new Verdicts();
  if (options.isDryRun) return dryRun(options, verdicts);
  const finished = await settlePending(options);
  for (const range of await versionRanges(options)) {
    const resolved = await untilSettled('replaying quarantine', async () => {
      const plan = await judgeRange(range, options, await freshState(options));
      if (plan.accepted.length > 0 && !(await resolve({ snapshot: plan.snapshot, marked: plan.accepted, resolvedAt: plan.replayMs }, options))) return null;
      verdicts.merge(plan.verdicts);
      return { rows: plan.accepted.length };
    });
    if (resolved.rows > 0) await settlePending(options);
  }
  return { ...verdicts.report(), finished };
}

async function dryRun(options: ReplayOptions, verdicts: Verdicts): Promise<ReplayReport> {
  const { lake } = options;
  const [silver, quarantine] = await Promise.all([lake.table(SILVER), lake.table(QUARANTINE)]);
  const settled = await settledBy(lake, await silver.delta.refresh());
  const snapshot = await quarantine.delta.refresh();
  verdicts.merge((await judgeRange(null, options, { snapshot, settled, replayMs: 0n })).verdicts);
  const finished = await lake.engine.session(async (session) => {
    const found = await findWhere(session, quarantine, snapshot, isPending(settled));
    return found === null ? 0 : session.count(found.rows);
  });
  return { ...verdicts.report(), finished };
}

interface State {
  readonly snapshot: Snapshot;
  readonly settled: Settled;
  readonly replayMs: bigint;
}

async function freshState(options: ReplayOptions): Promise<State> {
  const { lake, clock } = options;
  const [silver, quarantine] = await Promise.all([lake.table(SILVER), lake.table(QUARANTINE)]);
  const settled = await settledBy(lake, await freshSilver(options));
  await quarantine.delta.refresh();
  const snapshot = await checkGeneration(quarantine.delta, lake.definition(QUARANTINE));
  return { snapshot, settled, replayMs: nextReplayMs(clock.nowMs(), settled, snapshot, silver.delta.id) };
}

/** Versions of Bronze, both ends included. */
interface VersionRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** Stretches that hold at most `sliceRows` of the rows asked for, and at least one version: a larger one is taken whole, as in refine. */
async function versionRanges(options: ReplayOptions): Promise<VersionRange[]> {
  const quarantine = await options.lake.table(QUARANTINE);
  const { snapshot, settled } = await freshState(options);
  const counts = await options.lake.engine.session(async (session) => {
    const found = await findWhere(session, quarantine, snapshot, wanted(settled, options.filter));
    if (found === null) return [];
    const { tuples } = await session.coded(session.select(found.rows, ['bronze_version']), ['bronze_version'], 'version code');
    return tuples.map(({ values, rows }) => ({ version: values['bronze_version'] as bigint, rows })).sort((a, b) => (a.version < b.version ? -1 : 1));
  });
  const ranges: { first: bigint; last: bigint; rows: number }[] = [];
  for (const { version, rows } of counts) {
    const open = ranges.at(-1);
    if (open && open.rows + rows <= options.sliceRows) [open.last, open.rows] = [version, open.rows + rows];
    else ranges.push({ first: version, last: version, rows });
  }
  return ranges;
}

function wanted(settled: Settled, filter: QuarantineFilter): Predicate {
  // What no pipeline's route takes is valid nowhere: only who asks for it by name takes it here.
  const routed = filter.reason === UNROUTED ? [] : [compare('reason', '<>', UNROUTED)];
  return and(isUnresolved(settled), ...routed, ...filterOf(filter));
}

/** Null: all versions. */
async function judgeRange(range: VersionRange | null, options: ReplayOptions, { snapshot, settled, replayMs }: State): Promise<State & { accepted: readonly Marked[]; verdicts: Verdicts }> {
  const quarantine = await options.lake.table(QUARANTINE);
  const inside = range === null ? [] : [compare('bronze_version', '>=', range.first), compare('bronze_version', '<=', range.last)];
  const [accepted, verdicts] = [[] as Marked[], new Verdicts()];
  await options.lake.engine.session(async (session) => {
    const found = await findWhere(session, quarantine, snapshot, and(wanted(settled, options.filter), ...inside));
    if (found === null) return;
    for await (const each of quarantinedRows(session, found.rows, options.judge)) {
      const { row, reason, file, at } = each;
      const verdict = options.judge(rawOf(each));
      verdicts.add({ topic: row.topic, reason, verdict: verdict.kind === 'accepted' ? ACCEPTED : verdict.reason, rows: 1 });
      if (verdict.kind === 'accepted' && !options.isDryRun) accepted.push({ file: found.files[file], at, row });
    }
  });
  return { snapshot, settled, replayMs, accepted, verdicts };
}

/** Counts by topic, reason and verdict: bounded by the pipeline's topics and rules. */
class Verdicts {
  readonly #counts = new Map<string, ReplayVerdict>();

  add(verdict: ReplayVerdict): void {
    const key = JSON.stringify([verdict.topic, verdict.reason, verdict.verdict]);
    this.#counts.set(key, { ...verdict, rows: (this.#counts.get(key)?.rows ?? 0) + verdict.rows });
  }

  merge(other: Verdicts): void {
    for (const verdict of other.#counts.values()) this.add(verdict);
  }

  report(): Pick<ReplayReport, 'judged' | 'accepted' | 'verdicts'> {
    const verdicts = [...this.#counts.values()].sort((a, b) => b.rows - a.rows || (a.reason < b.reason ? -1 : 1));
    const rowsOf = (list: readonly ReplayVerdict[]) => list.reduce((sum, { rows }) => sum + rows, 0);
    return { judged: rowsOf(verdicts), accepted: rowsOf(verdicts.filter(({ verdict }) => verdict === ACCEPTED)), verdicts };
  }
}
