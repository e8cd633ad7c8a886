/** Seeded chance: sfc32 (Chris Doty-Humphrey, PractRand). The same seed gives the same sequence on every machine. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    [this.#a, this.#b, this.#c] = [seed | 0, (seed / 2 ** 32) | 0, 0x9e3779b9 | 0];
    for (let i = 0; i < 15; i++) this.bits();
  }

  /** 32 bits, unsigned. */
  bits(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result | 0;
    return result >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    return this.bits() / 2 ** 32;
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** Uniform in least … most, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** Every order of magnitude as likely as another: delays and gaps are like that. */
  magnitude(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.next());
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)];
  }

  /** Another sequence, which goes on on its own. */
  fork(): Chance {
    return new Chance(this.bits() + this.bits() * 2 ** 21);
  }

  uuid(): string {
    const hex = Array.from({ length: 4 }, () => this.bits().toString(16).padStart(8, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}
