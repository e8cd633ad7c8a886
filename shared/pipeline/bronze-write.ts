import { isUtf8 } from 'node:buffer';
import { TextCodes } from '../columnar/load-column.ts';
import type { LoadColumn } from '../columnar/load-column.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { earliest, writeFiles } from '../delta/operations/write.ts';
import type { NewFiles } from '../delta/operations/write.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { KafkaHeader, KafkaRecord } from '../sources/record.ts';
import type { LanePlan } from './bronze-plan.ts';
import type { Pipeline } from './definition.ts';
import { PAYLOAD_BYTES } from './slice.ts';

export interface WriteOptions {
  readonly pipeline: Pipeline;
  readonly nowMs: number;
  /** A file ends with the record that passes this: keys, values and headers as they came, uncompressed. */
  readonly fileBytesMax?: number | undefined;
}

/** So much of payload compresses to a file that engines read at ease. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;

/** Records → Bronze's Parquet files, raw (semantics.md, sections 2 and 3). Nothing is visible before the commit that names them. */
export async function writeRecords(plans: readonly LanePlan[], table: RowTable, snapshot: Snapshot, options: WriteOptions): Promise<NewFiles> {
  const written: NewFiles[] = [];
  // A session each: what it holds goes with it.
  for (const { columns, bytes } of bronzeColumns(plans, options)) {
    const { adds, writtenAtMs } = await table.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(columns)));
    // One file: its rows are of one ingest_date.
    written.push({ adds: adds.map((add) => ({ ...add, tags: { [PAYLOAD_BYTES]: String(bytes) } })), writtenAtMs });
  }
  return { adds: written.flatMap(({ adds }) => adds), writtenAtMs: earliest(written.map(({ writtenAtMs }) => writtenAtMs)) };
}

/** Records of one partition, in offset order. */
export type Stretch = Pick<LanePlan, 'topic' | 'incarnation' | 'partition' | 'records'>;

/** The rows of each file, all records in order, in one pass; a file has one record at least. Each is to be written before the next is asked for. */
export function* bronzeColumns(plans: readonly Stretch[], { pipeline, nowMs, fileBytesMax = FILE_BYTES_MAX }: WriteOptions): Generator<{ readonly columns: LoadColumn[]; readonly bytes: number }> {
  const asBytes = new Set(pipeline.topics.filter(({ payload }) => payload !== 'text').map(({ name }) => name));
  let left = plans.reduce((sum, { records }) => sum + records.length, 0);
  let rows = new BronzeRows(left);
  for (const plan of plans) {
    const mayBeText = !asBytes.has(plan.topic);
    for (let next = 0; next < plan.records.length;) {
      next = rows.take(plan, next, { mayBeText, bytesMax: fileBytesMax });
      if (rows.bytes < fileBytesMax) continue;
      yield { columns: rows.columns(nowMs), bytes: rows.bytes };
      left -= rows.count;
      rows = new BronzeRows(left);
    }
  }
  if (rows.count > 0) yield { columns: rows.columns(nowMs), bytes: rows.bytes };
}

/** Bytes of a column that is text where it can be, and bytes where not. */
class TextOrBytes {
  readonly #text: (Uint8Array | null)[] = [];
  /** Most topics have none: null until there is one. */
  #bytes: (Uint8Array | null)[] | null = null;
  #hasText = false;

  /** How many bytes it has. */
  add(value: Uint8Array | null, mayBeText: boolean): number {
    const isText = value !== null && mayBeText && isUtf8(value);
    if (value !== null && !isText) this.#bytes ??= this.#text.map(() => null);
    this.#text.push(isText ? value : null);
    this.#bytes?.push(isText ? null : value);
    this.#hasText ||= isText;
    return value?.length ?? 0;
  }

  columns(text: string, bytes: string): LoadColumn[] {
    return [
      this.#hasText ? { name: text, kind: 'utf8', values: this.#text } : { name: text, kind: 'utf8', constant: null },
      this.#bytes === null ? { name: bytes, kind: 'blob', constant: null } : { name: bytes, kind: 'blob', values: this.#bytes },
    ];
  }
}

/** Bronze's columns, while they are filled. */
class BronzeRows {
  count = 0;
  /** As Kafka delivered them: keys, values, headers. */
  bytes = 0;
  readonly #topics: CodedTexts;
  readonly #incarnations: CodedTexts;
  readonly #timestampTypes: CodedTexts;
  readonly #partitions: Int32Array;
  readonly #offsets: BigInt64Array;
  readonly #times: BrokerTimes;
  readonly #keys = new TextOrBytes();
  readonly #values = new TextOrBytes();
  readonly #headers: (readonly KafkaHeader[] | null)[] = [];
  #hasHeaders = false;

