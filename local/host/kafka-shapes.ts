import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { Binding, InvocationRequest, Long, TypedData } from './rpc.ts';

/**
 * Records → the trigger's input and metadata as extension and host send them: KafkaTriggerBindingStrategy.cs (names, types),
 * KafkaEventDataConvertManager.cs (the payload) and GrpcMessageConversionExtensions.cs (which type becomes which message). Lists of
 * int64, text and bytes have messages of their own; every other list goes as JSON.
 */
export function kafkaBatch(records: readonly KafkaRecord[], binding: Binding, name: string): Pick<InvocationRequest, 'inputData' | 'triggerMetadata'> {
  const data: TypedData = isBinary(binding)
    ? { collectionBytes: { bytes: records.map((record) => record.value ?? new Uint8Array()) } }
    : { collectionString: { string: records.map((record) => JSON.stringify(eventObject(record, binding))) } };
  return {
    inputData: [{ name, data }],
    triggerMetadata: {
      PartitionArray: json(records.map((record) => record.partition)),
      OffsetArray: { collectionSint64: { sint64: records.map((record) => toLong(record.offset)) } },
      TimestampArray: json(records.map((record) => dotnetTime(record.timestampMs))),
      TopicArray: { collectionString: { string: records.map((record) => record.topic) } },
      KeyArray: json(records.map((record) => keyData(record, binding))),
      HeadersArray: json(records.map(headersData)),
      LeaderEpochArray: json(records.map(() => 0)),
      IsPartitionEOFArray: json(records.map(() => false)),
    },
  };
}

/** The same for `cardinality: ONE`: one record, its metadata as scalars. */
export function kafkaSingle(record: KafkaRecord, binding: Binding, name: string): Pick<InvocationRequest, 'inputData' | 'triggerMetadata'> {
  const key = keyData(record, binding);
  return {
    inputData: [{ name, data: isBinary(binding) ? { bytes: record.value ?? new Uint8Array() } : { string: JSON.stringify(eventObject(record, binding)) } }],
    triggerMetadata: {
      Partition: json(record.partition),
      Offset: { json: record.offset.toString() },
      Timestamp: json(dotnetTime(record.timestampMs)),
      Topic: { string: record.topic },
      Key: key === null ? {} : hasBinaryKey(binding) ? { bytes: record.key! } : { string: key },
      Headers: json(headersData(record)),
      LeaderEpoch: json(0),
      IsPartitionEOF: json(false),
    },
  };
}

function eventObject(record: KafkaRecord, binding: Binding): Record<string, unknown> {
  return {
    Key: keyData(record, binding),
    Offset: Number(record.offset),
    Partition: record.partition,
    Topic: record.topic,
    Headers: headersData(record),
    Timestamp: dotnetTime(record.timestampMs),
    Value: record.value === null ? null : Buffer.from(record.value).toString('utf8'),
    LeaderEpoch: 0,
    IsPartitionEOF: false,
  };
}

function isBinary(binding: Binding): boolean {
  return String(binding['dataType']).toLowerCase() === 'binary';
}

function hasBinaryKey(binding: Binding): boolean {
  return String(binding['keyDataType']).toLowerCase() === 'binary';
}

/** JSON has no bytes: binary keys become base64; the default, String, decodes UTF-8 and loses what is none. */
function keyData({ key }: KafkaRecord, binding: Binding): string | null {
  return key === null ? null : Buffer.from(key).toString(hasBinaryKey(binding) ? 'base64' : 'utf8');
}

function headersData({ headers }: KafkaRecord): unknown[] {
  return headers.map(({ key, value }) => ({ Key: key, Value: value === null ? null : Buffer.from(value).toString('base64') }));
}

/** A UTC DateTime as Newtonsoft.Json writes it: no trailing zeros in the fraction, none at all where it is zero. */
function dotnetTime(timestampMs: number): string {
  const iso = new Date(timestampMs).toISOString();
  return timestampMs % 1000 === 0 ? `${iso.slice(0, -5)}Z` : iso.replace(/0+Z$/, 'Z');
}

function toLong(value: bigint): Long {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}

function json(value: unknown): TypedData {
  return { json: JSON.stringify(value) };
}
