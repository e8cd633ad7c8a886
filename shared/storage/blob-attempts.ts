import type { Backoff, Clock } from '../clock.ts';
import { backoffMs } from '../clock.ts';
import type { BlobFailure } from './blob-failure.ts';
import { blobError, blobFailure } from './blob-failure.ts';
import { StallGuard } from './stall-guard.ts';

/** One try of a request: pass `signal` to the SDK, and `progress` where bytes flow. */
export interface Attempt {
  readonly signal: AbortSignal;
  readonly progress: () => void;
}

export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  /** `sawUnclear`: this or an earlier attempt may have been carried out though its answer was lost. */
  | { readonly ok: false; readonly failure: BlobFailure; readonly cause: unknown; readonly attempts: number; readonly sawUnclear: boolean };

export interface AttemptOptions {
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly stallMs: number;
  /** Of the store, for messages. */
  readonly url: string;
}

export const EVERY_PASSING: readonly BlobFailure['kind'][] = ['rejected', 'unclear'];

/** Tries a request again, with full jitter, for as long as its failure is one that passes and the budget lasts. */
export class Attempts {
  readonly #options: AttemptOptions;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Never throws on a failed request: the caller knows what `taken`, `missing` or `unclear` mean to it. */
  async settle<T>(work: (attempt: Attempt) => Promise<T>, retryOn: readonly BlobFailure['kind'][] = EVERY_PASSING): Promise<Settled<T>> {
    const { clock, backoff } = this.#options;
    let sawUnclear = false;
    for (let attempts = 1; ; attempts++) {
      try {
        return { ok: true, value: await this.#once(work) };
      } catch (cause) {
        const failure = blobFailure(cause);
        if (failure.kind === 'bug') throw cause;
        sawUnclear ||= failure.kind === 'unclear';
        const again = retryOn.includes(failure.kind) && attempts < backoff.attemptsMax;
        if (!again) return { ok: false, failure, cause, attempts, sawUnclear };
      }
      await clock.sleep(backoffMs(attempts - 1, backoff, clock));
    }
  }

  /** For requests that may be repeated at will. */
  async value<T>(request: { operation: string; key: string }, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const settled = await this.settle(work);
    if (settled.ok) return settled.value;
    throw this.error(request, settled);
  }

  /** The same, where a missing object is an outcome. */
  async valueOrNull<T>(request: { operation: string; key: string }, work: (attempt: Attempt) => Promise<T>): Promise<T | null> {
    const settled = await this.settle(work);
    if (settled.ok) return settled.value;
    if (settled.failure.kind === 'missing') return null;
    throw this.error(request, settled);
  }

  error({ operation, key }: { operation: string; key: string }, { failure, cause, attempts }: Settled<unknown> & { ok: false }): unknown {
    return blobError(failure, { operation, key, url: this.#options.url, attempts, cause });
  }

  async #once<T>(work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const guard = new StallGuard(this.#options.stallMs);
    try {
      return await work({ signal: guard.signal, progress: () => guard.progress() });
    } finally {
      guard.stop();
    }
  }
}
