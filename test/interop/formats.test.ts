import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { readFrame } from '../../shared/formats/framing.ts';
import { Schemas } from '../../shared/formats/schemas.ts';
import type { FramedFormat } from '../../shared/formats/schemas.ts';
import { SchemaRegistry } from '../../shared/sources/schema-registry.ts';
import { PythonVenv } from '../support/python-venv.ts';
import { TestRegistry } from '../support/schema-registry.ts';

/** Confluent's own serializers in Python, registering at a registry over HTTP; what they write is decoded here. */
const venv = new PythonVenv(['confluent-kafka[avro,json,protobuf]==2.16.0', 'protobuf==7.36.2']);
const reason = venv.missing();

const PLACE = 'syntax = "proto3"; package geo; message Place { string city = 1; repeated double at = 2; }';
const EVENT = `syntax = "proto3"; package shop; import "geo/place.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
  message Other { int32 nothing = 1; }
  message Event {
    message Line { string sku = 1; int32 count = 2; }
    enum Kind { NONE = 0; CLICK = 1; VIEW = 2; }
    string event_id = 1; Kind kind = 2; google.protobuf.Timestamp event_time = 3; double value = 4; sint64 big = 5; uint64 unsigned = 6; bytes raw = 7; bool flag = 8;
    repeated Line lines = 9; map<string, int64> counts = 10; geo.Place place = 11; optional string note = 12; google.protobuf.Int64Value wrapped = 13; google.protobuf.Struct free = 14; fixed32 bits = 15;
    oneof choice { string word = 16; int64 number = 17; }
  }`;

