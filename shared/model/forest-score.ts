import { assert } from '../errors.ts';
import { pathLengths, type Forest, type Tree } from './forest.ts';

/**
 * score_samples of scikit-learn 1.9, in plain arithmetic: the reference that the ONNX graph is checked against, and what
 * training finds the offset with.
 * @param columns one array a feature, each of at least `rows` values; NaN is a missing value
 * @returns in [−1, 0): the lower, the more abnormal
 */
export function scoreSamples(forest: Forest, columns: readonly Float64Array[], rows: number): Float64Array {
  assert(columns.length === forest.features.length, `${columns.length} columns for ${forest.features.length} features`);
  // The rounding of scikit-learn: every value becomes the nearest float32 (1e300 becomes infinite), then is compared as float64.
  const rounded = columns.map((column) => Float32Array.from(column.subarray(0, rows)));
  const sums = new Float64Array(rows);
  for (const tree of forest.trees) addPathLengths(tree, rounded, sums);
  const denominator = forest.trees.length * forest.c_max_samples;
  return sums.map((sum) => -(2 ** -(denominator === 0 ? 1 : sum / denominator)));
}

/** decision_function: negative is an anomaly. Not yet cleaned of the noise below 1e-9 (`cleanDecision`). */
export function decisionFunction(forest: Forest, columns: readonly Float64Array[], rows: number): Float64Array {
  return scoreSamples(forest, columns, rows).map((score) => score - forest.offset);
}

/**
 * What is stored as anomaly_score: 0 where |d| < 1e-9, because the offset is often exactly one training row's score and
 * `pow` differs in its last bit between runtimes. The row is flagged exactly when this is negative.
 */
export function cleanDecision(decision: number): number {
  return Math.abs(decision) < 1e-9 ? 0 : decision;
}

/** Tree by tree, so that one tree's nodes stay in the processor's nearest cache; every row's sum is in tree order all the same. */
function addPathLengths(tree: Tree, columns: readonly Float32Array[], sums: Float64Array): void {
  const { feature, threshold, left, right, missing_left } = tree;
  const lengths = pathLengths(tree);
  const only = columns.length === 1 ? columns[0] : null;
  for (let row = 0; row < sums.length; row++) {
    let node = 0;
    for (let f = feature[0]; f >= 0; f = feature[node]!) {
      const x = only === null ? columns[f][row] : only[row];
      const goesLeft = x <= threshold[node] || (x !== x && missing_left[node] === 1);
      node = goesLeft ? left[node] : right[node];
    }
    sums[row] += lengths[node];
  }
}
