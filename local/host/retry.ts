import type { HostClock } from './host-clock.ts';
import type { RetryContext, RetryOptions } from './rpc.ts';

type Attempt = (retryContext: RetryContext | undefined) => Promise<void>;

/**
 * The runtime's retry policy: it runs inside one execution, before the extension sees success or failure. Rejects with the last
 * error once the retries are used up (`maxRetryCount` −1: never), or when the host stops meanwhile.
 */
export async function withRetryPolicy(attempt: Attempt, policy: RetryOptions | undefined, clock: HostClock, signal: AbortSignal): Promise<void> {
  let retryContext: RetryContext | undefined;
  for (let retryCount = 0; ; retryCount++) {
    try {
      return await attempt(retryContext);
    } catch (error) {
      const maxRetryCount = policy?.maxRetryCount ?? 0;
      const isLast = policy === undefined || (maxRetryCount >= 0 && retryCount >= maxRetryCount);
      if (isLast || signal.aborted) throw error;
      await clock.wait(delayMs(policy, retryCount), signal);
      if (signal.aborted) throw error;
      retryContext = { retryCount: retryCount + 1, maxRetryCount, exception: { message: error instanceof Error ? error.message : String(error) } };
    }
  }
}

function delayMs({ retryStrategy, delayInterval, minimumInterval, maximumInterval }: RetryOptions, retryCount: number): number {
  if (retryStrategy === 'fixedDelay') return (delayInterval?.seconds ?? 0) * 1000;
  const [min, max] = [minimumInterval?.seconds ?? 0, maximumInterval?.seconds ?? 0];
  return Math.min(Math.max(min, max), Math.max(min, 1) * 2 ** Math.min(retryCount, 30)) * 1000;
}
