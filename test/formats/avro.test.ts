import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAvro } from '../../shared/formats/avro.ts';
import type { Decode, Decoded } from '../../shared/formats/decoder.ts';
import { avroType } from '../support/avro.ts';

const decoder = (schema: unknown, ...references: unknown[]): Decode => {
  const compiled = compileAvro(JSON.stringify(schema), references.map((reference) => JSON.stringify(reference)));
  if (typeof compiled === 'string') expect.fail(compiled);
  return compiled;
};

const record = (...fields: unknown[]) => ({ type: 'record', name: 'R', fields: fields.map((type, i) => ({ name: `f${i}`, type })) });
const textOf = (decoded: Decoded): string => (decoded.kind === 'text' ? decoded.text : expect.fail(decoded.problem));
const problemOf = (decoded: Decoded): string => (decoded.kind === 'undecodable' ? decoded.problem : expect.fail(decoded.text));
/** The text of a one-field record over these bytes. */
const read = (type: unknown, ...bytes: number[]): string => textOf(decoder(record(type))(Buffer.from(bytes))).slice('{"f0":'.length, -1);
const hex = (text: string): number[] => [...Buffer.from(text, 'hex')];

const encode = (schema: unknown, value: unknown): Buffer => avroType(schema, { wrapUnions: true }).toBuffer(value);

describe('values, by the bytes of the specification', () => {
  test.each<[string, unknown, number[], string]>([
    ['null', 'null', [], 'null'],
    ['true', 'boolean', [1], 'true'],
    ['int -64', 'int', [0x7f], '-64'],
    ['int 64', 'int', [0x80, 1], '64'],
    ['the least int', 'int', hex('ffffffff0f'), '-2147483648'],
    ['2^53 + 1', 'long', hex('8280808080808020'), '9007199254740993'],
    ['the greatest long', 'long', hex('feffffffffffffffff01'), '9223372036854775807'],
    ['the least long', 'long', hex('ffffffffffffffffff01'), '-9223372036854775808'],
    ['a float widens exactly', 'float', hex('cdcccc3d'), '0.10000000149011612'],
    ['a double', 'double', hex('9a9999999999b93f'), '0.1'],
    ['minus zero', 'double', hex('0000000000000080'), '-0'],
    ['NaN', 'double', hex('000000000000f87f'), '"NaN"'],
    ['minus infinity', 'double', hex('000000000000f0ff'), '"-Infinity"'],
    ['1e300', 'double', hex('9c7500883ce4377e'), '1e+300'],
    ['a string', 'string', [6, ...hex('660a22')], '"f\\n\\""'],
    ['bytes', 'bytes', [4, 0xff, 0x00], '"/wA="'],
    ['fixed', { type: 'fixed', name: 'F', size: 2 }, [0xff, 0], '"/wA="'],
    ['an enum', { type: 'enum', name: 'E', symbols: ['A', 'B'] }, [2], '"B"'],
    ['an array in blocks, one with its size', { type: 'array', items: 'int' }, [2, 2, 3, 4, 4, 6, 0], '[1,2,3]'],
    ['a map', { type: 'map', values: 'int' }, [2, 2, 0x61, 2, 0], '{"a":1}'],
    ['a union', ['null', 'string'], [2, 2, 0x61], '"a"'],
    ['no branch but null', ['null', 'string'], [0], 'null'],
    ['date', { type: 'int', logicalType: 'date' }, [1], '"1969-12-31"'],
    ['time-millis', { type: 'int', logicalType: 'time-millis' }, [4], '"00:00:00.002"'],
    ['a time that no day has keeps its digits', { type: 'int', logicalType: 'time-millis' }, [1], '-1'],
    ['timestamp-millis', { type: 'long', logicalType: 'timestamp-millis' }, [1], '"1969-12-31T23:59:59.999Z"'],
    ['timestamp-micros', { type: 'long', logicalType: 'timestamp-micros' }, [2], '"1970-01-01T00:00:00.000001Z"'],
    ['timestamp-nanos', { type: 'long', logicalType: 'timestamp-nanos' }, [2], '"1970-01-01T00:00:00.000000001Z"'],
    ['local-timestamp-millis has no zone', { type: 'long', logicalType: 'local-timestamp-millis' }, [2], '"1970-01-01T00:00:00.001"'],
    ['a timestamp past every calendar keeps its digits', { type: 'long', logicalType: 'timestamp-millis' }, hex('feffffffffffffffff01'), '9223372036854775807'],
    ['decimal', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }, [4, 0xfb, 0x2e], '-12.34'],
    ['a decimal below one', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 3 }, [2, 0xff], '-0.001'],
    ['a decimal of no bytes', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 1 }, [0], '0.0'],
    ['a decimal in fixed, no scale', { type: 'fixed', name: 'D', size: 9, logicalType: 'decimal', precision: 20 }, hex('010000000000000000'), '18446744073709551616'],
    ['a decimal with a scale above its precision is bytes', { type: 'bytes', logicalType: 'decimal', precision: 1, scale: 2 }, [2, 1], '"AQ=="'],
    ['a uuid in text', { type: 'string', logicalType: 'uuid' }, [2, 0x61], '"a"'],
    ['a uuid in fixed', { type: 'fixed', name: 'U', size: 16, logicalType: 'uuid' }, hex('00112233445566778899aabbccddeeff'), '"00112233-4455-6677-8899-aabbccddeeff"'],
    ['a logical type that nobody knows', { type: 'int', logicalType: 'mood' }, [2], '1'],
  ])('%s', (_name, type, bytes, json) => {
    expect(read(type, ...bytes)).toBe(json);
  });

  test('dates of the edge years', () => {
    const micros = { type: 'long', logicalType: 'timestamp-micros' };
    const at = (us: bigint) => textOf(decoder(record(micros))(encode(record('long'), { f0: us })));
    expect(at(-62_135_596_800_000_000n)).toBe('{"f0":"0001-01-01T00:00:00.000000Z"}');
    expect(at(-62_135_596_800_000_001n)).toBe('{"f0":-62135596800000001}');
    expect(at(253_402_300_799_999_999n)).toBe('{"f0":"9999-12-31T23:59:59.999999Z"}');
    expect(at(253_402_300_800_000_000n)).toBe('{"f0":253402300800000000}');
  });
});

