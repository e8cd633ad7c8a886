import { describe, expect, test } from 'vitest';
import { forestToOnnx } from '../../shared/model/onnx.ts';
import { readOnnxInfo } from '../../shared/model/onnx-info.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { goldenNames, maxDifference, readGolden } from '../support/model-goldens.ts';

// The runtime is asked directly here, for all outputs; the scorer asks for the decision only.
describe.skipIf(goldenNames().length === 0)('an exported forest', () => {
  test.each(goldenNames())('%s: every output is that of scikit-learn', async (name) => {
    const { forest, test: columns, rows, decision, scoreSamples, label } = readGolden(name);
    const session = await InferenceSession.create(forestToOnnx(forest), { intraOpNumThreads: 1 });
    const width = columns.length;
    const values = Float64Array.from({ length: rows * width }, (_, i) => columns[i % width][Math.floor(i / width)]);
    const outputs = await session.run({ X: new Tensor('float64', values, [rows, width]) });
    expect(Object.fromEntries(Object.entries(outputs).map(([key, { type, dims }]) => [key, { type, dims }]))).toEqual({
      label: { type: 'int64', dims: [rows, 1] },
      scores: { type: 'float64', dims: [rows, 1] },
      score_samples: { type: 'float64', dims: [rows, 1] },
    });
    expect(maxDifference(outputs['scores'].data as Float64Array, decision)).toBeLessThanOrEqual(1e-12);
    expect(maxDifference(outputs['score_samples'].data as Float64Array, scoreSamples)).toBeLessThanOrEqual(1e-12);
    expect(Array.from(outputs['label'].data as BigInt64Array, Number)).toEqual(Array.from(label));
    await session.release();
  });

  test('says what it is in its metadata, and has the same bytes each time', () => {
    const { forest } = readGolden('tiny');
    const bytes = forestToOnnx(forest, { 'assay.seed': '7' });
    expect(readOnnxInfo(bytes)).toEqual({
      opsets: { '': 21, 'ai.onnx.ml': 5 },
      metadata: { 'assay.features': '["a","b"]', 'assay.trees': '10', 'assay.max_samples': '64', 'assay.offset': String(forest.offset), 'assay.seed': '7' },
    });
    expect(forestToOnnx(forest, { 'assay.seed': '7' })).toEqual(bytes);
  });
});