const PROGRAM = String.raw`
import base64, datetime, decimal, json, random, struct, sys
from confluent_kafka.schema_registry import SchemaRegistryClient, Schema, SchemaReference
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import SerializationContext, MessageField
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, timestamp_pb2, wrappers_pb2, struct_pb2

client = SchemaRegistryClient({'url': sys.argv[1]})
rng = random.Random(7)
words = ['', 'a"\\\n', 'Łódź', '😀', '\x00\x1f', 'x' * 300]
big = lambda: rng.choice([0, -1, 2**53 + 1, -2**63, 2**63 - 1, rng.randint(-2**63, 2**63 - 1)])
real = lambda: rng.choice([0.0, -0.0, 0.1, 1e300, 5e-324, float('nan'), float('inf'), rng.uniform(-1e6, 1e6)])
raw = lambda: rng.randbytes(rng.choice([0, 1, 40]))
tell = lambda format, value, expected: print(json.dumps({'format': format, 'value': base64.b64encode(value).decode(), 'expected': expected}))

def number(x):
    return x if x == x and abs(x) != float('inf') else {'nan': 'NaN', 'inf': 'Infinity', '-inf': '-Infinity'}[str(x)]

client.register_schema('place', Schema(json.dumps({'type': 'record', 'name': 'geo.Place', 'fields': [{'name': 'city', 'type': 'string'}, {'name': 'at', 'type': {'type': 'array', 'items': 'float'}}]}), 'AVRO'))
schema = {'type': 'record', 'name': 'shop.Event', 'fields': [
    {'name': 'event_id', 'type': 'string'}, {'name': 'kind', 'type': {'type': 'enum', 'name': 'Kind', 'symbols': ['CLICK', 'VIEW']}},
    {'name': 'at', 'type': {'type': 'long', 'logicalType': 'timestamp-micros'}}, {'name': 'day', 'type': {'type': 'int', 'logicalType': 'date'}},
    {'name': 'value', 'type': 'double'}, {'name': 'big', 'type': 'long'}, {'name': 'price', 'type': {'type': 'bytes', 'logicalType': 'decimal', 'precision': 20, 'scale': 4}},
    {'name': 'raw', 'type': 'bytes'}, {'name': 'four', 'type': {'type': 'fixed', 'name': 'Four', 'size': 4}}, {'name': 'maybe', 'type': ['null', 'long', 'string', 'geo.Place']},
    {'name': 'counts', 'type': {'type': 'map', 'values': 'int'}}, {'name': 'list', 'type': {'type': 'array', 'items': ['null', 'boolean']}}, {'name': 'default', 'type': 'int', 'default': 5}]}
avro = AvroSerializer(client, Schema(json.dumps(schema), 'AVRO', [SchemaReference('geo.Place', 'place', 1)]))
context = lambda topic: SerializationContext(topic, MessageField.VALUE)
for i in range(200):
    at = datetime.datetime(rng.choice([1, 1969, 2025, 9999]), 12, 31, 23, 59, 59, rng.randint(0, 999999), datetime.timezone.utc)
    day = datetime.date(rng.choice([1, 1969, 2025, 9999]), 1, 1)
    price = decimal.Decimal(rng.randint(-10**19, 10**19)).scaleb(-4)
    place = {'city': rng.choice(words), 'at': [struct.unpack('f', struct.pack('f', rng.uniform(-90, 90)))[0] for _ in range(rng.randint(0, 2))]}
    maybe = rng.choice([None, big(), rng.choice(words), place])
    row = {'event_id': rng.choice(words), 'kind': rng.choice(['CLICK', 'VIEW']), 'at': at, 'day': day, 'value': real(), 'big': big(), 'price': price, 'raw': raw(), 'four': rng.randbytes(4),
           'maybe': maybe, 'counts': {w: rng.randint(-2**31, 2**31 - 1) for w in rng.sample(words, rng.randint(0, 3))}, 'list': [rng.choice([None, True, False]) for _ in range(rng.randint(0, 4))], 'default': i}
    expected = {**row, 'at': at.strftime('%Y').zfill(4) + at.strftime('-%m-%dT%H:%M:%S.%fZ'), 'day': day.isoformat(), 'value': number(row['value']), 'price': {'$digits': format(price, 'f')},
                'raw': base64.b64encode(row['raw']).decode(), 'four': base64.b64encode(row['four']).decode()}
    tell('avro', avro(row, context('a')), expected)

js = JSONSerializer(json.dumps({'title': 'Event', 'type': 'object', 'properties': {'big': {'type': 'integer'}, 'text': {'type': 'string'}}}), client)
for i in range(50):
    row = {'big': big(), 'text': rng.choice(words), 'value': rng.uniform(-1, 1)}
    tell('json-schema', js(row, context('j')), row)

def file(name, package, *imports):
    made = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax='proto3')
    made.dependency.extend(imports)
    return made
def add(message, spec):
    F = descriptor_pb2.FieldDescriptorProto
    for number, (name, type, more) in spec.items():
        message.field.add(name=name, number=number, type=getattr(F, 'TYPE_' + type), label=more.pop('label', F.LABEL_OPTIONAL), **more)
R = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
place = file('geo/place.proto', 'geo')
add(place.message_type.add(name='Place'), {1: ('city', 'STRING', {}), 2: ('at', 'DOUBLE', {'label': R})})
event = file('shop/event.proto', 'shop', 'geo/place.proto', 'google/protobuf/timestamp.proto', 'google/protobuf/wrappers.proto', 'google/protobuf/struct.proto')
add(event.message_type.add(name='Other'), {1: ('nothing', 'INT32', {})})
main = event.message_type.add(name='Event')
main.enum_type.add(name='Kind').value.extend([descriptor_pb2.EnumValueDescriptorProto(name=n, number=i) for i, n in enumerate(['NONE', 'CLICK', 'VIEW'])])
add(main.nested_type.add(name='Line'), {1: ('sku', 'STRING', {}), 2: ('count', 'INT32', {})})
entry = main.nested_type.add(name='CountsEntry')
entry.options.map_entry = True
add(entry, {1: ('key', 'STRING', {}), 2: ('value', 'INT64', {})})
message = lambda name, **more: {'type_name': name, **more}
main.oneof_decl.add(name='choice')
main.oneof_decl.add(name='_note')
add(main, {1: ('event_id', 'STRING', {}), 2: ('kind', 'ENUM', message('.shop.Event.Kind')), 3: ('event_time', 'MESSAGE', message('.google.protobuf.Timestamp')), 4: ('value', 'DOUBLE', {}), 5: ('big', 'SINT64', {}),
    6: ('unsigned', 'UINT64', {}), 7: ('raw', 'BYTES', {}), 8: ('flag', 'BOOL', {}), 9: ('lines', 'MESSAGE', message('.shop.Event.Line', label=R)), 10: ('counts', 'MESSAGE', message('.shop.Event.CountsEntry', label=R)),
    11: ('place', 'MESSAGE', message('.geo.Place')), 12: ('note', 'STRING', {'proto3_optional': True, 'oneof_index': 1}), 13: ('wrapped', 'MESSAGE', message('.google.protobuf.Int64Value')),
    14: ('free', 'MESSAGE', message('.google.protobuf.Struct')), 15: ('bits', 'FIXED32', {}), 16: ('word', 'STRING', {'oneof_index': 0}), 17: ('number', 'INT64', {'oneof_index': 0})})
pool = descriptor_pool.DescriptorPool()
for dependency in (timestamp_pb2, wrappers_pb2, struct_pb2):
    pool.AddSerializedFile(dependency.DESCRIPTOR.serialized_pb)
pool.Add(place)
pool.Add(event)
Event = message_factory.GetMessageClass(pool.FindMessageTypeByName('shop.Event'))
proto = ProtobufSerializer(Event, client, {'use.deprecated.format': False})
for i in range(200):
    row = Event(event_id=rng.choice(words), kind=rng.choice([0, 1, 2, 9]), value=real(), big=big(), unsigned=rng.choice([0, 2**64 - 1, rng.randint(0, 2**64 - 1)]), raw=raw(), flag=rng.random() < .5, bits=rng.randint(0, 2**32 - 1))
    if rng.random() < .8: row.event_time.FromMicroseconds(rng.choice([-62135596800000000, -1, 0, 253402300799999999, rng.randint(0, 2 * 10**15)]))
    for _ in range(rng.randint(0, 3)): row.lines.add(sku=rng.choice(words), count=rng.randint(-9, 9))
    for w in rng.sample(words, rng.randint(0, 3)): row.counts[w] = big()
    if rng.random() < .5: row.place.city = rng.choice(words); row.place.at.extend([rng.uniform(-90, 90)] * rng.randint(0, 2))
    if rng.random() < .5: row.note = rng.choice(words)
    if rng.random() < .5: row.wrapped.value = big()
    if rng.random() < .5: row.free.update({'a': 0.5, 'b': [None, True, 'x'], 'c': {}})
    if rng.random() < .5: row.word = rng.choice(words)
    elif rng.random() < .5: row.number = big()
    tell('protobuf', proto(row, context('p')), json_format.MessageToDict(row, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))
`;

