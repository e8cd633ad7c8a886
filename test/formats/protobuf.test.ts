import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import type { Decode, Decoded } from '../../shared/formats/decoder.ts';
import { compileProtobuf } from '../../shared/formats/protobuf.ts';
import type { ProtoFile } from '../../shared/formats/protobuf.ts';

const decoder = async (text: string, references: readonly ProtoFile[] = []): Promise<Decode> => {
  const compiled = await compileProtobuf(text, references);
  return typeof compiled === 'string' ? expect.fail(compiled) : compiled;
};
const textOf = (decoded: Decoded): string => (decoded.kind === 'text' ? decoded.text : expect.fail(decoded.problem));
const problemOf = (decoded: Decoded): string => (decoded.kind === 'undecodable' ? decoded.problem : expect.fail(decoded.text));

const proto3 = (body: string) => `syntax = "proto3"; package t; ${body}`;
/** The library's own types, for writing. */
function typeOf(text: string, name: string): protobuf.Type {
  const root = new protobuf.Root();
  for (const file of ['any', 'duration', 'timestamp', 'struct', 'wrappers', 'field_mask']) root.addJSON(protobuf.common.get(`google/protobuf/${file}.proto`)!.nested!);
  protobuf.parse(text, root, { keepCase: true });
  return root.lookupType(name);
}
/** Bytes of the file's first message, by the library, with the short form of its index. */
const encode = (text: string, name: string, value: object): Buffer => {
  const type = typeOf(text, name);
  return Buffer.concat([Buffer.from([0]), type.encode(type.fromObject(value)).finish()]);
};
const roundTrip = async (text: string, value: object): Promise<string> => textOf((await decoder(text))(encode(text, 't.M', value)));

