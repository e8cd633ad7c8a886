import { isUtf8 } from 'node:buffer';
import type { Clock } from '../clock.ts';
import { assert } from '../errors.ts';
import { compileAvro } from './avro.ts';
import { undecodable } from './decoder.ts';
import type { Decode } from './decoder.ts';
import { compileProtobuf } from './protobuf.ts';

/** Formats in Confluent's framing. */
export type FramedFormat = 'avro' | 'json-schema' | 'protobuf';

/** A schema as a registry gives it. */
export interface RegisteredSchema {
  /** AVRO, JSON, PROTOBUF, or another registry's own. */
  readonly type: string;
  readonly text: string;
  readonly references: readonly SchemaReference[];
}

export interface SchemaReference {
  /** Avro: the type's full name. Protobuf: as the import writes it. */
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** A schema registry (`sources/schema-registry.ts` fits it). Null: it answers that there is none. Failures: TransientError, ConfigError. */
export interface SchemaSource {
  schema(id: number): Promise<RegisteredSchema | null>;
  version(subject: string, version: number): Promise<RegisteredSchema | null>;
}

/** How payloads of a schema are decoded; or that the registry does not know the id; or why its schema can't be used. */
export type SchemaDecoder =
  | { readonly kind: 'decoder'; readonly decode: Decode }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unusable'; readonly problem: string };

const SCHEMAS_MAX = 1_000;
const REFERENCES_MAX = 1_000;
const ASKED_AT_ONCE = 8;
/** An id means one schema for ever; that it means none may change when a schema is registered. */
const UNKNOWN_MS = 60_000;

const REGISTERED_TYPE: Readonly<Record<FramedFormat, string>> = { avro: 'AVRO', 'json-schema': 'JSON', protobuf: 'PROTOBUF' };

interface Entry {
  readonly decoder: SchemaDecoder;
  /** On the clock's monotonic time; Infinity for what can't change. */
  readonly untilMs: number;
}

/** Decoders by schema id: asked for ahead of the rows that need them, so that judging a row waits for nothing. */
export class Schemas {
  readonly #source: SchemaSource;
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly source: SchemaSource; readonly clock: Clock }) {
    this.#source = options.source;
    this.#clock = options.clock;
  }

  /** Until the next call, `get` knows these. Failures: those of the source; then nothing is known of what was asked. */
  async prepare(ids: Iterable<{ readonly format: FramedFormat; readonly id: number }>): Promise<void> {
    const wanted = new Map([...ids].map(({ format, id }) => [keyOf(format, id), { format, id }]));
    const missing = [...wanted].filter(([key]) => !this.#touch(key));
    const queue = missing.values();
    const ask = async () => {
      for (const [key, { format, id }] of queue) this.#entries.set(key, await this.#ask(format, id));
    };
    await Promise.all(Array.from({ length: Math.min(ASKED_AT_ONCE, missing.length) }, ask));
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= SCHEMAS_MAX) break;
      if (!wanted.has(key)) this.#entries.delete(key);
    }
  }

  get(format: FramedFormat, id: number): SchemaDecoder {
    const entry = this.#entries.get(keyOf(format, id));
    assert(entry, `schema ${id} was not asked for before its rows were judged`);
    return entry.decoder;
  }

  /** True: it is known, and now the last used. */
  #touch(key: string): boolean {
    const entry = this.#entries.get(key);
    if (!entry || entry.untilMs <= this.#clock.monotonicMs()) return false;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return true;
  }

  async #ask(format: FramedFormat, id: number): Promise<Entry> {
    const schema = await this.#source.schema(id);
    if (schema === null) return { decoder: { kind: 'unknown' }, untilMs: this.#clock.monotonicMs() + UNKNOWN_MS };
    const compiled = await this.#compile(format, schema);
    const decoder: SchemaDecoder = typeof compiled === 'string' ? { kind: 'unusable', problem: compiled } : { kind: 'decoder', decode: compiled };
    return { decoder, untilMs: Number.POSITIVE_INFINITY };
  }

  async #compile(format: FramedFormat, schema: RegisteredSchema): Promise<Decode | string> {
    if (schema.type !== REGISTERED_TYPE[format]) return `it is of type ${schema.type}, and the topic's format is ${format}`;
    // Whether the JSON keeps to the schema is not looked at, as Confluent's own deserializer by default; its references are not needed then.
    if (format === 'json-schema') return decodeJson;
    const references = await this.#references(schema);
    if (typeof references === 'string') return references;
    return format === 'avro' ? compileAvro(schema.text, references.map(({ text }) => text)) : compileProtobuf(schema.text, references);
  }

  /** All schemas that this one uses, each after those it uses itself. A version that is not there makes the schema unusable. */
  async #references(schema: RegisteredSchema): Promise<readonly { readonly name: string; readonly text: string }[] | string> {
    const found = new Map<string, { name: string; text: string }>();
    const seen = new Set<string>();
    const collect = async ({ references }: RegisteredSchema): Promise<string | null> => {
      for (const { name, subject, version } of references) {
        if (seen.has(name)) continue;
        seen.add(name);
        if (seen.size > REFERENCES_MAX) return `it has more than ${REFERENCES_MAX} references`;
        const referenced = await this.#source.version(subject, version);
        if (referenced === null) return `its reference ${name}, version ${version} of ${subject}, is not in the registry`;
        const problem = await collect(referenced);
        if (problem !== null) return problem;
        found.set(name, { name, text: referenced.text });
      }
      return null;
    };
    return (await collect(schema)) ?? [...found.values()];
  }
}

function keyOf(format: FramedFormat, id: number): string {
  return `${format}/${id}`;
}

const decodeJson: Decode = (payload) =>
  isUtf8(payload) ? { kind: 'text', text: payload.toString('utf8') } : undecodable(`${payload.length} bytes that are not UTF-8`);
