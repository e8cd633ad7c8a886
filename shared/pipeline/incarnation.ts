import type { RowTable } from '../delta/operations/row-table.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { TransientError } from '../errors.ts';
import type { Broker, MissingCause } from '../sources/broker.ts';
import type { KafkaRecord } from '../sources/record.ts';
import { inOffsetOrder, laneAppId, laneOf, namedAppId, parseLaneAppId, partitionsOf } from './bronze-plan.ts';
import type { BatchLane, Lane, PartitionRecords } from './bronze-plan.ts';
import { noneName, noneNumber, readStored, sameRecord, samePair } from './life-proof.ts';

/**
 * Which life of its topic each part of a batch belongs to (semantics.md, section 3, "Incarnation"). The broker's id is that of the life that
 * goes on now; a batch may have waited since an earlier one.
 */

/** By topic and partition, the topic id under which this worker last saw a record that the broker has, too. Lives as long as the worker. */
export type SeenLives = Map<string, string>;

export interface LifeOptions {
  readonly broker: Broker;
  readonly bronze: RowTable;
  readonly seen: SeenLives;
}

const NONE = 'none';
/** Of a batch whose first and last record the broker has not, so many others are tried. */
const PROBE = { recordsMax: 1_000, bytesMax: 1 << 20 };
/** A topic that is made again while it is looked at is looked at again. */
const LOOKS_MAX = 5;
/** How far below a partition's progress a stored record is looked for. */
const STORED_WITHIN = 100n;
/** So many redelivered records tell whether they are those that are stored. */
const STORED_MAX = 100;

export async function lanesOfBatch(records: readonly KafkaRecord[], options: LifeOptions): Promise<BatchLane[]> {
  const byTopic = Map.groupBy(partitionsOf(records), ({ topic }) => topic);
  return (await Promise.all([...byTopic].map(([topic, partitions]) => lanesOfTopic(topic, partitions, options)))).flat();
}

/** By what name the table knows the life that goes on now. */
export function incarnationOf(topic: string, topicId: string, snapshot: Snapshot): string {
  const names = noneNames(topic, snapshot);
  if (topicId === NONE) return names.at(-1) ?? NONE;
  const named = progressOf(snapshot, namedAppId(topic, topicId));
  return named === null ? topicId : noneName(Number(named));
}

async function lanesOfTopic(topic: string, partitions: readonly PartitionRecords[], options: LifeOptions): Promise<BatchLane[]> {
  let first: string | null = null;
  for (let look = 0; look < LOOKS_MAX; look++) {
    const topicId = await options.broker.topicId(topic);
    if (topicId === NONE) return lanesWithoutIds(topic, partitions, options);
    first ??= topicId;
    const incarnation = await nameOf(topic, topicId, options);
    const proofs = await Promise.all(partitions.map((partition) => compareWithBroker(partition, topicId, options)));
    // Made again meanwhile: what was asked for by its name was not of this life.
    if (proofs.some((proof) => proof !== 'current') && (await options.broker.topicId(topic)) !== topicId) continue;
    if (proofs.includes('former') || proofs.includes('refused')) await options.bronze.delta.refresh();
    return partitions.map((partition, i) => {
      const place = placeOf(partition);
      const former = options.seen.get(place) ?? (first === topicId ? undefined : first!);
      // Nothing of it is left to compare: it came before the topic was made again, if that happened while this worker lives.
      const proof = proofs[i] === 'unknown' && former !== undefined ? 'former' : proofs[i];
      if (proof === 'former') return laneOf(partition, { incarnation: formerOf(topic, { topicId, incarnation, former }, options.bronze.delta.snapshot), topicId: null });
      if (proof === 'refused') checkNoOther(topic, { incarnation, former }, options.bronze.delta.snapshot);
      if (proof === 'current') options.seen.set(place, topicId);
      return laneOf(partition, { incarnation, topicId });
    });
  }
  throw new TransientError('kafka/topic-changes', `topic '${topic}' was another one each of ${LOOKS_MAX} times that the broker was asked; the batch is delivered again`);
}

