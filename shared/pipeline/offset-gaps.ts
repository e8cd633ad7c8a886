import type { Clock } from '../clock.ts';
import { and, compare, or } from '../columnar/predicate.ts';
import type { Predicate } from '../columnar/predicate.ts';
import { findWhere } from '../delta/operations/lookup.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { writeFiles } from '../delta/operations/write.ts';
import type { NewFiles } from '../delta/operations/write.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { laneName } from './bronze-plan.ts';
import type { Gap, Lane } from './bronze-plan.ts';
import type { Lake } from './lake.ts';
import { mergeRanges, uncovered } from './offset-ranges.ts';
import type { OffsetRange } from './offset-ranges.ts';
import { OFFSET_GAPS } from './tables.ts';

/**
 * Lists missing offsets before the Bronze commit that passes them, each offset once: of a gap that is listed in part, only the rest is
 * added, as a gap of its own. `unread`: nobody has tried to re-read them yet; Bronze is always right, whatever stands here.
 */
export async function recordGaps(gaps: readonly Gap[], lake: Lake, clock: Clock): Promise<void> {
  if (gaps.length === 0) return;
  const table = await lake.table(OFFSET_GAPS);
  await untilSettled(`recording ${gaps.length} offset gaps`, async () => {
    const snapshot = await table.delta.refresh();
    const known = await readRanges(table, snapshot, near(gaps));
    const fresh = gaps.flatMap((gap) => uncovered(gap, known.get(laneName(gap)) ?? []).map((range): Gap => ({ ...gap, ...range })));
    if (fresh.length === 0) return true;
    const { adds, writtenAtMs } = await writeGaps(table, snapshot, fresh, BigInt(clock.nowMs()) * 1000n);
    const outcome = await table.delta.commit(snapshot, { operation: 'MERGE', actions: adds.map((add) => ({ add })), reads: 'table', writtenAtMs });
    return outcome.kind === 'committed' ? true : null;
  });
}

/** The listed offsets that are not healed, by `laneName`, merged. Some may be in Bronze all the same, or lie above its progress. */
export async function readGaps(table: RowTable): Promise<Map<string, OffsetRange[]>> {
  return readRanges(table, await table.delta.refresh(), compare('healed', '=', false));
}

/** Rows of a partition that Bronze has inside the ranges, which are merged and ascending. Reads data, of the files that may hold some. */
export async function countRowsInside(bronze: RowTable, snapshot: Snapshot, lane: Lane, ranges: readonly OffsetRange[]): Promise<bigint> {
  const within = and(isOf(lane), compare('offset', '>=', ranges[0].firstOffset), compare('offset', '<=', ranges.at(-1)!.lastOffset));
  return bronze.engine.session(async (session) => {
    const found = await findWhere(session, bronze, snapshot, within);
    let rows = 0n;
    if (found === null) return rows;
    for await (const chunk of session.chunks(found.rows, ['offset'])) {
      for (const offset of Array.from(chunk.columns[0] as ArrayLike<bigint>)) if (isInside(offset, ranges)) rows++;
    }
    return rows;
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

/** What is listed of these partitions, from the first of their gaps on. */
function near(gaps: readonly Gap[]): Predicate {
  const lanes = new Map<string, Gap>();
  for (const gap of gaps) {
    const first = lanes.get(laneName(gap));
    if (!first || gap.firstOffset < first.firstOffset) lanes.set(laneName(gap), gap);
  }
  return or(...[...lanes.values()].map((gap) => and(isOf(gap), compare('last_offset', '>=', gap.firstOffset))));
}

function isOf({ topic, incarnation, partition }: Lane): Predicate {
  return and(compare('topic', '=', topic), compare('incarnation', '=', incarnation), compare('partition', '=', partition));
}

async function readRanges(table: RowTable, snapshot: Snapshot, where: Predicate): Promise<Map<string, OffsetRange[]>> {
  const rows = await table.engine.session(async (session) => {
    const found = await findWhere(session, table, snapshot, where);
    return found === null ? [] : session.rows(session.select(found.rows, ['topic', 'incarnation', 'partition', 'first_offset', 'last_offset']));
  });
  const gaps = rows.map((row): Gap => ({
    topic: row['topic'] as string, incarnation: row['incarnation'] as string, partition: row['partition'] as number,
    firstOffset: row['first_offset'] as bigint, lastOffset: row['last_offset'] as bigint,
  }));
  return new Map([...Map.groupBy(gaps, laneName)].map(([name, ranges]) => [name, mergeRanges(ranges)]));
}

async function writeGaps(table: RowTable, snapshot: Snapshot, gaps: readonly Gap[], nowUs: bigint): Promise<NewFiles> {
  return table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values([
    { name: 'topic', kind: 'text', values: gaps.map((gap) => gap.topic) },
    { name: 'incarnation', kind: 'text', values: gaps.map((gap) => gap.incarnation) },
    { name: 'partition', kind: 'integer', values: gaps.map((gap) => gap.partition) },
    { name: 'first_offset', kind: 'long', values: gaps.map((gap) => gap.firstOffset) },
    { name: 'last_offset', kind: 'long', values: gaps.map((gap) => gap.lastOffset) },
    { name: 'cause', kind: 'text', constant: 'unread' },
    { name: 'healed', kind: 'boolean', constant: false },
    { name: 'seen_at', kind: 'timestamp', constant: nowUs },
  ])));
}
