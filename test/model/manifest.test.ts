import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ModelError } from '../../shared/errors.ts';
import { openModel, parseManifest, printManifest, sha256Of, type ModelManifest } from '../../shared/model/manifest.ts';

const ONNX = new TextEncoder().encode('the bytes of a model');
const MANIFEST: ModelManifest = {
  format: 'assay-model/1',
  name: 'iforest',
  version: 3,
  features: ['value', 'mean_h'],
  trainedAt: '2025-04-01T17:37:57.000Z',
  trainedBy: 'assay 0.1.0',
  seed: 42,
  rows: 1_000,
  trees: 100,
  maxSamples: 256,
  contamination: 0.01,
  offset: -0.61,
  dataVersion: 9_007_199_254_740_993n,
  sha256: sha256Of(ONNX),
  perFeature: {
    value: { min: 1, p01: 2, p05: 3, p50: 4, p95: 5, p99: 6, max: 7 },
    mean_h: { min: 5, p01: 5, p05: 5, p50: 5, p95: 5, p99: 5, max: 5 },
  },
};

function changed(change: object): Uint8Array {
  const json = JSON.parse(new TextDecoder().decode(printManifest(MANIFEST))) as object;
  return new TextEncoder().encode(JSON.stringify({ ...json, ...change }));
}

test('what is printed is read back, every digit of the data version too', () => {
  expect(parseManifest(printManifest(MANIFEST))).toEqual(MANIFEST);
  const shipped: ModelManifest = { ...MANIFEST, version: 0, dataVersion: null, contamination: 'auto' };
  expect(parseManifest(printManifest(shipped))).toEqual(shipped);
});

test('parse(print(m)) = m', () => {
  const manifest = fc.record({
    version: fc.nat(),
    features: fc.constant(['value']),
    trainedBy: fc.string({ minLength: 1, unit: 'grapheme' }),
    seed: fc.maxSafeNat(),
    contamination: fc.double({ min: 0, minExcluded: true, max: 0.5, noNaN: true }),
    offset: fc.double({ noNaN: true, noDefaultInfinity: true }).map((offset) => offset + 0),
    dataVersion: fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
    perFeature: fc
      .array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 7, maxLength: 7 })
      .map((values) => values.map((value) => value + 0).sort((a, b) => a - b))
      .map(([min, p01, p05, p50, p95, p99, max]) => ({ value: { min, p01, p05, p50, p95, p99, max } })),
  });
  fc.assert(
    fc.property(manifest, (some) => {
      expect(parseManifest(printManifest({ ...MANIFEST, ...some }))).toEqual({ ...MANIFEST, ...some });
    }),
  );
});

describe('refused', () => {
  test.each<[string, object, string]>([
    ['another format', { format: 'assay-model/2' }, 'format is "assay-model/2", not "assay-model/1"'],
    ['a missing name', { name: undefined }, 'name is missing'],
    ['a name that leaves its folder', { name: '../x' }, 'name is "../x"'],
    ['a version below 0', { version: -1 }, 'version is -1, not an integer ≥ 0'],
    ['a version as text', { version: '1' }, 'version is "1"'],
    ['no features', { features: [] }, 'features is []'],
    ['a feature twice', { features: ['value', 'value'] }, 'features is ["value","value"], not a list of different names'],
    ['a time without zone', { trainedAt: '2025-04-01T17:37:57' }, 'trainedAt is "2025-04-01T17:37:57"'],
    ['a time that is none', { trainedAt: '2025-13-01T00:00:00Z' }, 'trainedAt is'],
    ['no rows', { rows: 0 }, 'rows is 0, not an integer ≥ 1'],
    ['contamination above a half', { contamination: 0.51 }, 'contamination is 0.51'],
    ['an offset that is no number', { offset: null }, 'offset is null'],
    ['a data version as number', { dataVersion: 3 }, 'dataVersion is 3'],
    ['a short hash', { sha256: 'ab' }, 'sha256 is "ab", not 64 hex digits'],
    ['a feature without quantiles', { perFeature: { value: MANIFEST.perFeature['value'] } }, 'perFeature of mean_h is missing'],
    ['quantiles out of order', { perFeature: { ...MANIFEST.perFeature, value: { ...MANIFEST.perFeature['value'], p05: 9 } } }, 'perFeature of value is {"min":1'],
  ])('%s', (_, change, message) => {
    expect(() => parseManifest(changed(change))).toThrow(ModelError);
    expect(() => parseManifest(changed(change))).toThrow(message);
  });

  test('every problem at once', () => {
    expect(() => parseManifest(changed({ seed: -1, trees: 0 }))).toThrow('seed is -1, not an integer ≥ 0; trees is 0, not an integer ≥ 1');
  });

  test.each([['no JSON', '{'], ['not UTF-8', '\xff'], ['no object', 'null']])('%s', (_, text) => {
    expect(() => parseManifest(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toThrow(ModelError);
  });
});

test('a model opens only with the bytes its manifest names', () => {
  expect(openModel(printManifest(MANIFEST), ONNX)).toEqual({ manifest: MANIFEST, onnx: ONNX });
  const other = Uint8Array.from(ONNX).fill(1, 0, 1);
  expect(() => openModel(printManifest(MANIFEST), other)).toThrow(expect.objectContaining({ code: 'model/hash', facts: { name: 'iforest', version: 3, bytes: 20 } }) as Error);
});
