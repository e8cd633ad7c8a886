import type { Clock } from '../clock.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { assert } from '../errors.ts';
import type { KafkaRecord } from '../sources/record.ts';
import { laneStartAppId, lanesOf, planLane } from './bronze-plan.ts';
import type { BatchLane, LanePlan } from './bronze-plan.ts';
import { writeRecords } from './bronze-write.ts';
import { countAppId } from './counts.ts';
import type { Pipeline, TopicDefinition } from './definition.ts';
import { checkGeneration } from './generation.ts';
import type { Lake } from './lake.ts';
import { recordGaps } from './offset-gaps.ts';
import type { WriteObserver } from './observer.ts';
import type { StageOutcome } from './stage.ts';
import { BRONZE } from './tables.ts';

/** What Bronze asks of the broker (`sources/kafka-broker.ts` fits it). Failures are TransientErrors. */
export interface Broker {
  /** The topic's id; 'none' only where the broker's Metadata has no ids. */
  topicId(topic: string): Promise<string>;
  offsets(topic: string): Promise<readonly { readonly partition: number; readonly earliest: bigint; readonly latest: bigint }[]>;
  offsetForTime(topic: string, timestampMs: number): Promise<ReadonlyMap<number, bigint>>;
  committed(group: string, topic: string): Promise<ReadonlyMap<number, bigint>>;
}

/** Checkpoints are refine's and maintain's work; an ingest that neither follows writes one after so many intervals. */
const CHECKPOINT_OVERDUE = 10n;

export interface BronzeOptions {
  readonly lake: Lake;
  readonly pipeline: Pipeline;
  readonly broker: Broker;
  readonly consumerGroup: string;
  readonly clock: Clock;
  readonly checkpointInterval: bigint;
  readonly observe: WriteObserver;
}

/** Lands each delivered offset as exactly one raw row; progress is in the commit that carries the rows (semantics.md, section 3). */
export async function ingest(records: readonly KafkaRecord[], options: BronzeOptions): Promise<StageOutcome> {
  if (records.length === 0) return { kind: 'nothing-to-do' };
  const lanes = lanesOf(records, await incarnationsOf(records, options.broker));
  const table = await options.lake.table(BRONZE);
  let refreshed = false;
  const outcome = await untilSettled(`ingest of ${records.length} records`, async () => {
    const snapshot = await checkGeneration(table.delta, options.lake.definition(BRONZE));
    if (await fixStarts(lanes, snapshot, options)) return null;
    const plans = lanes.map((lane) => planLane(lane, progressOf(snapshot, lane.appId)!)).filter((plan) => plan !== null);
    const gaps = plans.flatMap((plan) => plan.gaps);
    const fresh = plans.reduce((sum, plan) => sum + plan.records.length, 0);
    if ((gaps.length > 0 || fresh < records.length) && !refreshed) {
      // What looks missing to a worker that was away may have landed through another one; what it has seen landed, a restore may have undone.
      await table.delta.refresh();
      refreshed = true;
      return null;
    }
    if (plans.length === 0) return { kind: 'nothing-to-do' } as const;
    await recordGaps(gaps, options.lake, options.clock);
    return commitRows(plans, snapshot, options);
  });
  await table.delta.checkpointIfDue(options.checkpointInterval * CHECKPOINT_OVERDUE);
  return outcome;
}

async function incarnationsOf(records: readonly KafkaRecord[], broker: Broker): Promise<Map<string, string>> {
  const topics = [...new Set(records.map(({ topic }) => topic))];
  return new Map(await Promise.all(topics.map(async (topic) => [topic, await broker.topicId(topic)] as const)));
}

/**
 * Fixes, once, where each new partition starts: a txn-only commit with version = start − 1, kept a second time under its own name for
 * the balance. True: a new plan is needed.
 */
async function fixStarts(lanes: readonly BatchLane[], snapshot: Snapshot, options: BronzeOptions): Promise<boolean> {
  const fresh = lanes.filter(({ appId }) => progressOf(snapshot, appId) === null);
  if (fresh.length === 0) return false;
  const lastUpdated = options.clock.nowMs();
  const starts = await Promise.all(fresh.map(async (lane) => ({ lane, version: (await startOf(lane, snapshot, options)) - 1n })));
  const actions = starts.flatMap(({ lane, version }) => [
    { txn: { appId: lane.appId, version, lastUpdated } },
    { txn: { appId: laneStartAppId(lane), version, lastUpdated } },
    { txn: { appId: countAppId('bronze', lane), version: 0n, lastUpdated } },
  ]);
  const { delta } = await options.lake.table(BRONZE);
  await delta.commit(snapshot, { operation: 'STREAMING START', actions, reads: 'nothing' });
  return true;
}

async function startOf(lane: BatchLane, snapshot: Snapshot, { broker, pipeline, consumerGroup }: BronzeOptions): Promise<bigint> {
  const { topic, partition } = lane;
  const definition: TopicDefinition | undefined = pipeline.topics.find(({ name }) => name === topic);
  const first = lane.records.reduce((least, { offset }) => (offset < least ? offset : least), lane.records[0].offset);
  const later = [...snapshot.txns.keys()].some((appId) => appId.startsWith(`bronze/${topic}/`) && !appId.startsWith(`bronze/${topic}/${lane.incarnation}/`));
  const start = later ? 'earliest' : (definition?.start ?? 'earliest');
  // A time is asked for by name: what the trigger delivers from before it is dropped.
  if (typeof start === 'object') return (await broker.offsetForTime(topic, start.timestampMs)).get(partition) ?? first;
  const offset = start === 'latest' ? ((await broker.committed(consumerGroup, topic)).get(partition) ?? first) : await logStart(lane, broker);
  // Retention, or the group, may have passed the batch while it waited: what was delivered counts.
  return offset < first ? offset : first;
}

async function logStart({ topic, partition }: BatchLane, broker: Broker): Promise<bigint> {
  const found = (await broker.offsets(topic)).find((offsets) => offsets.partition === partition);
  assert(found, `the broker delivered a record of partition ${partition} but does not list that partition`);
  return found.earliest;
}

async function commitRows(plans: readonly LanePlan[], snapshot: Snapshot, options: BronzeOptions): Promise<StageOutcome | null> {
  const table = await options.lake.table(BRONZE);
  const nowMs = options.clock.nowMs();
  const rows = plans.reduce((sum, { records }) => sum + records.length, 0);
  const done = options.observe('bronze_write');
  const { adds, writtenAtMs } = await writeRecords(plans, table, snapshot, { pipeline: options.pipeline, nowMs });
  const txns = plans.flatMap((plan) => {
    const count = countAppId('bronze', plan);
    return [
      { txn: { appId: plan.appId, version: plan.lastOffset, lastUpdated: nowMs } },
      { txn: { appId: count, version: (progressOf(snapshot, count) ?? 0n) + BigInt(plan.records.length), lastUpdated: nowMs } },
    ];
  });
  const outcome = await table.delta.commit(snapshot, {
    operation: 'STREAMING UPDATE',
    operationParameters: { outputMode: '"Append"' },
    operationMetrics: { numOutputRows: String(rows), numAddedFiles: String(adds.length) },
    actions: [...txns, ...adds.map((add) => ({ add }))],
    reads: 'nothing',
    writtenAtMs,
  });
  // A rival's rows of the same partitions: plan again, only the uncovered rows go to a new file. The old one is an orphan for VACUUM.
  if (outcome.kind === 'clash') return null;
  done({ rows, adds });
  return { kind: 'committed', rows, version: outcome.snapshot.version, more: false };
}
