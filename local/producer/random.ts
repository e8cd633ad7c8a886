/**
 * Chance that can be addressed: the numbers of event i are a function of (seed, i) alone, so any event can be made without the ones
 * before it. The generator is sfc32 (Doty-Humphrey, PractRand 0.94, `sfc.h`): 96 bits of state and a 32-bit counter, 12 rounds
 * thrown away after seeding as there.
 */
export class EventRandom {
  readonly #seedLow: number;
  readonly #seedHigh: number;
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  constructor(seed: number) {
    this.#seedLow = scramble(seed >>> 0);
    this.#seedHigh = scramble(Math.floor(seed / 2 ** 32) ^ 0x5bd1e995);
  }

  /** Goes to the start of event `index`'s numbers. */
  at(index: number): this {
    this.#a = scramble(index >>> 0) ^ this.#seedLow;
    this.#b = this.#seedHigh ^ Math.floor(index / 2 ** 32);
    this.#c = this.#seedLow;
    this.#counter = 1;
    for (let round = 0; round < 12; round++) this.#uint32();
    return this;
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return this.#uint32() / 2 ** 32;
  }

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** Standard normal (Box and Muller 1958); two draws. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  #uint32(): number {
    const out = (this.#a + this.#b + this.#counter++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + out) | 0;
    return out >>> 0;
  }
}

/** A bijection on 32 bits (the finaliser of MurmurHash3): neighbouring indices start far apart. */
function scramble(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
