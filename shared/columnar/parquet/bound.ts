/** Least and greatest value, as rows are encoded. Text is its UTF-8 bytes, whose order is that of code points. */
export type Bound = Uint8Array | bigint | number;

export interface Bounds {
  readonly min: Bound;
  readonly max: Bound;
}

/** Of two parts of one column; null is a part without a value. */
export function joinBounds(a: Bounds | null, b: Bounds | null): Bounds | null {
  if (a === null || b === null) return a ?? b;
  return { min: isLess(b.min, a.min) ? b.min : a.min, max: isLess(a.max, b.max) ? b.max : a.max };
}

function isLess(a: Bound, b: Bound): boolean {
  return a instanceof Uint8Array ? Buffer.compare(a, b as Uint8Array) < 0 : a < (b as bigint | number);
}

/** Of a typed array with one value at least. With a NaN there are none. */
export function boundsOf(values: Int32Array | BigInt64Array | Float64Array): Bounds | null {
  if (values instanceof BigInt64Array) return longBounds(values);
  let [min, max] = [values[0], values[0]];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Number.isNaN(value)) return null;
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max };
}

function longBounds(values: BigInt64Array): Bounds {
  let [min, max] = [values[0], values[0]];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max };
}

/** Whether `length` bytes at `a` come before those at `b`, inside one buffer. */
export function comesBefore(bytes: Uint8Array, a: number, aLength: number, b: number, bLength: number): boolean {
  const common = Math.min(aLength, bLength);
  for (let i = 0; i < common; i++) {
    const left = bytes[a + i];
    const right = bytes[b + i];
    if (left !== right) return left < right;
  }
  return aLength < bLength;
}
