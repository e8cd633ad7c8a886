import { SCALE_MAX, base64Text, dateText, dateTimeText, decimalText } from './json-writer.ts';

/** The attributes of a schema that say what its value means (Avro 1.12 specification, "Logical Types"). */
export interface LogicalSchema {
  readonly logicalType?: unknown;
  readonly scale?: unknown;
  readonly precision?: unknown;
}

const PER_SECOND: Readonly<Record<string, number>> = { millis: 1_000, micros: 1_000_000, nanos: 1_000_000_000 };

/** How to print a long. Times become ISO 8601; what no calendar has keeps its digits. */
export function longText({ logicalType }: LogicalSchema): (value: number | bigint) => string {
  const [, kind = '', unit = ''] = /^(timestamp|local-timestamp|time)-(millis|micros|nanos)$/.exec(typeof logicalType === 'string' ? logicalType : '') ?? [];
  const perSecond = PER_SECOND[unit];
  switch (kind) {
    case 'timestamp': return (value) => dateTimeText(value, perSecond, 'Z') ?? String(value);
    case 'local-timestamp': return (value) => dateTimeText(value, perSecond, '') ?? String(value);
    case 'time': return (value) => timeText(value, perSecond);
    default: return String;
  }
}

export function intText({ logicalType }: LogicalSchema): (value: number) => string {
  if (logicalType === 'date') return (value) => dateText(value) ?? String(value);
  if (logicalType === 'time-millis') return (value) => timeText(value, 1_000);
  return String;
}

/** How to print `bytes`, or a `fixed` of this size. A decimal that the specification does not allow is plain bytes. */
export function bytesText({ logicalType, scale = 0, precision }: LogicalSchema, size: number | null): (bytes: Buffer) => string {
  if (logicalType === 'uuid' && size === 16) return (bytes) => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '"$1-$2-$3-$4-$5"');
  const isDecimal = logicalType === 'decimal' && isCount(precision) && precision > 0 && isCount(scale) && scale <= Math.min(precision, SCALE_MAX);
  return isDecimal ? (bytes) => decimalText(bytes, scale) : base64Text;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

/** `"HH:MM:SS.…"`, or the digits of what is no time of a day. */
function timeText(units: number | bigint, perSecond: number): string {
  const isOfDay = units >= 0 && units < 86_400 * perSecond;
  return isOfDay ? dateTimeText(units, perSecond, '')!.replace('1970-01-01T', '') : String(units);
}
