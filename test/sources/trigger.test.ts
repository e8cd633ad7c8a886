import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../shared/errors.ts';
import { readTrigger } from '../../shared/sources/trigger.ts';

const topic = 'events';
const time = '2026-11-23T15:00:00.5Z';
const long = (value: bigint) => ({ low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: false });

const metadata = (overrides: Record<string, unknown> = {}) => ({
  offsetArray: [long(0n), long(4_294_967_295n)],
  partitionArray: [0, 3],
  timestampArray: [time, '1969-12-31T23:59:59.999Z'],
  topicArray: ['events', 'events'],
  keyArray: [Buffer.from([0xff, 0xfe]).toString('base64'), null],
  headersArray: [[{ key: 'trace', value: 'AAE=' }, { key: 'none', value: null }], []],
  leaderEpochArray: [0, null],
  isPartitionEOFArray: [false, false],
  ...overrides,
});

describe('readTrigger', () => {
  it('reads Buffers with their metadata arrays', () => {
    const [first, second] = readTrigger([Buffer.from('{"a":1}'), Buffer.alloc(0)], metadata(), { topic });
    expect(first).toEqual({
      topic, partition: 0, offset: 0n, timestampMs: Date.parse(time), timestampType: null,
      key: Buffer.from([0xff, 0xfe]), value: Buffer.from('{"a":1}'),
      headers: [{ key: 'trace', value: Buffer.from([0, 1]) }, { key: 'none', value: null }],
    });
    expect(second).toMatchObject({ partition: 3, offset: 4_294_967_295n, timestampMs: -1, key: null, value: Buffer.alloc(0), headers: [] });
  });

  it('takes the topic from the settings: the metadata holds the number 1.1 for "1.10"', () => {
    const records = readTrigger([Buffer.from('x')], metadataOfOne({ topicArray: [1.1] }), { topic: '1.10' });
    expect(records[0].topic).toBe('1.10');
  });

  it('a base64 key that looks like a JSON word or number stays a key', () => {
    const keys = ['true', 'null', '1234'].map((base64) => Buffer.from(base64, 'base64'));
    const records = keys.map((key) => readTrigger([Buffer.from('x')], metadataOfOne({ keyArray: [key.toString('base64')] }), { topic })[0]);
    expect(records.map((record) => record.key)).toEqual(keys);
  });

  it('reads text keys where the trigger delivers text', () => {
    expect(readTrigger([Buffer.from('x')], metadataOfOne({ keyArray: ['kä'] }), { topic, keys: 'text' })[0].key).toEqual(Buffer.from('kä'));
  });

  const event = { Offset: 7, Partition: 2, Topic: 'events', Timestamp: time, Value: '{"id":9007199254740993}', Key: 'aGk=', Headers: [{ Key: 'h', Value: 'AQ==' }], LeaderEpoch: 0, IsPartitionEOF: false };
  const record = { topic, partition: 2, offset: 7n, timestampMs: Date.parse(time), timestampType: null, key: Buffer.from('hi'), value: Buffer.from('{"id":9007199254740993}'), headers: [{ key: 'h', value: Buffer.from([1]) }] };

  it.each([
    ['objects', [event]],
    ['JSON texts', [JSON.stringify(event)]],
    ['one object', event],
    ['one JSON text', JSON.stringify(event)],
  ])('reads %s of the string form', (_name, input) => {
    expect(readTrigger(input, undefined, { topic })).toEqual([record]);
  });

  it('keeps a tombstone of the string form', () => {
    expect(readTrigger([{ ...event, Value: null, Key: null, Headers: null }], undefined, { topic })[0]).toMatchObject({ value: null, key: null, headers: [] });
  });

  it('reads one Buffer with scalars, its key copied into an object by the library', () => {
    const scalars = { offset: 9, partition: 1, timestamp: time, key: { 0: 104, 1: 105 }, headers: [], topic: 123 };
    expect(readTrigger(Buffer.from('v'), scalars, { topic: '123' })).toEqual([
      { topic: '123', partition: 1, offset: 9n, timestampMs: Date.parse(time), timestampType: null, key: Uint8Array.from([104, 105]), value: Buffer.from('v'), headers: [] },
    ]);
  });

  it('reads no records from an empty batch', () => expect(readTrigger([], undefined, { topic })).toEqual([]));

  it.each([
    ['no metadata', [Buffer.from('x')], undefined, /1 payloads, but triggerMetadata.offsetArray is undefined/],
    ['arrays of another length', [Buffer.from('x')], metadata(), /offsetArray is an array of 2/],
    ['mixed elements', [Buffer.from('x'), 'y'], metadata(), /element 1 is a text of 1 characters among Buffers/],
    ['an offset beyond a double', [{ ...event, Offset: 2 ** 60 }], undefined, /offset is a number/],
    ['a local timestamp', [{ ...event, Timestamp: '2026-01-01T00:00:00' }], undefined, /timestamp is a text of 19 characters/],
    ['a decoded Avro record', [{ id: 1 }], undefined, /an object with id, without Offset and Value/],
    ['text that is no JSON', ['secret payload'], undefined, /a text of 14 characters that is no JSON/],
    ['an Avro key', [{ ...event, Key: { id: 1 } }], undefined, /a key is an object/],
    ['nothing', undefined, undefined, /an event is undefined/],
    ['headers of another kind', [{ ...event, Headers: {} }], undefined, /headers are an object/],
    ['a header without value', [{ ...event, Headers: [{ Key: 'h' }] }], undefined, /a header is an object with Key/],
  ])('refuses %s, without quoting it', (_name, input, meta, message) => {
    expect(() => readTrigger(input, meta, { topic })).toThrow(ConfigError);
    expect(() => readTrigger(input, meta, { topic })).toThrow(message);
    expect(() => readTrigger(input, meta, { topic })).not.toThrow(/secret payload/);
  });

  it('reads every int64 offset as the worker delivers it', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (offset) => {
      expect(readTrigger([Buffer.from('x')], metadataOfOne({ offsetArray: [long(offset)] }), { topic })[0].offset).toBe(offset);
    }));
  });
});

function metadataOfOne(overrides: Record<string, unknown>): Record<string, unknown> {
  return { offsetArray: [long(1n)], partitionArray: [0], timestampArray: [time], keyArray: [null], headersArray: [[]], ...overrides };
}
