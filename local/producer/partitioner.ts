/**
 * Kafka's default placement of a keyed record: murmur2 with seed 0x9747b28c, positive part, modulo the partitions
 * (apache/kafka, clients `Utils.murmur2`, `BuiltInPartitioner.partitionForKey`).
 */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Signed 32 bits, as in Java. */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = data.length;
  const whole = length - (length % 4);
  let h = 0x9747b28c ^ length;
  for (let i = 0; i < whole; i += 4) {
    let k = data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  if (whole < length) {
    for (let i = length - 1; i >= whole; i--) h ^= data[i] << (8 * (i - whole));
    h = Math.imul(h, m);
  }
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return (h ^ (h >>> 15)) | 0;
}