/** `unknown`: these offsets have expired. `refused`: the broker does not give them. */
type Proof = 'current' | 'former' | 'unknown' | 'refused';

/** Whether the broker has these records, too. Not asked where this worker has seen this life here before. */
async function compareWithBroker({ topic, partition, records }: PartitionRecords, topicId: string, { broker, seen }: LifeOptions): Promise<Proof> {
  if (seen.get(placeOf({ topic, partition })) === topicId) return 'current';
  const ordered = inOffsetOrder(records);
  const [first, last] = [ordered[0].offset, ordered.at(-1)!.offset];
  const offsets = new Map(ordered.map((record) => [record.offset, record]));
  const ends = (first === last ? [first] : [first, last]).map((offset) => ({ firstOffset: offset, lastOffset: offset }));
  let proof: Proof = 'unknown';
  for (const ranges of [ends, [{ firstOffset: first, lastOffset: last }]]) {
    const read = await broker.read({ topic, topicId, partition }, ranges, PROBE);
    const pairs = read.records.filter(({ offset }) => offsets.has(offset)).map((record) => sameRecord(record, offsets.get(record.offset)!));
    if (pairs.length > 0) return pairs.every((same) => same) ? 'current' : 'former';
    if (ranges === ends) proof = proofOf(read.missing.map(({ cause }) => cause));
  }
  // What was delivered from past the end was not delivered from this log.
  const log = (await broker.offsets(topic)).find((each) => each.partition === partition);
  return log === undefined || first >= log.latest ? 'former' : proof;
}

/** Of offsets that were delivered. What was just delivered is not compacted yet, nor was it ever aborted; but it may have stood where the log expires. */
function proofOf(causes: readonly MissingCause[]): Proof {
  if (causes.includes('unavailable')) return 'refused';
  return causes.some((cause) => cause !== 'expired') ? 'former' : 'unknown';
}

/** Where there was another life, a guess might put records of one into the other. */
function checkNoOther(topic: string, { incarnation, former }: { incarnation: string; former: string | undefined }, snapshot: Snapshot): void {
  if (former === undefined && lanesOf(topic, snapshot).every((lane) => lane.incarnation === incarnation)) return;
  throw new TransientError('kafka/not-readable', `topic '${topic}' was made again, and the broker does not give the records that tell from which one a batch is; the batch is delivered again. Check that '${topic}' can be read by an ordinary consumer`);
}

/** The life before the one that goes on: the last that this worker saw here, else the last that the table saw. */
function formerOf(topic: string, { topicId, incarnation, former }: { topicId: string; incarnation: string; former: string | undefined }, snapshot: Snapshot): string {
  if (former !== undefined) return incarnationOf(topic, former, snapshot);
  const others = [...snapshot.txns.values()].filter(({ appId }) => {
    const lane = parseLaneAppId(appId);
    return lane?.topic === topic && lane.incarnation !== incarnation;
  });
  const latest = others.reduce<{ appId: string; at: number } | null>((best, { appId, lastUpdated }) => ((lastUpdated ?? 0) >= (best?.at ?? 0) ? { appId, at: lastUpdated ?? 0 } : best), null);
  // Nobody ever asked for the id of that life, and nobody can any more.
  return latest === null ? `before-${topicId}` : parseLaneAppId(latest.appId)!.incarnation;
}

/**
 * The name of the life with this id. The first id after `none` keeps the stored name if a stored record is the broker's, too; that is kept as a
 * txn of its own, for the record may expire.
 */
