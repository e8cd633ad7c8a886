import { afterAll, describe, expect, test } from 'vitest';
import { ModelError } from '../../shared/errors.ts';
import { decisionFunction } from '../../shared/model/forest-score.ts';
import { growForest } from '../../shared/model/grow.ts';
import { forestToOnnx } from '../../shared/model/onnx.ts';
import { ELEMENT, intAttribute, matrix, model, node } from '../../shared/model/onnx-proto.ts';
import { seededRandom } from '../../shared/model/random.ts';
import { BATCH_ROWS_MAX, loadScorer, type Scorer } from '../../shared/model/scorer.ts';
import { trainModel } from '../../shared/model/train.ts';
import { goldenNames, maxDifference, readGolden } from '../support/model-goldens.ts';

const open: Scorer[] = [];

async function scorerOf(...args: Parameters<typeof loadScorer>): Promise<Scorer> {
  const scorer = await loadScorer(...args);
  open.push(scorer);
  return scorer;
}

afterAll(async () => {
  await Promise.all(open.map((scorer) => scorer.close()));
});

function normalColumns(rows: number, features: number): Float64Array[] {
  const random = seededRandom(9);
  return Array.from({ length: features }, () =>
    Float64Array.from({ length: rows }, () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())),
  );
}

function trained(rows = 2_000): ReturnType<typeof trainModel> {
  return trainModel({
    name: 'm',
    columns: normalColumns(rows, 2),
    features: ['a', 'b'],
    params: { n_estimators: 50, max_samples: 'auto', contamination: 0.05 },
    seed: 4,
    dataVersion: 7n,
    trainedBy: 'test',
    now: '2025-04-01T00:00:00Z',
  });
}

const withSkl2onnx = goldenNames().filter((name) => readGolden(name).skl2onnx !== null);

describe.skipIf(goldenNames().length === 0)('through onnxruntime', () => {
  test.each(goldenNames())('%s: our export is within 1e-12 of scikit-learn, every label', async (name) => {
    const { forest, test: columns, rows, decision, label } = readGolden(name);
    const scorer = await scorerOf(forestToOnnx(forest));
    const scores = await scorer.score(columns, rows);
    // Within 1e-9 of the cut the decision is 0 by our own rule.
    expect(maxDifference(scores.decision, decision.map((d) => (Math.abs(d) < 1e-9 ? 0 : d)))).toBeLessThanOrEqual(1e-12);
    expect(Array.from(scores.label)).toEqual(Array.from(label));
    expect(scorer.features).toEqual(forest.features);
  });

  test.each(withSkl2onnx.filter((name) => name !== 'single-row'))("%s: skl2onnx's export loads and scores within float32", async (name) => {
    const { skl2onnx, test: columns, rows, decision, forest } = readGolden(name);
    const scorer = await scorerOf(skl2onnx!);
    const scores = await scorer.score(columns, rows);
    expect(maxDifference(scores.decision, decision)).toBeLessThanOrEqual(5e-7);
    expect(scorer.features).toEqual(forest.features.map((_, i) => `f${i}`));
  });

  test("single-row: skl2onnx's export scores NaN, and that is said instead of stored", async () => {
    const { skl2onnx, test: columns, rows } = readGolden('single-row');
    const scorer = await scorerOf(skl2onnx!);
    await expect(scorer.score(columns, rows)).rejects.toThrow(expect.objectContaining({ code: 'model/nan-score' }) as Error);
  });
});

