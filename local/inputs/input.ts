import { basename, extname } from 'node:path';
import type { EventSource } from '../producer/source.ts';
import { readBytes } from './bytes.ts';
import { CsvInput } from './csv.ts';
import { NdjsonInput } from './ndjson.ts';

export interface InputOptions {
  /** A file, or `-` for the standard input. */
  readonly path: string;
  readonly partitions: number;
  /** For CSV without a column event_type. */
  readonly eventType?: string;
  /** CreateTime of NDJSON lines. */
  readonly nowMs: () => number;
}

/** What `--input` names: CSV by its extension (or, from the standard input, when an event type is given), else a line an event. */
export function openInput({ path, partitions, eventType, nowMs }: InputOptions): EventSource {
  const open = () => readBytes(path);
  const extension = extname(path);
  const isCsv = extension.toLowerCase() === '.csv' || (path === '-' && eventType !== undefined);
  if (!isCsv) return new NdjsonInput({ open, partitions, nowMs });
  const name = path === '-' ? 'stdin' : basename(path, extension);
  return new CsvInput({ open, partitions, name, ...(eventType === undefined ? {} : { eventType }) });
}