describe('values', () => {
  const every = proto3(`message M { double d = 1; float f = 2; int32 i = 3; int64 l = 4; uint32 u = 5; uint64 ul = 6; sint32 s = 7; sint64 sl = 8;
    fixed32 x = 9; fixed64 xl = 10; sfixed32 sx = 11; sfixed64 sxl = 12; bool b = 13; string t = 14; bytes y = 15; E e = 16; } enum E { ZERO = 0; ONE = 1; }`);

  test('of every type, at its edge', async () => {
    expect(await roundTrip(every, {
      d: 0.1, f: 0.1, i: -2147483648, l: '-9223372036854775808', u: 4294967295, ul: '18446744073709551615', s: -2147483648, sl: '9007199254740993',
      x: 4294967295, xl: '18446744073709551615', sx: -1, sxl: '-9223372036854775808', b: true, t: '"ä\n', y: Buffer.from([255, 0]), e: 'ONE',
    })).toBe('{"d":0.1,"f":0.10000000149011612,"i":-2147483648,"l":-9223372036854775808,"u":4294967295,"ul":18446744073709551615,"s":-2147483648,"sl":9007199254740993,'
      + '"x":4294967295,"xl":18446744073709551615,"sx":-1,"sxl":-9223372036854775808,"b":true,"t":"\\"ä\\n","y":"/wA=","e":"ONE"}');
  });

  test('that are not on the wire: what proto3 says they are', async () => {
    expect(await roundTrip(every, {})).toBe('{"d":0,"f":0,"i":0,"l":0,"u":0,"ul":0,"s":0,"sl":0,"x":0,"xl":0,"sx":0,"sxl":0,"b":false,"t":"","y":"","e":"ZERO"}');
    const presence = proto3('message M { optional int32 o = 1; M m = 2; oneof k { string a = 3; int64 b = 4; } repeated int32 r = 5; map<string, int32> p = 6; }');
    expect(await roundTrip(presence, {})).toBe('{"r":[],"p":{}}');
    expect(await roundTrip(presence, { o: 0, m: {}, a: '', r: [0], p: { '': 0 } })).toBe('{"o":0,"m":{"r":[],"p":{}},"a":"","r":[0],"p":{"":0}}');
  });

  test('of proto2: fields keep their presence, required ones must be there, groups nest', async () => {
    const text = 'syntax = "proto2"; package t; message M { required int32 a = 1; optional int32 b = 2 [default = 5]; repeated group G = 3 { optional string n = 4; } optional E e = 5; enum E { X = 3; } }';
    expect(await roundTrip(text, { a: 1, g: [{ n: 'x' }, {}] })).toBe('{"a":1,"g":[{"n":"x"},{}]}');
    const decode = await decoder(text);
    expect(problemOf(decode(Buffer.from([0])))).toMatch(/required/);
  });

  test('of editions, by their features', async () => {
    const text = 'edition = "2023"; package t; message M { int32 a = 1; int32 b = 2 [features.field_presence = IMPLICIT]; }';
    expect(textOf((await decoder(text))(Buffer.from([0])))).toBe('{"b":0}');
  });

  test('a number that no enum has yet, NaN, infinity, minus zero', async () => {
    const decode = await decoder(every);
    expect(JSON.parse(textOf(decode(Buffer.from([0, 0x80, 0x01, 7]))))).toMatchObject({ e: 7 });
    expect(await roundTrip(proto3('message M { repeated double d = 1; }'), { d: [Number.NaN, Number.POSITIVE_INFINITY, -0] })).toBe('{"d":["NaN","Infinity",-0]}');
  });

  test('maps by every kind of key', async () => {
    const text = proto3('message M { map<int64, string> l = 1; map<uint64, M> u = 2; map<bool, int64> b = 3; map<string, bytes> s = 4; }');
    expect(await roundTrip(text, { l: { '-5': 'v' }, b: { true: '9007199254740993' }, s: { 'a"': Buffer.from([1]) } })).toBe('{"l":{"-5":"v"},"u":{},"b":{"true":9007199254740993},"s":{"a\\"":"AQ=="}}');
    expect(textOf((await decoder(text))(Buffer.from([0, 0x12, 0x0b, 0x08, ...Array.from({ length: 9 }, () => 255), 1])))).toBe('{"l":{},"u":{"18446744073709551615":{"l":{},"u":{},"b":{},"s":{}}},"b":{},"s":{}}');
  });

  test('a message in pieces is merged, the last scalar wins, unknown fields are passed over', async () => {
    const decode = await decoder(proto3('message M { int32 a = 1; M m = 2; int32 b = 3; }'));
    expect(textOf(decode(Buffer.from([0, 8, 1, 8, 2, 0x12, 2, 8, 7, 0x12, 2, 0x18, 8, 0x78, 9])))).toBe('{"a":2,"m":{"a":7,"b":8},"b":0}');
  });
});

