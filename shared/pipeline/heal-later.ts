import type { Clock } from '../clock.ts';
import { and, compare } from '../columnar/predicate.ts';
import { progressOf } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import type { Broker, OffsetsRead, ReadLimits } from '../sources/broker.ts';
import { laneAppId, laneName } from './bronze-plan.ts';
import type { Gap, LanePlan } from './bronze-plan.ts';
import { writeRecords } from './bronze-write.ts';
import { countAppId } from './counts.ts';
import type { Pipeline } from './definition.ts';
import type { GapCause, ListedGap } from './gap-listing.ts';
import { checkGeneration } from './generation.ts';
import { HEAL_LIMITS } from './heal.ts';
import { incarnationOf } from './incarnation.ts';
import type { Lake } from './lake.ts';
import { coveredBy, listGaps, readListed } from './offset-gaps.ts';
import { clipRanges, mergeRanges, uncovered } from './offset-ranges.ts';
import type { OffsetRange } from './offset-ranges.ts';
import type { WriteObserver } from './observer.ts';
import { BRONZE, OFFSET_GAPS } from './tables.ts';

/** Gaps that are listed and may be read by now (semantics.md, section 3: "a later heal"). */
export interface HealLaterOptions {
  readonly lake: Lake;
  /** With the topics of every pipeline over this Bronze. */
  readonly pipeline: Pipeline;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly observe: WriteObserver;
  /** Of one call; default `HEAL_LIMITS`. */
  readonly limits?: ReadLimits;
}

export interface HealedLater {
  readonly rows: number;
  /** Of Bronze's last commit; null: none was needed. */
  readonly version: bigint | null;
}

/** So many gaps a call, beginning anywhere: one that never can be read must not keep others from their turn. */
const GAPS_MAX = 16;
/** The others are told for good. */
const HOPEFUL: readonly GapCause[] = ['unavailable', 'unread'];

/** Lands what can be read of some gaps, then lists them as healed, or with the cause that is known now. Failures: those of `Broker.read`, and of commits. */
export async function healListed(options: HealLaterOptions): Promise<HealedLater> {
  const { clock, limits = HEAL_LIMITS } = options;
  const gaps = await hopefulGaps(options);
  const from = Math.floor(clock.random() * gaps.length);
  let [rows, bytes, version]: [number, number, bigint | null] = [0, 0, null];
  for (const gap of [...gaps.slice(from), ...gaps.slice(0, from)].slice(0, GAPS_MAX)) {
    if (rows >= limits.recordsMax || bytes >= limits.bytesMax) break;
    const landed = await untilSettled(`healing ${laneName(gap)} from offset ${gap.firstOffset}`, () => landGap(gap, { recordsMax: limits.recordsMax - rows, bytesMax: limits.bytesMax - bytes }, options));
    await listGaps(newsOf(gap, landed, BigInt(clock.nowMs()) * 1000n), options.lake);
    rows += landed.read.records.length;
    bytes += landed.read.bytes;
    version = landed.version ?? version;
  }
  return { rows, version };
}

interface HopefulGap extends ListedGap {
  readonly topicId: string;
}

/** Of lives that go on, up to the progress: what lies above it is ingest's to read. */
async function hopefulGaps({ lake, broker }: HealLaterOptions): Promise<HopefulGap[]> {
  const table = await lake.table(OFFSET_GAPS);
  const listed = await readListed(table, await table.delta.refresh(), and(compare('healed', '=', false), { op: 'in', column: 'cause', values: HOPEFUL }));
  if (listed.length === 0) return [];
  const bronze = await (await lake.table(BRONZE)).delta.refresh();
  const ids = new Map(await Promise.all([...new Set(listed.map(({ topic }) => topic))].map(async (topic) => [topic, await broker.topicId(topic)] as const)));
  return listed.flatMap((gap): HopefulGap[] => {
    const topicId = ids.get(gap.topic)!;
    const progress = progressOf(bronze, laneAppId(gap));
    if (progress === null || incarnationOf(gap.topic, topicId, bronze) !== gap.incarnation) return [];
    return clipRanges([gap], { firstOffset: gap.firstOffset, lastOffset: progress }).map((range) => ({ ...gap, ...range, topicId }));
  });
}

interface Landed {
  /** What Bronze had of the gap before. */
  readonly had: readonly OffsetRange[];
  readonly read: OffsetsRead;
  readonly version: bigint | null;
}

/**
 * Rows, count and the heal's own txn in one commit. Bronze is looked at first, since a worker may have died before the listing knew; every
 * commit of rows of this partition writes the same count, so nobody can land them in between.
 */
async function landGap(gap: HopefulGap, limits: ReadLimits, { lake, pipeline, broker, clock, observe }: HealLaterOptions): Promise<Landed | null> {
  const table = await lake.table(BRONZE);
  await table.delta.refresh();
  const snapshot = await checkGeneration(table.delta, lake.definition(BRONZE));
  const had = await coveredBy(table, snapshot, gap, [gap]);
  const wanted = uncovered(gap, had);
  if (wanted.length === 0) return { had, read: { records: [], missing: [], bytes: 0, next: gap.lastOffset + 1n }, version: null };
  const read = await broker.read({ topic: gap.topic, topicId: gap.topicId, partition: gap.partition }, wanted, limits);
  if (read.records.length === 0) return { had, read, version: null };
  const nowMs = clock.nowMs();
  const done = observe('bronze_write');
  const plan: LanePlan = { ...gap, appId: healAppId(gap), records: read.records, gaps: [], lastOffset: read.next - 1n };
  const { adds, writtenAtMs } = await writeRecords([plan], table, snapshot, { pipeline, nowMs });
  const count = countAppId('bronze', gap);
  const outcome = await table.delta.commit(snapshot, {
    operation: 'STREAMING UPDATE',
    operationParameters: { outputMode: '"Append"' },
    operationMetrics: { numOutputRows: String(read.records.length), numAddedFiles: String(adds.length) },
    actions: [
      { txn: { appId: plan.appId, version: plan.lastOffset, lastUpdated: nowMs } },
      { txn: { appId: count, version: (progressOf(snapshot, count) ?? 0n) + BigInt(read.records.length), lastUpdated: nowMs } },
      ...adds.map((add) => ({ add })),
    ],
    reads: 'nothing',
    ...(writtenAtMs === undefined ? {} : { writtenAtMs }),
  });
  if (outcome.kind === 'clash') return null;
  done({ rows: read.records.length, adds });
  return { had, read, version: outcome.snapshot.version };
}

/** Its version is how far into the gap the last commit of it came. */
export function healAppId(gap: Gap): string {
  return `heal/${laneName(gap)}/${gap.firstOffset}`;
}

/** What is known of the gap now; of what no limit let be read, nothing. */
function newsOf({ topic, incarnation, partition, cause }: HopefulGap, { had, read }: Landed, seenAtUs: bigint): ListedGap[] {
  const lane = { topic, incarnation, partition };
  const landed = read.records.map(({ offset }) => ({ firstOffset: offset, lastOffset: offset }));
  return [
    ...mergeRanges([...had, ...landed]).map((range): ListedGap => ({ ...lane, ...range, cause, healed: true, seenAtUs })),
    ...read.missing.map((missing): ListedGap => ({ ...lane, ...missing, healed: false, seenAtUs })),
  ];
}
