import { bytesText, intText, longText } from './avro-logical.ts';
import type { LogicalSchema } from './avro-logical.ts';
import { AvroCursor } from './avro-cursor.ts';
import { BadBytes, decoded } from './decoder.ts';
import type { Decode } from './decoder.ts';
import { JsonWriter, doubleText } from './json-writer.ts';

/** Moves a value from the bytes to the text. */
type Read = (from: AvroCursor, to: JsonWriter) => void;

/** What is wrong with a schema; no caller sees one. */
class BadSchema extends Error {}

interface Schema extends LogicalSchema {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly namespace?: unknown;
  readonly fields?: unknown;
  readonly symbols?: unknown;
  readonly items?: unknown;
  readonly values?: unknown;
  readonly size?: unknown;
}

/** Items that take no bytes (nulls, empty records) cost a payload nothing: so many of one array are a bomb. */
const EMPTY_ITEMS_MAX = 10_000;
const SCHEMA_LEVELS_MAX = 200;

/**
 * An Avro schema as a decoder of its binary encoding, the writer's schema being the reader's. `references`: schemas whose named types it
 * uses, each after those it uses itself. Or what is wrong with the schemas. Defaults and aliases are not looked at: they are for schema
 * resolution, and a writer's schema needs none.
 *
 * The JSON: records and maps are objects, a union is its branch's value, an enum its symbol, bytes and fixed are base64, decimals numbers
 * with every digit, NaN and the infinities text, dates and times ISO 8601 text.
 */
export function compileAvro(schema: string, references: readonly string[] = []): Decode | string {
  let read: Read;
  try {
    const names = new Names();
    for (const reference of references) names.compile(JSON.parse(reference), '', 0);
    read = names.compile(JSON.parse(schema), '', 0);
    names.check();
  } catch (error) {
    if (error instanceof BadSchema || error instanceof SyntaxError) return error.message;
    throw error;
  }
  return (payload) => decoded(() => {
    const [from, to] = [new AvroCursor(payload), new JsonWriter()];
    read(from, to);
    if (from.left > 0) throw new BadBytes(`${from.left} bytes after the value`);
    return to.text;
  });
}

/** Compiles schemas whose named types know each other. */
class Names {
  readonly #types = new Map<string, Read>();
  readonly #wanted = new Set<string>();

  compile(schema: unknown, namespace: string, level: number): Read {
    if (level > SCHEMA_LEVELS_MAX) throw new BadSchema(`the schema nests deeper than ${SCHEMA_LEVELS_MAX} levels`);
    if (typeof schema === 'string') return primitive(schema, {}) ?? this.#named(schema, namespace);
    if (Array.isArray(schema)) return this.#union(schema, namespace, level);
    if (typeof schema !== 'object' || schema === null) throw new BadSchema(`a schema is ${JSON.stringify(schema)}`);
    const { type } = schema as Schema;
    if (typeof type !== 'string') return this.compile(type, namespace, level + 1);
    switch (type) {
      case 'record': case 'error': return this.#record(schema, namespace, level);
      case 'enum': return this.#define(schema, namespace, () => enumeration(schema));
      case 'fixed': return this.#define(schema, namespace, () => fixed(schema));
      case 'array': return array(this.compile((schema as Schema).items, namespace, level + 1));
      case 'map': return map(this.compile((schema as Schema).values, namespace, level + 1));
      default: return primitive(type, schema) ?? this.#named(type, namespace);
    }
  }

  /** A type may be used before its definition ends, or stand in a later reference: it is looked up when first read. */
  check(): void {
    for (const name of this.#wanted) if (!this.#types.has(name)) throw new BadSchema(`no type is named ${name}`);
  }

  #named(name: string, namespace: string): Read {
    const full = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
    const known = this.#types.has(full) ? full : this.#types.has(name) ? name : full;
    this.#wanted.add(known);
    let read: Read | undefined;
    return (from, to) => (read ??= this.#types.get(known)!)(from, to);
  }

  #define(schema: Schema, namespace: string, make: (namespace: string) => Read): Read {
    const { name, namespace: own } = schema;
    if (typeof name !== 'string' || name === '') throw new BadSchema(`a ${String(schema.type)} has no name`);
    const dot = name.lastIndexOf('.');
    const inside = dot >= 0 ? name.slice(0, dot) : typeof own === 'string' ? own : namespace;
    const full = dot >= 0 || inside === '' ? name : `${inside}.${name}`;
    // Known before its fields are read: they may name it.
    this.#types.set(full, () => { throw new BadSchema(`${full} was read before it was compiled`); });
    const read = make(inside);
    this.#types.set(full, read);
    return read;
  }

