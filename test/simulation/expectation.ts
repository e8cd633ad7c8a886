import type { KafkaRecord } from '../../shared/sources/record.ts';
import { judgeNaively, winsOver } from '../support/naive-rules.ts';
import type { NaiveVersion } from '../support/naive-rules.ts';
import type { Topic } from './topic.ts';

/**
 * What the tables must hold once all of a topic is through, whatever happened on the way: worked out in one go from the topic alone, by the
 * rules as test/support/naive-rules.ts has them. Columns that depend on how batches were cut, and when, are left out.
 */
export interface Expectation {
  readonly bronze: readonly string[];
  /** `partition offset`, one a missing offset between the log start and the last record. */
  readonly gaps: readonly string[];
  readonly silver: readonly string[];
  readonly quarantine: readonly string[];
  /** Losers by section 5. */
  readonly lost: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** A row as one line: what tables are compared by. Bytes as hex. */
export function line(fields: Fields): string {
  return JSON.stringify(Object.entries(fields).map(([name, value]) => [name, printed(value)]));
}

function printed(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return Object.is(value, -0) ? '-0' : value;
}

export function expectationOf(topic: Topic): Expectation {
  const all = topic.records.flat();
  const winners = new Map<string, Accepted>();
  const quarantine: string[] = [];
  let accepted = 0;
  for (const record of all) {
    const verdict = judgeNaively(record);
    if (typeof verdict === 'string') {
      quarantine.push(line({ ...placeOf(record), ...payloadOf(record), reason: verdict, resolved_at: null }));
      continue;
    }
    accepted++;
    const version: NaiveVersion = { ...verdict, timestampMs: record.timestampMs, partition: record.partition, offset: Number(record.offset) };
    const best = winners.get(version.id);
    if (!best || winsOver(version, best.version)) winners.set(version.id, { version, record });
  }
  return {
    bronze: all.map((record) => line({ ...placeOf(record), key: textOf(record.key), ...payloadOf(record) })).sort(),
    gaps: topic.records.flatMap((records, partition) => missing(records, topic.earliest[partition]).map((offset) => `${partition} ${offset}`)).sort(),
    silver: [...winners.values()].map(silverLine).sort(),
    quarantine: quarantine.sort(),
    lost: accepted - winners.size,
  };
}

interface Accepted {
  readonly version: NaiveVersion;
  readonly record: KafkaRecord;
}

const LATE_AFTER_MS = 300_000n;

function silverLine({ version: { id, type, micros, value }, record }: Accepted): string {
  const kafkaUs = kafkaTime(record);
  const lateByMs = kafkaUs === null ? null : floorDivide(kafkaUs - micros, 1_000n);
  return line({
    event_id: id, event_type: type, timestamp: micros, value, event_date: Number(floorDivide(micros, 86_400_000_000n)),
    is_late: lateByMs !== null && lateByMs > LATE_AFTER_MS, late_by_ms: lateByMs, rescued: rescuedOf(record), rule_flags: null, ...placeOf(record),
  });
}

/** The fields of topic.ts's events that the pipeline does not name. */
function rescuedOf({ value }: KafkaRecord): string | null {
  const { more } = JSON.parse(Buffer.from(value!).toString('utf8')) as { more?: unknown };
  return more === undefined ? null : JSON.stringify({ more });
}

function placeOf({ topic, partition, offset, ...record }: KafkaRecord): Fields {
  return { topic, partition, offset, kafka_timestamp: kafkaTime(record) };
}

function payloadOf({ value }: KafkaRecord): Fields {
  const text = textOf(value);
  return { value: text === '' ? null : text, value_bytes: text === null && value !== null ? value : null };
}

/** Null where the bytes are no UTF-8. */
function textOf(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return Buffer.from(text).equals(bytes) ? text : null;
}

function kafkaTime({ timestampMs }: Pick<KafkaRecord, 'timestampMs'>): bigint | null {
  return timestampMs < 0 ? null : BigInt(timestampMs) * 1_000n;
}

function missing(records: readonly KafkaRecord[], earliest: bigint): bigint[] {
  const there = new Set(records.map(({ offset }) => offset));
  const offsets: bigint[] = [];
  for (let offset = earliest; offset <= (records.at(-1)?.offset ?? -1n); offset++) if (!there.has(offset)) offsets.push(offset);
  return offsets;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}
