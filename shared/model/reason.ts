import type { ModelManifest } from './manifest.ts';
import type { FeatureQuantiles } from './quantiles.ts';

/** What the text needs of a manifest. */
type Trained = Pick<ModelManifest, 'features' | 'perFeature'>;

/**
 * Why a row is flagged, for people and in the data's units: the feature that lies farthest from the bulk of the training
 * rows, and where that bulk lies. Null for a row that is not flagged.
 * The forest's score is not a sum over features: the text says where the row stands out, not what the trees did.
 * @param values one a feature, in the manifest's order; NaN is a missing value
 */
export function reasonFor(trained: Trained, values: ArrayLike<number>, label: number): string | null {
  if (label >= 0) return null;
  let farthest = 0;
  let distance = -1;
  trained.features.forEach((feature, index) => {
    const here = distanceFromBulk(trained.perFeature[feature], values[index]);
    if (here > distance) [farthest, distance] = [index, here];
  });
  const feature = trained.features[farthest];
  const text = `${feature} ${describe(values[farthest], trained.perFeature[feature])}`;
  if (distance > 0 || trained.features.length === 1) return text;
  const pairs = trained.features.map((name, index) => `${name} ${show(values[index])}`);
  return `the combination of ${pairs.join(', ')} is rare among the training rows`;
}

/** 0 within 1 % … 99 % of the training rows, else the way beyond them in widths of the bulk; a missing value is farthest. */
function distanceFromBulk({ p01, p05, p95, p99 }: FeatureQuantiles, value: number): number {
  if (Number.isNaN(value)) return Infinity;
  const beyond = Math.max(p01 - value, value - p99, 0);
  // A constant feature has no width: any step away from it is far.
  return beyond === 0 ? 0 : beyond / Math.max(p95 - p05, Number.MIN_VALUE);
}

function describe(value: number, { min, p01, p50, p99, max }: FeatureQuantiles): string {
  if (Number.isNaN(value)) return `is missing (median ${show(p50)})`;
  const all = `(median ${show(p50)}, range ${show(min)} to ${show(max)})`;
  if (value > max) return `${show(value)} is above every training row ${all}`;
  if (value < min) return `${show(value)} is below every training row ${all}`;
  if (value > p99) return `${show(value)} is above 99 % of the training rows (median ${show(p50)}, 99 % ${show(p99)})`;
  if (value < p01) return `${show(value)} is below 99 % of the training rows (median ${show(p50)}, 1 % ${show(p01)})`;
  return `${show(value)} lies where training rows are sparse (median ${show(p50)}, 1 % ${show(p01)}, 99 % ${show(p99)})`;
}

/** Six digits: for people. */
function show(value: number): string {
  return String(Number(value.toPrecision(6)));
}
