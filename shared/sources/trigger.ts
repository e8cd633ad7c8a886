import { ConfigError } from '../errors.ts';
import type { KafkaHeader, KafkaRecord } from './record.ts';
import { UtcTimes } from './utc-times.ts';

export interface TriggerOptions {
  /** From the settings: the trigger turns a topic "1.10" into the number 1.1. */
  readonly topic: string;
  /** The trigger's keyDataType: Binary keys come as base64, String keys as text. Default `binary`. */
  readonly keys?: 'binary' | 'text';
}

interface ReadOptions extends Required<TriggerOptions> {
  readonly times: UtcTimes;
}

/**
 * What the Kafka trigger hands a Node handler → records, in the order they came, raw. The only place that knows these shapes:
 * - `dataType: binary`: Buffers; everything else in `triggerMetadata` arrays at the same index (cardinality ONE: one Buffer and
 *   scalars). A tombstone is an empty Buffer, not to be told from an empty payload.
 * - `dataType: string`: objects `{Offset, Partition, Timestamp, Key, Value, Headers}`, the library having parsed the JSON, or the
 *   JSON text where it did not; one of either with cardinality ONE. No metadata is needed. Its Value is text, so bytes that are not
 *   UTF-8 were lost before they came here: use binary.
 * Throws a ConfigError (`config/trigger-shape`) that says what came where it knows no such shape; it judges no payload.
 * Sources: KafkaTriggerBindingStrategy.cs and KafkaEventDataConvertManager.cs (extension 4.3.2), GrpcMessageConversionExtensions.cs
 * (host), converters/fromRpcTypedData.ts and toCamelCase.ts (@azure/functions 4.16.5).
 */
export function readTrigger(input: unknown, metadata: Readonly<Record<string, unknown>> | undefined, { topic, keys = 'binary' }: TriggerOptions): KafkaRecord[] {
  const options: ReadOptions = { topic, keys, times: new UtcTimes() };
  if (!Array.isArray(input)) {
    return [isBytes(input) ? fromBytes(input, scalars(metadata), 0, options) : fromEvent(input, options)];
  }
  if (input.length === 0) return [];
  if (!isBytes(input[0])) return input.map((event) => fromEvent(event, options));
  const columns = arrays(metadata, input.length);
  return input.map((value, i) => {
    if (!isBytes(value)) throw unknownShape(`element ${i} is ${describe(value)} among Buffers`);
    return fromBytes(value, columns, i, options);
  });
}

type Columns = Readonly<Record<'offset' | 'partition' | 'timestamp' | 'key' | 'headers', readonly unknown[]>>;

function arrays(metadata: Readonly<Record<string, unknown>> | undefined, length: number): Columns {
  const column = (name: string) => {
    const values = metadata?.[name];
    if (!Array.isArray(values) || values.length !== length) {
      throw unknownShape(`${length} payloads, but triggerMetadata.${name} is ${describe(values)}`);
    }
    return values as readonly unknown[];
  };
  return {
    offset: column('offsetArray'),
    partition: column('partitionArray'),
    timestamp: column('timestampArray'),
    key: column('keyArray'),
    headers: column('headersArray'),
  };
}

function scalars(metadata: Readonly<Record<string, unknown>> | undefined): Columns {
  if (metadata === undefined) throw unknownShape('one payload without triggerMetadata');
  const { offset, partition, timestamp, key, headers } = metadata;
  return { offset: [offset], partition: [partition], timestamp: [timestamp], key: [key], headers: [headers] };
}

function fromBytes(value: Uint8Array, columns: Columns, i: number, { topic, keys, times }: ReadOptions): KafkaRecord {
  return {
    topic,
    partition: readPartition(columns.partition[i]),
    offset: readOffset(columns.offset[i]),
    timestampMs: readTimestamp(columns.timestamp[i], times),
    timestampType: null,
    key: readKey(columns.key[i], keys),
    value,
    headers: readHeaders(columns.headers[i]),
  };
}

function fromEvent(event: unknown, { topic, keys, times }: ReadOptions): KafkaRecord {
  const fields = asEvent(event);
  const { Value: value } = fields;
  if (typeof value !== 'string' && value !== null) throw unknownShape(`an event's Value is ${describe(value)}`);
  return {
    topic,
    partition: readPartition(fields['Partition']),
    offset: readOffset(fields['Offset']),
    timestampMs: readTimestamp(fields['Timestamp'], times),
    timestampType: null,
    key: readKey(fields['Key'], keys),
    value: value === null ? null : Buffer.from(value, 'utf8'),
    headers: readHeaders(fields['Headers']),
  };
}

