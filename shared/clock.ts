import { randomUUID } from 'node:crypto';

/** Time and chance, as a seam: tests and the simulation pass their own. The only file that asks the machine for either. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds of a clock that only goes forward. */
  monotonicMs(): number;
  sleep(ms: number): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
  uuid(): string;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: () => Math.random(),
  uuid: () => randomUUID(),
};

export interface Backoff {
  readonly attemptsMax: number;
  readonly delayMsBase: number;
  readonly delayMsMax: number;
}

/** Full jitter: uniform in [0, min(delayMsMax, delayMsBase × 2^attempt)). */
export function backoffMs(attempt: number, backoff: Backoff, clock: Clock): number {
  return clock.random() * Math.min(backoff.delayMsMax, backoff.delayMsBase * 2 ** attempt);
}
