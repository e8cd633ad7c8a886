import { describe, expect, it } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { TableError, TransientError } from '../shared/errors.ts';
import { StageState } from '../shared/stage-state.ts';
import { fileRunState } from '../shared/state/file-run-state.ts';
import { MemoryStore } from './support/memory-store.ts';

function stageState() {
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = { ...systemClock, nowMs: () => nowMs };
  const state = fileRunState({ objects: new MemoryStore({ clock }), clock });
  return { state, stages: new StageState(state, clock), pass: (ms: number) => { nowMs += ms; } };
}

const broken = new TableError('delta/missing-file', 'reading a.parquet: it is gone.');

describe('StageState', () => {
  it('pauses a stage that fails for its table three times in a row, says so once, and goes on after a resume', async () => {
    const { state, stages, pass } = stageState();
    expect(await stages.isPaused('refine')).toBe(false);
    expect([await stages.failed('refine', broken), await stages.failed('refine', broken)]).toEqual([null, null]);
    const alert = await stages.failed('refine', broken);
    for (const part of ['refine is paused after 3 failures', 'delta/missing-file', 'reading a.parquet', 'assay resume refine']) expect(alert).toContain(part);
    expect(await stages.isPaused('refine'), 'this worker knows at once').toBe(true);
    expect(await stages.isPaused('score')).toBe(false);
    expect((await state.paused()).get('refine')?.why).toContain('reading a.parquet');
    await state.resume('refine');
    pass(15_000);
    expect(await stages.isPaused('refine')).toBe(false);
    expect(await stages.failed('refine', broken), 'it counts anew').toBeNull();
  });

  it.each<[string, (stages: StageState) => Promise<unknown>]>([
    ['a success', (stages) => Promise.resolve(stages.succeeded('refine'))],
    ['trouble that passes', (stages) => stages.failed('refine', new TransientError('storage/timeout', 'no answer'))],
    ['a bug', (stages) => stages.failed('refine', new Error('bug: odd'))],
    ['another trouble of the table', (stages) => stages.failed('refine', new TableError('delta/log-gap', 'version 7 is missing'))],
  ])('%s in between begins the count anew', async (_name, inBetween) => {
    const { stages } = stageState();
    await stages.failed('refine', broken);
    await stages.failed('refine', broken);
    await inBetween(stages);
    expect(await stages.failed('refine', broken)).toBeNull();
    expect(await stages.isPaused('refine')).toBe(false);
  });

  it('counts each stage by itself', async () => {
    const { stages } = stageState();
    for (const stage of ['refine', 'score', 'refine', 'score']) expect(await stages.failed(stage, broken)).toBeNull();
    expect(await stages.isPaused('refine')).toBe(false);
  });
});
