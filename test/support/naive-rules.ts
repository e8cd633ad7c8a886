/**
 * Semantics.md sections 4 and 5 once more, written for being read, not for speed, and sharing nothing with the program: what tests
 * hold generated events and final tables against. For the default pipeline's columns.
 */
export interface NaiveRow {
  readonly id: string;
  readonly type: string;
  /** Microseconds since the epoch. */
  readonly micros: bigint;
  readonly value: number;
}

export interface NaiveRecord {
  readonly value: Uint8Array | null;
  readonly timestampMs: number;
}

class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const TYPES = ['click', 'purchase', 'view'];
const JSON_NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const INTEGER = /^-?(0|[1-9][0-9]*)$/;
const ISO = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)$/;
const YEAR_1_MS = -62_135_596_800_000n;
const YEAR_10000_MS = 253_402_300_800_000n;

/** The row, or the first reason against it. */
export function judgeNaively({ value, timestampMs }: NaiveRecord): NaiveRow | string {
  if (value === null || value.length === 0) return 'empty_payload';
  const text = utf8(value);
  if (text === null) return 'not_utf8';
  const event = jsonObject(text);
  if (event === null) return 'malformed_json';
  for (const name of ['event_id', 'event_type', 'timestamp', 'value']) {
    if (event[name] === undefined || event[name] === null || event[name] === '') return `missing_${name}`;
  }
  const id = idOf(event['event_id']);
  if (id === null) return 'invalid_event_id';
  const type = event['event_type'];
  if (typeof type !== 'string' || !TYPES.includes(type)) return 'unknown_event_type';
  const micros = microsOf(event['timestamp']);
  if (micros === null) return 'invalid_timestamp';
  if (timestampMs >= 0 && micros > (BigInt(timestampMs) + 86_400_000n) * 1_000n) return 'future_timestamp';
  const number = valueOf(event['value']);
  if (number === null) return 'invalid_value';
  return { id, type, micros, value: number };
}

function utf8(bytes: Uint8Array): string | null {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return Buffer.from(text).equals(bytes) ? text : null;
}

function jsonObject(text: string): Record<string, unknown> | null {
  if (depthOf(text) > 1_000) return null;
  const keepText = (_: string, value: unknown, context: { source: string }) => (typeof value === 'number' ? new NumberText(context.source) : value);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, keepText as (this: unknown, key: string, value: unknown) => unknown);
  } catch {
    return null;
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) && !(parsed instanceof NumberText);
  return isObject ? (parsed as Record<string, unknown>) : null;
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const char of text.replace(/"(?:[^"\\]|\\.)*"/gs, '')) {
    if (char === '{' || char === '[') deepest = Math.max(deepest, ++depth);
    if (char === '}' || char === ']') depth--;
  }
  return deepest;
}

function idOf(id: unknown): string | null {
  if (id instanceof NumberText) return INTEGER.test(id.text) ? id.text : null;
  if (typeof id !== 'string' || !id.isWellFormed() || id.includes('\0') || Buffer.byteLength(id) > 1_024) return null;
  return id;
}

function microsOf(timestamp: unknown): bigint | null {
  const text = timestamp instanceof NumberText ? timestamp.text : timestamp;
  if (typeof text !== 'string') return null;
  if (INTEGER.test(text)) return inYears(BigInt(text) * 1_000n);
  if (timestamp instanceof NumberText) return null;
  const parts = ISO.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour = '0', zoneMinute = '0'] = parts;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const realDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  if (!realDay || year === '0000' || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return null;
  const minutes = Number(hour) * 60 + Number(minute) - (sign === '-' ? -1 : 1) * (Number(zoneHour) * 60 + Number(zoneMinute));
  const seconds = BigInt(date.getTime() / 1_000 + minutes * 60 + Number(second));
  return inYears(seconds * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 6)));
}

function inYears(micros: bigint): bigint | null {
  return micros >= YEAR_1_MS * 1_000n && micros < YEAR_10000_MS * 1_000n ? micros : null;
}

function valueOf(value: unknown): number | null {
  const text = value instanceof NumberText ? value.text : value;
  if (typeof text !== 'string') return null;
  const trimmed = text.replace(/^[ \t\n\r]+|[ \t\n\r]+$/g, '');
  const number = Number(trimmed);
  return JSON_NUMBER.test(trimmed) && Number.isFinite(number) ? number : null;
}

export interface NaiveVersion extends NaiveRow {
  readonly timestampMs: number;
  readonly incarnation?: string;
  readonly partition: number;
  readonly offset: number;
}

/** Semantics.md section 5 inside one topic: does `a` win over `b`? */
export function winsOver(a: NaiveVersion, b: NaiveVersion): boolean {
  if (a.micros !== b.micros) return a.micros > b.micros;
  const kafkaMs = (row: NaiveVersion) => (row.timestampMs < 0 ? Number.POSITIVE_INFINITY : row.timestampMs);
  if (kafkaMs(a) !== kafkaMs(b)) return kafkaMs(a) < kafkaMs(b);
  const [ofA, ofB] = [a.incarnation ?? '', b.incarnation ?? ''];
  if (ofA !== ofB) return ofA < ofB;
  if (a.partition !== b.partition) return a.partition < b.partition;
  return a.offset < b.offset;
}
