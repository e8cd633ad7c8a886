/**
 * A timeout that counts silence, not duration: `signal` aborts when `stallMs` to 2 × `stallMs` pass without `progress()`.
 * So a large file may take its time while a dead connection is given up.
 */
export class StallGuard {
  readonly #stallMs: number;
  readonly #controller = new AbortController();
  #moved = false;
  #stopped = false;

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
    this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  progress(): void {
    this.#moved = true;
  }

  stop(): void {
    this.#stopped = true;
  }

  #arm(): void {
    this.#moved = false;
    AbortSignal.timeout(this.#stallMs).addEventListener('abort', () => {
      if (this.#stopped) return;
      if (this.#moved) this.#arm();
      else this.#controller.abort();
    });
  }
}