describe('well-known types', () => {
  const known = (type: string, file: string) => proto3(`import "google/protobuf/${file}.proto"; message M { google.protobuf.${type} v = 1; }`);
  test.each<[string, string, object, string]>([
    ['Timestamp', 'timestamp', { seconds: 1_743_529_077, nanos: 1 }, '"2025-04-01T17:37:57.000000001Z"'],
    ['Timestamp', 'timestamp', { seconds: -1, nanos: 999_000_000 }, '"1969-12-31T23:59:59.999000000Z"'],
    ['Timestamp', 'timestamp', {}, '"1970-01-01T00:00:00.000000000Z"'],
    ['Timestamp', 'timestamp', { seconds: '9223372036854775807' }, '{"seconds":9223372036854775807,"nanos":0}'],
    ['Timestamp', 'timestamp', { seconds: 1, nanos: -1 }, '{"seconds":1,"nanos":-1}'],
    ['Duration', 'duration', { seconds: -3, nanos: -5 }, '"-3.000000005s"'],
    ['Duration', 'duration', { seconds: 3 }, '"3s"'],
    ['Duration', 'duration', { nanos: -500_000_000 }, '"-0.500000000s"'],
    ['Duration', 'duration', { seconds: 3, nanos: -5 }, '{"seconds":3,"nanos":-5}'],
    ['DoubleValue', 'wrappers', { value: 1.5 }, '1.5'],
    ['Int64Value', 'wrappers', { value: '9007199254740993' }, '9007199254740993'],
    ['UInt64Value', 'wrappers', { value: '18446744073709551615' }, '18446744073709551615'],
    ['Int32Value', 'wrappers', {}, '0'],
    ['BoolValue', 'wrappers', { value: true }, 'true'],
    ['StringValue', 'wrappers', {}, '""'],
    ['BytesValue', 'wrappers', { value: Buffer.from([1]) }, '"AQ=="'],
    ['FieldMask', 'field_mask', { paths: ['a.b_c', 'd'] }, '"a.bC,d"'],
    ['Struct', 'struct', { fields: { a: { numberValue: 0.1 }, b: { listValue: { values: [{ nullValue: 0 }, { boolValue: false }, { structValue: { fields: {} } }] } }, 'c"': { stringValue: '' } } }, '{"a":0.1,"b":[null,false,{}],"c\\"":""}'],
    ['Value', 'struct', {}, 'null'],
    ['ListValue', 'struct', { values: [{ numberValue: -0 }] }, '[-0]'],
    ['Any', 'any', { type_url: 'x/y', value: Buffer.from([1]) }, '{"type_url":"x/y","value":"AQ=="}'],
  ])('%s %#', async (type, file, value, json) => {
    expect(await roundTrip(known(type, file), { v: value })).toBe(`{"v":${json}}`);
  });

  test('nothing there is nothing printed', async () => {
    expect(await roundTrip(known('Int64Value', 'wrappers'), {})).toBe('{}');
  });

  test('Confluent\'s decimal, and the options that come with it', async () => {
    const text = proto3('import "confluent/meta.proto"; import "confluent/type/decimal.proto"; import "google/protobuf/descriptor.proto"; import "google/type/date.proto"; '
      + 'extend google.protobuf.FieldOptions { string unit = 50000; } option (confluent.file_meta).doc = "x"; message M { confluent.type.Decimal v = 1 [(unit) = "EUR"]; google.type.Date d = 2; }');
    const decode = await decoder(text);
    expect(textOf(decode(Buffer.from([0, 0x0a, 0x06, 0x0a, 0x02, 0xfb, 0x2e, 0x18, 0x02])))).toBe('{"v":-12.34}');
    expect(textOf(decode(Buffer.from([0, 0x12, 0x03, 0x08, 0xe9, 0x0f])))).toBe('{"d":{"year":2025,"month":0,"day":0}}');
    expect(problemOf(decode(Buffer.from([0, 0x0a, 0x0a, 0x0a, 0x02, 0xfb, 0x2e, 0x18, 0xff, 0xff, 0xff, 0xff, 0x07])))).toMatch(/the scale 2147483647/);
  });
});

describe('message indexes', () => {
  const text = proto3('message A { map<string, B> m = 1; message B { int32 b = 1; message C { int32 c = 1; } } enum No { N = 0; } message D { int32 d = 1; } } enum Nor { O = 0; } message Z { int32 z = 1; }');
  test.each<[string, number[], string]>([
    ['the short form of the first', [0], '{"m":{}}'],
    ['the first, at length', [2, 0], '{"m":{}}'],
    ['the second', [2, 2, 8, 5], '{"z":5}'],
    ['nested', [4, 0, 0, 8, 5], '{"b":5}'],
    ['nested, the second', [4, 0, 2, 8, 5], '{"d":5}'],
    ['nested twice', [6, 0, 0, 0, 8, 5], '{"c":5}'],
  ])('%s', async (_name, bytes, json) => {
    expect(textOf((await decoder(text))(Buffer.from(bytes)))).toBe(json);
  });

  test.each<[string, number[], RegExp]>([
    ['one that is not there', [2, 4], /no message \[2\]/],
    ['nested in what has none', [4, 2, 0], /no message \[1, 0\]/],
    ['none at all', [], /indexes .* are broken/],
    ['fewer than said', [4, 0], /broken/],
    ['a count below nothing', [1], /broken/],
    ['an index below nothing', [2, 1], /broken/],
    ['a number without end', [255, 255, 255, 255, 255, 255], /broken/],
    ['a million indexes', [0x80, 0x89, 0x7a], /broken/],
  ])('%s', async (_name, bytes, problem) => {
    expect(problemOf((await decoder(text))(Buffer.from(bytes)))).toMatch(problem);
  });

  test('count the file\'s own messages, not those that its package has elsewhere', async () => {
    const reference = { name: 'other.proto', text: proto3('message First { int32 f = 1; }') };
    const decode = await decoder('syntax = "proto3"; package t; import "other.proto"; message M { First first = 1; int32 x = 2; }', [reference]);
    expect(textOf(decode(Buffer.from([0, 0x0a, 2, 8, 3])))).toBe('{"first":{"f":3},"x":0}');
  });
});

