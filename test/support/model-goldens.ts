import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseForest, type Forest } from '../../shared/model/forest.ts';
import type { ForestParams } from '../../shared/model/forest.ts';

const FOLDER = join(import.meta.dirname, '../../../shared/model-goldens');

/** One forest that scikit-learn fitted, its rows and its scores; columns are one array a feature. */
export interface ModelGolden {
  readonly name: string;
  readonly forest: Forest;
  readonly train: Float64Array[];
  readonly test: Float64Array[];
  readonly rows: number;
  readonly decision: Float64Array;
  readonly scoreSamples: Float64Array;
  readonly label: Float64Array;
  /** What skl2onnx made of it; null where the folder has none. */
  readonly skl2onnx: Uint8Array | null;
}

/** Names of the goldens; none, with a message, where the folder is absent. */
export function goldenNames(): string[] {
  if (existsSync(FOLDER)) return readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  process.stderr.write('skipped: ../shared/model-goldens is not beside this clone\n');
  return [];
}

export function readGolden(name: string): ModelGolden {
  const path = (file: string): string => join(FOLDER, name, file);
  const [decision, scoreSamples, label] = readColumns(path('scores.csv'));
  const test = readColumns(path('test.csv'));
  return {
    name,
    forest: parseForest(readFileSync(path('forest.json'), 'utf8')),
    train: readColumns(path('train.csv')),
    test,
    rows: test[0].length,
    decision,
    scoreSamples,
    label,
    skl2onnx: existsSync(path('model.skl2onnx.onnx')) ? readFileSync(path('model.skl2onnx.onnx')) : null,
  };
}

/** scikit-learn's parameters without those that this trainer fixes. */
export function trainerParams({ n_estimators, max_samples, contamination, random_state }: ForestParams): ForestParams {
  return { n_estimators, max_samples, contamination, random_state };
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    // NaN must not pass for a small difference.
    if (!(difference <= max)) max = difference;
    if (Number.isNaN(max)) return Infinity;
  }
  return max;
}

function readColumns(path: string): Float64Array[] {
  const [header, ...lines] = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/);
  const cells = lines.map((line) => line.split(',').map(Number));
  return header.split(',').map((_, column) => Float64Array.from(cells, (row) => row[column]));
}
