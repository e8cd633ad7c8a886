import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import { Schemas } from '../../shared/formats/schemas.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { SchemaRegistry } from '../../shared/sources/schema-registry.ts';
import { avroType } from '../support/avro.ts';
import { OpenLakes } from '../support/lakes.ts';
import { TestRegistry, framed } from '../support/schema-registry.ts';
import { record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const pipelineText = readFileSync(new URL('../fixtures/formats.json', import.meta.url), 'utf8');
const AVRO = {
  type: 'record', name: 'Event', namespace: 'shop', fields: [
    { name: 'event_id', type: 'string' }, { name: 'event_type', type: { type: 'enum', name: 'Kind', symbols: ['click', 'view'] } },
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-millis' } }, { name: 'value', type: 'double' }, { name: 'big', type: 'long' },
    { name: 'place', type: ['null', { type: 'record', name: 'Place', fields: [{ name: 'city', type: 'string' }] }] }, { name: 'extra', type: 'long' },
  ],
};
const PROTO = `syntax = "proto3"; package shop;
  message Place { string city = 1; }
  message Event { string event_id = 1; string event_type = 2; int64 timestamp = 3; double value = 4; int64 big = 5; Place place = 6; int64 extra = 7; }`;

const lakes = new OpenLakes();
let registry: TestRegistry;
let lake: TestLake;
let ids: { avro: number; proto: number; json: number };

beforeEach(async () => {
  registry = await TestRegistry.start();
  ids = {
    avro: registry.add('in.avro-value', { schema: JSON.stringify(AVRO) }),
    proto: registry.add('in.proto-value', { schema: PROTO, schemaType: 'PROTOBUF' }),
    json: registry.add('in.json-schema-value', { schema: '{"type":"object"}', schemaType: 'JSON' }),
  };
  // Waiting between tries is the clock's, and takes no time here.
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  const source = new SchemaRegistry({ url: registry.url, username: null, password: null, clock });
  lake = await lakes.open({ pipelineText, schemas: new Schemas({ source, clock }) });
});
afterEach(() => registry.stop());

const MS = Date.parse('2025-04-01T17:37:57.250Z');
const event = (id: string) => ({ event_id: id, event_type: 'view', timestamp: MS, value: 0.1, big: 9_007_199_254_740_993n, place: { city: 'Łódź' }, extra: -(2n ** 63n) });
const avroBytes = (id: string) => framed(ids.avro, avroType(AVRO).toBuffer({ ...event(id), timestamp: BigInt(MS) }));
const protoType = protobuf.parse(PROTO, { keepCase: true }).root.lookupType('shop.Event');
const protoBytes = (id: string) => framed(ids.proto, [2, 2], protoType.encode(protoType.fromObject({ ...event(id), big: '9007199254740993', extra: '-9223372036854775808' })).finish());
const jsonText = (id: string) => JSON.stringify({ ...event(id), big: 0, extra: 0 }).replace('"big":0', '"big":9007199254740993').replace('"extra":0', '"extra":-9223372036854775808');

const on = (topic: string, offset: number, value: Buffer | null): KafkaRecord => ({ ...record(offset, value), topic });
const valid = (): KafkaRecord[] => [
  on('in.avro', 0, avroBytes('avro')), on('in.avro.gz', 0, gzipSync(avroBytes('avro.gz'))), on('in.proto', 0, protoBytes('proto')),
  on('in.json-schema', 0, framed(ids.json, Buffer.from(jsonText('json-schema')))), on('in.json.gz', 0, gzipSync(jsonText('json.gz'))), on('in.json', 0, Buffer.from(jsonText('json'))),
];
const silver = () => lake.rows('silver_events', 'SELECT event_id, event_type, timestamp, value, big, city, rescued FROM rows ORDER BY event_id');
const quarantined = () => lake.rows('quarantine_events', 'SELECT topic, "offset", reason FROM rows ORDER BY topic, "offset"');

describe('the same event in every format', () => {
  test('is the same row, every digit kept', async () => {
    await lake.ingest(valid());
    await lake.drain();
    expect(await quarantined()).toEqual([]);
    const rows = await silver();
    expect(rows.map((row) => row['event_id'])).toEqual(['avro', 'avro.gz', 'json', 'json-schema', 'json.gz', 'proto']);
    for (const { event_id: _id, ...row } of rows) {
      expect(row).toEqual({ ...rows[0], event_id: undefined });
      expect(row).toMatchObject({ event_type: 'view', value: 0.1, big: 9_007_199_254_740_993n, city: 'Łódź', rescued: '{"place":{"city":"Łódź"},"extra":-9223372036854775808}' });
    }
    expect(await lake.rows('gold_anomaly_predictions', 'SELECT count(*)::INTEGER AS n FROM rows')).toEqual([{ n: 6 }]);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('stands in Bronze as the bytes it came in', async () => {
    await lake.ingest(valid());
    const rows = await lake.rows('bronze_events', 'SELECT topic, value IS NULL AS "binary", value_bytes FROM rows ORDER BY topic');
    expect(rows.map(({ topic, binary }) => [topic, binary])).toEqual(['in.avro', 'in.avro.gz', 'in.json', 'in.json-schema', 'in.json.gz', 'in.proto'].map((topic) => [topic, topic !== 'in.json']));
  });

  test('each schema is asked for once, however many rows and slices', async () => {
    for (let offset = 0; offset < 5; offset++) {
      await lake.ingest([on('in.avro', offset, avroBytes(`a${offset}`)), on('in.proto', offset, protoBytes(`p${offset}`))]);
      await lake.refine();
    }
    expect(registry.requests.toSorted()).toEqual([`GET /schemas/ids/${ids.avro}`, `GET /schemas/ids/${ids.proto}`]);
    expect(await silver()).toHaveLength(10);
  });
});

describe('a registry', () => {
  test('that is away is no verdict: refine waits, commits nothing, and goes on when it is back', async () => {
    await lake.ingest(valid());
    registry.troubles.push(...Array.from({ length: 100 }, () => ({ status: 503 })));
    await expect(lake.refine()).rejects.toThrow(TransientError);
    expect([await silver(), await quarantined()]).toEqual([[], []]);
    registry.troubles.length = 0;
    await lake.drain();
    expect(await silver()).toHaveLength(6);
  });

  test('that refuses stops refine with what to set', async () => {
    await lake.ingest(valid());
    registry.credentials = 'key:secret';
    await expect(lake.refine()).rejects.toThrow(ConfigError);
    expect([await silver(), await quarantined()]).toEqual([[], []]);
  });

  test('does not keep ingest from landing what comes', async () => {
    await registry.stop();
    await lake.ingest(valid());
    expect(await lake.rows('bronze_events')).toHaveLength(6);
    registry = await TestRegistry.start();
  });

  test('that does not know an id, and bytes that do not fit, are rows of quarantine', async () => {
    const whole = avroBytes('x');
    await lake.ingest([
      on('in.avro', 0, whole), on('in.avro', 1, framed(999, whole.subarray(5))), on('in.avro', 2, Buffer.from('{}')), on('in.avro', 3, whole.subarray(0, -2)), on('in.avro', 4, null),
      on('in.avro', 5, framed(ids.proto, whole.subarray(5))), on('in.json.gz', 0, Buffer.from('plain')), on('in.proto', 0, framed(ids.proto, [2, 8])),
    ]);
    await lake.refine();
    expect((await quarantined()).map(({ topic, offset, reason }) => `${String(topic)} ${String(offset)} ${String(reason)}`)).toEqual([
      'in.avro 1 unknown_schema', 'in.avro 2 unknown_schema', 'in.avro 3 undecodable_payload', 'in.avro 4 empty_payload', 'in.avro 5 undecodable_payload',
      'in.json.gz 0 undecodable_payload', 'in.proto 0 undecodable_payload',
    ]);
    const [row] = await lake.rows('quarantine_events', 'SELECT value_bytes FROM rows WHERE topic = \'in.avro\' AND "offset" = 3');
    expect(Buffer.from(row['value_bytes'] as Uint8Array)).toEqual(whole.subarray(0, -2));
    expect((await lake.balance()).verdict).toBe('ok');
  });
});
