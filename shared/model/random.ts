/** Seeded chance for training. The same seed gives the same numbers on every machine: 32-bit integer arithmetic only. */
export interface Random {
  /** Uniform in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
  /** Uniform in 0 … bound − 1; the bias is below bound × 2⁻⁵³. */
  below(bound: number): number;
}

/**
 * sfc32 (Chris Doty-Humphrey, PractRand): the state is three words and a counter, all uint32. They are filled by
 * splitmix32 from the seed, the upper half of the seed and the stream, then 12 outputs are thrown away.
 * @param seed a safe integer ≥ 0
 * @param stream an integer ≥ 0; streams of one seed are independent (one a tree, so trees can be grown in any order)
 */
export function seededRandom(seed: number, stream = 0): Random {
  let a = splitmix32(seed | 0);
  let b = splitmix32(a ^ Math.floor(seed / 2 ** 32));
  let c = splitmix32(b ^ stream);
  let counter = 1;
  const next = (): number => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  const uniform = (): number => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  return { uniform, below: (bound) => Math.floor(uniform() * bound) };
}

function splitmix32(word: number): number {
  let z = (word + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
