/**
 * JSON with every digit: integers beyond ±(2^53 − 1) come as bigint and go back as digits.
 * Source text access in a reviver: https://tc39.es/proposal-json-parse-with-source/
 */
interface SourceContext { readonly source?: string }
const json = JSON as unknown as {
  parse(text: string, reviver?: (key: string, value: unknown, context: SourceContext) => unknown): unknown;
  stringify(value: unknown, replacer?: (key: string, value: unknown) => unknown): string;
  rawJSON(text: string): unknown;
};

const INTEGER = /^-?\d+$/;

export function parseJson(text: string): unknown {
  if (!mayHoldLongInteger(text)) return json.parse(text);
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && INTEGER.test(source) ? BigInt(source) : value);
}

/** Every number as the text it came as: `printJson` gives it back to the digit, 1.0 and 1e3 too. Not for reading the numbers. */
export function parseJsonVerbatim(text: string): unknown {
  return json.parse(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value));
}

export function printJson(value: unknown): string {
  try {
    return json.stringify(value);
  } catch {
    // It holds a bigint, which costs a call a value; or it can't be printed at all, and throws again.
    return json.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? json.rawJSON(String(inner)) : inner));
  }
}

/** A JSON number that must be an int64, as bigint. */
export function toBigInt(value: unknown): bigint {
  return typeof value === 'bigint' ? value : BigInt(value as number | string);
}

const DIGITS = 16;

/**
 * False where no number of 16 digits or more stands in the text: the reviver makes parsing many times slower. A run of 16 digits covers one
 * of every 16 places, so the others are never looked at.
 */
function mayHoldLongInteger(text: string): boolean {
  for (let at = DIGITS - 1; at < text.length; at += DIGITS) {
    if (!isDigit(text, at)) continue;
    let [from, end] = [at, at + 1];
    while (from > 0 && isDigit(text, from - 1)) from--;
    while (isDigit(text, end)) end++;
    if (end - from >= DIGITS && !isInString(text, from)) return true;
  }
  return false;
}

/**
 * True only if the digits from `at` on surely are part of a string: text that is no number's beginning stands before them, or the key before
 * them ends with an escaped quote, which is JSON inside a string, as statistics are. A key's own quote has an even number of backslashes.
 */
function isInString(text: string, at: number): boolean {
  let before = at - 1;
  if (text[before] === '-') before--;
  while (isSpace(text, before)) before--;
  if (before < 0 || text[before] === ',' || text[before] === '[') return false;
  if (text[before] !== ':') return true;
  before--;
  while (isSpace(text, before)) before--;
  if (text[before] !== '"') return true;
  let backslashes = 0;
  while (text[before - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function isSpace(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t';
}