describe('names', () => {
  const list = { type: 'record', name: 'a.b.List', fields: [{ name: 'head', type: 'int' }, { name: 'tail', type: ['null', 'List'] }] };
  test('a record that holds itself, by its short name', () => {
    expect(textOf(decoder(list)(Buffer.from([2, 2, 4, 0])))).toBe('{"head":1,"tail":{"head":2,"tail":null}}');
  });

  test('references, also of references, and a namespace that reaches inwards', () => {
    const inner = { type: 'enum', name: 'Kind', namespace: 'x', symbols: ['A'] };
    const middle = { type: 'record', name: 'y.Middle', fields: [{ name: 'kind', type: 'x.Kind' }] };
    const outer = { type: 'record', name: 'Outer', namespace: 'y', fields: [{ name: 'middle', type: { type: 'array', items: 'Middle' } }] };
    expect(textOf(decoder(outer, inner, middle)(Buffer.from([2, 0, 0])))).toBe('{"middle":[{"kind":"A"}]}');
  });

  test.each([
    ['not JSON', '{', /JSON/],
    ['a name that nobody defines', '{"type":"record","name":"R","fields":[{"name":"a","type":"Other"}]}', /no type is named Other/],
    ['a record without fields', '{"type":"record","name":"R"}', /fields are undefined/],
    ['no type at all', '{"type":7}', /a schema is 7/],
    ['null', 'null', /a schema is null/],
    ['a fixed of no size', '{"type":"fixed","name":"F"}', /size undefined/],
    ['a type without a name', '{"type":"enum","symbols":[]}', /has no name/],
    ['a schema as deep as a bomb', `${'{"type":"array","items":'.repeat(500)}"int"${'}'.repeat(500)}`, /deeper/],
  ])('a schema that is none: %s', (_name, schema, problem) => {
    expect(compileAvro(schema)).toMatch(problem);
  });
});

