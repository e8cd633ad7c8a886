import { ModelError } from '../errors.ts';
import { averagePathLength, type Forest, type ForestParams, type Tree } from './forest.ts';
import { scoreSamples } from './forest-score.ts';
import { quantile } from './quantiles.ts';
import { seededRandom, type Random } from './random.ts';
import { clampToFloat32, rowNumbers, sampleForPercentiles, sampleToFront } from './sample.ts';

/** A feature counts as constant in a node where max ≤ min + this (scikit-learn's FEATURE_THRESHOLD). */
const CONSTANT_WITHIN = 1e-7;

/**
 * Fits an Isolation Forest (Liu, Ting and Zhou, ICDM 2008) by the growth rules of scikit-learn 1.9: rows rounded to float32,
 * `max_samples` rows a tree without replacement, depth limit ⌈log2 max_samples⌉, at each node a random feature that is not
 * constant there and a threshold uniform in [min, max). The offset is the percentile of the rows' scores, over at most 32,768 of them
 * (`sampleForPercentiles`, which states the error). The same rows in the same order and the same seed give the same forest.
 * @param columns one array a feature, equally long; NaN is a missing value
 * @throws ModelError `model/training-data`, `model/params`
 */
export function growForest(columns: readonly Float64Array[], features: readonly string[], params: ForestParams): Forest {
  const rows = checkData(columns, features);
  checkParams(params);
  const maxSamples = resolveMaxSamples(params.max_samples, rows);
  const grower = new TreeGrower(columns, maxSamples);
  const trees = Array.from({ length: params.n_estimators }, (_, index) => grower.grow(seededRandom(params.random_state, index + 1)));
  const forest: Forest = {
    format: 'isolation-forest/1',
    params,
    features: [...features],
    max_samples: maxSamples,
    offset: -0.5,
    c_max_samples: averagePathLength(maxSamples),
    trees,
  };
  if (params.contamination === 'auto') return forest;
  return { ...forest, offset: offsetOf(forest, columns, params.contamination) };
}

function offsetOf(forest: Forest, columns: readonly Float64Array[], contamination: number): number {
  const sample = sampleForPercentiles(columns, forest.params.random_state);
  const scores = scoreSamples(forest, sample, sample[0].length);
  return quantile(scores.sort(), contamination);
}

function checkData(columns: readonly Float64Array[], features: readonly string[]): number {
  const rows = columns[0]?.length ?? 0;
  const same = columns.length === features.length && columns.every((column) => column.length === rows);
  if (same && rows > 0) return rows;
  const lengths = columns.map((column) => column.length).join(', ');
  throw new ModelError(
    'model/training-data',
    `Training on ${features.length} features: got columns of [${lengths}] rows. Give one column a feature, all equally long, with at least one row.`,
    { facts: { features: features.length, columns: columns.length, rows } },
  );
}

function checkParams({ n_estimators, max_samples, contamination, random_state }: ForestParams): void {
  const wrong: string[] = [];
  if (!Number.isInteger(n_estimators) || n_estimators < 1) wrong.push(`n_estimators is ${n_estimators}, not an integer ≥ 1`);
  if (max_samples !== 'auto' && !(max_samples > 0 && (max_samples < 1 || Number.isInteger(max_samples)))) {
    wrong.push(`max_samples is ${max_samples}, not 'auto', a count or a share below 1`);
  }
  if (contamination !== 'auto' && !(contamination > 0 && contamination <= 0.5)) {
    wrong.push(`contamination is ${contamination}, not 'auto' or in (0, 0.5]`);
  }
  if (!Number.isSafeInteger(random_state) || random_state < 0) wrong.push(`the seed is ${random_state}, not an integer ≥ 0`);
  if (wrong.length > 0) throw new ModelError('model/params', `Training a forest: ${wrong.join('; ')}. Correct the model's settings.`);
}

function resolveMaxSamples(maxSamples: number | 'auto', rows: number): number {
  if (maxSamples === 'auto') return Math.min(256, rows);
  return maxSamples < 1 ? Math.max(1, Math.floor(maxSamples * rows)) : Math.min(maxSamples, rows);
}

/** Grows one tree after the other in the same scratch space. */
class TreeGrower {
  readonly #columns: readonly Float64Array[];
  readonly #order: Uint32Array;
  readonly #maxSamples: number;
  readonly #depthMax: number;
  /** The sampled rows' values, rounded and clamped: one array a feature. */
  readonly #sample: Float32Array[];
  /** Positions in the sample; a node owns a range of it. */
  readonly #members: Uint32Array;
  readonly #candidates: number[];
  #nodes = 0;
  readonly #scratch: Tree;