describe('schemas', () => {
  test('references of references, once each, by the names of the imports', async () => {
    const files = [
      { name: 'deep/a.proto', text: 'syntax = "proto3"; package a; message A { int32 a = 1; }' },
      { name: 'b.proto', text: 'syntax = "proto3"; package b; import public "deep/a.proto"; message B { a.A a = 1; }' },
    ];
    const decode = await decoder('syntax = "proto3"; import "b.proto"; import "deep/a.proto"; message M { b.B b = 1; a.A a = 2; }', files);
    expect(textOf(decode(Buffer.from([0, 0x0a, 4, 0x0a, 2, 8, 7])))).toBe('{"b":{"a":{"a":7}}}');
  });

  test.each([
    ['no .proto at all', '{"type": "record"}', /illegal|invalid|unexpected/i],
    ['nothing', '', /^$/],
    ['an import that is no reference', 'syntax = "proto3"; import "x.proto"; message M {}', /the schema imports x.proto, which is no reference/],
    ['a type that nobody defines', 'syntax = "proto3"; message M { Other o = 1; }', /Other/],
    ['two fields of one number', 'syntax = "proto3"; message M { int32 a = 1; int32 b = 1; }', /duplicate id 1/],
  ])('%s', async (name, text, problem) => {
    const compiled = await compileProtobuf(text);
    if (name === 'nothing') expect(problemOf((compiled as Decode)(Buffer.from([0])))).toMatch(/no message \[0\]/);
    else expect(compiled).toMatch(problem);
  });
});

describe('bytes that do not fit', () => {
  const text = proto3('message M { string t = 1; int64 l = 2; M m = 3; repeated int32 r = 4; }');
  test.each<[string, number[]]>([
    ['a string longer than what is there', [0x0a, 9, 0x61]],
    ['a string that is not UTF-8', [0x0a, 2, 0xc3, 0x28]],
    ['a varint without end', [0x10, ...Array.from({ length: 11 }, () => 255)]],
    ['the end of no group', [0x0c]],
    ['a group without end', [0x2b]],
    ['a wire type that there is not', [0x0e]],
    ['a tag cut short', [0x80]],
    ['field number 0', [0x00, 0x00]],
  ])('%s', async (_name, bytes) => {
    expect(problemOf((await decoder(text))(Buffer.from([0, ...bytes])))).not.toBe('');
  });

  test('a string of proto2 that is not UTF-8', async () => {
    expect((await decoder('syntax = "proto2"; message M { optional string t = 1; }'))(Buffer.from([0, 0x0a, 2, 0xc3, 0x28])).kind).toBe('undecodable');
  });

  test('100 levels are taken, as every protobuf does; 200 are not', async () => {
    const decode = await decoder(text);
    const nested = (levels: number) => {
      let bytes: number[] = [];
      for (let i = 0; i < levels; i++) {
        const { length } = bytes;
        bytes = [0x1a, ...(length < 128 ? [length] : [(length & 127) | 128, length >> 7]), ...bytes];
      }
      return decode(Buffer.from([0, ...bytes]));
    };
    expect(nested(100).kind).toBe('text');
    expect(problemOf(nested(200))).toMatch(/depth/);
  });

  test('a few bytes that print a schema\'s every default, many times', async () => {
    const wide = proto3(`message W { ${Array.from({ length: 5_000 }, (_value, i) => `int32 ${'x'.repeat(50)}${i} = ${i + 1};`).join(' ')} } message M { repeated W w = 1; }`);
    const decode = await decoder(wide);
    expect(problemOf(decode(Buffer.from([2, 2, ...Array.from({ length: 100 }, () => [0x0a, 0]).flat()])))).toMatch(/more than 16777216 characters/);
  });
});