  #record(schema: Schema, namespace: string, level: number): Read {
    return this.#define(schema, namespace, (inside) => {
      const fields = (list(schema.fields, 'fields') as readonly Schema[]).map(({ name, type }, i) => {
        if (typeof name !== 'string') throw new BadSchema(`a field of ${String(schema.name)} has no name`);
        return { key: `${i === 0 ? '' : ','}${JSON.stringify(name)}:`, read: this.compile(type, inside, level + 1) };
      });
      return (from, to) => {
        to.open('{');
        for (const { key, read } of fields) {
          to.write(key);
          read(from, to);
        }
        to.close('}');
      };
    });
  }

  #union(branches: readonly unknown[], namespace: string, level: number): Read {
    const reads = branches.map((branch) => this.compile(branch, namespace, level + 1));
    return (from, to) => (reads[indexIn(from, reads.length, 'branch')])(from, to);
  }
}

function primitive(type: string, schema: object): Read | null {
  switch (type) {
    case 'null': return (_from, to) => to.write('null');
    case 'boolean': return (from, to) => to.write(booleanText(from.byte()));
    case 'int': return printing((from) => from.int(), intText(schema));
    case 'long': return printing((from) => from.long(), longText(schema));
    case 'float': return printing((from) => from.float(), doubleText);
    case 'double': return printing((from) => from.double(), doubleText);
    case 'bytes': return printing((from) => from.bytes(), bytesText(schema, null));
    case 'string': return (from, to) => to.write(from.stringText());
    default: return null;
  }
}

function printing<T>(read: (from: AvroCursor) => T, print: (value: T) => string): Read {
  return (from, to) => to.write(print(read(from)));
}

function booleanText(byte: number): string {
  if (byte > 1) throw new BadBytes(`a boolean is ${byte}`);
  return byte === 1 ? 'true' : 'false';
}

function enumeration(schema: Schema): Read {
  const symbols = list(schema.symbols, 'symbols').map((symbol) => JSON.stringify(String(symbol)));
  return (from, to) => to.write(symbols[indexIn(from, symbols.length, 'symbol')]);
}

function fixed(schema: Schema): Read {
  const { size } = schema;
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw new BadSchema(`the fixed ${String(schema.name)} has the size ${JSON.stringify(size)}`);
  return printing((from) => from.fixed(size as number), bytesText(schema, size as number));
}

function array(item: Read): Read {
  return (from, to) => {
    to.open('[');
    eachItem(from, (first) => {
      if (!first) to.write(',');
      item(from, to);
    });
    to.close(']');
  };
}

function map(value: Read): Read {
  return (from, to) => {
    to.open('{');
    eachItem(from, (first) => {
      to.write(`${first ? '' : ','}${from.stringText()}:`);
      value(from, to);
    });
    to.close('}');
  };
}

/** Blocks of items: a count, negative where a size in bytes follows; 0 ends. */
function eachItem(from: AvroCursor, item: (first: boolean) => void): void {
  let [first, empty] = [true, 0];
  for (let count = from.long(); count !== 0; count = from.long()) {
    if (count < 0) from.long();
    const items = typeof count === 'bigint' ? Number.MAX_SAFE_INTEGER : Math.abs(count);
    for (let i = 0; i < items; i++) {
      const before = from.at;
      item(first);
      first = false;
      if (from.at === before && ++empty > EMPTY_ITEMS_MAX) throw new BadBytes(`more than ${EMPTY_ITEMS_MAX} items without a byte`);
    }
  }
}

function indexIn(from: AvroCursor, length: number, what: string): number {
  const index = from.long();
  if (typeof index === 'bigint' || index < 0 || index >= length) throw new BadBytes(`${what} ${index} of ${length}, before ${from.at}`);
  return index;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new BadSchema(`${what} are ${JSON.stringify(value)}`);
  return value;
}
