import { assert } from '../errors.ts';

/** Fails on a key that a store must never be asked for: a caller's bug, since keys are ours or were decoded from a log. */
export function checkKey(key: string): void {
  assert(key.isWellFormed() && !key.includes('\0'), 'an object key with a lone surrogate or a NUL');
  const segments = key.split('/');
  assert(
    segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..'),
    `the object key ${JSON.stringify(key)} has an empty, "." or ".." segment`,
  );
}

/**
 * The order of keys as UTF-8 bytes, without encoding them. UTF-16 differs in one place: a surrogate (U+10000 and up)
 * sorts before U+E000 to U+FFFF there, and after them in UTF-8.
 */
export function compareKeys(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

function utf8Rank(unit: number): number {
  const isSurrogate = unit >= 0xd8_00 && unit <= 0xdf_ff;
  return isSurrogate ? unit + 0x1_00_00 : unit;
}

/** `prefix` is empty or a folder without a slash at its end. */
export function joinKey(prefix: string, key: string): string {
  return prefix === '' ? key : `${prefix}/${key}`;
}
