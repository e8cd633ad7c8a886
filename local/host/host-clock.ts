/** The local host's time, as a seam: its tests turn the clock by hand. */
export interface HostClock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Resolves after so many milliseconds, or at once when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** setTimeout fires at once beyond 2^31 − 1 ms. */
const waitMsMax = 2 ** 31 - 1;

export const machineClock: HostClock = {
  nowMs: () => Date.now(),
  wait: (ms, signal) => new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, waitMsMax));
    signal.addEventListener('abort', done);
  }),
};
