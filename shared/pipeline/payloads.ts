import { isUtf8 } from 'node:buffer';
import { ConfigError } from '../errors.ts';
import { readFrame } from '../formats/framing.ts';
import { gunzip } from '../formats/gzip.ts';
import type { FramedFormat, Schemas } from '../formats/schemas.ts';
import type { TopicDefinition } from './definition.ts';
import { rejected } from './judge/rejection.ts';
import type { RawRow, Rejected } from './verdict.ts';

/** How the payloads of a topic become JSON text (semantics.md, section 4, points 1 to 3). */
export interface PayloadReader {
  read(row: RawRow): string | Rejected;
  /** The reason where that text is not one JSON object. */
  readonly malformedReason: string;
}

export interface Payloads {
  readerOf(topic: string): PayloadReader;
  /** To be awaited before the rows are read: their schemas are asked for. Absent where no topic has schemas. */
  readonly prepare?: (rows: readonly RawRow[]) => Promise<void>;
}

type TopicFormat = Pick<TopicDefinition, 'name' | 'format' | 'compression'>;

function isFramed({ format }: Pick<TopicDefinition, 'format'>): boolean {
  return format !== 'json';
}

/** Failures: ConfigError `config/schema-registry` where a topic has schemas and there is nobody to ask for them. */
export function compilePayloads(topics: readonly TopicFormat[], schemas: Schemas | null): Payloads {
  const unfolder = new Unfolder();
  const readers = new Map(topics.filter((topic) => isFramed(topic) || topic.compression !== 'none').map((topic) => [topic.name, readerFor(topic, schemas, unfolder)]));
  if (readers.size === 0) return { readerOf: () => PLAIN_JSON };
  const readerOf = (topic: string) => readers.get(topic) ?? PLAIN_JSON;
  const framed = new Map(topics.filter(isFramed).map((topic) => [topic.name, topic]));
  if (schemas === null || framed.size === 0) return { readerOf };
  return {
    readerOf,
    prepare: async (rows) => {
      unfolder.forget();
      await schemas.prepare(rows.flatMap((row) => schemaOf(row, framed.get(row.topic), unfolder)));
    },
  };
}

/** Where Bronze has bytes and not text they are UTF-8 (a `payload: bytes` topic) or the reason. */
const PLAIN_JSON: PayloadReader = {
  malformedReason: 'malformed_json',
  read: (row) => {
    if (row.value !== null && row.value.length > 0) return row.value;
    const bytes = row.valueBytes;
    if (bytes === null || bytes.length === 0) return EMPTY;
    return textOf(bufferOver(bytes));
  },
};

const EMPTY = rejected('empty_payload', 'no payload, or one of zero length');

function readerFor(topic: TopicFormat, schemas: Schemas | null, unfolder: Unfolder): PayloadReader {
  if (topic.format === 'json') return { malformedReason: 'malformed_json', read: (row) => withBytes(row, topic, unfolder, textOf) };
  if (schemas === null) {
    throw new ConfigError('config/schema-registry', `topic ${topic.name} has the format ${topic.format}, whose schemas are in a registry, and SCHEMA_REGISTRY_URL is not set: set it to the registry of the topic's producers`, { facts: { topic: topic.name } });
  }
  const { format } = topic;
  return { malformedReason: 'undecodable_payload', read: (row) => withBytes(row, topic, unfolder, (bytes) => readFramed(bytes, format, schemas)) };
}

/** Under gzip a row's schema shows only once it is unfolded: so rows are unfolded once for being prepared and judged, as far as memory goes. */
class Unfolder {
  #kept = new WeakMap<Uint8Array, Buffer>();
  #bytesLeft = 0;

  forget(): void {
    this.#kept = new WeakMap();
    this.#bytesLeft = UNFOLDED_BYTES_MAX;
  }

  /** What a gzip layer holds, or what is wrong with it. */
  unfold(row: RawRow, bytes: Buffer): Buffer | string {
    const kept = row.valueBytes && this.#kept.get(row.valueBytes);
    if (kept) return kept;
    const unfolded = gunzip(bytes);
    if (row.valueBytes && typeof unfolded !== 'string' && unfolded.length <= this.#bytesLeft) {
      this.#bytesLeft -= unfolded.length;
      this.#kept.set(row.valueBytes, unfolded);
    }
    return unfolded;
  }
}

const UNFOLDED_BYTES_MAX = 32 * 1024 * 1024;

function withBytes(row: RawRow, { compression }: TopicFormat, unfolder: Unfolder, read: (bytes: Buffer) => string | Rejected): string | Rejected {
  const bytes = bytesOf(row);
  if (bytes === null) return EMPTY;
  const unfolded = compression === 'gzip' ? unfolder.unfold(row, bytes) : bytes;
  return typeof unfolded === 'string' ? rejected('undecodable_payload', unfolded) : read(unfolded);
}

function textOf(bytes: Buffer): string | Rejected {
  return isUtf8(bytes) ? bytes.toString('utf8') : rejected('not_utf8', `${bytes.length} bytes that are not UTF-8`);
}

function readFramed(bytes: Buffer, format: FramedFormat, schemas: Schemas): string | Rejected {
  const frame = readFrame(bytes);
  if (typeof frame === 'string') return rejected('unknown_schema', frame);
  const { schemaId, payload } = frame;
  const schema = schemas.get(format, schemaId);
  if (schema.kind === 'unknown') return rejected('unknown_schema', `the registry knows no schema ${schemaId}`);
  if (schema.kind === 'unusable') return rejected('undecodable_payload', `schema ${schemaId} can't be used: ${schema.problem}`);
  const decoded = schema.decode(payload);
  return decoded.kind === 'text' ? decoded.text : rejected('undecodable_payload', `schema ${schemaId}: ${decoded.problem}`);
}

/** The schema that a row of a framed topic names, if it names one. */
function schemaOf(row: RawRow, topic: TopicFormat | undefined, unfolder: Unfolder): { format: FramedFormat; id: number }[] {
  const bytes = topic && bytesOf(row);
  if (!topic || topic.format === 'json' || !bytes) return [];
  const unfolded = topic.compression === 'gzip' ? unfolder.unfold(row, bytes) : bytes;
  const frame = typeof unfolded === 'string' ? unfolded : readFrame(unfolded);
  return typeof frame === 'string' ? [] : [{ format: topic.format, id: frame.schemaId }];
}

/** Bronze keeps text only where the bytes are UTF-8, so its bytes are the payload's, whatever the topic's setting was then. */
function bytesOf({ value, valueBytes }: RawRow): Buffer | null {
  if (value !== null && value.length > 0) return Buffer.from(value, 'utf8');
  return valueBytes === null || valueBytes.length === 0 ? null : bufferOver(valueBytes);
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
