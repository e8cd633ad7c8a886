import { pathLengths, type Forest, type Tree } from './forest.ts';
import { ELEMENT, intAttribute, intsAttribute, matrix, model, node, tensor, tensorAttribute } from './onnx-proto.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';

/**
 * A forest as one ONNX model: opset 21, ai.onnx.ml 5, in doubles.
 * Input `X` double [rows, features]. Outputs, named as skl2onnx names them: `label` int64 [rows, 1] (−1 where the decision
 * is below −1e-9, else 1), `scores` double [rows, 1] (decision_function), `score_samples` double [rows, 1].
 * A row's scores are the same bits in every batch size and with any number of threads, and within 1e-12 of scikit-learn's.
 * @param metadata goes into metadata_props as it is, after the forest's own
 */
export function forestToOnnx(forest: Forest, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  // c(1) = 0: scikit-learn then takes the quotient as 1 (score −0.5). Leaves that weigh 1 give the same without a branch.
  const allOne = forest.c_max_samples === 0;
  const lengths = forest.trees.map((tree) => (allOne ? new Float64Array(tree.feature.length).fill(1) : pathLengths(tree)));
  const divisor = forest.trees.length * (allOne ? 1 : forest.c_max_samples);
  return model({
    name: 'isolation-forest',
    nodes: [
      // scikit-learn's rounding to float32, in one place; all that follows is in doubles.
      node({ op: 'Cast', inputs: ['X'], output: 'x_float', attributes: [intAttribute('to', ELEMENT.float)] }),
      node({ op: 'Cast', inputs: ['x_float'], output: 'x_rounded', attributes: [intAttribute('to', ELEMENT.double)] }),
      treeEnsemble(forest.trees, lengths),
      node({ op: 'Div', inputs: ['path_sum', 'divisor'], output: 'exponent' }),
      node({ op: 'Pow', inputs: ['two', 'exponent'], output: 'anomaly' }),
      node({ op: 'Neg', inputs: ['anomaly'], output: 'score_samples' }),
      node({ op: 'Sub', inputs: ['score_samples', 'offset'], output: 'scores' }),
      node({ op: 'Less', inputs: ['scores', 'cut'], output: 'is_anomaly' }),
      node({ op: 'Where', inputs: ['is_anomaly', 'minus_one', 'one'], output: 'label' }),
    ],
    constants: [
      scalar('divisor', -divisor),
      scalar('two', 2),
      scalar('offset', forest.offset),
      scalar('cut', -1e-9),
      tensor('minus_one', [], BigInt64Array.of(-1n)),
      tensor('one', [], BigInt64Array.of(1n)),
    ],
    inputs: [matrix('X', ELEMENT.double, forest.features.length)],
    outputs: [matrix('label', ELEMENT.int64, 1), matrix('scores', ELEMENT.double, 1), matrix('score_samples', ELEMENT.double, 1)],
    opsets: { '': 21, 'ai.onnx.ml': 5 },
    metadata: {
      'assay.features': JSON.stringify(forest.features),
      'assay.trees': String(forest.trees.length),
      'assay.max_samples': String(forest.max_samples),
      'assay.offset': String(forest.offset),
      ...metadata,
    },
  });
}

function scalar(name: string, value: number): ProtobufWriter {
  return tensor(name, [], Float64Array.of(value));
}

/** ai.onnx.ml 5 keeps inner nodes and leaves apart; a child is an index into the one or the other. */
interface Ensemble {
  readonly roots: number[];
  readonly feature: number[];
  readonly split: number[];
  readonly missingTrue: number[];
  /** Per side: index of the child, and 1 where it is a leaf. */
  readonly trueChild: number[];
  readonly trueLeaf: number[];
  readonly falseChild: number[];
  readonly falseLeaf: number[];
  readonly weight: number[];
}

function treeEnsemble(trees: readonly Tree[], lengths: readonly Float64Array[]): ProtobufWriter {
  const unit = sumUnit(lengths);
  const all: Ensemble = {
    roots: [], feature: [], split: [], missingTrue: [], trueChild: [], trueLeaf: [], falseChild: [], falseLeaf: [], weight: [],
  };
  trees.forEach((tree, index) => addTree(all, tree, lengths[index].map((length) => Math.round(length / unit) * unit)));
  return node({
    op: 'TreeEnsemble',
    domain: 'ai.onnx.ml',
    inputs: ['x_rounded'],
    output: 'path_sum',
    attributes: [
      intAttribute('aggregate_function', 1), // SUM
      intAttribute('n_targets', 1),
      intAttribute('post_transform', 0), // NONE
      intsAttribute('tree_roots', all.roots),
      intsAttribute('nodes_featureids', all.feature),
      tensorAttribute('nodes_modes', new Uint8Array(all.feature.length)), // BRANCH_LEQ throughout
      tensorAttribute('nodes_splits', Float64Array.from(all.split)),
      intsAttribute('nodes_missing_value_tracks_true', all.missingTrue),
      intsAttribute('nodes_truenodeids', all.trueChild),
      intsAttribute('nodes_trueleafs', all.trueLeaf),
      intsAttribute('nodes_falsenodeids', all.falseChild),
      intsAttribute('nodes_falseleafs', all.falseLeaf),
      intsAttribute('leaf_targetids', Array.from(all.weight, () => 0)),
      tensorAttribute('leaf_weights', Float64Array.from(all.weight)),
    ],
  });
}

/**
 * Leaf weights are rounded to a multiple of this power of two, so that their sum over the trees is exact in a double and
 * does not depend on the order of adding: 2⁻⁴⁰, or coarser for a forest of thousands of trees.
 */
function sumUnit(lengths: readonly Float64Array[]): number {
  const sumMax = lengths.reduce((sum, tree) => sum + tree.reduce((a, b) => Math.max(a, b), 0), 1);
  return 2 ** -Math.min(40, 52 - Math.ceil(Math.log2(sumMax)));
}

function addTree(all: Ensemble, tree: Tree, weights: Float64Array): void {
  const isLeaf = (node: number): boolean => tree.feature[node] < 0;
  // The index a node will have among the inner nodes or among the leaves of the ensemble.
  const place = new Int32Array(tree.feature.length);
  let inner = all.feature.length;
  let leaves = all.weight.length;
  tree.feature.forEach((_, node) => {
    place[node] = isLeaf(node) ? leaves++ : inner++;
  });
  all.roots.push(all.feature.length);
  // A tree that is one leaf is an inner node with this leaf on both sides.
  const innerNodes = isLeaf(0) ? [0] : Array.from(tree.feature.keys()).filter((node) => !isLeaf(node));
  for (const node of innerNodes) {
    const left = isLeaf(node) ? node : tree.left[node];
    const right = isLeaf(node) ? node : tree.right[node];
    all.feature.push(Math.max(tree.feature[node], 0));
    all.split.push(tree.threshold[node]);
    all.missingTrue.push(tree.missing_left[node]);
    all.trueChild.push(place[left]);
    all.trueLeaf.push(isLeaf(left) ? 1 : 0);
    all.falseChild.push(place[right]);
    all.falseLeaf.push(isLeaf(right) ? 1 : 0);
  }
  tree.feature.forEach((_, node) => {
    if (isLeaf(node)) all.weight.push(weights[node]);
  });
}
