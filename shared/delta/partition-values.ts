import { TableError } from '../errors.ts';

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