describe('bytes that do not fit', () => {
  test.each<[string, unknown, number[], RegExp]>([
    ['too few', 'int', [], /end too early/],
    ['too many', 'int', [2, 9], /1 bytes after the value/],
    ['a string longer than what is there', 'string', [8, 0x61], /4 bytes are said to follow at 1, and 1 are there/],
    ['a length below nothing', 'string', [3], /a length of -2/],
    ['a length past 2^53', 'bytes', hex('feffffffffffffffff01'), /a length of 9223372036854775807/],
    ['a string that is not UTF-8', 'string', [4, 0xc3, 0x28], /not UTF-8/],
    ['a boolean of 2', 'boolean', [2], /a boolean is 2/],
    ['a branch that the union lacks', ['null'], [2], /branch 1 of 1/],
    ['a symbol that the enum lacks', { type: 'enum', name: 'E', symbols: ['A'] }, [1], /symbol -1 of 1/],
    ['an int past 32 bits', 'int', hex('8080808010'), /outside 32 bits/],
    ['a varint of eleven bytes', 'long', hex('8080808080808080808000'), /outside 64 bits/],
    ['a varint past 64 bits', 'long', hex('ffffffffffffffffff02'), /outside 64 bits/],
    ['a decimal without end', { type: 'bytes', logicalType: 'decimal', precision: 9 }, [0x90, 0x4e, ...Array.from({ length: 5_000 }, () => 1)], /a decimal of 5000 bytes/],
  ])('%s', (_name, type, bytes, problem) => {
    expect(problemOf(decoder(record(type))(Buffer.from(bytes)))).toMatch(problem);
  });

  test('a value that is no object', () => {
    expect(problemOf(decoder('string')(Buffer.from([2, 0x61])))).toBe('the value is not an object');
    expect(textOf(decoder({ type: 'map', values: 'int' })(Buffer.from([0])))).toBe('{}');
  });

  test('a few bytes that claim 2^62 items', () => {
    for (const items of ['null', { type: 'record', name: 'Nothing', fields: [] }, { type: 'fixed', name: 'Zero', size: 0 }]) {
      expect(problemOf(decoder(record({ type: 'array', items }))(Buffer.from(hex('feffffffffffffffff01'))))).toMatch(/more than 10000 items without a byte/);
    }
    expect(problemOf(decoder(record({ type: 'array', items: 'int' }))(Buffer.from(hex('feffffffffffffffff01'))))).toMatch(/end too early/);
  });

  test('a record that is a million characters at a time', () => {
    const wide = { type: 'record', name: 'Wide', fields: Array.from({ length: 10_000 }, (_value, i) => ({ name: `${'x'.repeat(100)}${i}`, type: 'null' })) };
    const item = { type: 'record', name: 'Item', fields: [{ name: 'n', type: 'int' }, { name: 'wide', type: wide }] };
    expect(problemOf(decoder(record({ type: 'array', items: item }))(Buffer.from([126, ...Array.from({ length: 63 }, () => 0), 0])))).toMatch(/more than 16777216 characters/);
  });

  test('1,000 levels are taken, one more is not', () => {
    const list = { type: 'record', name: 'List', fields: [{ name: 'tail', type: ['null', 'List', { type: 'array', items: 'List' }] }] };
    const nested = (levels: number) => decoder(list)(Buffer.from([...Array.from({ length: levels - 1 }, () => 2), 0]));
    expect(textOf(nested(1_000))).toHaveLength(1_000 * '{"tail":}'.length + 4);
    expect(problemOf(nested(1_001))).toBe('more than 1000 levels of nesting');
    // Record and array in turn.
    const turns = (count: number) => decoder(list)(Buffer.from([...Array.from({ length: count }, () => [4, 2]).flat(), 0, ...Array.from({ length: count }, () => 0)]));
    expect(turns(499).kind).toBe('text');
    expect(turns(500).kind).toBe('undecodable');
    const endless = { type: 'record', name: 'Endless', fields: [{ name: 'self', type: 'Endless' }] };
    expect(problemOf(decoder(endless)(Buffer.alloc(0)))).toBe('more than 1000 levels of nesting');
  });
});

/** A schema, a value for avsc, and the JSON text that must come out, written down by another hand. */
interface Sample {
  readonly schema: unknown;
  readonly value: unknown;
  readonly json: string;
}

