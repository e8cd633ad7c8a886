/**
 * Sets of row positions, as ascending BigInt64Arrays: what deletion vectors hold and scans name. Pure. Compared as two 32-bit halves
 * (a bigint a row would be slow); stretches that one side has alone are found by doubling steps and copied whole.
 */
export function union(a: BigInt64Array, b: BigInt64Array): BigInt64Array {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const words = halves(long);
  const others = halves(short);
  const result = new BigInt64Array(a.length + b.length);
  const into = halves(result);
  let length = 0;
  let at = 0;
  for (let i = 0; i < short.length; i++) {
    const upTo = seek(words, at, others, i);
    result.set(long.subarray(at, upTo), length);
    length += upTo - at;
    at = upTo;
    if (at < long.length && compare(words, at, others, i) === 0) at++;
    into[2 * length] = others[2 * i];
    into[2 * length + 1] = others[2 * i + 1];
    length++;
  }
  result.set(long.subarray(at), length);
  return result.slice(0, length + long.length - at);
}

/** What `a` has and `b` lacks. */
export function difference(a: BigInt64Array, b: BigInt64Array): BigInt64Array {
  const words = halves(a);
  const others = halves(b);
  const result = new BigInt64Array(a.length);
  let length = 0;
  let at = 0;
  for (let i = 0; at < a.length;) {
    i = seek(others, i, words, at);
    const upTo = i < b.length ? seek(words, at, others, i) : a.length;
    result.set(a.subarray(at, upTo), length);
    length += upTo - at;
    at = upTo;
    if (at < a.length && compare(words, at, others, i) === 0) at++;
  }
  return result.slice(0, length);
}

export function contains(positions: BigInt64Array, position: bigint): boolean {
  return positions[rankOf(positions, position)] === position;
}

/** How many of the positions lie below. */
export function rankOf(positions: BigInt64Array, position: bigint): number {
  return seek(halves(positions), 0, halves(BigInt64Array.of(position)), 0);
}

/** The positions from 0 to `rowCount` that are not in `deleted`. */
export function complement(deleted: BigInt64Array, rowCount: number): BigInt64Array {
  const words = halves(deleted);
  const result = new BigInt64Array(rowCount - rankOf(deleted, BigInt(rowCount)));
  const into = halves(result);
  let next = 0;
  for (let position = 0, length = 0; length < result.length; position++) {
    if (2 * next < words.length && words[2 * next] === position >>> 0 && words[2 * next + 1] === Math.floor(position / 2 ** 32)) {
      next++;
      continue;
    }
    into[2 * length] = position;
    into[2 * length + 1] = position / 2 ** 32;
    length++;
  }
  return result;
}

/** Low and high word of each value in turn: every machine that Node runs DuckDB on is little-endian. */
function halves({ buffer, byteOffset, length }: BigInt64Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, 2 * length);
}

/** By value: neither is negative. */
function compare(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  return a[2 * i + 1] - b[2 * j + 1] || a[2 * i] - b[2 * j];
}

/** The first index from `from` on whose value is not below `b[j]`; the length where there is none. */
function seek(a: Uint32Array, from: number, b: Uint32Array, j: number): number {
  const length = a.length / 2;
  let step = 1;
  let low = from;
  while (low + step <= length && compare(a, low + step - 1, b, j) < 0) {
    low += step;
    step *= 2;
  }
  let high = Math.min(low + step - 1, length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(a, middle, b, j) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
