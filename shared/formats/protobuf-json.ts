import type * as Protobuf from 'protobufjs';
import type { Enum, Field, Type } from 'protobufjs';
import { BadBytes } from './decoder.ts';
import type { JsonWriter } from './json-writer.ts';
import { SCALE_MAX, base64Text, dateTimeText, decimalText, doubleText } from './json-writer.ts';

type Library = typeof Protobuf;
/** A decoded message: a field that was on the wire is an own property. */
type Message = Readonly<Record<string, unknown>>;
type Print = (value: unknown, to: JsonWriter) => void;
type PrintMessage = (message: Message, to: JsonWriter) => void;

/** An integer as protobufjs hands it over: a number, or a Long. */
type Long = { toString(): string };

/** Prints decoded messages as ProtoJSON. One for each linked schema; types are compiled when first met. */
export class ProtobufPrinters {
  readonly #library: Library;
  readonly #types = new Map<string, PrintMessage>();

  constructor(library: Library) {
    this.#library = library;
  }

  print(type: Type, message: object, to: JsonWriter): void {
    this.#of(type)(message as Message, to);
  }

  #of(type: Type): PrintMessage {
    const known = this.#types.get(type.fullName);
    if (known) return known;
    const print = this.#wellKnown(type.fullName) ?? this.#plain(type);
    this.#types.set(type.fullName, print);
    return print;
  }

  #plain(type: Type): PrintMessage {
    const fields = type.fieldsArray.map((field) => ({ name: field.name, hasPresence: hasPresence(field), key: `${fieldName(field)}:`, print: this.#field(field.resolve()) }));
    return (message, to) => {
      to.open('{');
      let first = true;
      for (const { name, hasPresence, key, print } of fields) {
        const isThere = Object.hasOwn(message, name);
        if (hasPresence && !isThere) continue;
        to.write(first ? key : `,${key}`);
        first = false;
        print(isThere ? message[name] : undefined, to);
      }
      to.close('}');
    };
  }

  /** `undefined` prints what an absent field without presence stands for. */
  #field(field: Field): Print {
    const single = this.#single(field);
    if (field.map) return this.#map((field as Field & { readonly keyType: string }).keyType, single);
    return field.repeated ? (values, to) => printList((values ?? []) as readonly unknown[], single, to) : single;
  }

  #map(keyType: string, print: Print): Print {
    const { util } = this.#library;
    const isUnsigned = keyType === 'uint64' || keyType === 'fixed64';
    // The library keeps the eight bytes of a 64-bit key.
    const keyText = keyType.endsWith('64') ? (key: string) => `"${longText(util.longFromHash(key, isUnsigned))}"` : (key: string) => JSON.stringify(key);
    return (values, to) => {
      to.open('{');
      for (const [i, key] of Object.keys(values ?? {}).entries()) {
        to.write(`${i === 0 ? '' : ','}${keyText(key)}:`);
        print((values as Message)[key], to);
      }
      to.close('}');
    };
  }

  #single(field: Field): Print {
    const { resolvedType } = field;
    if (resolvedType === null) return scalar(field.type);
    if ('valuesById' in resolvedType) return enumeration(resolvedType);
    // Looked up when first printed: a message may hold itself.
    let print: PrintMessage | undefined;
    return (message, to) => (print ??= this.#of(resolvedType))(message as Message, to);
  }

  #wellKnown(fullName: string): PrintMessage | null {
    switch (fullName) {
      case '.google.protobuf.Timestamp': return ({ seconds, nanos }, to) => to.write(timestampText(digits(seconds), Number(nanos ?? 0)));
      case '.google.protobuf.Duration': return ({ seconds, nanos }, to) => to.write(durationText(digits(seconds), Number(nanos ?? 0)));
      case '.google.protobuf.FieldMask': return ({ paths = [] }, to) => to.write(JSON.stringify((paths as string[]).map(camelCase).join(',')));
      case '.google.protobuf.Struct': return ({ fields = {} }, to) => this.#struct(fields as Record<string, Message>, to);
      case '.google.protobuf.ListValue': return ({ values = [] }, to) => printList(values as readonly unknown[], (value, to) => this.#value(value as Message, to), to);
      case '.google.protobuf.Value': return (value, to) => this.#value(value, to);
      case '.confluent.type.Decimal': return ({ value, scale }, to) => to.write(confluentDecimal(bufferOf(value ?? []), Number(scale ?? 0)));
      default: {
        const wrapped = WRAPPERS[fullName];
        if (wrapped === undefined) return null;
        const print = scalar(wrapped);
        return ({ value }, to) => print(value, to);
      }
    }
  }

  #struct(fields: Readonly<Record<string, Message>>, to: JsonWriter): void {
    to.open('{');
    for (const [i, [key, value]] of Object.entries(fields).entries()) {
      to.write(`${i === 0 ? '' : ','}${JSON.stringify(key)}:`);
      this.#value(value, to);
    }
    to.close('}');
  }

  #value(value: Message, to: JsonWriter): void {
    if (Object.hasOwn(value, 'numberValue')) to.write(doubleText(value['numberValue'] as number));
    else if (Object.hasOwn(value, 'stringValue')) to.write(JSON.stringify(value['stringValue']));
    else if (Object.hasOwn(value, 'boolValue')) to.write(String(value['boolValue']));
    else if (Object.hasOwn(value, 'structValue')) this.#struct((value['structValue'] as Message)['fields'] as Record<string, Message>, to);
    else if (Object.hasOwn(value, 'listValue')) printList((value['listValue'] as Message)['values'] as readonly unknown[], (item, to) => this.#value(item as Message, to), to);
    else to.write('null');
  }
}

