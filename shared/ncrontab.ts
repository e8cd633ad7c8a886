import { ConfigError } from './errors.ts';

/**
 * Timer schedules as Azure Functions reads them: NCRONTAB, six fields `{second} {minute} {hour} {day} {month} {day of week}`, UTC.
 * A field is a list of `*`, `a`, `a-b`, each with an optional `/step`; `a/step` runs from a to the field's end. Months and weekdays
 * may be named (any prefix of the English name, any case); Sunday is 0. Unlike Unix cron, a date must match day *and* day of week.
 * Source: NCrontab (github.com/atifaziz/NCrontab), which the Functions timer uses.
 */
export interface Schedule {
  readonly text: string;
  /** The first occurrence strictly after this moment, both in milliseconds since the epoch. */
  next(afterMs: number): number;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = 'january,february,march,april,may,june,july,august,september,october,november,december'.split(',');
const weekdays = 'sunday,monday,tuesday,wednesday,thursday,friday,saturday'.split(',');

const fields: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: months },
  { name: 'day of week', min: 0, max: 6, names: weekdays },
];

const dayMs = 86_400_000;
/** A date such as 29 February on a Monday comes back within 28 years, 40 across a century that is no leap year. */
const searchDays = 366 * 41;

/** Throws a ConfigError (`config/schedule`) that names the field and what is wrong with it. */
export function parseSchedule(text: string): Schedule {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== fields.length) {
    throw invalid(text, `it has ${parts.length} fields, not the six {second} {minute} {hour} {day} {month} {day of week}`);
  }
  const [seconds, minutes, hours, days, monthsOn, weekdaysOn] = fields.map((field, i) => parseField(text, field, parts[i])) as Sets;
  const dateMatches = (date: Date) =>
    days.has(date.getUTCDate()) && monthsOn.has(date.getUTCMonth() + 1) && weekdaysOn.has(date.getUTCDay());
  const times = timesOfDay(hours, minutes, seconds);
  const schedule: Schedule = { text, next: (afterMs) => nextOccurrence(text, dateMatches, times, afterMs) };
  schedule.next(Date.UTC(2000, 0, 1)); // a date that never comes (30 February) is told here, not at the first tick
  return schedule;
}

type Sets = [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];

/** Milliseconds since midnight of every tick of a matching day, ascending: at most 86,400. */
function timesOfDay(hours: Set<number>, minutes: Set<number>, seconds: Set<number>): number[] {
  const times: number[] = [];
  for (const hour of ascending(hours)) {
    for (const minute of ascending(minutes)) {
      for (const second of ascending(seconds)) times.push(((hour * 60 + minute) * 60 + second) * 1000);
    }
  }
  return times;
}

function nextOccurrence(text: string, dateMatches: (date: Date) => boolean, times: readonly number[], afterMs: number): number {
  let midnight = Math.floor(afterMs / dayMs) * dayMs;
  for (let day = 0; day < searchDays; day++, midnight += dayMs) {
    if (!dateMatches(new Date(midnight))) continue;
    const time = times[firstAbove(times, afterMs - midnight)];
    if (time !== undefined) return midnight + time;
  }
  throw invalid(text, 'no date ever matches it');
}

/** Index of the first element greater than the value; the length where there is none. */
function firstAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function parseField(text: string, field: Field, part: string): Set<number> {
  const values = new Set<number>();
  for (const item of part.split(',')) {
    const match = /^(\*|[^-/*]+)(?:-([^-/*]+))?(?:\/(\d+))?$/.exec(item);
    const step = match?.[3] === undefined ? 1 : Number(match[3]);
    if (match === null || step === 0) throw invalid(text, `"${item}" is no valid ${field.name}`);
    const star = match[1] === '*';
    if (star && match[2] !== undefined) throw invalid(text, `"${item}" is no valid ${field.name}`);
    const first = star ? field.min : parseValue(text, field, match[1]);
    const openEnd = star || (match[2] === undefined && match[3] !== undefined);
    const last = match[2] !== undefined ? parseValue(text, field, match[2]) : openEnd ? field.max : first;
    // NCrontab turns a range that runs backwards round: 5-1 is 1-5.
    for (let value = Math.min(first, last); value <= Math.max(first, last); value += step) values.add(value);
  }
  return values;
}

function parseValue(text: string, field: Field, value: string): number {
  const named = field.names?.findIndex((name) => name.startsWith(value.toLowerCase())) ?? -1;
  const number = /^\d+$/.test(value) ? Number(value) : named < 0 ? Number.NaN : named + field.min;
  if (!(number >= field.min && number <= field.max)) {
    throw invalid(text, `"${value}" is no ${field.name}: ${field.min} to ${field.max}${field.names ? ' or an English name' : ''}`);
  }
  return number;
}

function ascending(values: Set<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

function invalid(text: string, why: string): ConfigError {
  return new ConfigError('config/schedule', `Schedule "${text}" can't be read: ${why}. Example: "*/30 * * * * *" is every 30 seconds.`);
}
