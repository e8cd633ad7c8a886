import { BadBytes, DECODED_CHARS_MAX, LEVELS_MAX } from './decoder.ts';

/** The JSON text of one payload as it grows, with its two bounds: characters and levels. */
export class JsonWriter {
  #text = '';
  #level = 0;

  get text(): string {
    return this.#text;
  }

  write(json: string): void {
    this.#text += json;
    if (this.#text.length > DECODED_CHARS_MAX) throw new BadBytes(`decodes to more than ${DECODED_CHARS_MAX} characters`);
  }

  /** Into an object or array. */
  open(bracket: '{' | '['): void {
    if (++this.#level > LEVELS_MAX) throw new BadBytes(`more than ${LEVELS_MAX} levels of nesting`);
    this.write(bracket);
  }

  close(bracket: '}' | ']'): void {
    this.#level--;
    this.write(bracket);
  }
}

/** Shortest digits that give the same double. JSON has no NaN and no infinities: they become text, as protobuf's JSON has them. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

export function base64Text(bytes: Buffer): string {
  return `"${bytes.toString('base64')}"`;
}

const DECIMAL_BYTES_MAX = 4_096;
/** A schema may name any scale; beyond this one the zeros alone would be most of the text. */
export const SCALE_MAX = 10_000;

/** Every digit of unscaled × 10^−scale, where `bytes` is the unscaled number, big-endian in two's complement. Needs |scale| ≤ SCALE_MAX. */
export function decimalText(bytes: Buffer, scale: number): string {
  if (bytes.length > DECIMAL_BYTES_MAX) throw new BadBytes(`a decimal of ${bytes.length} bytes`);
  const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
  const unscaled = BigInt.asIntN(Math.max(bytes.length, 1) * 8, unsigned);
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The years 0001 to 9999, in seconds since the epoch. */
const SECOND_MIN = -62_135_596_800;
const SECOND_MAX = 253_402_300_799;

/**
 * A count of units since the epoch (as a number: a safe integer) as ISO 8601 with the unit's digits, null outside the years 1 to 9999.
 * `zone` '' is a local time, which no rule takes as a moment.
 */
export function dateTimeText(units: number | bigint, unitsPerSecond: number, zone: 'Z' | ''): string | null {
  const rest = typeof units === 'number' ? units % unitsPerSecond : Number(units % BigInt(unitsPerSecond));
  const fraction = rest < 0 ? rest + unitsPerSecond : rest;
  const second = typeof units === 'number' ? (units - fraction) / unitsPerSecond : Number((units - BigInt(fraction)) / BigInt(unitsPerSecond));
  if (second < SECOND_MIN || second > SECOND_MAX) return null;
  const digits = String(unitsPerSecond).length - 1;
  return `"${new Date(second * 1000).toISOString().slice(0, 19)}${digits === 0 ? '' : `.${String(fraction).padStart(digits, '0')}`}${zone}"`;
}

/** Days since the epoch as YYYY-MM-DD, null outside the years 1 to 9999. */
export function dateText(days: number): string | null {
  const text = dateTimeText(days * 86_400, 1, '');
  return text && `${text.slice(0, 11)}"`;
}