describe('any schema, any value', () => {
  const INTS = ['int32', 'sint32', 'sfixed32'];
  const LONGS = ['int64', 'sint64', 'sfixed64'];
  const number = (value: number) => (Object.is(value, -0) ? '-0' : Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`);
  interface Sample { readonly type: string; readonly value: unknown; readonly json: string }
  const sample = <T>(types: readonly string[], values: fc.Arbitrary<T>, json: (value: T) => string): fc.Arbitrary<Sample> =>
    fc.tuple(fc.constantFrom(...types), values).map(([type, value]) => ({ type, value: typeof value === 'bigint' ? String(value) : value, json: json(value) }));
  const scalar = fc.oneof(
    sample(INTS, fc.integer(), String), sample(LONGS, fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), String),
    sample(['uint64', 'fixed64'], fc.bigInt(0n, 2n ** 64n - 1n), String), sample(['uint32', 'fixed32'], fc.nat(2 ** 32 - 1), String),
    sample(['bool'], fc.boolean(), String), sample(['double'], fc.double(), number), sample(['float'], fc.float(), number),
    sample(['string'], fc.string({ unit: 'grapheme' }), (text) => JSON.stringify(text)),
    sample(['bytes'], fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)), (bytes) => `"${bytes.toString('base64')}"`),
  );
  const field = fc.tuple(scalar, fc.constantFrom('plain', 'optional', 'repeated', 'map', 'nested'), fc.nat(3)).map(([{ type, value, json }, form, count]) => {
    const many = Array.from({ length: count });
    if (form === 'plain' || form === 'optional') return { declare: form === 'optional' ? `optional ${type}` : type, value, json };
    if (form === 'nested') return { declare: 'optional N', value: { n: 7 }, json: '{"n":7}' };
    if (form === 'repeated') return { declare: `repeated ${type}`, value: many.map(() => value), json: `[${many.map(() => json).join(',')}]` };
    return { declare: `map<string, ${type}>`, value: Object.fromEntries(many.map((_one, i) => [`k${i}`, value])), json: `{${many.map((_one, i) => `"k${i}":${json}`).join(',')}}` };
  });

  test('what the library wrote is the value it had', async () => {
    await fc.assert(fc.asyncProperty(fc.array(field, { maxLength: 8 }), async (fields) => {
      const text = proto3(`message M { ${fields.map(({ declare }, i) => `${declare} f${i} = ${i * 7 + 1};`).join(' ')} } message N { int32 n = 1; }`);
      expect(await roundTrip(text, Object.fromEntries(fields.map(({ value }, i) => [`f${i}`, value])))).toBe(`{${fields.map(({ json }, i) => `"f${i}":${json}`).join(',')}}`);
    }), { numRuns: 100 });
  });

  test('arbitrary bytes are an object or a problem, and never throw', async () => {
    const decode = await decoder(proto3('message M { string t = 1; int64 l = 2; M m = 3; repeated double r = 4; map<uint64, M> p = 5; bytes b = 6; E e = 7; } enum E { A = 0; }'));
    const wire = fc.tuple(fc.nat(8), fc.nat(7), fc.uint8Array({ maxLength: 12 })).map(([id, type, rest]) => [(id << 3) | type, ...(type === 2 ? [rest.length] : []), ...rest]);
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.array(wire).map((parts) => [0, ...parts.flat()])), (noise) => {
      const decoded = decode(Buffer.from(noise));
      if (decoded.kind === 'text') JSON.parse(decoded.text);
    }), { numRuns: 3_000 });
  });
});
