import type { InvocationContext } from '@azure/functions';
import type { StageOutcome } from '../shared/app.ts';
import type { Clock } from '../shared/clock.ts';

/** What one tick came to: the last outcome's kind, and the sums over its commits. */
export interface DrainSummary {
  readonly outcome: StageOutcome['kind'];
  readonly rows: number;
  readonly commits: number;
  /** Its time was up before the stage had no more to do. */
  readonly more: boolean;
}

export interface DrainOptions {
  readonly stage: string;
  /** No slice starts after this; a running one is not cut short. */
  readonly timeMs: number;
  readonly log: Pick<InvocationContext, 'info' | 'debug'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Slice after slice of one stage, until it has no more to do or its time is up. */
export async function drain(run: () => Promise<StageOutcome>, { stage, timeMs, log, clock }: DrainOptions): Promise<DrainSummary> {
  const endMs = clock.monotonicMs() + timeMs;
  let [rows, commits] = [0, 0];
  for (;;) {
    const outcome = await run();
    report(outcome, stage, log);
    if (outcome.kind !== 'committed') return { outcome: outcome.kind, rows, commits, more: false };
    rows += outcome.rows;
    commits += 1;
    if (!outcome.more) return { outcome: outcome.kind, rows, commits, more: false };
    if (clock.monotonicMs() >= endMs) {
      log.info(`${stage}: ${timeMs} ms are over and there is more to do; the next tick goes on`);
      return { outcome: outcome.kind, rows, commits, more: true };
    }
  }
}

function report(outcome: StageOutcome, stage: string, log: DrainOptions['log']): void {
  switch (outcome.kind) {
    case 'committed':
      return log.info(`${stage}: ${outcome.rows} rows in version ${outcome.version}`);
    case 'nothing-to-do':
      return log.debug(`${stage}: nothing to do`);
    case 'paused':
      return log.info(`${stage}: paused`);
  }
}