interface Line { readonly format: FramedFormat; readonly value: string; readonly expected: unknown }

/** Numbers that a double holds as numbers, all others as their digits. */
const exact = (text: string): unknown => JSON.parse(text, (_key, value: unknown, ...rest: unknown[]) => {
  if (typeof value !== 'number') return value;
  const { source } = rest[0] as { source: string };
  return Number.isSafeInteger(value) || /[.eE]/.test(source) ? value : source;
});

/** ProtoJSON of Python writes 64-bit integers as text, and timestamps with 0, 3, 6 or 9 digits. Both say the same number. */
function sameNumbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sameNumbers);
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/, (_match, second: string, digits = '') => `${second}.${String(digits).padEnd(9, '0')}Z`);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, sameNumbers(member)])) : value;
}

describe.skipIf(reason !== null)(`what Confluent's serializers write${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  let registry: TestRegistry;
  const texts = new Map<FramedFormat, { readonly text: string; readonly expected: string }[]>();

  beforeAll(async () => {
    registry = await TestRegistry.start();
    registry.texts.set('geo/place.proto', PLACE).set('p-value', EVENT);
    const { stdout } = await venv.run(PROGRAM, { args: [registry.url] });
    const schemas = new Schemas({ source: new SchemaRegistry({ url: registry.url, username: null, password: null, clock: systemClock }), clock: systemClock });
    for (const text of stdout.trim().split('\n')) {
      const { format, value } = JSON.parse(text) as Line;
      const frame = readFrame(Buffer.from(value, 'base64'));
      if (typeof frame === 'string') expect.fail(frame);
      await schemas.prepare([{ format, id: frame.schemaId }]);
      const schema = schemas.get(format, frame.schemaId);
      if (schema.kind !== 'decoder') expect.fail(JSON.stringify(schema));
      const decoded = schema.decode(frame.payload);
      if (decoded.kind !== 'text') expect.fail(decoded.problem);
      texts.set(format, [...(texts.get(format) ?? []), { text: decoded.text, expected: text.slice(text.indexOf('"expected":') + '"expected":'.length, -1) }]);
    }
  });
  afterAll(() => registry.stop());

  it('Avro, with a reference, logical types and longs past 2^53', () => {
    const rows = texts.get('avro')!;
    expect(rows).toHaveLength(200);
    for (const { text, expected } of rows) expect(exact(text.replace(/"price":(-?[\d.]+)/, '"price":{"$digits":"$1"}'))).toEqual(exact(expected));
  });

  it('JSON Schema', () => {
    const rows = texts.get('json-schema')!;
    expect(rows).toHaveLength(50);
    for (const { text, expected } of rows) expect(exact(text)).toEqual(exact(expected));
  });

  it('Protobuf, with an import, well-known types and the second message of the file', () => {
    const rows = texts.get('protobuf')!;
    expect(rows).toHaveLength(200);
    for (const { text, expected } of rows) expect(sameNumbers(exact(text))).toEqual(sameNumbers(exact(expected)));
  });
});
