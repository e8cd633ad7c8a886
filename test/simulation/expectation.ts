import type { KafkaRecord } from '../../shared/sources/record.ts';
import { judgeNaively, winsOver } from '../support/naive-rules.ts';
import type { NaiveVersion } from '../support/naive-rules.ts';

/** A record that Bronze has, and the name of its topic's life there. */
export interface Landed {
  readonly incarnation: string;
  readonly record: KafkaRecord;
}

/**
 * What the other tables must hold once all of Bronze is through, whatever happened on the way: worked out in one go from the records alone, by
 * the rules as test/support/naive-rules.ts has them. Columns that depend on how batches were cut, and when, are left out.
 */
export interface Expectation {
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

export function expectationOf(all: readonly Landed[]): Expectation {
  const winners = new Map<string, Accepted>();
  const quarantine: string[] = [];
  let accepted = 0;
  for (const landed of all) {
    const { incarnation, record } = landed;
    const verdict = judgeNaively(record);
    if (typeof verdict === 'string') {
      quarantine.push(line({ ...placeOf(landed), ...payloadOf(record), reason: verdict, resolved_at: null }));
      continue;
    }
    accepted++;
    const version: NaiveVersion = { ...verdict, timestampMs: record.timestampMs, incarnation, partition: record.partition, offset: Number(record.offset) };
    const best = winners.get(version.id);
    if (!best || winsOver(version, best.version)) winners.set(version.id, { version, landed });
  }
  return { silver: [...winners.values()].map(silverLine).sort(), quarantine: quarantine.sort(), lost: accepted - winners.size };
}

/** A record as Bronze has it. */
export function bronzeLine(landed: Landed): string {
  return line({ ...placeOf(landed), key: textOf(landed.record.key), ...payloadOf(landed.record) });
}

interface Accepted {
  readonly version: NaiveVersion;
  readonly landed: Landed;
}

const LATE_AFTER_MS = 300_000n;

function silverLine({ version: { id, type, micros, value }, landed }: Accepted): string {
  const { record } = landed;
  const kafkaUs = kafkaTime(record);
  const lateByMs = kafkaUs === null ? null : floorDivide(kafkaUs - micros, 1_000n);
  return line({
    event_id: id, event_type: type, timestamp: micros, value, event_date: Number(floorDivide(micros, 86_400_000_000n)),
    is_late: lateByMs !== null && lateByMs > LATE_AFTER_MS, late_by_ms: lateByMs, rescued: rescuedOf(record), rule_flags: null, ...placeOf(landed),
  });
}

/** The fields of topic.ts's events that the pipeline does not name. */
function rescuedOf({ value }: KafkaRecord): string | null {
  const { more } = JSON.parse(Buffer.from(value!).toString('utf8')) as { more?: unknown };
  return more === undefined ? null : JSON.stringify({ more });
}

function placeOf({ incarnation, record: { topic, partition, offset, timestampMs } }: Landed): Fields {
  return { topic, incarnation, partition, offset, kafka_timestamp: kafkaTime({ timestampMs }) };
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

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}
