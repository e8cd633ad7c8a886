import { TextDecoder } from 'node:util';
import { ConfigError } from '../../shared/errors.ts';
import { partitionOfKey } from '../producer/partitioner.ts';
import type { EventSource, SourceEvent } from '../producer/source.ts';
import { alreadyHeld } from '../producer/source.ts';
import type { ProducedRecord } from '../producer/target.ts';
import type { OpenBytes } from './bytes.ts';
import { CsvRows } from './csv-rows.ts';

export interface CsvOptions {
  readonly open: OpenBytes;
  readonly partitions: number;
  /** Before the row number in the ids of rows that bring none: the file's base name. */
  readonly name: string;
  /** Of rows that bring none. */
  readonly eventType?: string;
}

/**
 * A CSV file with a header as events. Columns `timestamp` and `value` must be there; `event_id` (else `<name>-<row number>`, from 1)
 * and `event_type` (else the option) may be; any others become further fields. Cells go into the payload as text, except that a
 * timestamp without a zone is read as UTC. The record's time is the event's, −1 where that can't be read; its key is the id.
 */
export class CsvInput implements EventSource {
  readonly #options: CsvOptions;

  constructor(options: CsvOptions) {
    this.#options = options;
  }

  get partitions(): number {
    return this.#options.partitions;
  }

  async *remaining(counts: readonly bigint[]): AsyncGenerator<SourceEvent[]> {
    const held = alreadyHeld(counts);
    let header: readonly string[] | null = null;
    let index = 0;
    for await (const rows of csvRows(this.#options)) {
      const events: SourceEvent[] = [];
      for (const row of rows) {
        if (header === null) {
          header = checkedHeader(row, this.#options);
          continue;
        }
        const record = this.#recordOf(header, row, index + 1);
        const partition = record.key === null ? index % this.partitions : partitionOfKey(record.key, this.partitions);
        if (!held(partition)) events.push({ index, partition, record });
        index++;
      }
      yield events;
    }
    if (header === null) checkedHeader([], this.#options);
  }

  #recordOf(header: readonly string[], row: readonly string[], number: number): ProducedRecord {
    const { name, eventType } = this.#options;
    const cells = Object.fromEntries(row.map((cell, column) => [header[column] ?? `column_${column + 1}`, cell]));
    const { event_id = `${name}-${number}`, event_type = eventType, timestamp, value, ...others } = cells;
    const time = timestamp === undefined ? undefined : utcTimestamp(timestamp);
    return {
      key: event_id === '' ? null : Buffer.from(event_id),
      value: Buffer.from(JSON.stringify({ event_id, event_type, timestamp: time, value, ...others })),
      headers: [],
      timestampMs: epochMs(time),
    };
  }
}

async function* csvRows({ open, name }: CsvOptions): AsyncGenerator<string[][]> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const rows = new CsvRows();
  for await (const chunk of open()) yield rows.push(decode(utf8, chunk, name));
  yield rows.push(decode(utf8, null, name));
  yield rows.end();
}

/** @param chunk null at the end of the bytes. */
function decode(utf8: TextDecoder, chunk: Buffer | null, name: string): string {
  try {
    return chunk === null ? utf8.decode() : utf8.decode(chunk, { stream: true });
  } catch (cause) {
    throw new ConfigError('input/csv-encoding', `reading CSV ${name}: it is not UTF-8. Convert it, or send its lines as they are with NDJSON.`, { cause });
  }
}

function checkedHeader(header: readonly string[], { name, eventType }: CsvOptions): readonly string[] {
  const problems = ['timestamp', 'value'].filter((column) => !header.includes(column)).map((column) => `no column '${column}'`);
  if (!header.includes('event_type') && eventType === undefined) problems.push("no column 'event_type' and no --event-type");
  if (new Set(header).size < header.length) problems.push('two columns of one name');
  if (problems.length === 0) return header;
  throw new ConfigError('input/csv-header', `reading CSV ${name}: its first line is '${header.join(',').slice(0, 200)}': ${problems.join(', ')}. Expected is timestamp,value.`);
}

const ZONELESS = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:\d{2}(?:[.,]\d{1,9})?)?$/;
const EPOCH_MS = /^\d{1,15}$/;
const ZONED = /^\d{4}-\d{2}-\d{2}T/;

function utcTimestamp(text: string): string {
  return text.replace(ZONELESS, (_, day: string, minutes: string, seconds: string | undefined) => `${day}T${minutes}${seconds ?? ':00'}Z`);
}

/** −1 where it can't be read, or lies before 1970. */
function epochMs(text: string | undefined): number {
  if (text === undefined) return -1;
  if (EPOCH_MS.test(text)) return Number(text);
  const ms = ZONED.test(text) ? Date.parse(text.replace(',', '.')) : Number.NaN;
  return ms >= 0 ? ms : -1;
}
