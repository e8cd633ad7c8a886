/**
 * Strict RFC 8259 in one pass: is this text one JSON object, and where do its top-level fields stand?
 *
 * Values are not built: a column reads the slice it needs, everything else keeps its source text (every digit, every
 * escape). What is accepted is exactly what `JSON.parse` accepts, less values that are not objects and less nesting
 * beyond `JSON_LEVELS_MAX`. No recursion: time is linear in the text, memory in its fields and open containers.
 */

/** semantics.md, section 4, point 3. The outermost object is level 1. */
export const JSON_LEVELS_MAX = 1_000;

export type JsonScan =
  | { readonly kind: 'object'; readonly fields: readonly JsonField[] }
  | { readonly kind: 'malformed'; readonly problem: string; readonly at: number };

/** One member of the outermost object, duplicates included, in source order. Positions are UTF-16 indexes, end exclusive. */
export interface JsonField {
  /** Escapes decoded: `"\u0061"` is `a`. */
  readonly key: string;
  /** At the key's opening quote. */
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const TAB = 0x09, LF = 0x0a, CR = 0x0d, SPACE = 0x20;
const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a;
const PLUS = 0x2b, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30, NINE = 0x39;
const OPEN_BRACKET = 0x5b, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
const LOWER_E = 0x65, LOWER_F = 0x66, LOWER_N = 0x6e, LOWER_T = 0x74, LOWER_U = 0x75;

export function scanObject(text: string): JsonScan {
  const open = spaceEnd(text, 0);
  if (codeAt(text, open) !== OPEN_BRACE) return notAnObject(text, open);
  const fields: JsonField[] = [];
  let i = spaceEnd(text, open + 1);
  if (codeAt(text, i) === CLOSE_BRACE) return scanned(text, fields, i + 1);
  for (;;) {
    const keyStart = i;
    const keyEnd = memberKeyEnd(text, keyStart);
    if (keyEnd < 0) return malformed(text, keyEnd);
    const valueStart = memberValueStart(text, keyEnd);
    if (valueStart < 0) return malformed(text, valueStart);
    const valueEnd = valueEndAt(text, valueStart, 1);
    if (valueEnd < 0) return malformed(text, valueEnd);
    fields.push({ key: stringOf(text, keyStart, keyEnd), keyStart, keyEnd, valueStart, valueEnd });
    i = spaceEnd(text, valueEnd);
    const code = codeAt(text, i);
    if (code === CLOSE_BRACE) return scanned(text, fields, i + 1);
    if (code !== COMMA) return malformed(text, unexpected(i));
    i = spaceEnd(text, i + 1);
  }
}

/** Is the text one JSON value of any kind, within the level limit? `null`: yes. */
export function jsonProblem(text: string): { readonly problem: string; readonly at: number } | null {
  const end = valueEndAt(text, spaceEnd(text, 0), 0);
  const rest = end < 0 ? end : spaceEnd(text, end);
  if (rest === text.length) return null;
  return malformed(text, rest < 0 ? rest : unexpected(rest));
}

/** The value of a string literal that a scan has accepted, quotes included in the range. */
export function stringOf(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  return inner.includes('\\') ? (JSON.parse(text.slice(start, end)) as string) : inner;
}

/** RFC 8259, section 6, and nothing around it. */
export function isJsonNumber(text: string): boolean {
  return numberEnd(text, 0) === text.length;
}

/** RFC 8259, section 2: the four characters of whitespace. Also the four that are trimmed around a number in text. */
export function isJsonSpace(code: number): boolean {
  return code === SPACE || code === LF || code === CR || code === TAB;
}

// Positions are where something ends; a negative one is a failure and says where (and whether the limit was it).

/** Past the whitespace at `start`. */
export function spaceEnd(text: string, start: number): number {
  let i = start;
  while (isJsonSpace(codeAt(text, i))) i++;
  return i;
}

/** Past the value at `start`, or a failure. */
export function valueEnd(text: string, start: number): number {
  return valueEndAt(text, start, 0);
}

const LEVELS_OFFSET = 2 ** 30; // longer than any string of V8

const unexpected = (at: number): number => -1 - at;
const tooDeep = (at: number): number => -1 - at - LEVELS_OFFSET;

function malformed(text: string, failure: number): { kind: 'malformed'; problem: string; at: number } {
  if (failure < -LEVELS_OFFSET) {
    const at = -1 - failure - LEVELS_OFFSET;
    return { kind: 'malformed', problem: `more than ${JSON_LEVELS_MAX} levels of nesting`, at };
  }
  const at = -1 - failure;
  if (at >= text.length) return { kind: 'malformed', problem: 'the text ends too early', at };
  return { kind: 'malformed', problem: `unexpected ${printable(text, at)}`, at };
}

function notAnObject(text: string, at: number): JsonScan {
  const code = codeAt(text, at);
  if (code === 0xfeff) return { kind: 'malformed', problem: 'starts with a byte order mark', at };
  const other = jsonProblem(text);
  return other ? { kind: 'malformed', ...other } : { kind: 'malformed', problem: 'not an object', at };
}

function scanned(text: string, fields: readonly JsonField[], end: number): JsonScan {
  const rest = spaceEnd(text, end);
  return rest === text.length ? { kind: 'object', fields } : malformed(text, unexpected(rest));
}

function printable(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  if (code > SPACE && code < 0x7f) return `'${String.fromCharCode(code)}'`;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** -1 past the end: keeps the compiler on integers where `charCodeAt` would give NaN. */
function codeAt(text: string, i: number): number {
  return i < text.length ? text.charCodeAt(i) : -1;
}

/** After `{` or `,`: past the key's closing quote. */
function memberKeyEnd(text: string, start: number): number {
  return codeAt(text, start) === QUOTE ? stringEnd(text, start) : unexpected(start);
}

/** After a key: past the colon and its whitespace, at the value. */
function memberValueStart(text: string, keyEnd: number): number {
  const colon = spaceEnd(text, keyEnd);
  return codeAt(text, colon) === COLON ? spaceEnd(text, colon + 1) : unexpected(colon);
}

function valueEndAt(text: string, start: number, level: number): number {
  const code = codeAt(text, start);
  return code === OPEN_BRACE || code === OPEN_BRACKET ? containerEnd(text, start, level) : scalarEnd(text, start, code);
}

function scalarEnd(text: string, start: number, code: number): number {
  switch (code) {
    case QUOTE: return stringEnd(text, start);
    case LOWER_T: return literalEnd(text, start, 'true');
    case LOWER_F: return literalEnd(text, start, 'false');
    case LOWER_N: return literalEnd(text, start, 'null');
    default: return numberEnd(text, start);
  }
}

/** Walks one object or array with the closers still owed on a stack. `level`: how many containers are open around it. */
function containerEnd(text: string, start: number, level: number): number {
  const closers: number[] = [];
  let i = start;
  for (;;) {
    const code = codeAt(text, i);
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (level + closers.length >= JSON_LEVELS_MAX) return tooDeep(i);
      const closer = code + 2; // in ASCII both closers stand two after their openers
      closers.push(closer);
      i = spaceEnd(text, i + 1);
      if (codeAt(text, i) !== closer) {
        i = elementStart(text, i, closer);
        if (i < 0) return i;
        continue;
      }
    } else {
      i = scalarEnd(text, i, code);
      if (i < 0) return i;
    }
    i = afterValue(text, i, closers);
    if (i < 0 || closers.length === 0) return i;
  }
}

/** Closes what closes here; then stands at the next value, or past the last closer when none is owed any more. */
function afterValue(text: string, end: number, closers: number[]): number {
  let i = spaceEnd(text, end);
  while (codeAt(text, i) === closers.at(-1)) {
    closers.pop();
    if (closers.length === 0) return i + 1;
    i = spaceEnd(text, i + 1);
  }
  if (codeAt(text, i) !== COMMA) return unexpected(i);
  return elementStart(text, spaceEnd(text, i + 1), closers.at(-1)!);
}

/** At the next value of the container: an array's element stands right here, an object's after its key. */
function elementStart(text: string, start: number, closer: number): number {
  if (closer !== CLOSE_BRACE) return start;
  const keyEnd = memberKeyEnd(text, start);
  return keyEnd < 0 ? keyEnd : memberValueStart(text, keyEnd);
}

/** RFC 8259, section 7: no control character unescaped; lone surrogates are legal. */
function stringEnd(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code < SPACE) return unexpected(i);
    if (code === BACKSLASH) {
      const end = escapeEnd(text, i + 1);
      if (end < 0) return end;
      i = end - 1;
    }
  }
  return unexpected(text.length);
}

