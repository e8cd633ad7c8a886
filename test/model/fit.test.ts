import { describe, expect, test } from 'vitest';
import { countOutside, doesFit } from '../../shared/model/fit.ts';
import { profileData } from '../../shared/model/quantiles.ts';
import { seededRandom } from '../../shared/model/random.ts';

function uniform(rows: number, low: number, high: number, seed = 1): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: rows }, () => low + random.uniform() * (high - low));
}

const trained = { features: ['value'], ...profileData([uniform(10_000, 0, 2_000)], ['value'], 1) };

function fitOf(column: Float64Array): ReturnType<typeof doesFit> {
  return doesFit(trained, profileData([column], ['value'], 1));
}

describe('a model fits', () => {
  test('the rows it was trained on', () => {
    expect(doesFit(trained, trained)).toEqual({ fits: true, reasons: [] });
  });

  test.each([1_000, 100, 20, 10])('%d new rows of the same kind', (rows) => {
    for (let seed = 10; seed < 110; seed++) expect(fitOf(uniform(rows, 0, 2_000, seed)).reasons).toEqual([]);
  });

  test('rows with a few anomalies far outside: these it is there to find', () => {
    const column = uniform(2_000, 0, 2_000, 5);
    for (let i = 0; i < 10; i++) column[i * 100] = 1e9;
    expect(fitOf(column).fits).toBe(true);
  });

  test('two rows that are both anomalies, for lack of evidence, only by their median', () => {
    expect(fitOf(Float64Array.of(1_000, 1e6, 900)).fits).toBe(true);
  });
});

describe('a model does not fit', () => {
  test.each<[string, Float64Array, RegExp]>([
    ['rows above its range', uniform(500, 5_000, 9_000), /the median of 500 rows is 6\d\d\d.*, trained on 1\d\d.* to 1\d\d\d/],
    ['rows inside its range at quite another scale', uniform(500, 0.1, 0.9), /value: the median of 500 rows is 0\.\d+, trained on/],
    ['rows in its middle, but far narrower', uniform(500, 990, 1_010), /the rows lie in 99\d.* to 100\d.*, trained on/],
    ['far wider rows', uniform(500, -20_000, 22_000), /the rows lie in -1\d\d\d\d.* to 1\d\d\d\d/],
    ['a single row elsewhere', Float64Array.of(1e6), /the median of 1 rows is 1000000/],
    ['a tenth of the rows above', Float64Array.from(uniform(500, 0, 2_000), (v, i) => (i % 10 === 0 ? v + 2_000 : v)), /over 5 % of 500 rows are above the training range/],
    ['a tenth of the rows below', Float64Array.from(uniform(500, 0, 2_000), (v, i) => (i % 10 === 0 ? v - 2_000 : v)), /over 5 % of 500 rows are below the training range/],
    ['2 % of many rows more than 20 % above', Float64Array.from(uniform(5_000, 0, 2_000), (v, i) => (i % 50 === 0 ? 2_401 : v)), /over 1 % of 5000 rows are more than 20 % above.*99 % of them end at 2401/],
    ['2 % of many rows more than 20 % below', Float64Array.from(uniform(5_000, 0, 2_000), (v, i) => (i % 50 === 0 ? -401 : v)), /over 1 % of 5000 rows are more than 20 % below/],
  ])('%s', (_, column, reason) => {
    const fit = fitOf(column);
    expect(fit.fits).toBe(false);
    expect(fit.reasons.join('; ')).toMatch(reason);
  });

  test('2 % of many rows that are a little outside are no misfit', () => {
    expect(fitOf(Float64Array.from(uniform(5_000, 0, 2_000), (v, i) => (i % 50 === 0 ? 2_399 : v))).fits).toBe(true);
  });

  test('a constant feature that is no longer the same', () => {
    const constant = { features: ['c'], ...profileData([new Float64Array(50).fill(5)], ['c'], 1) };
    expect(doesFit(constant, constant).fits).toBe(true);
    expect(doesFit(constant, profileData([new Float64Array(50).fill(6)], ['c'], 1)).reasons).toEqual(
      expect.arrayContaining(['c: the median of 50 rows is 6, trained on 5 to 5 (5 % to 95 %)']),
    );
  });

  test('data without its feature', () => {
    expect(doesFit(trained, profileData([uniform(10, 0, 1)], ['other'], 1))).toEqual({ fits: false, reasons: ['the data have no feature value'] });
  });
});

test('countOutside counts inputs beyond the range by more than 20 % of its width', () => {
  const model = { features: ['value'], perFeature: { value: { min: 0, p01: 1, p05: 5, p50: 50, p95: 95, p99: 99, max: 100 } } };
  expect(countOutside(model, [Float64Array.of(-21, -20, 0, 120, 120.1, NaN, 999)], 6)).toEqual([2]);
});
