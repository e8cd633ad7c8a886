import type { IdForm, TimestampForm, ValueForm } from './mix.ts';

/** JSON text of each field of an event; a field that is undefined does not stand in the payload. */
export interface Fields {
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly timestamp: string | undefined;
  readonly value: string | undefined;
}

export function payloadText(fields: Fields, extra = ''): string {
  const { id, type, timestamp, value } = fields;
  if (id !== undefined && type !== undefined && timestamp !== undefined && value !== undefined) {
    return `{"event_id":${id},"event_type":${type},"timestamp":${timestamp},"value":${value}${extra}}`;
  }
  const present = [['event_id', id], ['event_type', type], ['timestamp', timestamp], ['value', value]].filter(([, text]) => text !== undefined);
  return `{${present.map(([name, text]) => `"${name}":${text}`).join(',')}${extra}}`;
}

/** The id as people see it (and as the record's key has it); unique per index over all forms. */
export const ID_TEXT: Readonly<Record<IdForm, (index: number) => string>> = {
  digits_text: (index) => String(index),
  integer: (index) => String(index),
  long_integer: (index) => `9007199254${String(index).padStart(12, '0')}`,
  escaped_text: (index) => `café-${index}`,
};

export const ID_JSON: Readonly<Record<IdForm, (index: number) => string>> = {
  digits_text: (index) => `"${index}"`,
  integer: (index) => String(index),
  long_integer: ID_TEXT.long_integer,
  escaped_text: (index) => `"caf\\u00e9-${index}"`,
};

/** Minutes east of UTC; the whole hours first. */
const ZONES_MINUTES = [-480, -300, 60, 120, 540, 330, 345, -210];
const ZONES_WHOLE_HOURS = 5;

/** `draw` in [0, 1) chooses the zone and the digits past the millisecond. */
export const TIMESTAMP_JSON: Readonly<Record<TimestampForm, (epochMs: number, draw: number) => string>> = {
  millis_z: (epochMs) => `"${isoText(epochMs)}Z"`,
  seconds_z: (epochMs) => `"${isoText(epochMs).slice(0, -4)}Z"`,
  micros_z: (epochMs, draw) => `"${isoText(epochMs)}${digits(draw, 3)}Z"`,
  nanos_z: (epochMs, draw) => `"${isoText(epochMs)}${digits(draw, 6)}Z"`,
  comma_z: (epochMs) => `"${isoText(epochMs).replace('.', ',')}Z"`,
  offset_colon: (epochMs, draw) => zoned(epochMs, ZONES_MINUTES[Math.floor(draw * ZONES_MINUTES.length)], 'colon'),
  offset_compact: (epochMs, draw) => zoned(epochMs, ZONES_MINUTES[Math.floor(draw * ZONES_MINUTES.length)], 'compact'),
  offset_hours: (epochMs, draw) => zoned(epochMs, ZONES_MINUTES[Math.floor(draw * ZONES_WHOLE_HOURS)], 'hours'),
  epoch_number: (epochMs) => String(epochMs),
  epoch_text: (epochMs) => `"${epochMs}"`,
};

/** The last minute asked for and its text: neighbouring events share it, and toISOString is half of an event's cost. */
const lastMinute = { number: Number.NaN, text: '' };

/** `YYYY-MM-DDTHH:MM:SS.mmm` in UTC. */
function isoText(epochMs: number): string {
  const minute = Math.floor(epochMs / 60_000);
  if (minute !== lastMinute.number) {
    lastMinute.text = new Date(minute * 60_000).toISOString().slice(0, -7);
    lastMinute.number = minute;
  }
  const ms = epochMs - minute * 60_000;
  const seconds = Math.floor(ms / 1_000);
  const millis = ms - seconds * 1_000;
  return `${lastMinute.text}${seconds < 10 ? '0' : ''}${seconds}.${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}`;
}

function zoned(epochMs: number, minutes: number, form: 'colon' | 'compact' | 'hours'): string {
  const local = isoText(epochMs + minutes * 60_000);
  const hh = String(Math.floor(Math.abs(minutes) / 60)).padStart(2, '0');
  const mm = String(Math.abs(minutes) % 60).padStart(2, '0');
  const tail = { colon: `${hh}:${mm}`, compact: `${hh}${mm}`, hours: hh }[form];
  return `"${local}${minutes < 0 ? '-' : '+'}${tail}"`;
}

function digits(draw: number, count: number): string {
  return String(Math.floor(draw * 10 ** count)).padStart(count, '0');
}

/** Of whole cents, so that the text needs no search for a double's shortest digits. */
export const VALUE_JSON: Readonly<Record<ValueForm, (cents: number) => string>> = {
  text: (cents) => `"${decimalText(cents)}"`,
  number: (cents) => decimalText(cents),
  exponent: (cents) => (cents / 100).toExponential(),
  padded_text: (cents) => `" ${decimalText(cents)}\\t"`,
};

function decimalText(cents: number): string {
  const magnitude = Math.abs(cents);
  const whole = Math.floor(magnitude / 100);
  const rest = magnitude - whole * 100;
  const sign = cents < 0 ? '-' : '';
  return rest === 0 ? `${sign}${whole}` : `${sign}${whole}.${rest < 10 ? '0' : ''}${rest}`;
}
