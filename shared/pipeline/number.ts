import { isJsonNumber, isJsonSpace } from './json-scan.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** -9223372036854775808 has this many characters. Longer text is out of range without being read. */
const INT64_TEXT_LENGTH_MAX = 20;

/** `-?(0|[1-9]\d*)`, ASCII, nothing around it: the integers of semantics.md, section 4, points 5 and 7. */
export function isInteger(text: string): boolean {
  const first = text.startsWith('-') ? 1 : 0;
  if (text.length === first) return false;
  if (text.charCodeAt(first) === 0x30) return text.length === first + 1;
  for (let i = first; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/**
 * The nearest double of a JSON number, or of text that is one after trimming space, tab, LF and CR (semantics.md,
 * section 4, point 9). `null`: no such number, or not finite as a double. `-0` stays negative zero.
 */
export function parseFiniteDouble(text: string): number | null {
  const trimmed = trimJsonSpace(text);
  if (!isJsonNumber(trimmed)) return null;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : null;
}

/** An integer within int64, from a JSON number's source or from text (not trimmed); `null` where it is none. */
export function parseInt64(text: string): bigint | null {
  if (text.length > INT64_TEXT_LENGTH_MAX || !isInteger(text)) return null;
  const number = BigInt(text);
  return number < INT64_MIN || number > INT64_MAX ? null : number;
}

function trimJsonSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isJsonSpace(text.charCodeAt(start))) start++;
  while (end > start && isJsonSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}
