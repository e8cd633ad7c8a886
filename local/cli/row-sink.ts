import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { Output } from './command.ts';
import { toJson } from './output.ts';
import { cellText, jsonValue } from './values.ts';

export interface Column {
  readonly name: string;
  readonly type: SqlSource;
}

/** Where streamed rows go; values as `Session.chunks` gives them, in the order of the columns. `end` once, after the last. */
export interface RowSink {
  rows(rows: readonly (readonly unknown[])[]): Promise<void>;
  end(): Promise<void>;
}

/** NDJSON with `--json`, CSV where asked for, else a table for people. */
export function consoleSink(out: Output, columns: readonly Column[], csv: boolean): RowSink {
  if (out.json) return lineSink((row) => out.row(rowObject(columns, row), () => ''));
  if (!csv) return new Grid(columns, (line) => out.row(null, () => line));
  out.row(null, () => csvLine(columns.map(({ name }) => name)));
  return lineSink((row) => out.row(null, () => csvRow(columns, row)));
}

export type FileFormat = 'parquet' | 'csv' | 'ndjson';

export function formatOfFile(path: string): FileFormat {
  const format = extname(path).slice(1).toLowerCase();
  if (format === 'parquet' || format === 'csv' || format === 'ndjson') return format;
  throw new ConfigError('cli/options', `--out ${path}: the name must end in .parquet, .csv or .ndjson, which says what is written`);
}

/** Writes under another name first: a file that has the name is whole. An existing file is never overwritten. */
export async function withNewFile<T>(path: string, write: (unfinished: string) => Promise<T>): Promise<T> {
  const target = resolve(path);
  if (existsSync(target)) throw new ConfigError('cli/out-exists', `${target} exists; delete it or choose another name`);
  const unfinished = `${target}.part`;
  try {
    const result = await write(unfinished);
    await rename(unfinished, target);
    return result;
  } finally {
    await rm(unfinished, { force: true });
  }
}

export async function fileSink(path: string, format: Exclude<FileFormat, 'parquet'>, columns: readonly Column[]): Promise<RowSink> {
  const file = await open(path, 'w');
  if (format === 'csv') await file.write(`${csvLine(columns.map(({ name }) => name))}\n`);
  const line = (row: readonly unknown[]) => (format === 'csv' ? csvRow(columns, row) : toJson(rowObject(columns, row)));
  return new FileSink(file, line);
}

class FileSink implements RowSink {
  readonly #file: FileHandle;
  readonly #line: (row: readonly unknown[]) => string;

  constructor(file: FileHandle, line: (row: readonly unknown[]) => string) {
    this.#file = file;
    this.#line = line;
  }

  async rows(rows: readonly (readonly unknown[])[]): Promise<void> {
    await this.#file.appendFile(rows.map((row) => `${this.#line(row)}\n`).join(''));
  }

  end(): Promise<void> {
    return this.#file.close();
  }
}

function lineSink(write: (row: readonly unknown[]) => void): RowSink {
  return {
    rows: (rows) => {
      for (const row of rows) write(row);
      return Promise.resolve();
    },
    end: () => Promise.resolve(),
  };
}

function rowObject(columns: readonly Column[], row: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(columns.map(({ name, type }, i) => [name, jsonValue(type, row[i])]));
}

/** RFC 4180, lines ended by LF; null is empty, empty text is "". */
function csvLine(cells: readonly (string | null)[]): string {
  return cells.map((cell) => (cell === null ? '' : cell === '' || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',');
}

function csvRow(columns: readonly Column[], row: readonly unknown[]): string {
  return csvLine(columns.map(({ type }, i) => cellText(type, row[i])));
}

const MEASURED_ROWS_MAX = 1_000;
/** A payload may be long; what a command wrote itself may be shown whole. */
const PAYLOAD_CHARS_MAX = 60;
const NUMBERS = new Set(['long', 'integer', 'short', 'byte', 'double', 'float']);

/** A table for people. Widths come from the first rows, so that memory stays bounded; a later, wider cell only pushes its line. */
export class Grid implements RowSink {
  readonly #columns: readonly Column[];
  readonly #write: (line: string) => void;
  readonly #cellCharsMax: number;
  #measured: string[][] | null = [];
  #widths: number[] = [];

  constructor(columns: readonly Column[], write: (line: string) => void, cellCharsMax = PAYLOAD_CHARS_MAX) {
    this.#columns = columns;
    this.#write = write;
    this.#cellCharsMax = cellCharsMax;
  }

  rows(rows: readonly (readonly unknown[])[]): Promise<void> {
    for (const row of rows) {
      const cells = this.#columns.map(({ type }, i) => shown(cellText(type, row[i]), this.#cellCharsMax));
      if (this.#measured === null) this.#print(cells);
      else if (this.#measured.push(cells) === MEASURED_ROWS_MAX) this.#flush(this.#measured);
    }
    return Promise.resolve();
  }

  end(): Promise<void> {
    if (this.#measured !== null) this.#flush(this.#measured);
    return Promise.resolve();
  }

  #flush(measured: readonly string[][]): void {
    this.#measured = null;
    this.#widths = this.#columns.map(({ name }, i) => measured.reduce((width, cells) => Math.max(width, chars(cells[i])), chars(name)));
    this.#print(this.#columns.map(({ name }) => name));
    this.#write(this.#widths.map((width) => '─'.repeat(width)).join('  '));
    for (const cells of measured) this.#print(cells);
  }

  #print(cells: readonly string[]): void {
    const padded = cells.map((cell, i) => {
      const space = ' '.repeat(Math.max(0, this.#widths[i] - chars(cell)));
      return NUMBERS.has(this.#columns[i].type as string) ? space + cell : cell + space;
    });
    this.#write(padded.join('  ').trimEnd());
  }
}

/** Rows of texts as a table for people, numbers to the right where a column is named in `numbers`. */
export async function gridText(names: readonly string[], rows: readonly (readonly (string | null)[])[], numbers: readonly string[] = []): Promise<string> {
  const lines: string[] = [];
  const grid = new Grid(names.map((name) => ({ name, type: numbers.includes(name) ? 'long' : 'string' })), (line) => lines.push(line), 500);
  await grid.rows(rows);
  await grid.end();
  return lines.join('\n');
}

function shown(text: string | null, charsMax: number): string {
  if (text === null) return 'NULL';
  const points = Array.from(harmless(text.slice(0, 4 * charsMax)));
  return points.length > charsMax ? `${points.slice(0, charsMax - 1).join('')}…` : points.join('');
}

/** A payload is anybody's text: a terminal must not obey it. */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function chars(text: string): number {
  return Array.from(text).length;
}
