import { hybrid, levelBytes } from './hybrid.ts';
import { bytesLeaf, lengthsOf } from './leaf.ts';
import type { Leaf, Range } from './leaf.ts';

interface Header { readonly key: string; readonly value: Uint8Array | null }

/** Definition levels of `optional group headers (LIST) { repeated group list { optional group element { optional key; optional value } } }`. */
const [NO_LIST, EMPTY_LIST, NO_VALUE, VALUE] = [0, 1, 3, 4];
const LEVEL_BITS = 3;

/** Kafka headers as the two leaves of a list of structs (parquet-format, LogicalTypes.md, "Lists"); how many rows have no list. Pure. */
export function headersLeaves(values: ArrayLike<unknown>, { from, to }: Range): { readonly key: Leaf; readonly value: Leaf; readonly nulls: number } {
  const [repetition, keyLevels, valueLevels]: number[][] = [[], [], []];
  const [keys, contents]: [Uint8Array[], Uint8Array[]] = [[], []];
  const bytesOf = namesAsBytes();
  let nulls = 0;
  for (let row = from; row < to; row++) {
    const headers = values[row] as readonly Header[] | null | undefined;
    const count = headers?.length ?? 0;
    if (!headers) nulls++;
    if (!headers || count === 0) {
      const none = headers ? EMPTY_LIST : NO_LIST;
      repetition.push(0);
      keyLevels.push(none);
      valueLevels.push(none);
      continue;
    }
    for (let i = 0; i < count; i++) {
      const { key } = headers[i];
      const value = headers[i].value ?? null;
      repetition.push(i === 0 ? 0 : 1);
      keyLevels.push(VALUE);
      valueLevels.push(value === null ? NO_VALUE : VALUE);
      keys.push(bytesOf(key));
      if (value !== null) contents.push(value);
    }
  }
  const levels = levelBytes(hybrid(repetition, 1));
  return { key: leafOf(levels, keyLevels, keys), value: leafOf(levels, valueLevels, contents), nulls };
}

/** For a header itself: a level each, two lengths, the objects around them. */
const HEADER_BYTES = 16;

/** By row: what it takes in memory, about. */
export function headerSizes(values: ArrayLike<unknown>): Int32Array {
  const sizes = new Int32Array(values.length);
  for (let row = 0; row < sizes.length; row++) {
    const headers = values[row] as readonly Header[] | null | undefined;
    if (headers) for (const { key, value } of headers) sizes[row] += HEADER_BYTES + key.length + (value?.length ?? 0);
  }
  return sizes;
}

const NAMES_MAX = 1000;

/** Headers of a topic have the same few names. */
function namesAsBytes(): (name: string) => Uint8Array {
  const known = new Map<string, Uint8Array>();
  return (name) => {
    let bytes = known.get(name);
    if (bytes === undefined) {
      bytes = Buffer.from(name);
      if (known.size < NAMES_MAX) known.set(name, bytes);
    }
    return bytes;
  };
}

function leafOf(repetition: Buffer, definition: readonly number[], present: readonly Uint8Array[]): Leaf {
  const { pages } = bytesLeaf(present, lengthsOf(present, 0), { from: 0, to: present.length, ordered: false });
  // One page: a row may not be cut in two. What the pages hold behind their own levels are the values.
  const values = pages.map(({ body }) => body.subarray(4 + body.readUInt32LE()));
  const body = Buffer.concat([repetition, levelBytes(hybrid(definition, LEVEL_BITS)), ...values]);
  return { dictionary: null, pages: [{ values: definition.length, body }], nulls: definition.length - present.length, bounds: null };
}
