import { progressOf } from '../../shared/delta/snapshot.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { laneAppId, laneName, laneStartAppId, parseLaneAppId } from '../../shared/pipeline/bronze-plan.ts';
import type { Lane } from '../../shared/pipeline/bronze-plan.ts';
import { bronzeLine, line } from './expectation.ts';
import type { Landed } from './expectation.ts';
import type { Life, Topic } from './topic.ts';

type Fields = Readonly<Record<string, unknown>>;

const BRONZE_COLUMNS = ['topic', 'incarnation', 'partition', 'offset', 'kafka_timestamp', 'key', 'value', 'value_bytes'];

export interface OffsetsAtTheEnd {
  readonly landed: readonly Landed[];
  /** What is not as it must be. */
  readonly found: readonly string[];
}

/**
 * Every offset of every life, from where its partition starts in Bronze to the last that Bronze has passed, is a row once, byte for byte; or it
 * is listed as missing once, for a reason that was true. Of the life that goes on, all is passed.
 */
export function offsetsAtTheEnd(topic: Topic, { bronze, rows, gaps }: { bronze: Snapshot; rows: readonly Fields[]; gaps: readonly Fields[] }): OffsetsAtTheEnd {
  const found: string[] = [];
  const landed: Landed[] = [];
  const byLane = Map.groupBy(rows, (row) => laneName(laneOf(row)));
  const gapsByLane = Map.groupBy(gaps, (row) => laneName(laneOf(row)));
  const lanes = [...bronze.txns.keys()].map(parseLaneAppId).filter((lane) => lane !== null);
  for (const lane of lanes) {
    const life = topic.lifeOf(lane.incarnation);
    if (life === null) found.push(`${laneName(lane)} is no life of the topic`);
    else found.push(...checkLane(lane, { topic, life, bronze, rows: byLane.get(laneName(lane)) ?? [], gaps: gapsByLane.get(laneName(lane)) ?? [] }, landed));
    byLane.delete(laneName(lane));
  }
  for (const name of byLane.keys()) found.push(`${name} has rows and no progress`);
  for (const [partition, log] of topic.life.partitions.entries()) {
    const lane = lanes.find(({ incarnation, partition: p }) => incarnation === topic.life.id && p === partition);
    const last = log.records.at(-1)?.offset;
    if (last !== undefined && (!lane || progressOf(bronze, laneAppId(lane)) !== last)) found.push(`partition ${partition} of the last life is not passed up to ${last}`);
  }
  return { landed, found };
}

interface LaneAtTheEnd {
  readonly topic: Topic;
  readonly life: Life;
  readonly bronze: Snapshot;
  readonly rows: readonly Fields[];
  readonly gaps: readonly Fields[];
}

function checkLane(lane: Lane, { topic, life, bronze, rows, gaps }: LaneAtTheEnd, landed: Landed[]): string[] {
  const found: string[] = [];
  const log = life.partitions[lane.partition];
  const [base, last] = [progressOf(bronze, laneStartAppId(lane))!, progressOf(bronze, laneAppId(lane))!];
  const isOver = life !== topic.life;
  const rowsAt = Map.groupBy(rows, (row) => row['offset'] as bigint);
  const listedAt = Map.groupBy(gaps.flatMap(offsetsOf), ({ offset }) => offset);
  const say = (offset: bigint, what: string) => found.push(`${laneName(lane)} offset ${offset} (of ${base + 1n} to ${last}, start ${log.start}): ${what}`);
  for (const { offset } of log.records) if (offset <= base && offset >= log.start && !isOver) say(offset, 'is below where Bronze starts, and has not expired');
  for (const [offset, listed] of listedAt) if (listed.length > 1) say(offset, `is listed ${listed.length} times`);
  for (let offset = base + 1n; offset <= last; offset++) {
    const slot = log.at(offset);
    const [there, listed] = [rowsAt.get(offset) ?? [], (listedAt.get(offset) ?? []).filter(({ healed }) => !healed)];
    rowsAt.delete(offset);
    if (there.length > 1) say(offset, `is in Bronze ${there.length} times`);
    if (there.length > 0 && slot !== null && typeof slot !== 'string') {
      const one = { incarnation: lane.incarnation, record: slot };
      const row = line(Object.fromEntries(BRONZE_COLUMNS.map((name) => [name, there[0][name]])));
      if (row === bronzeLine(one)) landed.push(one);
      else say(offset, `is ${row} in Bronze, not ${bronzeLine(one)}`);
    } else if (there.length > 0) say(offset, `is in Bronze, but there is ${typeof slot === 'string' ? slot : 'nothing'} at it`);
    else if (listed.length === 0) say(offset, 'is neither in Bronze nor listed');
    else {
      const { cause } = listed[0];
      const isTrue = cause === slot || (cause === 'expired' && offset < log.start) || (cause === 'unavailable' && isOver);
      if (!isTrue) say(offset, `is listed as ${cause}, there is ${typeof slot === 'string' ? slot : slot === null ? 'nothing' : 'a record'} at it`);
    }
  }
  for (const offset of rowsAt.keys()) say(offset, 'is in Bronze beyond its progress');
  return found;
}

function laneOf(row: Fields): Lane {
  return { topic: row['topic'] as string, incarnation: row['incarnation'] as string, partition: row['partition'] as number };
}

function offsetsOf(gap: Fields): { offset: bigint; cause: string; healed: boolean }[] {
  const [first, last] = [gap['first_offset'] as bigint, gap['last_offset'] as bigint];
  return Array.from({ length: Number(last - first) + 1 }, (_value, i) => ({ offset: first + BigInt(i), cause: gap['cause'] as string, healed: gap['healed'] as boolean }));
}
