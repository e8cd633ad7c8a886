import type { Clock } from '../clock.ts';
import type { LoadColumn } from '../columnar/load-column.ts';
import { and, compare, or } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import type { Transaction } from '../delta/commit.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { transactionOf } from '../delta/operations/transaction.ts';
import { replaceWhere } from '../delta/operations/upsert.ts';
import { writeFiles } from '../delta/operations/write.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { laneName } from './bronze-plan.ts';
import type { Gap, Lane } from './bronze-plan.ts';
import { expiredBefore } from './expired.ts';
import { relist } from './gap-listing.ts';
import type { ListedGap, Relisting } from './gap-listing.ts';
import type { MissingGap } from './heal.ts';
import type { Lake } from './lake.ts';
import { mergeRanges } from './offset-ranges.ts';
import type { OffsetRange } from './offset-ranges.ts';
import { BRONZE, OFFSET_GAPS } from './tables.ts';

/** Lists missing offsets before the Bronze commit that passes them. Bronze is always right, whatever stands here. */
export async function recordGaps(gaps: readonly MissingGap[], lake: Lake, clock: Clock): Promise<void> {
  const seenAtUs = BigInt(clock.nowMs()) * 1000n;
  await listGaps(gaps.map((gap) => ({ ...gap, healed: false, seenAtUs })), lake);
}

/**
 * After Bronze went back: what was healed may be missing again. Listed as gaps, which the balance takes Bronze's rows from and the next maintain
 * looks at once more. Not what was healed so long ago that its rows have expired.
 */
export async function reopenGaps(lake: Lake): Promise<void> {
  const table = await lake.table(OFFSET_GAPS);
  const day = expiredBefore(await (await lake.table(BRONZE)).delta.refresh());
  const healed = await readListed(table, await table.delta.refresh(), compare('healed', '=', true));
  // Rows land before their gap is listed as healed, perhaps before midnight.
  const mayStand = (gap: ListedGap) => day === null || gap.seenAtUs >= BigInt(day + 1) * DAY_US;
  await listGaps(healed.filter(mayStand).map((gap) => ({ ...gap, healed: false })), lake);
}

const DAY_US = 86_400_000_000n;

/**
 * Before files of Bronze expire (`expiring` has these alone): gaps that are listed though they hold their offsets are listed as healed, at the time
 * they were listed at. Afterwards nobody could tell.
 */
export async function settleExpiring(lake: Lake, bronze: RowTable, expiring: Snapshot): Promise<void> {
  const table = await lake.table(OFFSET_GAPS);
  const gaps = await readListed(table, await table.delta.refresh(), compare('healed', '=', false));
  const news: ListedGap[] = [];
  for (const gap of gaps) {
    for (const range of await coveredBy(bronze, expiring, gap, [gap])) news.push({ ...gap, ...range, healed: true });
  }
  await listGaps(news, lake);
}

/** Each offset once: what was listed of these offsets otherwise goes, and a gap of which a part goes keeps the rest, as gaps of its own. */
export async function listGaps(news: readonly ListedGap[], lake: Lake): Promise<void> {
  if (news.length === 0) return;
  const table = await lake.table(OFFSET_GAPS);
  await untilSettled(`listing ${news.length} offset gaps`, async () => {
    const snapshot = await table.delta.refresh();
    const listed = await readListed(table, snapshot, near(news));
    const byLane = Map.groupBy(listed, laneName);
    const changes = [...Map.groupBy(news, laneName)].map(([name, gaps]) => ({ kept: byLane.get(name) ?? [], ...relist(byLane.get(name) ?? [], gaps) }));
    if (changes.every(({ add }) => add.length === 0)) return true;
    const outcome = await table.delta.commit(snapshot, await transactionFor(table, snapshot, changes));
    return outcome.kind === 'committed' ? true : null;
  });
}

interface LaneChange extends Relisting {
  readonly kept: readonly ListedGap[];
}

/** New rows alone, or a replacement of what lies between the first and the last row that changes. */
async function transactionFor(table: RowTable, snapshot: Snapshot, changes: readonly LaneChange[]): Promise<Transaction> {
  const changed = changes.filter(({ remove }) => remove.length > 0);
  return table.engine.session(async (session) => {
    if (changed.length === 0) {
      const { adds, writtenAtMs } = await writeFiles(session, table, snapshot, await session.values(gapColumns(changes.flatMap(({ add }) => add))));
      return { operation: 'MERGE', actions: adds.map((add) => ({ add })), reads: 'table', ...(writtenAtMs === undefined ? {} : { writtenAtMs }) };
    }
    const spans = changes.filter(({ add }) => add.length > 0).map(({ kept, remove, add }) => {
      const offsets = mergeRanges([...remove, ...add].map(({ firstOffset }) => ({ firstOffset, lastOffset: firstOffset })));
      const [least, greatest] = [offsets[0].firstOffset, offsets.at(-1)!.lastOffset];
      const stays = kept.filter((gap) => !remove.includes(gap) && gap.firstOffset >= least && gap.firstOffset <= greatest);
      return { rows: [...add, ...stays], where: and(isOf(add[0]), compare('first_offset', '>=', least), compare('first_offset', '<=', greatest)) };
    });
    const rows = await session.values(gapColumns(spans.flatMap((span) => span.rows)));
    const change = await replaceWhere(session, table, snapshot, { rows, where: or(...spans.map(({ where }) => where)) });
    return { ...transactionOf(table, snapshot, change, { operation: 'MERGE', removalIntent: 'replace' }), reads: 'table' };
  });
}

