import { describe, expect, test } from 'vitest';
import { decisionFunction, cleanDecision, scoreSamples } from '../../shared/model/forest-score.ts';
import { goldenNames, maxDifference, readGolden } from '../support/model-goldens.ts';

describe.skipIf(goldenNames().length === 0)('the reference scorer against scikit-learn', () => {
  test.each(goldenNames())('%s: scores within 1e-12, every label', (name) => {
    const { forest, test: columns, rows, scoreSamples: expected, decision, label } = readGolden(name);
    expect(maxDifference(scoreSamples(forest, columns, rows), expected)).toBeLessThanOrEqual(1e-12);
    const decided = decisionFunction(forest, columns, rows);
    expect(maxDifference(decided, decision)).toBeLessThanOrEqual(1e-12);
    expect(Array.from(decided, (d) => (cleanDecision(d) < 0 ? -1 : 1))).toEqual(Array.from(label));
  });

  test('only the first rows are scored where fewer are asked for', () => {
    const { forest, test: columns, scoreSamples: expected } = readGolden('tiny');
    expect(maxDifference(scoreSamples(forest, columns, 3), expected.subarray(0, 3))).toBeLessThanOrEqual(1e-12);
    expect(scoreSamples(forest, columns, 3)).toHaveLength(3);
  });
});

test.each([
  [9.9e-10, 0],
  [-9.9e-10, 0],
  [-1e-9, -1e-9],
  [1e-9, 1e-9],
  [-0.2, -0.2],
])('a decision of %d is stored as %d', (decision, stored) => {
  expect(cleanDecision(decision)).toBe(stored);
});
