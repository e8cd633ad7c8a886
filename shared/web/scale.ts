/** Axes: pure maps from data to the unit interval, with ticks at round places. */

export interface Tick { readonly at: number; readonly value: number }

export interface Scale {
  readonly kind: 'linear' | 'log';
  /** 0 at the low end, 1 at the high end. */
  readonly place: (value: number) => number;
  /** `at` in [0, 1]. */
  readonly ticks: readonly Tick[];
}

/**
 * Linear, unless a few values dwarf the rest (greatest |v| above 20 times the 75th percentile of |v|): then symmetric-log,
 * sign(v) · log10(1 + |v| / c), which keeps zero and negative values on the axis.
 */
export function valueScale(all: readonly number[]): Scale {
  const values = all.map(bounded);
  const sizes = values.map(Math.abs).sort((a, b) => a - b);
  const quantile = (q: number) => sizes[Math.floor((sizes.length - 1) * q)] ?? 0;
  const [typical, greatest] = [quantile(0.75), quantile(1)];
  return typical > 0 && greatest > 20 * typical ? logScale(values, quantile(0.5) || typical) : linearScale(values);
}

function linearScale(values: readonly number[]): Scale {
  const { low, high } = extent(values);
  // Values that differ by rounding only, or not at all, stand in the middle.
  const size = Math.max(Math.abs(low), Math.abs(high));
  const pad = high - low > size * 1e-9 + 1e-290 ? (high - low) * 0.04 : size * 0.1 + 1e-6;
  const [start, span] = [low - pad, high - low + 2 * pad];
  const place = (value: number) => (bounded(value) - start) / span;
  const step = roundStep(span / 4);
  const first = Math.ceil(start / step);
  const ticks = Array.from({ length: Math.floor((start + span) / step) - first + 1 }, (_, index) => tidy((first + index) * step, step));
  return { kind: 'linear', place, ticks: ticks.map((value) => ({ at: place(value), value })) };
}

function logScale(values: readonly number[], typical: number): Scale {
  const unit = Math.max(1e-300, 10 ** Math.floor(Math.log10(typical)));
  const fold = (value: number) => Math.sign(value) * (Math.log10(unit + Math.abs(bounded(value))) - Math.log10(unit));
  const { low, high } = extent(values.map(fold));
  const pad = (high - low) * 0.04;
  const place = (value: number) => (fold(value) - low + pad) / (high - low + 2 * pad);
  const decades = Math.max(1, Math.floor((high - low) / 6));
  const powers = Array.from({ length: Math.ceil(Math.max(high, -low) / decades) + 1 }, (_, index) => unit * 10 ** (index * decades));
  const candidates = [...powers.map((power) => -power).reverse(), 0, ...powers];
  const inside = candidates.map((value) => ({ at: place(value), value })).filter(({ at }) => at >= 0 && at <= 1);
  return { kind: 'log', place, ticks: inside.filter((_, index) => apart(inside, index)) };
}

/** Two labels need an eighth of the axis between them; zero always stays. */
function apart(ticks: readonly Tick[], index: number): boolean {
  const { at, value } = ticks[index];
  const clear = (other: Tick | undefined) => other === undefined || Math.abs(at - other.at) > 0.125;
  return value === 0 || (clear(ticks[index - 1]) && clear(ticks.find((tick) => tick.value === 0)));
}

const stepsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500].concat(
  [1, 2, 5, 10, 15, 30].map((s) => s * 1000),
  [1, 2, 5, 10, 15, 30].map((min) => min * 60_000),
  [1, 2, 3, 6, 12].map((h) => h * 3_600_000),
  [1, 2, 7, 14, 28, 91, 182, 364, 728, 3640, 36_400, 364_000].map((d) => d * 86_400_000),
);

/** A time axis from the first to the last moment, with two to six ticks and how to print them. */
export function timeScale(times: readonly number[]): Scale & { readonly label: (ms: number) => string } {
  const { low, high } = extent(times);
  const [start, span] = high > low ? [low, high - low] : [low - 500, 1000];
  const place = (ms: number) => (ms - start) / span;
  const step = stepsMs.find((candidate) => span / candidate <= 5) ?? stepsMs.at(-1)!;
  const first = Math.ceil(start / step);
  const length = Math.floor((start + span) / step) - first + 1;
  const ticks = Array.from({ length }, (_, index) => ({ at: place((first + index) * step), value: (first + index) * step }));
  return { kind: 'linear', place, ticks, label: timeLabel(step) };
}

function timeLabel(stepMs: number): (ms: number) => string {
  const [from, to] = stepMs < 1000 ? [11, 23] : stepMs < 60_000 ? [11, 19] : stepMs < 86_400_000 ? [11, 16] : [0, 10];
  return (ms) => new Date(ms).toISOString().slice(from, to);
}

/** The next of 1, 2, 2.5 or 5 times a power of ten. */
export function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= atLeast * (1 - 1e-12)) ?? 10 * power;
}

function tidy(value: number, step: number): number {
  return Number(value.toPrecision(12)) + 0 || (Math.abs(value) < step / 2 ? 0 : value);
}

/** Far from a double's end, so that spans stay finite. */
function bounded(value: number): number {
  return Math.max(-1e300, Math.min(1e300, value));
}

function extent(values: readonly number[]): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return low <= high ? { low, high } : { low: 0, high: 0 };
}
