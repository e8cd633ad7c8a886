import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { roundStep, timeScale, valueScale } from '../../shared/web/scale.ts';

const double = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('valueScale', () => {
  it('is linear for values of one size, with round ticks', () => {
    const scale = valueScale([3, 11, 18, 27, 40]);
    expect(scale.kind).toBe('linear');
    expect(scale.ticks.map((tick) => tick.value)).toEqual([10, 20, 30, 40]);
  });

  it('is logarithmic where a few dwarf the rest, and keeps zero and what is below it', () => {
    const scale = valueScale([...Array.from({ length: 100 }, (_, index) => 20 + index), -90, 90_000]);
    expect(scale.kind).toBe('log');
    expect(scale.ticks.map((tick) => tick.value)).toContain(0);
    expect(scale.place(-90)).toBeLessThan(scale.place(0));
    expect(scale.place(90_000) - scale.place(900)).toBeGreaterThan(0.2);
  });

  it('places everything in order within the axis, whatever the values', () => {
    fc.assert(fc.property(fc.array(double, { minLength: 1, maxLength: 50 }), (values) => {
      const { place, ticks } = valueScale(values);
      const places = [...values].sort((a, b) => a - b).map(place);
      expect(places.every((at, index) => at >= 0 && at <= 1 && (index === 0 || at >= places[index - 1]))).toBe(true);
      expect(ticks.length).toBeLessThan(12);
      expect(ticks.every(({ at }) => at >= -1e-9 && at <= 1 + 1e-9)).toBe(true);
    }));
  });

  it('stands for no values too', () => expect(valueScale([]).place(0)).toBeCloseTo(0.5, 9));
});

describe('timeScale', () => {
  const day = 86_400_000;
  test.each<[string, number[], string[]]>([
    ['minutes', [0, 8 * 60_000], ['00:00', '00:02', '00:04', '00:06', '00:08']],
    ['days', [0, 12 * day], ['1970-01-01', '1970-01-08']],
    ['one moment', [day, day], ['00:00:00.000']],
  ])('%s', (_name, times, labels) => {
    const { ticks, label } = timeScale(times);
    const printed = ticks.map((tick) => label(tick.value));
    expect(printed).toEqual(expect.arrayContaining(labels));
    expect(printed.length).toBeLessThan(8);
  });

  it('spans ten thousand years', () => {
    const { ticks, label } = timeScale([-62_135_596_800_000, 253_402_300_799_999]);
    expect(ticks.length).toBeGreaterThan(1);
    expect(ticks.map((tick) => label(tick.value)).join('')).not.toContain('Invalid');
  });
});

test.each([[0.9, 1], [1, 1], [1.1, 2], [2.2, 2.5], [3, 5], [7, 10], [0.013, 0.02]])('roundStep(%d) is %d', (given, step) => {
  expect(roundStep(given)).toBeCloseTo(step, 12);
});
