import type { InvocationContext } from '@azure/functions';
import { getApp } from '../shared/app.ts';
import { systemClock } from '../shared/clock.ts';
import { drain } from './drain.ts';
import type { DrainSummary } from './drain.ts';
import { config } from './setup.ts';

type Stage = 'refine' | 'score' | 'train' | 'maintain' | 'monitor';

/** The handler of a stage's timer. */
export function drainStage(stage: Stage): (timer: unknown, context: InvocationContext) => Promise<DrainSummary> {
  return async (_timer, context) => {
    const app = await getApp();
    return drain(() => app[stage](), { stage, timeMs: config.stageTimeMs, log: context, clock: systemClock });
  };
}
