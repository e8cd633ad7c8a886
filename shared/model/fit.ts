import type { ModelManifest } from './manifest.ts';
import type { DataProfile, FeatureQuantiles } from './quantiles.ts';

export interface Fit {
  readonly fits: boolean;
  /** Why not, with numbers, in the data's units. Empty where it fits. */
  readonly reasons: readonly string[];
}

/** Beyond the training range by more than this share of its width, an input counts as outside. */
const OUTSIDE_SHARE = 0.2;

/** The bulk (5 % to 95 %) of data a model fits is at most this many times wider or narrower than that of the training rows. */
const SPREAD_RATIO_MAX = 10;

/** Below so many rows the ends of the data are single rows, and only the middle of the data is judged. */
const ROWS_FOR_5_PERCENT = 20;
const ROWS_FOR_1_PERCENT = 1_000;

/**
 * Does a model fit data it is to score? It does not where the data
 * - lie elsewhere: their median is outside the bulk (5 % to 95 %) of the training rows, even if inside the range;
 * - have another scale: their bulk is more than 10 times wider or narrower;
 * - leave the range: over 5 % of the rows on one side are beyond the training rows' least or greatest value, or over 1 % are
 *   beyond it by more than 20 % of its width. Fewer outliers are what the model is there to find.
 * Rows that the model was trained on fit. A model of other features fits nothing.
 */
export function doesFit(manifest: Pick<ModelManifest, 'features' | 'perFeature'>, data: DataProfile): Fit {
  const reasons = manifest.features.flatMap((feature) => {
    const training = manifest.perFeature[feature];
    const found = data.perFeature[feature];
    if (found === undefined) return [`the data have no feature ${feature}`];
    return reasonsOf(training, found, data.rows).map((reason) => `${feature}: ${reason}`);
  });
  return { fits: reasons.length === 0, reasons };
}

/** Rows per feature of the model that are beyond its training range by more than 20 % of the range's width. */
export function countOutside(manifest: Pick<ModelManifest, 'features' | 'perFeature'>, columns: readonly Float64Array[], rows: number): number[] {
  return manifest.features.map((feature, index) => {
    const { low, high } = outerRange(manifest.perFeature[feature]);
    let outside = 0;
    for (let row = 0; row < rows; row++) if (columns[index][row] < low || columns[index][row] > high) outside++;
    return outside;
  });
}

function outerRange({ min, max }: FeatureQuantiles): { low: number; high: number } {
  const slack = OUTSIDE_SHARE * (max - min);
  return { low: min - slack, high: max + slack };
}

function reasonsOf(training: FeatureQuantiles, data: FeatureQuantiles, rows: number): string[] {
  const reasons: string[] = [];
  const trained = `trained on ${show(training.p05)} to ${show(training.p95)} (5 % to 95 %)`;
  if (data.p50 < training.p05 || data.p50 > training.p95) reasons.push(`the median of ${rows} rows is ${show(data.p50)}, ${trained}`);
  if (rows < ROWS_FOR_5_PERCENT) return reasons;
  const width = data.p95 - data.p05;
  const trainedWidth = training.p95 - training.p05;
  if (width > SPREAD_RATIO_MAX * trainedWidth || trainedWidth > SPREAD_RATIO_MAX * width) {
    reasons.push(`the rows lie in ${show(data.p05)} to ${show(data.p95)} (5 % to 95 %), ${trained}`);
  }
  const range = `the training range ${show(training.min)} to ${show(training.max)}`;
  if (data.p95 > training.max) reasons.push(`over 5 % of ${rows} rows are above ${range} (95 % of them end at ${show(data.p95)})`);
  if (data.p05 < training.min) reasons.push(`over 5 % of ${rows} rows are below ${range} (their lowest 5 % end at ${show(data.p05)})`);
  if (rows < ROWS_FOR_1_PERCENT) return reasons;
  const { low, high } = outerRange(training);
  if (data.p99 > high) reasons.push(`over 1 % of ${rows} rows are more than 20 % above ${range} (99 % of them end at ${show(data.p99)})`);
  if (data.p01 < low) reasons.push(`over 1 % of ${rows} rows are more than 20 % below ${range} (their lowest 1 % end at ${show(data.p01)})`);
  return reasons;
}

/** Six digits: for people. */
function show(value: number): string {
  return String(Number(value.toPrecision(6)));
}
