import { describe, expect, test } from 'vitest';
import { deletedFileRetentionMs, logRetentionMs, parseIntervalMs } from '../../shared/delta/interval.ts';

describe('an interval of a table property', () => {
  test.each([
    ['interval 1 week', 604_800_000], ['interval 30 days', 2_592_000_000], ['INTERVAL 1 day 2 hours', 93_600_000], ['7 days', 604_800_000],
    ['interval 90 minutes', 5_400_000], ['interval 0 seconds', 0], ['interval 1500 milliseconds', 1_500], ['interval 1 day -1 hour', 82_800_000],
  ])('%s', (text, ms) => {
    expect(parseIntervalMs(text, 'p')).toBe(ms);
  });

  test.each(['', 'interval', 'interval 1 month', 'one week', 'interval week', 'interval -1 day', '12'])('%j is none', (text) => {
    expect(() => parseIntervalMs(text, 'delta.logRetentionDuration')).toThrow(/delta\.logRetentionDuration/);
  });

  test('defaults are those of Delta', () => {
    expect(deletedFileRetentionMs({ configuration: {} })).toBe(7 * 86_400_000);
    expect(logRetentionMs({ configuration: {} })).toBe(30 * 86_400_000);
    expect(logRetentionMs({ configuration: { 'delta.logRetentionDuration': 'interval 2 days' } })).toBe(2 * 86_400_000);
  });
});
