import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generate } from '../../local/producer/generate.ts';
import { trainDefaultModel } from '../../local/train-default-model.ts';
import { doesFit } from '../../shared/model/fit.ts';
import { openModel } from '../../shared/model/manifest.ts';
import { profileData } from '../../shared/model/quantiles.ts';
import { loadScorer } from '../../shared/model/scorer.ts';

const MODELS = join(import.meta.dirname, '../../models');
const TRAIN_AGAIN = 'train it again: node local/train-default-model.ts';
const shipped = openModel(readFileSync(join(MODELS, 'manifest.json')), readFileSync(join(MODELS, 'model.onnx')));

/** Values of the producer's valid and anomalous events, and which are anomalies. */
function producedValues(seed: number, events: number): { values: Float64Array; anomaly: boolean[] } {
  const values: number[] = [];
  const anomaly: boolean[] = [];
  for (const { kind, record } of generate({ seed, startMs: 1_750_000_000_000, ratePerS: 200, partitions: 1 }, events)) {
    if (kind !== 'valid' && kind !== 'anomaly') continue;
    values.push(Number((JSON.parse(String(record.value)) as { value: string | number }).value));
    anomaly.push(kind === 'anomaly');
  }
  return { values: Float64Array.from(values), anomaly };
}

test(`the shipped model is what its script makes (else ${TRAIN_AGAIN})`, () => {
  const again = trainDefaultModel();
  // An offset and a hash may differ in a last bit on another processor.
  const { offset, sha256, ...rest } = again.manifest;
  expect(shipped.manifest, TRAIN_AGAIN).toMatchObject(rest);
  expect(shipped.manifest.offset, TRAIN_AGAIN).toBeCloseTo(offset, 12);
  expect(again.onnx.length, TRAIN_AGAIN).toBeGreaterThan(0.99 * shipped.onnx.length);
  if (process.arch === 'x64') expect(shipped.manifest.sha256, TRAIN_AGAIN).toBe(sha256);
});

test.each([10, 100, 1_000, 20_000])('it fits what the producer sends: %d events', (events) => {
  for (const seed of [1, 2, 3, 7, 8]) {
    const { values } = producedValues(seed, events);
    expect(doesFit(shipped.manifest, profileData([values], ['value'], 1))).toEqual({ fits: true, reasons: [] });
  }
});

test('it finds every planted anomaly above the common range, and flags about one row in a hundred', async () => {
  const { values, anomaly } = producedValues(7, 40_000);
  const scorer = await loadScorer(shipped.onnx, shipped.manifest);
  const { label } = await scorer.score([values], values.length);
  await scorer.close();
  const flagged = (row: number): boolean => label[row] < 0;
  const rows = Array.from(values.keys());
  const share = rows.filter(flagged).length / rows.length;
  expect(share).toBeGreaterThan(0.005);
  expect(share).toBeLessThan(0.02);
  // Negative ones it finds only far from 0: on the scale of the anomalies above, 0 and −50 lie close to the common values.
  const above = rows.filter((row) => anomaly[row] && values[row] > 400);
  expect(above.length).toBeGreaterThan(100);
  expect(above.every(flagged)).toBe(true);
});
