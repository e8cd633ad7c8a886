import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ModelError } from '../../shared/errors.ts';
import { averagePathLength, type Forest, type ForestParams, type Tree } from '../../shared/model/forest.ts';
import { scoreSamples } from '../../shared/model/forest-score.ts';
import { growForest } from '../../shared/model/grow.ts';
import { seededRandom } from '../../shared/model/random.ts';
import { FLOAT32_MAX, PERCENTILE_ROWS_MAX } from '../../shared/model/sample.ts';
import { goldenNames, readGolden, trainerParams } from '../support/model-goldens.ts';

const PARAMS: ForestParams = { n_estimators: 20, max_samples: 'auto', contamination: 'auto', random_state: 1 };

function uniformColumn(rows: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: rows }, () => random.uniform());
}

/** Spearman's rank correlation; ties get their mean rank. */
function spearman(a: Float64Array, b: Float64Array): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

function ranks(values: Float64Array): Float64Array {
  const order = Array.from(values.keys()).sort((i, j) => values[i] - values[j]);
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) result[order[i]] = (start + end - 1) / 2;
    start = end;
  }
  return result;
}

describe.skipIf(goldenNames().length === 0)('forests of ours and of scikit-learn on the same rows', () => {
  test.each([11, 12, 13])('seed-like, seed %d: scores rank alike and have the same distribution', (seed) => {
    const golden = readGolden('seed-like');
    const forest = growForest(golden.train, golden.forest.features, { ...trainerParams(golden.forest.params), random_state: seed });
    const scores = scoreSamples(forest, golden.test, golden.rows);
    expect(spearman(scores, golden.scoreSamples)).toBeGreaterThan(0.95);
    expect(forest.offset).toBeCloseTo(golden.forest.offset, 1);
    expect(forest.c_max_samples).toBe(golden.forest.c_max_samples);
  });

  test('seed-like: as many nodes a tree', () => {
    const golden = readGolden('seed-like');
    const forest = growForest(golden.train, golden.forest.features, { ...trainerParams(golden.forest.params), n_estimators: 1_000 });
    const [ours, theirs] = [forest, golden.forest].map(({ trees }) => trees.reduce((sum, tree) => sum + tree.feature.length, 0) / trees.length);
    // A tree has 134 nodes, give or take 40: the mean of the golden's 100 trees is known to 3 %.
    expect(Math.abs(ours / theirs - 1)).toBeLessThan(0.06);
  });

  // Not "extremes": scikit-learn trains on infinities there, this trainer clamps them.
  test.each(['tiny', 'five-features-auto', 'constant-and-duplicates'])('%s: scores rank alike', (name) => {
    const golden = readGolden(name);
    // Many trees: a golden's 10 to 25 are noisy by themselves.
    const forest = growForest(golden.train, golden.forest.features, { ...trainerParams(golden.forest.params), n_estimators: 200 });
    expect(spearman(scoreSamples(forest, golden.test, golden.rows), golden.scoreSamples)).toBeGreaterThan(0.9);
    expect(forest.max_samples).toBe(golden.forest.max_samples);
  });

  test('single-row: every tree is one leaf and every score −0.5', () => {
    const golden = readGolden('single-row');
    const forest = growForest(golden.train, golden.forest.features, trainerParams(golden.forest.params));
    expect(forest.trees).toEqual(golden.forest.trees);
    expect(forest.offset).toBe(-0.5);
  });
});

