import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { Schemas } from '../../shared/formats/schemas.ts';
import type { RegisteredSchema } from '../../shared/formats/schemas.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import type { Judge, RawRow } from '../../shared/pipeline/verdict.ts';
import { avroType } from '../support/avro.ts';
import { eventsPipeline, ruleSettings } from '../support/pipelines.ts';
import { framed } from '../support/schema-registry.ts';

const SCHEMA = {
  type: 'record', name: 'Event', fields: [
    { name: 'event_id', type: 'long' }, { name: 'event_type', type: { type: 'enum', name: 'Type', symbols: ['click', 'fly'] } },
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-micros' } }, { name: 'value', type: ['null', 'double'] },
    { name: 'more', type: { type: 'map', values: 'long' } },
  ],
};
const TYPE = avroType(SCHEMA);
const EVENT = { event_id: 997n, event_type: 'click', timestamp: 1_743_529_077_123_456n, value: 1984.5, more: { a: 1n } };
const JSON_EVENT = '{"event_id":997,"event_type":"click","timestamp":"2025-04-01T17:37:57.123456Z","value":1984.5,"more":{"a":1}}';
const AVRO = 1, BROKEN = 2, PROTO = 3, JSON_SCHEMA = 4, UNKNOWN = 404;

const registry = new Map<number, RegisteredSchema>([
  [AVRO, { type: 'AVRO', text: JSON.stringify(SCHEMA), references: [] }],
  [BROKEN, { type: 'AVRO', text: '{', references: [] }],
  [PROTO, { type: 'PROTOBUF', text: 'syntax = "proto3"; message E { int64 event_id = 1; string event_type = 2; int64 timestamp = 3; double value = 4; }', references: [] }],
  [JSON_SCHEMA, { type: 'JSON', text: '{}', references: [] }],
]);
const schemas = new Schemas({ source: { schema: (id) => Promise.resolve(registry.get(id) ?? null), version: () => Promise.resolve(null) }, clock: systemClock });

const topic = (name: string, format: 'json' | 'avro' | 'json-schema' | 'protobuf', compression: 'none' | 'gzip' = 'none') => ({ name, payload: 'bytes' as const, format, compression, where: null, start: 'earliest' as const });
const topics = [topic('avro', 'avro'), topic('avro.gz', 'avro', 'gzip'), topic('json.gz', 'json', 'gzip'), topic('proto', 'protobuf'), topic('js', 'json-schema'), topic('json', 'json')];

let judge: Judge;
beforeAll(() => { judge = compileRules({ ...eventsPipeline(), topics }, ruleSettings, { schemas }); });

async function reasonOf(name: string, bytes: Uint8Array | null, value: string | null = null): Promise<string | null> {
  const row: RawRow = { topic: name, value, valueBytes: bytes, kafkaTimestampMs: null };
  await judge.prepare!([row]);
  const verdict = judge(row);
  return verdict.kind === 'rejected' ? verdict.reason : null;
}

const avro = (changed: object = {}) => TYPE.toBuffer({ ...EVENT, ...changed });
const proto = Buffer.from([0, 0x08, 0xe5, 0x07, 0x12, 0x05, ...Buffer.from('click'), 0x18, 0x00, 0x21, 0, 0, 0, 0, 0, 0, 0, 0]);