/** After a backslash. */
function escapeEnd(text: string, start: number): number {
  const code = codeAt(text, start);
  if (code !== LOWER_U) return isShortEscape(code) ? start + 1 : unexpected(start);
  for (let i = start + 1; i <= start + 4; i++) if (!isHexDigit(codeAt(text, i))) return unexpected(i);
  return start + 5;
}

function isShortEscape(code: number): boolean {
  return code === QUOTE || code === BACKSLASH || code === 0x2f || code === 0x62
    || code === LOWER_F || code === LOWER_N || code === 0x72 || code === LOWER_T;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** RFC 8259, section 6: number = [ minus ] int [ frac ] [ exp ]. */
function numberEnd(text: string, start: number): number {
  let i = codeAt(text, start) === MINUS ? start + 1 : start;
  i = codeAt(text, i) === ZERO ? i + 1 : digitsEnd(text, i);
  if (i >= 0 && codeAt(text, i) === DOT) i = digitsEnd(text, i + 1);
  if (i >= 0 && (codeAt(text, i) | 0x20) === LOWER_E) {
    const sign = codeAt(text, i + 1);
    i = digitsEnd(text, sign === PLUS || sign === MINUS ? i + 2 : i + 1);
  }
  return i;
}

function digitsEnd(text: string, start: number): number {
  let i = start;
  while (isDigit(codeAt(text, i))) i++;
  return i === start ? unexpected(start) : i;
}

function literalEnd(text: string, start: number, literal: string): number {
  for (let i = 1; i < literal.length; i++) {
    if (codeAt(text, start + i) !== literal.charCodeAt(i)) return unexpected(start + i);
  }
  return start + literal.length;
}
