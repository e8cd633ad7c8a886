import { assert } from '../errors.ts';
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

export interface LanePlan extends Lane {
  readonly appId: string;
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

/** Where start − 1 is kept for good; the progress moves on. */
export function laneStartAppId(lane: Lane): string {
  return `bronze-start/${laneName(lane)}`;
}

/** Topic names have no slash; an incarnation neither. Null for an appId that is not Bronze's. */
export function parseLaneAppId(appId: string): Lane | null {
  const match = /^bronze\/([^/]+)\/([^/]+)\/(\d+)$/.exec(appId);
  return match ? { topic: match[1], incarnation: match[2], partition: Number(match[3]) } : null;
}

export interface BatchLane extends Lane {
  readonly appId: string;
  readonly records: readonly KafkaRecord[];
}

/** The batch by partition, in order of first appearance; `incarnations` by topic. */
export function lanesOf(records: readonly KafkaRecord[], incarnations: ReadonlyMap<string, string>): BatchLane[] {
  const byLane = new Map<string, BatchLane & { records: KafkaRecord[] }>();
  for (const record of records) {
    const place = `${record.partition} ${record.topic}`;
    let lane = byLane.get(place);
    if (!lane) {
      const incarnation = incarnations.get(record.topic);
      assert(incarnation !== undefined, `no incarnation of a topic of the batch`);
      const { topic, partition } = record;
      lane = { topic, incarnation, partition, appId: laneAppId({ topic, incarnation, partition }), records: [] };
      byLane.set(place, lane);
    }
    lane.records.push(record);
  }
  return [...byLane.values()];
}

/** Drops what the progress covers, row by row, and tells what is missing. Null: nothing left of this lane. */
export function planLane(lane: BatchLane, progress: bigint): LanePlan | null {
  const { topic, incarnation, partition, appId } = lane;
  const records: KafkaRecord[] = [];
  const gaps: Gap[] = [];
  let last = progress;
  for (const record of inOffsetOrder(lane.records)) {
    if (record.offset <= last) continue;
    if (record.offset > last + 1n) gaps.push({ topic, incarnation, partition, firstOffset: last + 1n, lastOffset: record.offset - 1n });
    records.push(record);
    last = record.offset;
  }
  return records.length === 0 ? null : { topic, incarnation, partition, appId, records, gaps, lastOffset: last };
}

/** Kafka keeps the order inside a partition; a redelivered stretch inside one batch does not. */
function inOffsetOrder(records: readonly KafkaRecord[]): readonly KafkaRecord[] {
  for (let i = 1; i < records.length; i++) {
    if (records[i].offset < records[i - 1].offset) return [...records].sort((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0));
  }
  return records;
}
