/** Depth beyond which more requests at once gain little; it bounds what is held as well. */
const READS_AT_ONCE = 32;

/**
 * What `read` gives for each version from `from` to `to`, in order, with up to 32 reads under way; the first ones start at once. Reads that
 * nobody waits for any more may fail unheard.
 */
export function readAhead<T>(from: bigint, to: bigint, read: (version: bigint) => Promise<T>): AsyncIterable<{ readonly version: bigint; readonly value: T }> {
  const underWay: { readonly version: bigint; readonly value: Promise<T> }[] = [];
  let next = from;
  const fill = () => {
    for (; underWay.length < READS_AT_ONCE && next <= to; next++) {
      const value = read(next);
      value.catch(() => undefined);
      underWay.push({ version: next, value });
    }
  };
  fill();
  return {
    async *[Symbol.asyncIterator]() {
      for (let head = underWay.shift(); head !== undefined; head = underWay.shift()) {
        const value = await head.value;
        fill();
        yield { version: head.version, value };
      }
    },
  };
}
