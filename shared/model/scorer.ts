import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { assert, ModelError } from '../errors.ts';
import { cleanDecision } from './forest-score.ts';
import type { ModelManifest } from './manifest.ts';
import { readOnnxInfo } from './onnx-info.ts';

export interface Scorer {
  /** In the order of `columns`. */
  readonly features: readonly string[];
  /**
   * @param columns one array a feature, each of at least `rows` values; NaN is a missing value
   * @throws ModelError `model/nan-score`
   */
  score(columns: readonly Float64Array[], rows: number): Promise<Scores>;
  close(): Promise<void>;
}

export interface Scores {
  /** decision_function, 0 where it is within 1e-9 of 0. */
  readonly decision: Float64Array;
  /** −1 exactly where the decision is below 0, else 1. */
  readonly label: Int8Array;
}

/** Rows that one call of the runtime sees: bounds its memory to a few MB and its hold on the event loop to some 0.1 s. */
export const BATCH_ROWS_MAX = 16_384;

/**
 * Opens a model in onnxruntime: ours (double) or what skl2onnx makes of scikit-learn's IsolationForest (float32).
 * Needed are one input [rows, features] and an output `scores` [rows, 1].
 * @param manifest names the features; without it the model's own metadata does, else they are `f0`, `f1`, …
 * @throws ModelError `model/onnx` where the runtime refuses the bytes, `model/shape` where inputs or outputs are others
 */
export async function loadScorer(modelBytes: Uint8Array, manifest?: ModelManifest): Promise<Scorer> {
  const name = manifest === undefined ? `of ${modelBytes.length} bytes` : `${manifest.name} version ${manifest.version}`;
  // Loaded here: a cold worker registers its functions before it reads the runtime from disk.
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await openSession(InferenceSession, modelBytes, name);
  try {
    const { input, inputType, width } = checkSession(session, name);
    const features = featureNames(modelBytes, manifest, width, name);
    const makeTensor = (values: Float64Array | Float32Array): Tensor =>
      values instanceof Float64Array
        ? new Tensor('float64', values, [values.length / width, width])
        : new Tensor('float32', values, [values.length / width, width]);
    const run = async (columns: readonly Float64Array[], start: number, end: number): Promise<ArrayLike<number>> => {
      const size = (end - start) * width;
      const values = inputType === 'float64' ? new Float64Array(size) : new Float32Array(size);
      interleave(columns, start, end, values);
      const outputs = await session.run({ [input]: makeTensor(values) }, ['scores']);
      return outputs['scores'].data as Float64Array | Float32Array;
    };
    return { features, score: (columns, rows) => scoreRows({ columns, rows, features, run, name }), close: () => session.release() };
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function openSession(sessions: typeof InferenceSession, bytes: Uint8Array, name: string): Promise<InferenceSession> {
  try {
    // One thread: two were slower nearly everywhere (a tree ensemble of one row after the other). Level 3: errors only.
    return await sessions.create(bytes, { executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
  } catch (cause) {
    const info = readOnnxInfo(bytes);
    const opsets = Object.entries(info?.opsets ?? {}).map(([domain, version]) => `${domain === '' ? 'ai.onnx' : domain} ${version}`);
    const found = opsets.length === 0 ? 'it names no opset, so it is hardly an ONNX model' : `it asks for opsets ${opsets.join(', ')}`;
    throw new ModelError(
      'model/onnx',
      `Loading model ${name}: onnxruntime refused it; ${found}. Export it with ai.onnx ≤ 21 and ai.onnx.ml ≤ 5. (${cause instanceof Error ? cause.message : String(cause)})`,
      { cause, facts: { bytes: bytes.length, opsets: opsets.join(', ') } },
    );
  }
}

interface Shape {
  readonly input: string;
  readonly inputType: 'float64' | 'float32';
  readonly width: number;
}

function checkSession(session: InferenceSession, name: string): Shape {
  const describe = (all: readonly InferenceSession.ValueMetadata[]): string =>
    all.map((m) => (m.isTensor ? `${m.name} ${m.type} [${m.shape.map((d) => (d === '' ? '?' : d)).join(', ')}]` : `${m.name} (no tensor)`)).join('; ');
  const [input] = session.inputMetadata;
  const width = input?.isTensor && input.shape.length === 2 ? input.shape[1] : undefined;
  const isFloat = (type: string): type is 'float64' | 'float32' => type === 'float64' || type === 'float32';
  if (session.inputMetadata.length !== 1 || !input?.isTensor || !isFloat(input.type) || typeof width !== 'number' || width < 1) {
    throw shapeError(name, `its inputs are ${describe(session.inputMetadata)}`, 'one float or double input [rows, features] is needed');
  }
  const scores = session.outputMetadata.find((output) => output.name === 'scores');
  const fits = scores?.isTensor && isFloat(scores.type) && (scores.shape.length === 1 || (scores.shape.length === 2 && scores.shape[1] === 1));
  if (!fits) throw shapeError(name, `its outputs are ${describe(session.outputMetadata)}`, 'an output scores [rows, 1] of floats or doubles is needed');
  return { input: input.name, inputType: input.type, width };
}

function featureNames(bytes: Uint8Array, manifest: ModelManifest | undefined, width: number, name: string): readonly string[] {
  const stated = readOnnxInfo(bytes)?.metadata['assay.features'];
  const own = stated === undefined ? null : (JSON.parse(stated) as string[]);
  const features = manifest?.features ?? own ?? Array.from({ length: width }, (_, i) => `f${i}`);
  if (features.length !== width) throw shapeError(name, `it takes ${width} features`, `${features.length} are named: ${features.join(', ')}`);
  if (own !== null && own.join('\n') !== features.join('\n')) {
    throw shapeError(name, `it was trained on ${own.join(', ')}`, `its manifest names ${features.join(', ')}`);
  }
  return features;
}

function shapeError(name: string, found: string, wanted: string): ModelError {
  return new ModelError('model/shape', `Loading model ${name}: ${found}, but ${wanted}. Export the model again.`);
}

interface ScoreCall {
  readonly columns: readonly Float64Array[];
  readonly rows: number;
  readonly features: readonly string[];
  readonly run: (columns: readonly Float64Array[], start: number, end: number) => Promise<ArrayLike<number>>;
  readonly name: string;
}

async function scoreRows({ columns, rows, features, run, name }: ScoreCall): Promise<Scores> {
  assert(columns.length === features.length, `${columns.length} columns for the features ${features.join(', ')}`);
  assert(columns.every((column) => column.length >= rows), `columns shorter than ${rows} rows`);
  const decision = new Float64Array(rows);
  const label = new Int8Array(rows);
  for (let start = 0; start < rows; start += BATCH_ROWS_MAX) {
    const end = Math.min(start + BATCH_ROWS_MAX, rows);
    const scores = await run(columns, start, end);
    for (let row = start; row < end; row++) {
      const score = cleanDecision(scores[row - start]);
      if (Number.isNaN(score)) {
        throw new ModelError('model/nan-score', `Scoring with model ${name}: row ${row} of ${rows} has no score (NaN). Train or export the model again.`, {
          facts: { row, rows },
        });
      }
      decision[row] = score;
      label[row] = score < 0 ? -1 : 1;
    }
  }
  return { decision, label };
}

/** Columns into rows; a Float32Array rounds to the nearest float32 by itself. */
function interleave(columns: readonly Float64Array[], start: number, end: number, into: Float64Array | Float32Array): void {
  columns.forEach((column, feature) => {
    for (let row = start, at = feature; row < end; row++, at += columns.length) into[at] = column[row]!;
  });
}
