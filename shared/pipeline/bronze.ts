import type { Clock } from '../clock.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { assert } from '../errors.ts';
import type { Broker, ReadLimits } from '../sources/broker.ts';
import type { KafkaRecord } from '../sources/record.ts';
import { laneStartAppId, planLane } from './bronze-plan.ts';
import type { BatchLane, LanePlan } from './bronze-plan.ts';
import { writeRecords } from './bronze-write.ts';
import { countAppId } from './counts.ts';
import type { Pipeline, TopicDefinition } from './definition.ts';
import { checkGeneration } from './generation.ts';
import { HEAL_LIMITS, heal } from './heal.ts';
import { lanesOfBatch } from './incarnation.ts';
import type { SeenLives } from './incarnation.ts';
import type { Lake } from './lake.ts';
import { recordGaps } from './offset-gaps.ts';
import type { WriteObserver } from './observer.ts';
import type { StageOutcome } from './stage.ts';
import { BRONZE } from './tables.ts';

export type { Broker } from '../sources/broker.ts';

/** Checkpoints are refine's and maintain's work; an ingest that neither follows writes one after so many intervals. */
const CHECKPOINT_OVERDUE = 10n;

export interface BronzeOptions {
  readonly lake: Lake;
  readonly pipeline: Pipeline;
  readonly broker: Broker;
  readonly consumerGroup: string;
  /** One a worker, kept as long as it lives. */
  readonly seen: SeenLives;
  /** Of records that are read again, what one commit takes; default `HEAL_LIMITS`. */
  readonly healLimits?: ReadLimits;
  /** A file ends with the record that passes so much payload. */
  readonly fileBytesMax?: number;
  readonly clock: Clock;
  readonly checkpointInterval: bigint;
  readonly observe: WriteObserver;
}

/**
 * Lands each delivered offset as exactly one raw row; progress is in the commit that carries the rows. What is missing below the batch's last
 * offset is read from the broker into the same commit, or into commits before it where it is much; or it is listed with its cause before the
 * commit that passes it (semantics.md, section 3).
 */
export async function ingest(records: readonly KafkaRecord[], options: BronzeOptions): Promise<StageOutcome> {
  if (records.length === 0) return { kind: 'nothing-to-do' };
  const bronze = await options.lake.table(BRONZE);
  const lanes = await lanesOfBatch(records, { broker: options.broker, bronze, seen: options.seen });
  const batch: Batch = { lanes, records: records.length, refreshed: false };
  let outcome: StageOutcome = { kind: 'nothing-to-do' };
  for (let more = true; more;) {
    const landed = await untilSettled(`ingest of ${records.length} records`, () => land(batch, options));
    more = landed.kind === 'committed' && landed.more;
    if (landed.kind === 'committed') outcome = { ...landed, rows: landed.rows + (outcome.kind === 'committed' ? outcome.rows : 0) };
  }
  await bronze.delta.checkpointIfDue(options.checkpointInterval * CHECKPOINT_OVERDUE);
  return outcome;
}

interface Batch {
  readonly lanes: readonly BatchLane[];
  readonly records: number;
  /** The newest version of Bronze has been looked at since the batch came. */
  refreshed: boolean;
}

/** One commit of a batch; null: plan again. `more`: there is another to follow. */
async function land(batch: Batch, options: BronzeOptions): Promise<StageOutcome | null> {
  const { lake, broker, clock, healLimits = HEAL_LIMITS } = options;
  const { delta } = await lake.table(BRONZE);
  const snapshot = await checkGeneration(delta, lake.definition(BRONZE));
  if (await fixStarts(batch.lanes, snapshot, options)) return null;
  const plans = batch.lanes.map((lane) => planLane(lane, progressOf(snapshot, lane.appId)!)).filter((plan) => plan !== null);
  const fresh = plans.reduce((sum, plan) => sum + plan.records.length, 0);
  if ((plans.some(({ gaps }) => gaps.length > 0) || fresh < batch.records) && !batch.refreshed) {
    // What looks missing to a worker that was away may have landed through another one; what it has seen landed, a restore may have undone.
    await delta.refresh();
    batch.refreshed = true;
    return null;
  }
  if (plans.length === 0) return { kind: 'nothing-to-do' };
  const healed = await heal(plans, broker, healLimits);
  await recordGaps(healed.missing, lake, clock);
  return commitRows(healed.plans, snapshot, { ...options, more: healed.more });
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
  // Of a life that is over nobody can ask any more.
  if (lane.topicId === null) return first;
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

async function commitRows(plans: readonly LanePlan[], snapshot: Snapshot, options: BronzeOptions & { readonly more: boolean }): Promise<StageOutcome | null> {
  const table = await options.lake.table(BRONZE);
  const nowMs = options.clock.nowMs();
  const rows = plans.reduce((sum, { records }) => sum + records.length, 0);
  const done = options.observe('bronze_write');
  const { adds, writtenAtMs } = await writeRecords(plans, table, snapshot, { pipeline: options.pipeline, nowMs, fileBytesMax: options.fileBytesMax });
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
  return { kind: 'committed', rows, version: outcome.snapshot.version, more: options.more };
}