async function nameOf(topic: string, topicId: string, { broker, bronze }: LifeOptions): Promise<string> {
  if (isSettled(topic, topicId, bronze.delta.snapshot)) return incarnationOf(topic, topicId, bronze.delta.snapshot);
  const snapshot = await bronze.delta.refresh();
  if (isSettled(topic, topicId, snapshot)) return incarnationOf(topic, topicId, snapshot);
  const stored = noneNames(topic, snapshot).at(-1)!;
  for (const lane of lanesOf(topic, snapshot).filter(({ incarnation }) => incarnation === stored)) {
    const last = progressOf(snapshot, laneAppId(lane))!;
    const row = (await readStored(bronze, snapshot, lane, { firstOffset: last - STORED_WITHIN, lastOffset: last })).at(-1);
    if (row === undefined) continue;
    const { records } = await broker.read({ topic, topicId, partition: lane.partition }, [{ firstOffset: row.offset, lastOffset: row.offset }], PROBE);
    if (records.length === 0) continue;
    if (!samePair(row, records[0])) return topicId;
    const txn = { appId: namedAppId(topic, topicId), version: BigInt(noneNumber(stored)), lastUpdated: bronze.clock.nowMs() };
    await bronze.delta.commit(snapshot, { operation: 'STREAMING START', actions: [{ txn }], reads: 'nothing' });
    return stored;
  }
  return topicId;
}

/** The table knows the id, or has nothing of the topic from before there were ids. */
function isSettled(topic: string, topicId: string, snapshot: Snapshot): boolean {
  if (progressOf(snapshot, namedAppId(topic, topicId)) !== null) return true;
  const lanes = lanesOf(topic, snapshot);
  return lanes.some(({ incarnation }) => incarnation === topicId) || lanes.every(({ incarnation }) => noneNumber(incarnation) === 0);
}

/**
 * A broker whose Metadata has no ids: a redelivered record must be the one that Bronze has at its offset, of the newest life or of one before;
 * else the topic was made again. Where nothing is redelivered, that can't be seen.
 */
async function lanesWithoutIds(topic: string, partitions: readonly PartitionRecords[], { bronze }: LifeOptions): Promise<BatchLane[]> {
  const snapshot = await bronze.delta.refresh();
  const names = noneNames(topic, snapshot);
  const newest = names.at(-1) ?? NONE;
  const found = await Promise.all(partitions.map((partition) => storedLife(partition, names, bronze, snapshot)));
  const next = noneName(noneNumber(newest) + 1);
  return partitions.map((partition, i) => {
    const incarnation = found[i] === 'unknown' ? newest : (found[i] ?? next);
    return laneOf(partition, { incarnation, topicId: incarnation === newest || incarnation === next ? NONE : null });
  });
}

/** The newest life that has one of these records at its offset; null: others stand there; `unknown`: none of these offsets does. */
async function storedLife({ topic, partition, records }: PartitionRecords, names: readonly string[], bronze: RowTable, snapshot: Snapshot): Promise<string | null> {
  let isUnknown = true;
  for (const incarnation of names.toReversed()) {
    const lane = { topic, incarnation, partition };
    const progress = progressOf(snapshot, laneAppId(lane));
    const again = new Map(inOffsetOrder(records).filter(({ offset }) => progress !== null && offset <= progress).slice(0, STORED_MAX).map((record) => [record.offset, record]));
    if (again.size === 0) continue;
    const offsets = [...again.keys()];
    const stored = await readStored(bronze, snapshot, lane, { firstOffset: offsets[0], lastOffset: offsets.at(-1)! });
    const pairs = stored.filter(({ offset }) => again.has(offset)).map((row) => samePair(row, again.get(row.offset)!));
    if (pairs.length === 0) continue;
    if (pairs.every((same) => same)) return incarnation;
    isUnknown = false;
  }
  return isUnknown ? 'unknown' : null;
}

/** `none`, `none-2`, … of a topic, ascending. */
function noneNames(topic: string, snapshot: Snapshot): string[] {
  const names = new Set(lanesOf(topic, snapshot).map(({ incarnation }) => incarnation).filter((incarnation) => noneNumber(incarnation) > 0));
  return [...names].sort((a, b) => noneNumber(a) - noneNumber(b));
}

function lanesOf(topic: string, snapshot: Snapshot): Lane[] {
  return [...snapshot.txns.keys()].map(parseLaneAppId).filter((lane) => lane !== null).filter((lane) => lane.topic === topic);
}

function placeOf({ topic, partition }: Pick<Lane, 'topic' | 'partition'>): string {
  return `${topic}/${partition}`;
}
