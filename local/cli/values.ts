import type { SqlSource } from '../../shared/columnar/sql-type.ts';
import { toJson } from './output.ts';

/**
 * A value as the engine gives it (`Session.chunks`) to what `toJson` prints, by its Delta type:
 * integers with every digit; double and float as the shortest number that reads back (NaN, Infinity as text); decimal as text at its own
 * scale; timestamp `YYYY-MM-DDTHH:MM:SS.ffffffZ`, timestamp_ntz without Z; date `YYYY-MM-DD`; binary base64; struct an object; array a list;
 * map an object where its keys are text, else a list of {key, value}.
 */
export function jsonValue(type: SqlSource, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof type === 'string') return scalar(type, value);
  if (type.type === 'array') return (value as readonly unknown[]).map((item) => jsonValue(type.elementType, item));
  if (type.type === 'struct') {
    const fields = value as Readonly<Record<string, unknown>>;
    return Object.fromEntries(type.fields.map((field) => [field.name, jsonValue(field.type, fields[field.name])]));
  }
  const entries = (value as readonly { key: unknown; value: unknown }[]).map((entry) => ({ key: jsonValue(type.keyType, entry.key), value: jsonValue(type.valueType, entry.value) }));
  return type.keyType === 'string' ? Object.fromEntries(entries.map((entry) => [entry.key as string, entry.value])) : entries;
}

/** For a cell of a table for people or of a CSV file: text as it is, the rest as its JSON; null for null. */
export function cellText(type: SqlSource, value: unknown): string | null {
  const json = jsonValue(type, value);
  return json === null ? null : typeof json === 'string' ? json : toJson(json);
}

function scalar(type: string, value: unknown): unknown {
  switch (type) {
    case 'timestamp': return isoMicros(value as bigint, 'Z');
    case 'timestamp_ntz': return isoMicros(value as bigint, '');
    case 'date': return isoDate(value as number);
    case 'binary': return Buffer.from(value as Uint8Array).toString('base64');
    case 'float': return shortestFloat(value as number);
    default: return value;
  }
}

const US_PER_MS = 1_000n;
const MS_PER_DAY = 86_400_000;
/** What a JavaScript Date reaches, in milliseconds. */
const DATE_MS_MAX = 8_640_000_000_000_000;
const ISO_MS_DIGITS = '.000Z'.length;

/** Years beyond 9999 and before 0 in ISO's six digits; what no calendar of ours reaches (DuckDB's infinity) as µs. */
function isoMicros(us: bigint, zone: '' | 'Z'): string {
  const ms = us / US_PER_MS - (us % US_PER_MS < 0n ? 1n : 0n);
  if (ms > DATE_MS_MAX || ms < -DATE_MS_MAX) return `${us}us`;
  const fraction = ((us % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return `${new Date(Number(ms)).toISOString().slice(0, -ISO_MS_DIGITS)}.${String(fraction).padStart(6, '0')}${zone}`;
}

function isoDate(days: number): string {
  const ms = days * MS_PER_DAY;
  return Math.abs(ms) > DATE_MS_MAX ? `${days}d` : new Date(ms).toISOString().slice(0, -'T00:00:00.000Z'.length);
}

/** Nine digits always tell one float32 from the next; most need fewer. */
function shortestFloat(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return Number(value.toPrecision(9));
}
