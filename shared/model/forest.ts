import { ModelError } from '../errors.ts';

/**
 * One fitted Isolation Forest. The shape and the names are those of `forest.json`, format "isolation-forest/1": what
 * scikit-learn 1.9 holds in memory, so that a forest fitted there is a Forest here.
 */
export interface Forest {
  readonly format: 'isolation-forest/1';
  readonly params: ForestParams;
  /** In column order. */
  readonly features: readonly string[];
  /** The resolved count of rows a tree saw. */
  readonly max_samples: number;
  /** decision_function = score_samples − offset. */
  readonly offset: number;
  /** `averagePathLength(max_samples)`. */
  readonly c_max_samples: number;
  readonly trees: readonly Tree[];
}

/** Arrays by node, the root at 0. A leaf has feature −1, threshold 0, left and right −1. */
export interface Tree {
  readonly feature: Int32Array;
  /** Float64, not rounded. A row goes left where its float32 value is ≤ the threshold. */
  readonly threshold: Float64Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly n_node_samples: Int32Array;
  /** 1: NaN goes left. */
  readonly missing_left: Uint8Array;
}

/** scikit-learn's names and meanings (sklearn.ensemble.IsolationForest); `max_features` is 1.0 and `bootstrap` false throughout. */
export interface ForestParams {
  readonly n_estimators: number;
  /** 'auto': min(256, rows). An integer ≥ 1: that many rows, at most all. A number below 1: that share of the rows. */
  readonly max_samples: number | 'auto';
  /** 'auto': offset −0.5. A number in (0, 0.5]: the share of the training rows below the cut. */
  readonly contamination: number | 'auto';
  /** Seed of the forest; trees of scikit-learn and of ours differ at equal seeds. */
  readonly random_state: number;
}

/** The expected path length of an unsuccessful search among n rows; Liu, Ting and Zhou, ICDM 2008, equation 1. */
export function averagePathLength(n: number): number {
  if (n <= 1) return 0;
  if (n === 2) return 1;
  return 2 * (Math.log(n - 1) + 0.5772156649015329) - (2 * (n - 1)) / n;
}

/**
 * Path length of every node as if it were a leaf: (edges + 1) + c(n) − 1, in this order of float64 additions, as scikit-learn has it.
 */
export function pathLengths(tree: Tree): Float64Array {
  const edges = new Int32Array(tree.feature.length);
  const lengths = new Float64Array(tree.feature.length);
  for (let node = 0; node < tree.feature.length; node++) {
    lengths[node] = edges[node] + 1 + averagePathLength(tree.n_node_samples[node]) - 1;
    if (tree.feature[node] < 0) continue;
    edges[tree.left[node]] = edges[node] + 1;
    edges[tree.right[node]] = edges[node] + 1;
  }
  return lengths;
}

/** @throws ModelError `model/forest` naming the tree and node that is wrong */
export function parseForest(text: string): Forest {
  let json: ForestJson;
  try {
    json = JSON.parse(text) as ForestJson;
  } catch (cause) {
    throw new ModelError('model/forest', 'Reading a forest: it is not JSON. Export it again as isolation-forest/1.', { cause });
  }
  if (json?.format !== 'isolation-forest/1') fail(`the format is ${JSON.stringify(json?.format)}, not "isolation-forest/1"`);
  if (!Array.isArray(json.features) || json.features.length === 0) fail('it names no features');
  if (!Array.isArray(json.trees) || json.trees.length === 0) fail('it has no trees');
  for (const field of ['max_samples', 'offset', 'c_max_samples'] as const) {
    if (!Number.isFinite(json[field])) fail(`${field} is ${JSON.stringify(json[field])}, not a finite number`);
  }
  return {
    format: json.format,
    params: json.params,
    features: json.features,
    max_samples: json.max_samples,
    offset: json.offset,
    c_max_samples: json.c_max_samples,
    trees: json.trees.map((tree, index) => parseTree(tree, index, json.features.length)),
  };
}

/** The text that `parseForest` reads back to an equal forest. */
export function printForest(forest: Forest): string {
  return JSON.stringify(forest, (_key, value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value));
}

interface ForestJson extends Omit<Forest, 'trees' | 'format'> {
  readonly format: 'isolation-forest/1';
  readonly trees: readonly TreeJson[];
}

type TreeJson = Readonly<Record<keyof Tree, readonly number[]>>;

function parseTree(json: TreeJson, index: number, features: number): Tree {
  const nodes = Array.isArray(json.feature) ? json.feature.length : 0;
  if (nodes === 0) fail(`tree ${index} has no nodes`);
  for (const field of ['threshold', 'left', 'right', 'n_node_samples', 'missing_left'] as const) {
    if (json[field]?.length !== nodes) fail(`tree ${index} has ${nodes} nodes but ${json[field]?.length} values of ${field}`);
  }
  const tree: Tree = {
    feature: Int32Array.from(json.feature),
    threshold: Float64Array.from(json.threshold),
    left: Int32Array.from(json.left),
    right: Int32Array.from(json.right),
    n_node_samples: Int32Array.from(json.n_node_samples),
    missing_left: Uint8Array.from(json.missing_left),
  };
  for (let node = 0; node < nodes; node++) checkNode(tree, node, index, features);
  return tree;
}

/** Children must come after their parent: so every walk ends, and lengths can be computed in one pass. */
function checkNode(tree: Tree, node: number, index: number, features: number): void {
  const feature = tree.feature[node];
  if (feature < 0) return;
  if (feature >= features) fail(`tree ${index}, node ${node} asks for feature ${feature} of ${features}`);
  for (const child of [tree.left[node], tree.right[node]]) {
    if (child <= node || child >= tree.feature.length) {
      fail(`tree ${index}, node ${node} points to ${child}; a child lies between its parent and ${tree.feature.length - 1}`);
    }
  }
}

function fail(what: string): never {
  throw new ModelError('model/forest', `Reading a forest: ${what}. Export it again as isolation-forest/1.`);
}
