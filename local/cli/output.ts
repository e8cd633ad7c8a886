import { printJson } from '../../shared/delta/json.ts';
import type { Output } from './command.ts';

/** bigint as digits, bytes as base64, so that every row of every table prints. */
export function toJson(value: unknown): string {
  return printJson(printable(value));
}

function printable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(printable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printable(inner)]));
}

export function consoleOutput(json: boolean): Output {
  const line = (text: string) => process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return {
    json,
    result: (value, human) => line(json ? toJson(value) : human()),
    row: (value, human) => line(json ? toJson(value) : human()),
    note: (text) => process.stderr.write(`${text}\n`),
  };
}