/** The listed offsets that are not healed, by `laneName`, merged. Some may be in Bronze all the same, or lie above its progress. */
export async function readGaps(table: RowTable): Promise<Map<string, OffsetRange[]>> {
  const gaps = await readListed(table, await table.delta.refresh(), compare('healed', '=', false));
  return new Map([...Map.groupBy(gaps, laneName)].map(([name, ranges]) => [name, mergeRanges(ranges)]));
}

export async function readListed(table: RowTable, snapshot: Snapshot, where: Predicate): Promise<ListedGap[]> {
  const rows = await table.engine.session(async (session) => {
    const found = await findWhere(session, table, snapshot, where);
    return found === null ? [] : session.rows(session.select(found.rows, ['topic', 'incarnation', 'partition', 'first_offset', 'last_offset', 'cause', 'healed', 'seen_at']));
  });
  return rows.map((row): ListedGap => ({
    topic: row['topic'] as string, incarnation: row['incarnation'] as string, partition: row['partition'] as number,
    firstOffset: row['first_offset'] as bigint, lastOffset: row['last_offset'] as bigint,
    cause: row['cause'] as ListedGap['cause'], healed: row['healed'] as boolean, seenAtUs: row['seen_at'] as bigint,
  }));
}

/** Rows of a partition that Bronze has inside the ranges, which are merged and ascending. Reads data, of the files that may hold some. */
export async function countRowsInside(bronze: RowTable, snapshot: Snapshot, lane: Lane, ranges: readonly OffsetRange[]): Promise<bigint> {
  let rows = 0n;
  await forRowsInside(bronze, snapshot, { lane, ranges }, () => { rows++; });
  return rows;
}

/** What of the ranges, which are merged and ascending, Bronze has. */
export async function coveredBy(bronze: RowTable, snapshot: Snapshot, lane: Lane, ranges: readonly OffsetRange[]): Promise<OffsetRange[]> {
  const found: OffsetRange[] = [];
  await forRowsInside(bronze, snapshot, { lane, ranges }, (offset) => { found.push({ firstOffset: offset, lastOffset: offset }); });
  return mergeRanges(found);
}

async function forRowsInside(bronze: RowTable, snapshot: Snapshot, { lane, ranges }: { lane: Lane; ranges: readonly OffsetRange[] }, take: (offset: bigint) => void): Promise<void> {
  const within = and(isOf(lane), compare('offset', '>=', ranges[0].firstOffset), compare('offset', '<=', ranges.at(-1)!.lastOffset));
  await bronze.engine.session(async (session) => {
    const found = await findWhere(session, bronze, snapshot, within);
    if (found === null) return;
    for await (const chunk of session.chunks(found.rows, ['offset'])) {
      for (const offset of Array.from(chunk.columns[0] as ArrayLike<bigint>)) if (isInside(offset, ranges)) take(offset);
    }
  });
}

/** By bisection: a topic may have gaps by the million. */
function isInside(offset: bigint, ranges: readonly OffsetRange[]): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle].lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low].firstOffset <= offset;
}

/** What is listed of these partitions between the first and the last of their gaps. */
function near(gaps: readonly Gap[]): Predicate {
  return or(...[...Map.groupBy(gaps, laneName).values()].map((ofLane) => {
    const merged = mergeRanges(ofLane);
    return and(isOf(ofLane[0]), compare('last_offset', '>=', merged[0].firstOffset), compare('first_offset', '<=', merged.at(-1)!.lastOffset));
  }));
}

function isOf({ topic, incarnation, partition }: Lane): Predicate {
  return and(compare('topic', '=', topic), compare('incarnation', '=', incarnation), compare('partition', '=', partition));
}

function gapColumns(gaps: readonly ListedGap[]): LoadColumn[] {
  return [
    { name: 'topic', kind: 'text', values: gaps.map((gap) => gap.topic) },
    { name: 'incarnation', kind: 'text', values: gaps.map((gap) => gap.incarnation) },
    { name: 'partition', kind: 'integer', values: gaps.map((gap) => gap.partition) },
    { name: 'first_offset', kind: 'long', values: gaps.map((gap) => gap.firstOffset) },
    { name: 'last_offset', kind: 'long', values: gaps.map((gap) => gap.lastOffset) },
    { name: 'cause', kind: 'text', values: gaps.map((gap) => gap.cause) },
    { name: 'healed', kind: 'boolean', values: gaps.map((gap) => gap.healed) },
    { name: 'seen_at', kind: 'timestamp', values: gaps.map((gap) => gap.seenAtUs) },
  ];
}
