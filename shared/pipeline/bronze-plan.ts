import type { KafkaRecord } from '../sources/record.ts';
import type { OffsetRange } from './offset-ranges.ts';

/** Which records of a batch Bronze still lacks (semantics.md, section 3). Pure. */

/** A partition of one life of a topic: progress is kept for each. */
export interface Lane {
  readonly topic: string;
  readonly incarnation: string;
  readonly partition: number;
}

export interface Gap extends Lane, OffsetRange {}

export interface LanePlan extends Lane, Pick<BatchLane, 'appId' | 'topicId'> {
  /** Records above the progress, in offset order, each offset once. */
  readonly records: readonly KafkaRecord[];
  /** Missing offsets between the progress and the batch's last. */
  readonly gaps: readonly Gap[];
  readonly lastOffset: bigint;
}

export function laneName({ topic, incarnation, partition }: Lane): string {
  return `${topic}/${incarnation}/${partition}`;
}

export function laneAppId(lane: Lane): string {
  return `bronze/${laneName(lane)}`;
}

/** Which number of `none` a topic id goes on under: the version of this txn (1: `none`, 2: `none-2`). */
export function namedAppId(topic: string, topicId: string): string {
  return `incarnation/${topic}/${topicId}`;
}

/** Where start − 1 is kept for good; the progress moves on. */
export function laneStartAppId(lane: Lane): string {
  return `bronze-start/${laneName(lane)}`;
}

/** Topic names have no slash; an incarnation neither. Null for an appId that is not Bronze's. */
export function parseLaneAppId(appId: string): Lane | null {
  const match = /^bronze\/([^/]+)\/([^/]+)\/(\d+)$/.exec(appId);
  return match ? { topic: match[1], incarnation: match[2], partition: Number(match[3]) } : null;
}

/** What a batch has of one partition. */
export interface PartitionRecords {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly KafkaRecord[];
}

export interface BatchLane extends Lane {
  readonly appId: string;
  /** What the broker calls this life of the topic; null: it is over, so its offsets can't be read again. */
  readonly topicId: string | null;
  readonly records: readonly KafkaRecord[];
}

/** The batch by partition, in order of first appearance. */
export function partitionsOf(records: readonly KafkaRecord[]): PartitionRecords[] {
  const found: (PartitionRecords & { records: KafkaRecord[] })[] = [];
  const byTopic = new Map<string, Map<number, KafkaRecord[]>>();
  for (const record of records) {
    const { topic, partition } = record;
    let byPartition = byTopic.get(topic);
    if (!byPartition) byTopic.set(topic, byPartition = new Map());
    const own = byPartition.get(partition);
    if (own) {
      own.push(record);
      continue;
    }
    const first = [record];
    byPartition.set(partition, first);
    found.push({ topic, partition, records: first });
  }
  return found;
}

export function laneOf({ topic, partition, records }: PartitionRecords, { incarnation, topicId }: Pick<BatchLane, 'incarnation' | 'topicId'>): BatchLane {
  return { topic, incarnation, partition, appId: laneAppId({ topic, incarnation, partition }), topicId, records };
}

/** Drops what the progress covers, row by row, and tells what is missing. Null: nothing left of this lane. */
export function planLane(lane: BatchLane, progress: bigint): LanePlan | null {
  const { topic, incarnation, partition, appId, topicId } = lane;
  if (isRunFrom(lane.records, progress + 1n)) return { topic, incarnation, partition, appId, topicId, records: lane.records, gaps: [], lastOffset: lane.records.at(-1)!.offset };
  const records: KafkaRecord[] = [];
  const gaps: Gap[] = [];
  let last = progress;
  for (const record of inOffsetOrder(lane.records)) {
    if (record.offset <= last) continue;
    if (record.offset > last + 1n) gaps.push({ topic, incarnation, partition, firstOffset: last + 1n, lastOffset: record.offset - 1n });
    records.push(record);
    last = record.offset;
  }
  return records.length === 0 ? null : { topic, incarnation, partition, appId, topicId, records, gaps, lastOffset: last };
}

/** One offset after the other, as nearly every batch comes: ascending, and as many as lie between its ends. A step of bigints a record would cost more. */
function isRunFrom(records: readonly KafkaRecord[], first: bigint): boolean {
  if (records[0].offset !== first) return false;
  for (let i = 1; i < records.length; i++) if (records[i].offset <= records[i - 1].offset) return false;
  return records.at(-1)!.offset - first === BigInt(records.length - 1);
}

/** Kafka keeps the order inside a partition; a redelivered stretch inside one batch does not. */
export function inOffsetOrder(records: readonly KafkaRecord[]): readonly KafkaRecord[] {
  for (let i = 1; i < records.length; i++) {
    if (records[i].offset < records[i - 1].offset) return [...records].sort((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0));
  }
  return records;
}