describe('growth', () => {
  test('the same rows and seed give the same forest; another seed another', () => {
    const columns = [uniformColumn(1_000, 1), uniformColumn(1_000, 2)];
    const params = { ...PARAMS, contamination: 0.1 };
    const forest = growForest(columns, ['a', 'b'], params);
    expect(growForest(columns, ['a', 'b'], params)).toEqual(forest);
    expect(growForest(columns, ['a', 'b'], { ...params, random_state: 2 }).trees).not.toEqual(forest.trees);
  });

  test('a forest begins with the trees of a smaller one', () => {
    const columns = [uniformColumn(1_000, 1)];
    const five = growForest(columns, ['a'], { ...PARAMS, n_estimators: 5 });
    expect(growForest(columns, ['a'], PARAMS).trees.slice(0, 5)).toEqual(five.trees);
  });

  test('contamination p puts the share p of the training rows below the cut', () => {
    const columns = [uniformColumn(1_001, 1)];
    const forest = growForest(columns, ['a'], { ...PARAMS, contamination: 0.1 });
    expect(scoreSamples(forest, columns, 1_001).filter((score) => score < forest.offset)).toHaveLength(100);
  });

  test('beyond the sample for percentiles the share is met within its stated error', () => {
    const rows = 4 * PERCENTILE_ROWS_MAX;
    const columns = [uniformColumn(rows, 1)];
    const forest = growForest(columns, ['a'], { ...PARAMS, contamination: 0.1 });
    const share = scoreSamples(forest, columns, rows).filter((score) => score < forest.offset).length / rows;
    expect(Math.abs(share - 0.1)).toBeLessThan(0.0033);
  });

  test('a constant feature is never split on, and constant rows are one leaf', () => {
    const constant = new Float64Array(100).fill(5);
    const nearly = Float64Array.from({ length: 100 }, (_, i) => 1 + (i % 2) * 5e-8);
    const one = growForest([constant, nearly], ['c', 'n'], PARAMS);
    expect(one.trees.map((tree) => tree.feature)).toEqual(one.trees.map(() => Int32Array.of(-1)));
    const two = growForest([constant, uniformColumn(100, 1)], ['c', 'u'], PARAMS);
    expect(new Set(two.trees.flatMap((tree) => Array.from(tree.feature)))).toEqual(new Set([-1, 1]));
  });

  test('1e300 and infinity are clamped: they are anomalies, and every threshold is finite', () => {
    const column = uniformColumn(300, 1);
    column.set([1e300, -1e300, Infinity, -Infinity]);
    const forest = growForest([column], ['a'], PARAMS);
    for (const tree of forest.trees) for (const threshold of tree.threshold) expect(Math.abs(threshold)).toBeLessThanOrEqual(FLOAT32_MAX);
    const scores = scoreSamples(forest, [Float64Array.of(1e300, -Infinity, 0.5)], 3);
    expect(scores[0]).toBeLessThan(scores[2]);
    expect(scores[1]).toBeLessThan(scores[2]);
  });

  test('rows with missing values train and score', () => {
    const column = uniformColumn(300, 1).map((value, i) => (i % 10 === 0 ? NaN : value));
    const forest = growForest([column, uniformColumn(300, 2)], ['a', 'b'], { ...PARAMS, contamination: 0.05 });
    expect(Number.isFinite(forest.offset)).toBe(true);
    const sides = forest.trees.flatMap((tree) => Array.from(tree.missing_left.keys()).filter((node) => tree.feature[node] === 0).map((node) => tree.missing_left[node]));
    expect(new Set(sides)).toEqual(new Set([0, 1]));
    expect(scoreSamples(forest, [Float64Array.of(NaN), Float64Array.of(NaN)], 1)[0]).toBeLessThan(0);
  });

  test('a feature that is missing throughout is not split on', () => {
    const forest = growForest([new Float64Array(50).fill(NaN), uniformColumn(50, 1)], ['none', 'u'], PARAMS);
    expect(forest.trees.some((tree) => tree.feature.includes(0))).toBe(false);
  });

  test.each([
    ['auto', 1_000, 256],
    ['auto', 100, 100],
    [64, 1_000, 64],
    [2_000, 1_000, 1_000],
    [0.25, 1_000, 250],
    [0.0001, 1_000, 1],
  ] as const)('max_samples %s of %d rows is %d', (max_samples, rows, expected) => {
    expect(growForest([uniformColumn(rows, 1)], ['a'], { ...PARAMS, max_samples }).max_samples).toBe(expected);
  });
});

describe('what training refuses', () => {
  test.each([
    [{ n_estimators: 0 }, 'n_estimators is 0'],
    [{ max_samples: 1.5 }, 'max_samples is 1.5'],
    [{ max_samples: 0 }, 'max_samples is 0'],
    [{ contamination: 0.6 }, 'contamination is 0.6'],
    [{ contamination: NaN }, 'contamination is NaN'],
    [{ random_state: -1 }, 'the seed is -1'],
  ])('%o', (change, message) => {
    expect(() => growForest([uniformColumn(10, 1)], ['a'], { ...PARAMS, ...change })).toThrow(message);
  });

  test('every wrong parameter is named at once', () => {
    expect(() => growForest([uniformColumn(10, 1)], ['a'], { ...PARAMS, n_estimators: 0.5, contamination: 0 })).toThrow(/n_estimators is 0.5.*contamination is 0,/);
  });

  test.each([
    ['no rows', [new Float64Array(0)], ['a']],
    ['columns of two lengths', [new Float64Array(2), new Float64Array(3)], ['a', 'b']],
    ['a column too few', [new Float64Array(2)], ['a', 'b']],
    ['no features', [], []],
  ])('%s', (_, columns, features) => {
    expect(() => growForest(columns, features, PARAMS)).toThrow(ModelError);
  });
});

describe('every tree, whatever the rows', () => {
  const value = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }));
  const rows = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 80 });

  test('splits its rows completely, keeps the depth limit and lets no leaf be empty', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 100 }), fc.nat(), (data, max_samples, random_state) => {
        const columns = [0, 1].map((feature) => Float64Array.from(data, (row) => row[feature]));
        const forest = growForest(columns, ['a', 'b'], { n_estimators: 3, max_samples, contamination: 0.2, random_state });
        for (const tree of forest.trees) checkTree(tree, forest);
        const scores = scoreSamples(forest, columns, data.length);
        expect(scores.every((score) => score >= -1 && score < 0)).toBe(true);
        expect(scores.some((score) => score >= forest.offset - 1e-12)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

function checkTree(tree: Tree, { max_samples, c_max_samples }: Forest): void {
  expect(tree.n_node_samples[0]).toBe(max_samples);
  expect(c_max_samples).toBe(averagePathLength(max_samples));
  const depth = new Int32Array(tree.feature.length);
  const depthMax = Math.ceil(Math.log2(Math.max(max_samples, 2)));
  tree.feature.forEach((feature, node) => {
    expect(tree.n_node_samples[node]).toBeGreaterThan(0);
    expect(depth[node]).toBeLessThanOrEqual(depthMax);
    if (feature < 0) return;
    const children = [tree.left[node], tree.right[node]];
    for (const child of children) depth[child] = depth[node] + 1;
    expect(children.reduce((sum, child) => sum + tree.n_node_samples[child], 0)).toBe(tree.n_node_samples[node]);
    expect(Number.isFinite(tree.threshold[node])).toBe(true);
  });
}
