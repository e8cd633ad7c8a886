import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { TransientError } from '../../shared/errors.ts';
import { Schemas } from '../../shared/formats/schemas.ts';
import type { FramedFormat, RegisteredSchema, SchemaSource } from '../../shared/formats/schemas.ts';

/** A registry whose answers are a map, and that counts what it is asked. */
class Source implements SchemaSource {
  readonly byId = new Map<number, RegisteredSchema>();
  readonly versions = new Map<string, RegisteredSchema>();
  readonly asked: string[] = [];
  isAway = false;
  atOnce = 0;
  atOnceMax = 0;

  async schema(id: number): Promise<RegisteredSchema | null> {
    this.asked.push(String(id));
    this.atOnceMax = Math.max(this.atOnceMax, ++this.atOnce);
    await Promise.resolve();
    this.atOnce--;
    if (this.isAway) throw new TransientError('registry/no-answer', 'away');
    return this.byId.get(id) ?? null;
  }

  version(subject: string, version: number): Promise<RegisteredSchema | null> {
    this.asked.push(`${subject}/${version}`);
    return Promise.resolve(this.versions.get(`${subject}/${version}`) ?? null);
  }
}

const avro = (text: string, ...references: string[]): RegisteredSchema => ({ type: 'AVRO', text, references: references.map((name) => ({ name, subject: name, version: 1 })) });
const ONE_INT = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}';

let source: Source;
let nowMs: number;
let schemas: Schemas;
beforeEach(() => {
  source = new Source();
  nowMs = 0;
  schemas = new Schemas({ source, clock: { ...systemClock, monotonicMs: () => nowMs } });
});
const prepare = (...ids: number[]) => schemas.prepare(ids.map((id) => ({ format: 'avro', id })));

describe('what is asked', () => {
  test('each id once, for good', async () => {
    source.byId.set(1, avro(ONE_INT));
    await prepare(1, 1, 1);
    nowMs = 1e12;
    await prepare(1);
    expect(source.asked).toEqual(['1']);
    expect(schemas.get('avro', 1).kind).toBe('decoder');
  });

  test('an id that is unknown again after a minute', async () => {
    await prepare(7);
    nowMs = 59_999;
    await prepare(7);
    expect(source.asked).toEqual(['7']);
    expect(schemas.get('avro', 7)).toEqual({ kind: 'unknown' });
    source.byId.set(7, avro(ONE_INT));
    nowMs = 60_000;
    await prepare(7);
    expect(schemas.get('avro', 7).kind).toBe('decoder');
  });

  test('eight at a time', async () => {
    await prepare(...Array.from({ length: 100 }, (_value, id) => id));
    expect(source.asked).toHaveLength(100);
    expect(source.atOnceMax).toBe(8);
  });

  test('nothing is known of what the registry was away for, and it is asked again', async () => {
    source.byId.set(1, avro(ONE_INT));
    source.isAway = true;
    await expect(prepare(1)).rejects.toThrow(TransientError);
    expect(() => schemas.get('avro', 1)).toThrow(/bug/);
    source.isAway = false;
    await prepare(1);
    expect(schemas.get('avro', 1).kind).toBe('decoder');
  });

  test('a thousand are kept, the last used; those of one call all of them', async () => {
    for (let id = 0; id < 3_000; id++) source.byId.set(id, avro(ONE_INT));
    await prepare(0);
    for (let first = 1; first < 1_000; first += 100) await prepare(0, ...Array.from({ length: 100 }, (_value, i) => first + i));
    await prepare(0);
    expect(source.asked.filter((id) => id === '0')).toHaveLength(1);
    expect(() => schemas.get('avro', 1)).toThrow(/bug/);
    expect(schemas.get('avro', 1_000).kind).toBe('decoder');
    const many = Array.from({ length: 2_000 }, (_value, i) => i + 1_000);
    await prepare(...many);
    for (const id of many) expect(schemas.get('avro', id).kind).toBe('decoder');
  });
});

describe('what comes of a schema', () => {
  test('each reference before those who use it, once, a circle as well', async () => {
    source.versions.set('a/1', avro('{"type":"enum","name":"a","symbols":["X"]}', 'b'));
    source.versions.set('b/1', avro('{"type":"fixed","name":"b","size":1}', 'a'));
    source.byId.set(1, avro('{"type":"record","name":"R","fields":[{"name":"a","type":"a"},{"name":"b","type":"b"}]}', 'a', 'b'));
    await prepare(1);
    const schema = schemas.get('avro', 1);
    expect(schema.kind === 'decoder' && schema.decode(Buffer.from([0, 255]))).toEqual({ kind: 'text', text: '{"a":"X","b":"/w=="}' });
    expect(source.asked).toEqual(['1', 'a/1', 'b/1']);
  });

  test.each<[string, FramedFormat, RegisteredSchema, RegExp]>([
    ['another format', 'protobuf', avro(ONE_INT), /type AVRO, and the topic's format is protobuf/],
    ['a type that nobody knows', 'avro', { ...avro(ONE_INT), type: 'THRIFT' }, /type THRIFT/],
    ['a reference that is gone', 'avro', avro(ONE_INT, 'gone'), /reference gone, version 1 of gone, is not in the registry/],
    ['no schema', 'avro', avro('{'), /JSON/],
    ['no .proto', 'protobuf', { ...avro('{'), type: 'PROTOBUF' }, /./],
  ])('unusable: %s', async (_name, format, schema, problem) => {
    source.byId.set(1, schema);
    await schemas.prepare([{ format, id: 1 }]);
    const { kind, problem: told } = schemas.get(format, 1) as { kind: string; problem: string };
    expect(kind).toBe('unusable');
    expect(told).toMatch(problem);
  });

  test('JSON is taken as it stands, references unread', async () => {
    source.byId.set(1, { ...avro('{}', 'gone'), type: 'JSON' });
    await schemas.prepare([{ format: 'json-schema', id: 1 }]);
    const schema = schemas.get('json-schema', 1);
    expect(schema.kind === 'decoder' && [schema.decode(Buffer.from(' {"n":9007199254740993}')), schema.decode(Buffer.from([0xff])).kind]).toEqual([{ kind: 'text', text: ' {"n":9007199254740993}' }, 'undecodable']);
    expect(source.asked).toEqual(['1']);
  });
});
