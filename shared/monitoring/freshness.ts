/** How old a table is and how much waits before it: pure arithmetic over what logs, statistics and the broker say. */

export interface FreshnessFacts {
  readonly nowMs: number;
  /** Greatest event time in the table, from add statistics; null: no rows, or files without statistics. */
  readonly eventMsMax: number | null;
  /** Greatest kafka_timestamp in the table. */
  readonly kafkaMsMax: number | null;
  /** Time of the last commit that carried rows. */
  readonly commitMs: number | null;
  /** What the stage has not consumed yet: records of the topic, or versions of its source. null: not known. */
  readonly waiting: bigint | null;
  readonly targetS: number;
}

export interface Freshness {
  /** Seconds, kept as they are: negative where the producer's or the broker's clock is ahead of ours. */
  readonly eventS: number | null;
  readonly brokerS: number | null;
  readonly commitS: number | null;
  readonly state: FreshnessState;
}

/**
 * - `empty`: no commit with rows yet. - `current`: nothing waits, so the ages may grow without anything being wrong (an idle topic).
 * - `fresh`: within the target. - `late`: over the target while something waits. - `unknown`: over it, and nobody knows whether anything waits.
 */
export type FreshnessState = 'empty' | 'current' | 'fresh' | 'late' | 'unknown';

export function freshness(facts: FreshnessFacts): Freshness {
  const age = (atMs: number | null) => (atMs === null ? null : (facts.nowMs - atMs) / 1000);
  const ages = { eventS: age(facts.eventMsMax), brokerS: age(facts.kafkaMsMax), commitS: age(facts.commitMs) };
  return { ...ages, state: stateOf(facts, ages.brokerS ?? ages.commitS) };
}

function stateOf(facts: FreshnessFacts, ageS: number | null): FreshnessState {
  if (facts.commitMs === null) return 'empty';
  if (facts.waiting === 0n) return 'current';
  if (ageS !== null && ageS <= facts.targetS) return 'fresh';
  return facts.waiting === null || ageS === null ? 'unknown' : 'late';
}

export interface PartitionLagFacts {
  readonly topic: string;
  readonly partition: number;
  /** The offset the broker gives to its next record; null: the broker was not asked or did not answer. */
  readonly endOffset: bigint | null;
  /** The offset we consume next: committed progress + 1. null: no progress and no start known. */
  readonly nextOffset: bigint | null;
  /** kafka_timestamp of the first waiting record where known, else of the last consumed one: the lag is then at most this old. */
  readonly sinceMs: number | null;
}

export interface Lag {
  /** Sum over partitions; null as soon as one partition is not known. */
  readonly records: bigint | null;
  /** Age of the oldest waiting record, 0 where none waits; null where not known. */
  readonly seconds: number | null;
  /** One text for each partition that could not be told. */
  readonly unknown: readonly string[];
}

/** A partition whose end lies before our progress is unknown, not zero: the topic was recreated or its log was cut. */
export function lag(partitions: readonly PartitionLagFacts[], nowMs: number): Lag {
  if (partitions.length === 0) return { records: null, seconds: null, unknown: ['no partition is known'] };
  const unknown: string[] = [];
  let records = 0n;
  let seconds: number | null = 0;
  for (const { topic, partition, endOffset, nextOffset, sinceMs } of partitions) {
    if (endOffset === null || nextOffset === null) {
      unknown.push(`${topic}/${partition}: ${endOffset === null ? 'end offset' : 'progress'} not known`);
    } else if (endOffset < nextOffset) {
      unknown.push(`${topic}/${partition}: the log ends at ${endOffset}, before our next offset ${nextOffset}`);
    } else if (endOffset > nextOffset) {
      records += endOffset - nextOffset;
      seconds = sinceMs === null || seconds === null ? null : Math.max(seconds, (nowMs - sinceMs) / 1000);
    }
  }
  return unknown.length > 0 ? { records: null, seconds: null, unknown } : { records, seconds, unknown };
}
