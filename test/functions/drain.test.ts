import { describe, expect, it } from 'vitest';
import { drain } from '../../functions/drain.ts';
import type { StageOutcome } from '../../shared/app.ts';

const committed = (rows: number, more: boolean): StageOutcome => ({ kind: 'committed', rows, version: 1n, more });

/** Each run takes 100 ms. */
async function drained(outcomes: StageOutcome[], timeMs = 1000) {
  let nowMs = 0;
  const logs: string[] = [];
  const note = (message: string) => void logs.push(message);
  const run = () => {
    nowMs += 100;
    return Promise.resolve(outcomes.shift()!);
  };
  const summary = await drain(run, { stage: 'refine', timeMs, log: { info: note, debug: note }, clock: { monotonicMs: () => nowMs } });
  return { summary, logs, left: outcomes.length };
}

describe('drain', () => {
  it.each<[string, StageOutcome[], object, number]>([
    ['nothing to do', [{ kind: 'nothing-to-do' }], { outcome: 'nothing-to-do', rows: 0, commits: 0, more: false }, 0],
    ['one slice', [committed(5, false), committed(9, false)], { outcome: 'committed', rows: 5, commits: 1, more: false }, 1],
    ['several slices', [committed(5, true), committed(6, true), committed(7, false)], { outcome: 'committed', rows: 18, commits: 3, more: false }, 0],
    ['slices until nothing is left', [committed(5, true), { kind: 'nothing-to-do' }], { outcome: 'nothing-to-do', rows: 5, commits: 1, more: false }, 0],
    ['a pause in between', [committed(5, true), { kind: 'paused' }, committed(1, false)], { outcome: 'paused', rows: 5, commits: 1, more: false }, 1],
  ])('%s', async (_name, outcomes, expected, left) => {
    const result = await drained(outcomes);
    expect(result.summary).toEqual(expected);
    expect(result.left).toBe(left);
  });

  it('starts no slice once its time is up, and says that there is more', async () => {
    const result = await drained(Array.from({ length: 9 }, () => committed(1, true)), 250);
    expect(result.summary).toEqual({ outcome: 'committed', rows: 3, commits: 3, more: true });
    expect(result.logs.at(-1)).toMatch(/250 ms are over and there is more to do/);
  });
});