function asEvent(event: unknown): Record<string, unknown> {
  const fields = typeof event === 'string' ? parseEvent(event) : event;
  if (typeof fields === 'object' && fields !== null && 'Offset' in fields && 'Value' in fields) return fields;
  throw unknownShape(`an event is ${describe(fields)}, without Offset and Value`);
}

function parseEvent(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unknownShape(`an event is a text of ${text.length} characters that is no JSON`, error);
  }
}

/** A number, or an int64 as the protobuf library leaves it after the worker copied it: `{low, high, unsigned}`. */
function readOffset(offset: unknown): bigint {
  if (typeof offset === 'number' && Number.isSafeInteger(offset)) return BigInt(offset);
  if (typeof offset === 'object' && offset !== null && 'low' in offset && 'high' in offset) {
    const { low, high } = offset;
    if (Number.isInteger(low) && Number.isInteger(high)) {
      // Below 2^53 one multiplication is far cheaper than shifting bigints, and a batch has many thousand offsets.
      if ((high as number) >= 0 && (high as number) < 0x20_0000) return BigInt((high as number) * 0x1_0000_0000 + ((low as number) >>> 0));
      return (BigInt(high as number) << 32n) | BigInt((low as number) >>> 0);
    }
  }
  if (typeof offset === 'string' && /^\d+$/.test(offset)) return BigInt(offset);
  throw unknownShape(`an offset is ${describe(offset)}`);
}

function readPartition(partition: unknown): number {
  if (typeof partition === 'number' && Number.isInteger(partition)) return partition;
  throw unknownShape(`a partition is ${describe(partition)}`);
}

/** ISO 8601 in UTC. A record without a timestamp comes as 1969-12-31T23:59:59.999Z, which is −1 as Kafka says it. */
function readTimestamp(timestamp: unknown, times: UtcTimes): number {
  const timestampMs = typeof timestamp === 'string' ? times.parse(timestamp) : Number.NaN;
  if (Number.isNaN(timestampMs)) throw unknownShape(`a timestamp is ${describe(timestamp)}, not ISO 8601 in UTC`);
  return timestampMs;
}

function readKey(key: unknown, keys: 'binary' | 'text'): Uint8Array | null {
  if (key === null || key === undefined) return null;
  if (typeof key === 'string') return Buffer.from(key, keys === 'binary' ? 'base64' : 'utf8');
  if (isBytes(key)) return key;
  if (typeof key === 'object' && !Array.isArray(key)) return fromIndexed(key);
  throw unknownShape(`a key is ${describe(key)}; the trigger needs keyDataType Binary`);
}

/** With cardinality ONE the library copies the key's Buffer as if it were an object: `{0: 104, 1: 105}`. */
function fromIndexed(copied: object): Uint8Array {
  const bytes = Object.values(copied) as unknown[];
  const isIndexed = Object.keys(copied).every((name, i) => name === String(i)) && bytes.every((byte) => typeof byte === 'number');
  if (!isIndexed) throw unknownShape('a key is an object (an Avro key?); the trigger needs keyDataType Binary');
  return Uint8Array.from(bytes);
}

const noHeaders: readonly KafkaHeader[] = Object.freeze([]);

function readHeaders(headers: unknown): readonly KafkaHeader[] {
  if (headers === null || headers === undefined) return noHeaders;
  if (!Array.isArray(headers)) throw unknownShape(`headers are ${describe(headers)}`);
  return headers.length === 0 ? noHeaders : headers.map(readHeader);
}

/** `{Key, Value}` in an event, `{key, value}` in the metadata; the value base64, null kept. */
function readHeader(header: unknown): KafkaHeader {
  if (typeof header === 'object' && header !== null) {
    const { Key, Value, key = Key, value = Value } = header as Record<string, unknown>;
    if (typeof key === 'string' && (typeof value === 'string' || value === null)) {
      return { key, value: value === null ? null : Buffer.from(value, 'base64') };
    }
  }
  throw unknownShape(`a header is ${describe(header)}`);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** The kind of a value and its size or field names: never its content, which may be payload. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (isBytes(value)) return `${value.length} bytes`;
  if (typeof value === 'object') return `an object with ${Object.keys(value).slice(0, 8).join(', ') || 'no fields'}`;
  return typeof value === 'string' ? `a text of ${value.length} characters` : `a ${typeof value}`;
}

function unknownShape(what: string, cause?: unknown): ConfigError {
  return new ConfigError(
    'config/trigger-shape',
    `A batch of the Kafka trigger can't be read: ${what}. Register the function with dataType "binary", keyDataType "Binary" and no schema registry.`,
    { cause },
  );
}