describe('the reasons, in their order', () => {
  test.each<[string, string, Uint8Array | null, string | null]>([
    ['a tombstone', 'avro', null, 'empty_payload'],
    ['nothing', 'avro.gz', new Uint8Array(), 'empty_payload'],
    ['too short for a frame', 'avro', Buffer.from([0, 0, 0]), 'unknown_schema'],
    ['JSON where Avro should be', 'avro', Buffer.from(JSON_EVENT), 'unknown_schema'],
    ['an id that the registry does not know', 'avro', framed(UNKNOWN, avro()), 'unknown_schema'],
    ['a schema that can\'t be parsed', 'avro', framed(BROKEN, avro()), 'undecodable_payload'],
    ['a schema of another format', 'avro', framed(PROTO, proto), 'undecodable_payload'],
    ['cut short', 'avro', framed(AVRO, avro().subarray(0, -1)), 'undecodable_payload'],
    ['one byte more', 'avro', framed(AVRO, avro(), [0]), 'undecodable_payload'],
    ['a null where a value must be', 'avro', framed(AVRO, avro({ value: null })), 'missing_value'],
    ['a symbol that is not allowed', 'avro', framed(AVRO, avro({ event_type: 'fly' })), 'unknown_event_type'],
    ['NaN', 'avro', framed(AVRO, avro({ value: Number.NaN })), 'invalid_value'],
    ['a time past every calendar', 'avro', framed(AVRO, avro({ timestamp: 2n ** 63n - 1n })), 'invalid_timestamp'],
    ['valid', 'avro', framed(AVRO, avro()), null],
    ['gzip around it', 'avro.gz', gzipSync(framed(AVRO, avro())), null],
    ['no gzip', 'avro.gz', framed(AVRO, avro()), 'undecodable_payload'],
    ['gzip, an unknown id', 'avro.gz', gzipSync(framed(UNKNOWN, avro())), 'unknown_schema'],
    ['gzip of nothing', 'avro.gz', gzipSync(''), 'unknown_schema'],
    ['JSON in gzip', 'json.gz', gzipSync(JSON_EVENT), null],
    ['JSON in broken gzip', 'json.gz', gzipSync(JSON_EVENT).subarray(0, -1), 'undecodable_payload'],
    ['no UTF-8 in gzip', 'json.gz', gzipSync(Buffer.from([0xff])), 'not_utf8'],
    ['half an object in gzip', 'json.gz', gzipSync('{"a":'), 'malformed_json'],
    ['nothing in gzip', 'json.gz', gzipSync(''), 'malformed_json'],
    ['protobuf', 'proto', framed(PROTO, proto), null],
    ['protobuf without indexes', 'proto', framed(PROTO), 'undecodable_payload'],
    ['protobuf without a text', 'proto', framed(PROTO, [0]), 'missing_event_type'],
    ['framed JSON', 'js', framed(JSON_SCHEMA, Buffer.from(JSON_EVENT)), null],
    ['framed text that is no JSON', 'js', framed(JSON_SCHEMA, Buffer.from('{')), 'undecodable_payload'],
    ['framed JSON that is no object', 'js', framed(JSON_SCHEMA, Buffer.from('7')), 'undecodable_payload'],
    ['framed bytes that are no UTF-8', 'js', framed(JSON_SCHEMA, [0xff]), 'undecodable_payload'],
    ['framed JSON, an unknown id', 'js', framed(UNKNOWN, Buffer.from(JSON_EVENT)), 'unknown_schema'],
    ['plain JSON beside them', 'json', Buffer.from(JSON_EVENT), null],
    ['a topic that the pipeline does not name', 'else', Buffer.from(JSON_EVENT), null],
  ])('%s', async (_name, name, bytes, reason) => {
    expect(await reasonOf(name, bytes)).toBe(reason);
  });

  test('bytes that Bronze keeps as text, from before the topic had a format, mean the same', async () => {
    const bytes = framed(AVRO, avro()).subarray(0, 5);
    const text = Buffer.concat([bytes, avro({ timestamp: 0n, value: 0, event_id: 1n, more: {} })]);
    expect(text.every((byte) => byte < 128)).toBe(true);
    expect(await reasonOf('avro', null, text.toString())).toBe(null);
    expect(await reasonOf('json.gz', null, JSON_EVENT)).toBe('undecodable_payload');
  });
});

test('values and rescued fields are those of the same event in JSON', async () => {
  const rows: RawRow[] = [['avro', framed(AVRO, avro())], ['json', Buffer.from(JSON_EVENT)]].map(([name, bytes]) => ({ topic: name as string, value: null, valueBytes: bytes as Buffer, kafkaTimestampMs: null }));
  await judge.prepare!(rows);
  const [first, second] = rows.map((row) => judge(row));
  expect(first).toMatchObject({ kind: 'accepted', values: ['997', 'click', 1_743_529_077_123_456n, 1984.5], rescued: '{"more":{"a":1}}' });
  expect(first).toEqual(second);
});

describe('who is asked', () => {
  test('nobody where every topic is plain JSON: the judge is as it was', () => {
    expect(compileRules(eventsPipeline(), ruleSettings).prepare).toBe(undefined);
    expect(compileRules({ ...eventsPipeline(), topics: [topic('a', 'json', 'gzip')] }, ruleSettings).prepare).toBe(undefined);
  });

  test('a topic with schemas and no registry is a ConfigError', () => {
    expect(() => compileRules({ ...eventsPipeline(), topics: [topic('a', 'protobuf')] }, ruleSettings)).toThrow(ConfigError);
    expect(() => compileRules({ ...eventsPipeline(), topics: [topic('a', 'protobuf')] }, ruleSettings)).toThrow(/topic a has the format protobuf.*SCHEMA_REGISTRY_URL is not set/);
  });
});
