import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX, hostOverrides, planFreshness } from '../shared/freshness-plan.ts';
import { parseSchedule } from '../shared/ncrontab.ts';
import { readRepo } from './support/repo.ts';

describe('planFreshness', () => {
  it.each([
    [1, 1, 10_000, '* * * * * *', '* * * * * *'],
    [5, 5, 10_000, '*/5 * * * * *', '2/5 * * * * *'],
    [30, 30, 16_384, '*/30 * * * * *', '15/30 * * * * *'],
    [45, 45, 16_384, '*/30 * * * * *', '15/30 * * * * *'],
    [60, 60, 16_384, '0 * * * * *', '30 * * * * *'],
    [300, 300, 16_384, '0 */5 * * * *', '30 2/5 * * * *'],
    [600, 300, 16_384, '0 */10 * * * *', '0 5/10 * * * *'],
    [3600, 300, 16_384, '0 0 * * * *', '0 30 * * * *'],
  ])('%i s: window %i s, %i records, refine "%s", score "%s"', (targetS, windowS, batchRecordsMax, refineSchedule, scoreSchedule) => {
    expect(planFreshness({ targetS, messageBytesMax: 16_384 })).toEqual({ windowS, batchRecordsMax, refineSchedule, scoreSchedule });
  });

  it('never lets a record wait longer than the target for a timer, nor a batch outgrow the memory', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 3600 }), fc.integer({ min: 1, max: 104_857_600 }), (targetS, messageBytesMax) => {
      const plan = planFreshness({ targetS, messageBytesMax });
      expect(plan.windowS).toBeLessThanOrEqual(targetS);
      expect(plan.batchRecordsMax).toBeGreaterThanOrEqual(1);
      expect(plan.batchRecordsMax * messageBytesMax).toBeLessThanOrEqual(Math.max(BATCH_BYTES_MAX, messageBytesMax));
      const startMs = Date.UTC(2026, 0, 1);
      for (const schedule of [plan.refineSchedule, plan.scoreSchedule].map(parseSchedule)) {
        let atMs = schedule.next(startMs);
        expect(atMs - startMs).toBeLessThanOrEqual(targetS * 1000);
        for (let i = 0; i < 130; i++) {
          const nextMs = schedule.next(atMs);
          expect(nextMs - atMs).toBeLessThanOrEqual(targetS * 1000);
          atMs = nextMs;
        }
      }
    }), { numRuns: 60 });
  });

  it('host.json holds the plan of the default', () => {
    const { kafka } = (JSON.parse(readRepo('host.json')) as { extensions: { kafka: Record<string, unknown> } }).extensions;
    const overrides = hostOverrides(planFreshness({ targetS: 30, messageBytesMax: 16_384 }));
    expect(Object.fromEntries(Object.entries(overrides).map(([name]) => [name, String(kafka[name.split('__').at(-1)!])]))).toEqual(overrides);
  });
});
