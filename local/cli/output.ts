import { printJson } from '../../shared/delta/json.ts';
import type { Output } from './command.ts';

/** bigint as digits, bytes as base64, −0 with its sign, other numbers that JSON lacks as text, so that every row of every table prints. */
export function toJson(value: unknown): string {
  return printJson(printable(value));
}

function printable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number') return Object.is(value, -0) ? NEGATIVE_ZERO : Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printable(inner)]));
}

/** https://tc39.es/proposal-json-parse-with-source/ */
const NEGATIVE_ZERO = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('-0.0');

export function consoleOutput(json: boolean): Output {
  process.stdout.on('error', endWithReader);
  const line = (text: string) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return {
    json,
    result: (value, human) => line(json ? toJson(value) : human()),
    row: (value, human) => line(json ? toJson(value) : human()),
    note: (text) => process.stderr.write(`${text}\n`),
  };
}

/** `| head` has what it wanted: the rest has no reader. */
function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}
