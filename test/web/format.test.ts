import { expect, test } from 'vitest';
import { clip, formatAge, formatBytes, formatCount, formatScore, formatShare, formatTime, formatValue, isoTime } from '../../shared/web/format.ts';

test.each<[string, string]>([
  [formatCount(1_234_567n), '1,234,567'], [formatCount(-5n), '−5'], [formatCount(null), '–'], [formatCount(9_007_199_254_740_993n), '9,007,199,254,740,993'],
  [formatValue(1984), '1,984'], [formatValue(0), '0'], [formatValue(-0.5), '−0.5'], [formatValue(12.3456), '12.35'], [formatValue(1.23456), '1.2346'],
  [formatValue(1e300), '1.0e+300'], [formatValue(-2e-7), '−2.0e-7'], [formatValue(Number.NaN), '–'],
  [formatScore(-0.12344), '−0.1234'], [formatScore(0.1), '0.1000'],
  [formatBytes(0n), '0 B'], [formatBytes(999n), '999 B'], [formatBytes(1_000n), '1.0 kB'], [formatBytes(1_234_567n), '1.2 MB'], [formatBytes(999_600_000n), '1.0 GB'], [formatBytes(10n ** 18n), '1000 PB'],
  [formatAge(0.04), '0.0 s'], [formatAge(-0.01), '0.0 s'], [formatAge(0.44), '0.4 s'], [formatAge(9.97), '10 s'], [formatAge(59.6), '1 min'], [formatAge(200), '3 min 20 s'],
  [formatAge(7_500), '2 h 5 min'], [formatAge(86_399), '1 d'], [formatAge(273_600), '3 d 4 h'], [formatAge(-12), '12 s ahead'], [formatAge(null), '–'],
  [formatTime(1_743_529_077_000), '2025-04-01 17:37:57'], [formatTime(null), '–'], [isoTime(1e18), '9999-12-31T23:59:59.999Z'], [isoTime(-1e18), '0001-01-01T00:00:00.000Z'],
  [formatShare(511n, 97_214n), '0.53 %'], [formatShare(1n, 10n ** 9n), '< 0.01 %'], [formatShare(0n, 5n), '0.00 %'], [formatShare(1n, 0n), '–'], [formatShare(1n, 2n), '50.0 %'],
  [clip('abc', 3), 'abc'], [clip('abcd', 3), 'ab…'], [clip('😀😀😀😀', 3), '😀😀…'], [clip('😀😀😀', 3), '😀😀😀'],
])('%s', (formatted, expected) => expect(formatted).toBe(expected));