const WRAPPERS: Readonly<Record<string, string>> = {
  '.google.protobuf.DoubleValue': 'double', '.google.protobuf.FloatValue': 'float',
  '.google.protobuf.Int64Value': 'int64', '.google.protobuf.UInt64Value': 'uint64',
  '.google.protobuf.Int32Value': 'int32', '.google.protobuf.UInt32Value': 'uint32',
  '.google.protobuf.BoolValue': 'bool', '.google.protobuf.StringValue': 'string', '.google.protobuf.BytesValue': 'bytes',
};

function scalar(type: string): Print {
  switch (type) {
    case 'string': return (value, to) => to.write(value === undefined ? '""' : JSON.stringify(value));
    case 'bytes': return (value, to) => to.write(base64Text(bufferOf(value ?? [])));
    case 'bool': return (value, to) => to.write(value === true ? 'true' : 'false');
    case 'float': case 'double': return (value, to) => to.write(doubleText((value ?? 0) as number));
    default: return (value, to) => to.write(longText(value));
  }
}

function enumeration({ fullName, valuesById }: Enum): Print {
  if (fullName === '.google.protobuf.NullValue') return (_value, to) => to.write('null');
  return (value, to) => {
    const number = (value ?? 0) as number;
    // A number that the schema does not name yet stands for itself.
    to.write(Object.hasOwn(valuesById, number) ? JSON.stringify(valuesById[number]) : String(number));
  };
}

function printList(values: readonly unknown[], print: Print, to: JsonWriter): void {
  to.open('[');
  for (const [i, value] of values.entries()) {
    if (i > 0) to.write(',');
    print(value, to);
  }
  to.close(']');
}

/** The library's own word for it leaves messages out. */
function hasPresence({ hasPresence, repeated, map, resolvedType }: Field): boolean {
  return hasPresence || (!repeated && !map && resolvedType !== null && !('valuesById' in resolvedType));
}

/** An extension's field is named by its full name. */
function fieldName({ name }: Field): string {
  return JSON.stringify(name.startsWith('.') ? `[${name.slice(1)}]` : name);
}

/** Of an integer of any size, every digit. */
function longText(value: unknown): string {
  return value === undefined ? '0' : (value as Long).toString();
}

function digits(seconds: unknown): bigint {
  return BigInt(longText(seconds));
}

function bufferOf(bytes: unknown): Buffer {
  return Buffer.from(bytes as Uint8Array);
}

const NANOS_PER_SECOND = 1_000_000_000;

/** ISO 8601; outside its years, or with nanos that are none, its two numbers, which no rule takes for a time. */
function timestampText(seconds: bigint, nanos: number): string {
  const text = isNanos(nanos, 0) ? dateTimeText(seconds * BigInt(NANOS_PER_SECOND) + BigInt(nanos), NANOS_PER_SECOND, 'Z') : null;
  return text ?? `{"seconds":${seconds},"nanos":${nanos}}`;
}

function durationText(seconds: bigint, nanos: number): string {
  if (!isNanos(nanos, -999_999_999) || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) return `{"seconds":${seconds},"nanos":${nanos}}`;
  const sign = seconds < 0n || nanos < 0 ? '-' : '';
  const fraction = nanos === 0 ? '' : `.${String(Math.abs(nanos)).padStart(9, '0')}`;
  return `"${sign}${seconds < 0n ? -seconds : seconds}${fraction}s"`;
}

function isNanos(nanos: number, min: number): boolean {
  return nanos >= min && nanos <= 999_999_999;
}

function confluentDecimal(bytes: Buffer, scale: number): string {
  if (Math.abs(scale) > SCALE_MAX) throw new BadBytes(`a decimal with the scale ${scale}`);
  return decimalText(bytes, scale);
}

function camelCase(path: string): string {
  return path.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