describe('scores', () => {
  test('are the same bits in every batch, also over several calls of the runtime', async () => {
    const { onnx, manifest } = trained();
    const scorer = await scorerOf(onnx, { ...manifest, version: 1 });
    const rows = BATCH_ROWS_MAX + 1_000;
    const columns = normalColumns(rows, 2);
    const all = await scorer.score(columns, rows);
    const picked = Array.from({ length: 200 }, (_, i) => (i * 97) % rows).concat(BATCH_ROWS_MAX - 1, BATCH_ROWS_MAX, rows - 1);
    for (const row of picked) {
      const one = await scorer.score(columns.map((column) => column.subarray(row, row + 1)), 1);
      expect(one.decision[0]).toBe(all.decision[row]);
      expect(one.label[0]).toBe(all.label[row]);
    }
  });

  test('agree with the reference scorer, NaN and infinities too', async () => {
    const { onnx, forest } = trained();
    const columns = normalColumns(5_000, 2);
    columns[0].set([NaN, NaN, Infinity, -Infinity, 1e300, -0, 1e-310]);
    columns[1].set([NaN, 0, NaN]);
    const scores = await (await scorerOf(onnx)).score(columns, 5_000);
    expect(maxDifference(scores.decision, decisionFunction(forest, columns, 5_000))).toBeLessThanOrEqual(1e-12);
    expect(scores.label.filter((label) => label < 0).length).toBeGreaterThan(100);
    scores.label.forEach((label, row) => expect(label).toBe(scores.decision[row] < 0 ? -1 : 1));
  });

  test('of a forest with missing values in its training rows follow the same branches', async () => {
    const columns = normalColumns(500, 2);
    columns[0] = columns[0].map((value, i) => (i % 7 === 0 ? NaN : value));
    const forest = growForest(columns, ['a', 'b'], { n_estimators: 30, max_samples: 100, contamination: 0.1, random_state: 1 });
    const scores = await (await scorerOf(forestToOnnx(forest))).score(columns, 500);
    // On the cut our rule makes a 0 of up to 1e-9.
    expect(maxDifference(scores.decision, decisionFunction(forest, columns, 500))).toBeLessThanOrEqual(1e-9);
  });

  test('of a forest in which some trees are one leaf', async () => {
    const column = Float64Array.from({ length: 1_000 }, (_, i) => (i < 100 ? i : 5));
    const forest = growForest([column], ['a'], { n_estimators: 40, max_samples: 8, contamination: 'auto', random_state: 1 });
    const sizes = new Set(forest.trees.map((tree) => tree.feature.length));
    expect(sizes.has(1) && sizes.size > 1).toBe(true);
    const scores = await (await scorerOf(forestToOnnx(forest))).score([column], 1_000);
    expect(maxDifference(scores.decision, decisionFunction(forest, [column], 1_000))).toBeLessThanOrEqual(1e-12);
  });

  test('of a forest of thousands of trees are the same bits in every batch', async () => {
    const column = normalColumns(400, 1)[0];
    const forest = growForest([column], ['a'], { n_estimators: 3_000, max_samples: 64, contamination: 'auto', random_state: 1 });
    const scorer = await scorerOf(forestToOnnx(forest));
    const all = await scorer.score([column], 400);
    for (let row = 0; row < 400; row += 13) expect((await scorer.score([column.subarray(row, row + 1)], 1)).decision[0]).toBe(all.decision[row]);
    expect(maxDifference(all.decision, decisionFunction(forest, [column], 400))).toBeLessThanOrEqual(1e-11);
  });

  test('of no rows are none', async () => {
    const { onnx } = trained(100);
    expect(await (await scorerOf(onnx)).score([new Float64Array(0), new Float64Array(0)], 0)).toEqual({ decision: new Float64Array(0), label: new Int8Array(0) });
  });

  test('of columns that are not the features are a bug', async () => {
    const scorer = await scorerOf(trained(100).onnx);
    await expect(scorer.score([new Float64Array(1)], 1)).rejects.toThrow('bug: 1 columns for the features a, b');
    await expect(scorer.score([new Float64Array(1), new Float64Array(1)], 2)).rejects.toThrow('bug: columns shorter than 2 rows');
  });
});

/** A model that hands its input on, under the names and types given. */
function identity({ input = ELEMENT.double as number, columns = 1, output = 'scores', opset = 21 }): Uint8Array {
  return model({
    name: 'identity',
    nodes: [node({ op: 'Identity', inputs: ['X'], output })],
    constants: [],
    inputs: [matrix('X', input, columns)],
    outputs: [matrix(output, input, columns)],
    opsets: { '': opset },
    metadata: {},
  });
}

describe('refused, and the error names what is wrong', () => {
  const { manifest, onnx } = trained(100);
  const twoInputs = model({
    name: 'sum',
    nodes: [node({ op: 'Add', inputs: ['X', 'Y'], output: 'scores' })],
    constants: [],
    inputs: [matrix('X', ELEMENT.double, 1), matrix('Y', ELEMENT.double, 1)],
    outputs: [matrix('scores', ELEMENT.double, 1)],
    opsets: { '': 21 },
    metadata: {},
  });
  const unknownOp = model({
    name: 'unknown',
    nodes: [node({ op: 'Cast', inputs: ['X'], output: 'x', attributes: [intAttribute('to', 1)] }), node({ op: 'NoSuchOp', domain: 'ai.onnx.ml', inputs: ['x'], output: 'scores' })],
    constants: [],
    inputs: [matrix('X', ELEMENT.double, 1)],
    outputs: [matrix('scores', ELEMENT.float, 1)],
    opsets: { '': 21, 'ai.onnx.ml': 5 },
    metadata: {},
  });
  test.each<[string, Uint8Array, typeof manifest | undefined, string, string]>([
    ['bytes that are no model', new TextEncoder().encode('hello'), undefined, 'model/onnx', 'names no opset'],
    ['half a model', onnx.subarray(0, onnx.length / 2), undefined, 'model/onnx', 'onnxruntime refused it'],
    ['an opset of the future', identity({ opset: 999 }), undefined, 'model/onnx', 'it asks for opsets ai.onnx 999'],
    ['an operator that is not there', unknownOp, undefined, 'model/onnx', 'ai.onnx 21, ai.onnx.ml 5'],
    ['an input of integers', identity({ input: ELEMENT.int64 }), undefined, 'model/shape', 'its inputs are X int64 [rows, 1]'],
    ['two inputs', twoInputs, undefined, 'model/shape', 'its inputs are X float64 [rows, 1]; Y float64 [rows, 1]'],
    ['no output scores', identity({ output: 'variable' }), undefined, 'model/shape', 'its outputs are variable float64 [rows, 1]'],
    ['two scores a row', identity({ columns: 2 }), undefined, 'model/shape', 'its outputs are scores float64 [rows, 2]'],
    ['more features in the manifest', onnx, { ...manifest, features: ['a', 'b', 'c'] }, 'model/shape', 'it takes 2 features, but 3 are named: a, b, c'],
    ['other features in the manifest', onnx, { ...manifest, features: ['b', 'a'] }, 'model/shape', 'it was trained on a, b, but its manifest names b, a'],
  ])('%s', async (_, bytes, stated, code, message) => {
    const loading = loadScorer(bytes, stated === undefined ? undefined : { ...stated, version: 3 });
    await expect(loading).rejects.toThrow(ModelError);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(expect.objectContaining({ code }) as Error);
    if (stated !== undefined) await expect(loading).rejects.toThrow('Loading model m version 3');
  });
});