const sample = <T>(schema: unknown, values: fc.Arbitrary<T>, json: (value: T) => string): fc.Arbitrary<Sample> => values.map((value) => ({ schema, value, json: json(value) }));
const number = (value: number) => (Object.is(value, -0) ? '-0' : Number.isFinite(value) ? JSON.stringify(value) : JSON.stringify(String(value)));
const words = fc.string({ unit: 'grapheme', maxLength: 8 });
const names = fc.uniqueArray(fc.stringMatching(/^[a-z_][a-z0-9_]{0,5}$/), { maxLength: 5 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

const { any } = fc.letrec<{ any: Sample; record: Sample }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    sample('null', fc.constant(null), () => 'null'),
    sample('boolean', fc.boolean(), String),
    sample('int', fc.integer(), String),
    sample('long', fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), String),
    sample('float', fc.float(), number),
    sample('double', fc.double(), number),
    sample('string', words, (text) => JSON.stringify(text)),
    sample('bytes', bytes, (value) => JSON.stringify(value.toString('base64'))),
    tie('any').chain((item) => fc.nat(4).map((count): Sample => ({
      schema: { type: 'array', items: item.schema }, value: Array.from({ length: count }, () => item.value), json: `[${Array.from({ length: count }, () => item.json).join(',')}]`,
    }))),
    tie('any').chain((item) => fc.uniqueArray(words.filter((key) => key !== '__proto__'), { maxLength: 4 }).map((keys): Sample => {
      // In the order that objects have, which puts whole numbers first.
      const value = Object.fromEntries(keys.map((key) => [key, item.value]));
      return { schema: { type: 'map', values: item.schema }, value, json: `{${Object.keys(value).map((key) => `${JSON.stringify(key)}:${item.json}`).join(',')}}` };
    })),
    fc.constantFrom('long', 'string').chain((other) => fc.constantFrom(0, 1).map((branch): Sample => (branch === 0
      ? { schema: ['null', other], value: null, json: 'null' }
      : { schema: ['null', other], value: other === 'long' ? { long: 7n } : { string: 'x' }, json: other === 'long' ? '7' : '"x"' }))),
    tie('record'),
  ),
  record: fc.tuple(names, fc.array(tie('any'), { minLength: 5, maxLength: 5 }), fc.uuid()).map(([keys, fields, id]): Sample => ({
    schema: { type: 'record', name: `R${id.replaceAll('-', '')}`, fields: keys.map((name, i) => ({ name, type: fields[i].schema })) },
    value: Object.fromEntries(keys.map((name, i) => [name, fields[i].value])),
    json: `{${keys.map((name, i) => `"${name}":${fields[i].json}`).join(',')}}`,
  })),
}));

/** A record may stand twice in a schema; it is defined where it stands first. */
function definedOnce(schema: unknown, seen = new Set<string>()): unknown {
  if (Array.isArray(schema)) return schema.map((branch) => definedOnce(branch, seen));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { type, name, fields, items, values } = schema as { type: string; name?: string; fields?: { name: string; type: unknown }[]; items?: unknown; values?: unknown };
  if (type === 'array') return { type, items: definedOnce(items, seen) };
  if (type === 'map') return { type, values: definedOnce(values, seen) };
  if (seen.has(name!)) return name;
  seen.add(name!);
  return { type, name, fields: fields!.map((field) => ({ name: field.name, type: definedOnce(field.type, seen) })) };
}

describe('any schema, any value', () => {
  test('what avsc wrote is the value it had', () => {
    fc.assert(fc.property(any, (inner) => {
      const outer = { type: 'record', name: 'Outermost', fields: [{ name: 'it', type: definedOnce(inner.schema) }, { name: 'end', type: 'int' }] };
      expect(textOf(decoder(outer)(encode(outer, { it: inner.value, end: -1 })))).toBe(`{"it":${inner.json},"end":-1}`);
    }), { numRuns: 500 });
  });

  test('arbitrary bytes are an object or a problem, and never throw', () => {
    fc.assert(fc.property(any, fc.uint8Array({ maxLength: 100 }), (inner, noise) => {
      const decoded = decoder({ type: 'record', name: 'Outermost', fields: [{ name: 'it', type: definedOnce(inner.schema) }] })(Buffer.from(noise));
      if (decoded.kind === 'text') JSON.parse(decoded.text);
    }), { numRuns: 1_000 });
  });

  test('what was written, cut or continued, is a problem', () => {
    fc.assert(fc.property(any, fc.nat(), fc.boolean(), (inner, place, longer) => {
      const outer = { type: 'record', name: 'Outermost', fields: [{ name: 'it', type: definedOnce(inner.schema) }, { name: 'end', type: { type: 'fixed', name: 'End', size: 3 } }] };
      const whole = encode(outer, { it: inner.value, end: Buffer.from([255, 255, 255]) });
      const changed = longer ? Buffer.concat([whole, Buffer.from([1])]) : whole.subarray(0, place % whole.length);
      expect(decoder(outer)(changed).kind).toBe('undecodable');
    }));
  });
});
