import { expect, test } from 'vitest';
import { openModel, printManifest } from '../../shared/model/manifest.ts';
import { readOnnxInfo } from '../../shared/model/onnx-info.ts';
import { seededRandom } from '../../shared/model/random.ts';
import { loadScorer } from '../../shared/model/scorer.ts';
import { trainModel, type TrainingInput } from '../../shared/model/train.ts';

function input(change: Partial<TrainingInput> = {}): TrainingInput {
  const random = seededRandom(3);
  return {
    name: 'iforest',
    columns: [Float64Array.from({ length: 2_000 }, () => 100 * random.uniform())],
    features: ['value'],
    units: ['EUR'],
    params: { n_estimators: 100, max_samples: 256, contamination: 0.01 },
    seed: 42,
    dataVersion: 12n,
    trainedBy: 'test',
    now: '2025-04-01T00:00:00Z',
    ...change,
  };
}

test('the same input gives the same bytes; the time of training is not in them', () => {
  const { onnx, manifest } = trainModel(input());
  expect(trainModel(input())).toEqual(trainModel(input()));
  expect(trainModel(input({ now: '2026-01-01T00:00:00Z' })).onnx).toEqual(onnx);
  expect(trainModel(input({ seed: 43 })).manifest.sha256).not.toBe(manifest.sha256);
  const reversed = trainModel(input({ columns: [input().columns[0].toReversed()] }));
  expect(reversed.manifest.sha256).not.toBe(manifest.sha256);
});

test('manifest and metadata say what was trained on what', () => {
  const { forest, onnx, manifest } = trainModel(input());
  const { min, max } = manifest.perFeature['value'];
  expect(manifest).toMatchObject({ name: 'iforest', features: ['value'], seed: 42, rows: 2_000, trees: 100, maxSamples: 256, contamination: 0.01, dataVersion: 12n });
  expect(manifest.offset).toBe(forest.offset);
  expect(readOnnxInfo(onnx)?.metadata).toEqual({
    'assay.features': '["value"]',
    'assay.units': '["EUR"]',
    'assay.trees': '100',
    'assay.max_samples': '256',
    'assay.offset': String(forest.offset),
    'assay.seed': '42',
    'assay.rows': '2000',
    'assay.contamination': '0.01',
    'assay.data_version': '12',
    'assay.training_range': JSON.stringify([[min, max]]),
  });
});

test('a trained model opens, loads, and flags what is far from its rows and one in a hundred of them', async () => {
  const { onnx, manifest } = trainModel(input());
  const opened = openModel(printManifest({ ...manifest, version: 1 }), onnx);
  const scorer = await loadScorer(opened.onnx, opened.manifest);
  const far = await scorer.score([Float64Array.of(50, 5_000, -5_000)], 3);
  expect(Array.from(far.label)).toEqual([1, -1, -1]);
  const own = await scorer.score(input().columns, 2_000);
  const flagged = own.label.filter((label) => label < 0).length;
  expect(flagged).toBeGreaterThan(10);
  expect(flagged).toBeLessThanOrEqual(20);
  await scorer.close();
});
