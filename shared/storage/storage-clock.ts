import type { Clock } from '../clock.ts';

/**
 * The clock of a store across the network, as this process can know it: the `Date` of its last reply (whole seconds, RFC 9110 section 6.6.1)
 * and the time since. A process that was suspended is seen by the wall clock alone, a wall clock that was set back by the monotonic one
 * alone: the greater of the two counts, so that nothing is ever taken for younger than it is.
 */
export class StorageClock {
  readonly #clock: Clock;
  #seen: { readonly dateMs: number; readonly wallMs: number; readonly monotonicMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call it as the reply arrives. Text that is no date tells nothing. */
  saw(date: string | undefined): void {
    const dateMs = Date.parse(date ?? '');
    if (Number.isNaN(dateMs)) return;
    this.#seen = { dateMs, wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
  }

  /** Before the first reply: this machine's clock. */
  nowMs(): number {
    const wallMs = this.#clock.nowMs();
    if (this.#seen === null) return wallMs;
    const sinceMs = Math.max(wallMs - this.#seen.wallMs, this.#clock.monotonicMs() - this.#seen.monotonicMs);
    return Math.floor(this.#seen.dateMs + sinceMs);
  }
}
