import { TableError } from '../errors.ts';
import type { DataType } from './schema.ts';

/**
 * Text forms of partition values (PROTOCOL.md, "Partition Value Serialization"). Both null and "" are null.
 * Raw values: string, bigint (long, integer; timestamp as microseconds, date as days), number (double), boolean.
 */
export type PartitionValue = string | bigint | number | boolean | null;

const US_PER_SECOND = 1_000_000n;

export function printPartitionValue(value: PartitionValue, type: string): string | null {
  if (value === null || value === '') return null;
  switch (type) {
    case 'date': return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
    case 'timestamp': return printTimestampUs(value as bigint);
    case 'string': case 'long': case 'integer': case 'short': case 'byte': case 'boolean': return String(value);
    default: throw new TableError('delta/partition-type', `partitioning by a column of type ${type} is not supported; choose a string, date, timestamp or integer column`);
  }
}

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ`, for any instant of the years 0001 to 9999. */
export function printTimestampUs(us: bigint): string {
  const seconds = us >= 0n ? us / US_PER_SECOND : -((-us + US_PER_SECOND - 1n) / US_PER_SECOND);
  const fraction = us - seconds * US_PER_SECOND;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`;
}

/**
 * The value of a partition value's text as rows have it: bigint for long and timestamps (µs), number for double, integer and date (days).
 * A time without zone is UTC, as every engine reads it. Undefined where this code can't tell: binary, decimals, years past 9999, no such form.
 */
export function parsePartitionValue(text: string | null | undefined, type: DataType): PartitionValue | undefined {
  if (text === null || text === '') return null;
  if (text === undefined) return undefined;
  switch (type) {
    case 'string': return text;
    case 'long': return INTEGER.test(text) ? BigInt(text) : undefined;
    case 'integer': case 'short': case 'byte': return INTEGER.test(text) ? Number(text) : undefined;
    case 'double': return text === 'NaN' ? Number.NaN : numberOf(text);
    case 'float': return text === 'NaN' ? Number.NaN : roundedToFloat(numberOf(text));
    case 'boolean': return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'date': return parseDateDays(text);
    case 'timestamp': case 'timestamp_ntz': return parseTimestampUs(text)?.us;
    default: return undefined;
  }
}

/** `YYYY-MM-DD` as days since 1970. */
export function parseDateDays(text: string): number | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? numberOf(Date.parse(`${text}T00:00:00Z`) / 86_400_000) : undefined;
}

/** An instant of the log, and the unit that its text is written in: what lies below it was cut. Digits past microseconds are left out. */
export function parseTimestampUs(text: string): { readonly us: bigint; readonly unitUs: bigint } | undefined {
  const [, date, time, digits = '', zone = 'Z'] = TIMESTAMP.exec(text) ?? [];
  const ms = Date.parse(`${date}T${time}${/^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`);
  if (Number.isNaN(ms)) return undefined;
  const unitUs = digits.length === 0 ? US_PER_SECOND : digits.length <= 3 ? 1_000n : 1n;
  return { us: BigInt(ms) * 1_000n + BigInt(digits.slice(0, 6).padEnd(6, '0')), unitUs };
}

const INTEGER = /^[+-]?\d+$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?$/;

function numberOf(value: string | number): number | undefined {
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function roundedToFloat(number: number | undefined): number | undefined {
  return number === undefined ? undefined : Math.fround(number);
}
