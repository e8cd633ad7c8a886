import type { Clock } from '../clock.ts';
import { literal } from '../columnar/sql-text.ts';
import type { AddFile } from '../delta/actions.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { parseStats } from '../delta/stats.ts';
import { laneName } from './bronze-plan.ts';
import type { Gap, Lane } from './bronze-plan.ts';
import type { Lake } from './lake.ts';
import { mergeRanges, uncovered } from './offset-ranges.ts';
import type { OffsetRange } from './offset-ranges.ts';
import { untilSettled } from './stage.ts';
import { OFFSET_GAPS } from './tables.ts';
import type { TableIo } from './table-io.ts';

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
    const adds = await writeGaps(table, fresh, BigInt(clock.nowMs()) * 1000n);
    const outcome = await table.delta.commit(snapshot, { operation: 'MERGE', actions: adds.map((add) => ({ add })), reads: 'table' });
    return outcome.kind === 'committed' ? true : null;
  });
}

/** The listed offsets that are not healed, by `laneName`, merged. Some may be in Bronze all the same, or lie above its progress. */
export async function readGaps(table: TableIo): Promise<Map<string, OffsetRange[]>> {
  return readRanges(table, await table.delta.refresh(), 'NOT healed');
}

/** Rows of a partition that Bronze has inside the ranges. Reads data, of the files that may hold some. */
export async function countRowsInside(bronze: TableIo, snapshot: Snapshot, { topic, incarnation, partition }: Lane, ranges: readonly OffsetRange[]): Promise<bigint> {
  const files = [...snapshot.files.values()].filter((add) => mayHold(add, partition, ranges));
  if (files.length === 0) return 0n;
  return bronze.scan(snapshot, files, (scan) => bronze.engine.session(async (session) => {
    await session.load('ranges', [
      { name: 'first_offset', kind: 'long', values: ranges.map(({ firstOffset }) => firstOffset) },
      { name: 'last_offset', kind: 'long', values: ranges.map(({ lastOffset }) => lastOffset) },
    ]);
    const [row] = await session.rows(`SELECT count(*) AS n FROM (${scan}) b JOIN ranges r ON b."offset" BETWEEN r.first_offset AND r.last_offset
      WHERE b.topic = ${literal(topic)} AND b.incarnation = ${literal(incarnation)} AND b."partition" = ${partition}`);
    return row['n'] as bigint;
  }));
}

function mayHold(add: AddFile, partition: number, ranges: readonly OffsetRange[]): boolean {
  const stats = parseStats(add.stats);
  const bounds = (column: string) => [stats?.minValues[column], stats?.maxValues[column]] as (bigint | number | undefined)[];
  const overlaps = ([min, max]: (bigint | number | undefined)[], first: bigint, last: bigint) =>
    (min === undefined || BigInt(min) <= last) && (max === undefined || BigInt(max) >= first);
  return overlaps(bounds('partition'), BigInt(partition), BigInt(partition))
    && ranges.some(({ firstOffset, lastOffset }) => overlaps(bounds('offset'), firstOffset, lastOffset));
}

/** SQL for what is listed of these partitions, from the first of their gaps on: a topic may have gaps by the million. */
function near(gaps: readonly Gap[]): string {
  const lanes = new Map<string, Gap>();
  for (const gap of gaps) {
    const first = lanes.get(laneName(gap));
    if (!first || gap.firstOffset < first.firstOffset) lanes.set(laneName(gap), gap);
  }
  return [...lanes.values()].map(({ topic, incarnation, partition, firstOffset }) =>
    `(topic = ${literal(topic)} AND incarnation = ${literal(incarnation)} AND "partition" = ${partition} AND last_offset >= ${firstOffset})`).join(' OR ');
}

async function readRanges(table: TableIo, snapshot: Snapshot, where: string): Promise<Map<string, OffsetRange[]>> {
  if (snapshot.files.size === 0) return new Map();
  const rows = await table.scan(snapshot, snapshot.files.values(), (scan) => table.engine.session((session) =>
    session.rows(`SELECT topic, incarnation, "partition", first_offset, last_offset FROM (${scan}) WHERE ${where}`)));
  const gaps = rows.map((row): Gap => ({
    topic: row['topic'] as string, incarnation: row['incarnation'] as string, partition: row['partition'] as number,
    firstOffset: row['first_offset'] as bigint, lastOffset: row['last_offset'] as bigint,
  }));
  return new Map([...Map.groupBy(gaps, laneName)].map(([name, ranges]) => [name, mergeRanges(ranges)]));
}

async function writeGaps(table: TableIo, gaps: readonly Gap[], nowUs: bigint): Promise<AddFile[]> {
  return table.engine.session(async (session) => {
    await session.load('gaps', [
      { name: 'topic', kind: 'text', values: gaps.map((gap) => gap.topic) },
      { name: 'incarnation', kind: 'text', values: gaps.map((gap) => gap.incarnation) },
      { name: 'partition', kind: 'integer', values: gaps.map((gap) => gap.partition) },
      { name: 'first_offset', kind: 'long', values: gaps.map((gap) => gap.firstOffset) },
      { name: 'last_offset', kind: 'long', values: gaps.map((gap) => gap.lastOffset) },
      { name: 'cause', kind: 'text', values: gaps.map(() => 'unread') },
      { name: 'healed', kind: 'boolean', values: gaps.map(() => false) },
      { name: 'seen_at', kind: 'timestamp', values: gaps.map(() => nowUs) },
    ]);
    return table.write(session, 'gaps');
  });
}
