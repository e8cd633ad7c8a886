import { systemClock } from '../../shared/clock.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { replay } from '../../shared/pipeline/replay.ts';
import type { ReplayOptions, ReplayReport } from '../../shared/pipeline/replay.ts';
import { FUTURE_AFTER_MS, LATE_AFTER_MS } from './test-lake.ts';
import type { TestLake } from './test-lake.ts';

/** `assay quarantine replay` without the command. */
export function replayIn({ lake, pipeline }: Pick<TestLake, 'pipeline'> & { lake: ReplayOptions['lake'] }, more: Partial<ReplayOptions> = {}): Promise<ReplayReport> {
  return replay({
    lake, pipeline, judge: compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS }), lateAfterMs: LATE_AFTER_MS, sliceRows: 250_000, checkpointInterval: 10n,
    clock: systemClock, observe: unobserved, filter: {}, isDryRun: false, ...more,
  });
}
