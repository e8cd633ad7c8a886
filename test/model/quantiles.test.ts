import { describe, expect, test } from 'vitest';
import { ModelError } from '../../shared/errors.ts';
import { profileData, quantile } from '../../shared/model/quantiles.ts';
import { seededRandom } from '../../shared/model/random.ts';
import { FLOAT32_MAX, PERCENTILE_ROWS_MAX } from '../../shared/model/sample.ts';

describe("quantile is numpy's linear method", () => {
  // numpy.percentile([1, 2, 4, 8], 100·q)
  test.each([
    [0, 1],
    [0.25, 1.75],
    [0.5, 3],
    [0.9, 6.8],
    [1, 8],
  ])('%d', (q, expected) => {
    expect(quantile(Float64Array.of(1, 2, 4, 8), q)).toBeCloseTo(expected, 14);
  });

  test('of one value it is this value', () => {
    expect(quantile(Float64Array.of(3), 0.99)).toBe(3);
  });
});

describe('profileData', () => {
  test('says where the values lie; missing ones do not count', () => {
    const column = Float64Array.from({ length: 102 }, (_, i) => (i === 101 ? NaN : 100 - i));
    expect(profileData([column], ['a'], 1)).toEqual({ rows: 102, perFeature: { a: { min: 0, p01: 1, p05: 5, p50: 50, p95: 95, p99: 99, max: 100 } } });
  });

  test('values are clamped as training clamps them', () => {
    const { a } = profileData([Float64Array.of(-1e300, 0, Infinity)], ['a'], 1).perFeature;
    expect([a.min, a.p50, a.max]).toEqual([-FLOAT32_MAX, 0, FLOAT32_MAX]);
  });

  test('of many rows: the ends are exact, the middle is a sample', () => {
    const random = seededRandom(3);
    const column = Float64Array.from({ length: 4 * PERCENTILE_ROWS_MAX }, () => random.uniform());
    column[17] = -5;
    column[column.length - 3] = 9;
    const { a } = profileData([column], ['a'], 1).perFeature;
    expect([a.min, a.max]).toEqual([-5, 9]);
    expect(Math.abs(a.p50 - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(a.p99 - 0.99)).toBeLessThan(0.003);
    expect(profileData([column], ['a'], 1).perFeature['a']).toEqual(a);
  });

  test('a feature without any value is refused by name', () => {
    expect(() => profileData([new Float64Array(3).fill(NaN)], ['empty'], 1)).toThrow(ModelError);
    expect(() => profileData([new Float64Array(3).fill(NaN)], ['empty'], 1)).toThrow('empty: none of its 3 rows');
  });
});
