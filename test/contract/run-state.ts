import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import type { RunState } from '../../shared/state/run-state.ts';

export interface RunStateContract {
  readonly name: string;
  /** Handles on one new, empty state, each as another process would have it. */
  readonly open: (clock: Clock, handles: number) => Promise<RunState[]>;
}

/** What every RunState must do. */
export function describeRunState({ name, open }: RunStateContract): void {
  describe(`RunState contract: ${name}`, () => {
    let nowMs: number;
    const clock: Clock = { ...systemClock, nowMs: () => nowMs };
    let state: RunState;
    let other: RunState;
    beforeEach(async () => {
      nowMs = 1_700_000_000_000;
      [state, other] = (await open(clock, 2)) as [RunState, RunState];
    });

    it('is empty at first', async () => {
      expect(await state.paused()).toEqual(new Map());
      expect(await state.summaries()).toEqual(new Map());
    });

    it('pauses and resumes stages', async () => {
      await state.pause('silver', 'a "why" with ünïcode');
      nowMs += 5;
      await state.pause('gold', 'g');
      expect(await other.paused()).toEqual(new Map([['gold', { sinceMs: 1_700_000_000_005, why: 'g' }], ['silver', { sinceMs: 1_700_000_000_000, why: 'a "why" with ünïcode' }]]));
      await other.resume('silver');
      await other.resume('silver');
      expect([...(await state.paused()).keys()]).toEqual(['gold']);
      await other.pause('gold', 'again');
      expect((await state.paused()).get('gold')).toEqual({ sinceMs: 1_700_000_000_005, why: 'again' });
    });

    it('keeps the last summary of each stage', async () => {
      await state.note('bronze', { atMs: 1, outcome: 'committed' });
      await state.note('silver', { atMs: 2, outcome: 'failed', error: 'x'.repeat(20_000) });
      await other.note('bronze', { atMs: 3, outcome: 'nothing-to-do' });
      const summaries = await state.summaries();
      expect(summaries.get('bronze')).toEqual({ atMs: 3, outcome: 'nothing-to-do' });
      expect(summaries.get('silver')).toEqual({ atMs: 2, outcome: 'failed', error: 'x'.repeat(8_000) });
      expect(await state.paused()).toEqual(new Map());
    });

    it('gives a lease to one, until it is released', async () => {
      const lease = await state.tryLease('maintain', 1_000);
      expect(lease).not.toBeNull();
      expect(await other.tryLease('maintain', 1_000)).toBeNull();
      expect(await state.tryLease('maintain', 1_000)).toBeNull();
      expect(await other.tryLease('train', 1_000)).not.toBeNull();
      await lease!.release();
      expect(await other.tryLease('maintain', 1_000)).not.toBeNull();
    });

    it('gives a lease to another when its time has passed', async () => {
      const lease = await state.tryLease('maintain', 1_000);
      nowMs += 999;
      expect(await other.tryLease('maintain', 1_000)).toBeNull();
      expect(await lease!.renew()).toBe(true);
      nowMs += 999;
      expect(await other.tryLease('maintain', 1_000)).toBeNull();
      nowMs += 1;
      const taken = await other.tryLease('maintain', 1_000);
      expect(taken).not.toBeNull();
      expect(await lease!.renew()).toBe(false);
      await lease!.release();
      expect(await taken!.renew()).toBe(true);
      expect(await state.tryLease('maintain', 1_000)).toBeNull();
    });

    it('renews a lease whose time has passed while nobody took it', async () => {
      const lease = await state.tryLease('maintain', 1_000);
      nowMs += 5_000;
      expect(await lease!.renew()).toBe(true);
      expect(await other.tryLease('maintain', 1_000)).toBeNull();
    });

    it('gives a contested lease to exactly one, round after round', async () => {
      const handles = await open(clock, 10);
      for (let round = 0; round < 10; round++) {
        const won = (await Promise.all(handles.map((handle) => handle.tryLease('maintain', 1_000)))).filter((lease) => lease !== null);
        expect(won).toHaveLength(1);
        if (round % 2 === 0) await won[0].release();
        else nowMs += 1_000;
      }
    });

    it.each(['', 'a/b', 'a b', 'x'.repeat(101)])('fails on the name %j, a bug', async (wrong) => {
      await expect(state.pause(wrong, 'x')).rejects.toThrow(/^bug: /);
      await expect(state.tryLease(wrong, 1)).rejects.toThrow(/^bug: /);
    });
  });
}
