import { expect, it } from 'vitest';
import { together } from '../../shared/pipeline/stage.ts';
import type { StageOutcome } from '../../shared/pipeline/stage.ts';

const committed = (rows: number, version: bigint, more: boolean): StageOutcome => ({ kind: 'committed', rows, version, more });

it.each<[string, StageOutcome[], StageOutcome]>([
  ['one alone stays what it is', [committed(3, 7n, true)], committed(3, 7n, true)],
  ['rows are summed, and more is more of any', [committed(3, 7n, true), { kind: 'nothing-to-do' }, committed(4, 9n, false)], committed(7, 9n, true)],
  ['a pause is told where nobody committed', [{ kind: 'nothing-to-do' }, { kind: 'paused' }], { kind: 'paused' }],
  ['one that is paused does not hide what another did', [{ kind: 'paused' }, committed(1, 2n, false)], committed(1, 2n, false)],
  ['nothing is nothing', [{ kind: 'nothing-to-do' }, { kind: 'nothing-to-do' }], { kind: 'nothing-to-do' }],
])('%s', (_name, outcomes, expected) => {
  expect(together(outcomes)).toEqual(expected);
});
