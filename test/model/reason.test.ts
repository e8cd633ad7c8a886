import { expect, test } from 'vitest';
import { reasonFor } from '../../shared/model/reason.ts';

const value = { min: 1, p01: 5, p05: 10, p50: 50.1, p95: 190, p99: 212, max: 1_000 };
const one = { features: ['value'], perFeature: { value } };
const two = { features: ['value', 'mean_h'], perFeature: { value, mean_h: { min: 0, p01: 1, p05: 2, p50: 3, p95: 4, p99: 5, max: 6 } } };

test.each([
  [one, [984], 'value 984 is above 99 % of the training rows (median 50.1, 99 % 212)'],
  [one, [2.5], 'value 2.5 is below 99 % of the training rows (median 50.1, 1 % 5)'],
  [one, [1984], 'value 1984 is above every training row (median 50.1, range 1 to 1000)'],
  [one, [-3], 'value -3 is below every training row (median 50.1, range 1 to 1000)'],
  [one, [1e300], 'value 1e+300 is above every training row (median 50.1, range 1 to 1000)'],
  [one, [120], 'value 120 lies where training rows are sparse (median 50.1, 1 % 5, 99 % 212)'],
  [one, [NaN], 'value is missing (median 50.1)'],
  [two, [213, 50], 'mean_h 50 is above every training row (median 3, range 0 to 6)'],
  [two, [984, 5.1], 'value 984 is above 99 % of the training rows (median 50.1, 99 % 212)'],
  [two, [100, 3], 'the combination of value 100, mean_h 3 is rare among the training rows'],
])('%#: %o %o', (trained, values, text) => {
  expect(reasonFor(trained, values, -1)).toBe(text);
  expect(reasonFor(trained, values, 1)).toBeNull();
});

test('any step from a constant feature is far', () => {
  const constant = { min: 5, p01: 5, p05: 5, p50: 5, p95: 5, p99: 5, max: 5 };
  const trained = { features: ['value', 'c'], perFeature: { value, c: constant } };
  expect(reasonFor(trained, [1e6, 6], -1)).toBe('c 6 is above every training row (median 5, range 5 to 5)');
});
