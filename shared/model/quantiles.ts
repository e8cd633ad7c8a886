import { ModelError } from '../errors.ts';
import { clampToFloat32, sampleForPercentiles } from './sample.ts';

/** Where one feature's values lie, in its own units; missing values do not count. */
export interface FeatureQuantiles {
  readonly min: number;
  readonly p01: number;
  readonly p05: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export const QUANTILE_NAMES = ['min', 'p01', 'p05', 'p50', 'p95', 'p99', 'max'] as const;

/** What is known of a set of rows: of the rows a model was trained on, or of rows it is to score. */
export interface DataProfile {
  readonly rows: number;
  /** By name of the feature. */
  readonly perFeature: Readonly<Record<string, FeatureQuantiles>>;
}

/**
 * Min and max are over all rows, the quantiles over at most 32,768 (`sampleForPercentiles`); values are clamped to the
 * float32 range, as training clamps them.
 * @param columns one array a feature, equally long
 * @throws ModelError `model/training-data` where a feature has no value at all
 */
export function profileData(columns: readonly Float64Array[], features: readonly string[], seed: number): DataProfile {
  const rows = columns[0]?.length ?? 0;
  const sample = sampleForPercentiles(columns, seed);
  const perFeature: Record<string, FeatureQuantiles> = {};
  features.forEach((feature, index) => {
    const [min, max] = range(columns[index]);
    const ascending = sample[index].filter((value) => value === value).sort();
    if (ascending.length === 0) {
      throw new ModelError('model/training-data', `Looking at feature ${feature}: none of its ${rows} rows has a value. Leave the feature out.`);
    }
    const [p01, p05, p50, p95, p99] = [0.01, 0.05, 0.5, 0.95, 0.99].map((q) => quantile(ascending, q)) as [number, number, number, number, number];
    perFeature[feature] = { min, p01, p05, p50, p95, p99, max };
  });
  return { rows, perFeature };
}

/** numpy.percentile(…, method='linear') of ascending values; q in [0, 1]. */
export function quantile(ascending: Float64Array, q: number): number {
  const at = q * (ascending.length - 1);
  const below = Math.floor(at);
  const low = ascending[below];
  const high = ascending[Math.min(below + 1, ascending.length - 1)];
  const share = at - below;
  // numpy interpolates from the nearer end, so that both ends are met exactly.
  return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}

function range(values: Float64Array): [number, number] {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [clampToFloat32(min), clampToFloat32(max)];
}
