import { describe, expect, it } from 'vitest';
import { FAULT_KINDS } from './faults.ts';
import { MUTANTS } from './mutants.ts';
import { runWriters } from './run-writers.ts';

const SEEDS = 200;
/** Wrong about tables of the pipeline, or about rewrites and VACUUM, of which there are none here. */
const NOT_HERE = [
  'adds rejected rows a second time, where it should replace them', 'lists no gaps', 'takes young files for old ones, where it deletes what no version names',
  'brings rows back that went under a rewrite',
];

describe('writers on one Delta table, in a simulated world', () => {
  it(`keep every promise of a commit under ${SEEDS} seeds`, async () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { failure, faults } = await runWriters({ seed });
      expect(failure, `seed ${seed}; npm run simulate -- --mode writers --seed ${seed} --trace`).toBeNull();
      for (const [kind, count] of faults) seen.set(kind, (seen.get(kind) ?? 0) + count);
    }
    // A storm that never comes proves nothing.
    for (const kind of [...FAULT_KINDS, 'jump', 'late put']) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(10);
  });

  it.each([3, 14, 159, 2_653])('replay seed %s turn by turn', async (seed) => {
    const [first, second] = [await runWriters({ seed, keepTrace: true }), await runWriters({ seed, keepTrace: true })];
    expect(first.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
    expect(second.digest).toBe(first.digest);
  });

  it.each(Object.keys(MUTANTS).filter((name) => !NOT_HERE.includes(name)))('are found out where a program %s', async (name) => {
    for (let seed = 1; seed <= SEEDS; seed++) if ((await runWriters({ seed, mutant: MUTANTS[name] })).failure) return;
    expect.fail(`${SEEDS} seeds, and none shows it`);
  });
});