  constructor(rowsMax: number) {
    [this.#topics, this.#incarnations, this.#timestampTypes] = [new CodedTexts(rowsMax), new CodedTexts(rowsMax), new CodedTexts(rowsMax)];
    [this.#partitions, this.#offsets, this.#times] = [new Int32Array(rowsMax), new BigInt64Array(rowsMax), new BrokerTimes(rowsMax)];
  }

  /** Takes records from the one at `next` on, until the rows are full; where to go on. */
  take({ topic, incarnation, partition, records }: Stretch, next: number, { mayBeText, bytesMax }: { mayBeText: boolean; bytesMax: number }): number {
    const from = this.count;
    let at = next;
    while (at < records.length && this.bytes < bytesMax) this.#add(records[at++], mayBeText);
    this.#topics.fill(topic, from, this.count);
    this.#incarnations.fill(incarnation, from, this.count);
    this.#partitions.fill(partition, from, this.count);
    return at;
  }

  #add({ offset, timestampMs, timestampType, key, value, headers }: KafkaRecord, mayBeText: boolean): void {
    const row = this.count++;
    this.#offsets[row] = offset;
    this.#times.set(row, timestampMs);
    this.#timestampTypes.set(row, timestampType);
    this.bytes += this.#keys.add(key, true) + this.#values.add(value?.length === 0 ? null : value, mayBeText);
    this.#headers.push(headers.length === 0 ? null : headers);
    if (headers.length === 0) return;
    this.#hasHeaders = true;
    for (const header of headers) this.bytes += header.key.length + (header.value?.length ?? 0);
  }

  columns(nowMs: number): LoadColumn[] {
    const { count } = this;
    return [
      this.#topics.column('topic', count),
      this.#incarnations.column('incarnation', count),
      { name: 'partition', kind: 'integer', values: this.#partitions.subarray(0, count) },
      { name: 'offset', kind: 'long', values: this.#offsets.subarray(0, count) },
      { name: 'kafka_timestamp', kind: 'timestamp', values: this.#times.values(count) },
      this.#timestampTypes.column('timestamp_type', count),
      ...this.#keys.columns('key', 'key_bytes'),
      ...this.#values.columns('value', 'value_bytes'),
      this.#hasHeaders ? { name: 'headers', kind: 'headers', values: this.#headers } : { name: 'headers', kind: 'headers', constant: null },
      { name: 'ingested_at', kind: 'timestamp', constant: BigInt(nowMs) * 1000n },
      { name: 'ingest_date', kind: 'date', constant: Math.floor(nowMs / 86_400_000) },
    ];
  }
}

/** Few different texts, or none. */
class CodedTexts {
  readonly #texts = new TextCodes();
  readonly #codes: Int32Array;
  #last: { readonly text: string; readonly code: number } | null = null;

  constructor(rowsMax: number) {
    this.#codes = new Int32Array(rowsMax).fill(-1);
  }

  fill(text: string, from: number, to: number): void {
    this.#codes.fill(this.#texts.code(text), from, to);
  }

  set(row: number, text: string | null): void {
    if (text === null) return;
    if (text !== this.#last?.text) this.#last = { text, code: this.#texts.code(text) };
    this.#codes[row] = this.#last.code;
  }

  column(name: string, count: number): LoadColumn {
    const { texts } = this.#texts;
    return texts.length === 0 ? { name, kind: 'text', constant: null } : { name, kind: 'text', codes: this.#codes.subarray(0, count), texts };
  }
}

const YEAR_10000_MS = 253_402_300_800_000;

/** Milliseconds as microseconds; null where the record has no time, or one past every engine's calendar, as a producer's clock may write it: no reason to stop. */
class BrokerTimes {
  readonly #us: BigInt64Array;
  /** The same by halves: a bigint a record would cost more than all the rest of a row. */
  readonly #halves: Uint32Array;
  readonly #missing: number[] = [];

  constructor(rowsMax: number) {
    this.#us = new BigInt64Array(rowsMax);
    this.#halves = new Uint32Array(this.#us.buffer);
  }

  set(row: number, timestampMs: number): void {
    if (timestampMs < 0 || timestampMs >= YEAR_10000_MS) {
      this.#missing.push(row);
      return;
    }
    // Below 2^58, so the product is not exact: halves of the milliseconds are.
    const high = Math.floor(timestampMs / 0x1_0000_0000);
    const low = (timestampMs - high * 0x1_0000_0000) * 1000;
    const carry = Math.floor(low / 0x1_0000_0000);
    this.#halves[2 * row] = low - carry * 0x1_0000_0000;
    this.#halves[2 * row + 1] = high * 1000 + carry;
  }

  values(count: number): ArrayLike<bigint | null> {
    const us = this.#us.subarray(0, count);
    if (this.#missing.length === 0) return us;
    const values: (bigint | null)[] = Array.from(us);
    for (const row of this.#missing) values[row] = null;
    return values;
  }
}