  constructor(columns: readonly Float64Array[], maxSamples: number) {
    const nodesMax = 2 * maxSamples - 1;
    this.#columns = columns;
    this.#order = rowNumbers(columns[0].length);
    this.#maxSamples = maxSamples;
    this.#depthMax = Math.ceil(Math.log2(Math.max(maxSamples, 2)));
    this.#sample = columns.map(() => new Float32Array(maxSamples));
    this.#members = new Uint32Array(maxSamples);
    this.#candidates = columns.map((_, feature) => feature);
    this.#scratch = {
      feature: new Int32Array(nodesMax),
      threshold: new Float64Array(nodesMax),
      left: new Int32Array(nodesMax),
      right: new Int32Array(nodesMax),
      n_node_samples: new Int32Array(nodesMax),
      missing_left: new Uint8Array(nodesMax),
    };
  }

  grow(random: Random): Tree {
    sampleToFront(this.#order, this.#maxSamples, random);
    this.#columns.forEach((column, feature) => {
      const sample = this.#sample[feature];
      for (let i = 0; i < sample.length; i++) sample[i] = clampToFloat32(column[this.#order[i]]);
    });
    for (let i = 0; i < this.#members.length; i++) this.#members[i] = i;
    this.#nodes = 0;
    this.#growNode(0, this.#maxSamples, 0, random);
    const { feature, threshold, left, right, n_node_samples, missing_left } = this.#scratch;
    const nodes = this.#nodes;
    return {
      feature: feature.slice(0, nodes),
      threshold: threshold.slice(0, nodes),
      left: left.slice(0, nodes),
      right: right.slice(0, nodes),
      n_node_samples: n_node_samples.slice(0, nodes),
      missing_left: missing_left.slice(0, nodes),
    };
  }

  /** The node over members [start, end); its subtree follows it, left first. Returns its index. */
  #growNode(start: number, end: number, depth: number, random: Random): number {
    const tree = this.#scratch;
    const node = this.#nodes++;
    tree.n_node_samples[node] = end - start;
    const split = depth >= this.#depthMax || end - start < 2 ? null : this.#drawSplit(start, end, random);
    if (split === null) {
      tree.feature[node] = tree.left[node] = tree.right[node] = -1;
      tree.threshold[node] = 0;
      tree.missing_left[node] = 0;
      return node;
    }
    const middle = this.#partition(start, end, split);
    tree.feature[node] = split.feature;
    tree.threshold[node] = split.threshold;
    tree.missing_left[node] = (split.missingLeft ?? middle - start > end - middle) ? 1 : 0;
    tree.left[node] = this.#growNode(start, middle, depth + 1, random);
    tree.right[node] = this.#growNode(middle, end, depth + 1, random);
    return node;
  }

  /** Features in random order until one is not constant in the node; null where all are. */
  #drawSplit(start: number, end: number, random: Random): Split | null {
    const candidates = this.#candidates;
    for (let tried = 0; tried < candidates.length; tried++) {
      const pick = tried + random.below(candidates.length - tried);
      const feature = candidates[pick];
      candidates[pick] = candidates[tried]!;
      candidates[tried] = feature;
      const { min, max, missing } = this.#range(feature, start, end);
      // Also false where no member has a value.
      if (!(max > min + CONSTANT_WITHIN)) continue;
      const drawn = min + random.uniform() * (max - min);
      const threshold = drawn >= max ? min : drawn;
      return { feature, threshold, missingLeft: missing ? random.below(2) === 1 : null };
    }
    return null;
  }

  #range(feature: number, start: number, end: number): { min: number; max: number; missing: boolean } {
    const values = this.#sample[feature];
    let min = Infinity;
    let max = -Infinity;
    let missing = false;
    for (let i = start; i < end; i++) {
      const value = values[this.#members[i]];
      if (value < min) min = value;
      if (value > max) max = value;
      if (value !== value) missing = true;
    }
    return { min, max, missing };
  }

  #partition(start: number, end: number, split: Split): number {
    const values = this.#sample[split.feature];
    const members = this.#members;
    let middle = start;
    for (let i = start; i < end; i++) {
      const member = members[i];
      const value = values[member];
      if (!(value <= split.threshold || (value !== value && split.missingLeft === true))) continue;
      members[i] = members[middle]!;
      members[middle++] = member;
    }
    return middle;
  }
}

interface Split {
  readonly feature: number;
  readonly threshold: number;
  /** Where the node's missing values go, by a coin as in scikit-learn; null where it has none: then the larger side. */
  readonly missingLeft: boolean | null;
}
