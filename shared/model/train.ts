import { growForest } from './grow.ts';
import type { Forest, ForestParams } from './forest.ts';
import { sha256Of, type ModelDraft } from './manifest.ts';
import { forestToOnnx } from './onnx.ts';
import { profileData } from './quantiles.ts';

export interface TrainingInput {
  readonly name: string;
  /** One array a feature, equally long, rows in a fixed order (by key): the order decides which rows a tree draws. */
  readonly columns: readonly Float64Array[];
  readonly features: readonly string[];
  /** Unit per feature, for the reader of the model; '' where it has none. */
  readonly units?: readonly string[];
  readonly params: Omit<ForestParams, 'random_state'>;
  readonly seed: number;
  /** Version of the Silver table the rows are of; null where they are of no table. */
  readonly dataVersion: bigint | null;
  readonly trainedBy: string;
  /** UTC, ISO 8601. Goes into the manifest only: the model's bytes do not depend on it. */
  readonly now: string;
}

export interface TrainedModel {
  readonly forest: Forest;
  readonly onnx: Uint8Array;
  readonly manifest: ModelDraft;
}

/**
 * Trains an Isolation Forest and exports it. Pure: the same input gives the same bytes.
 * @throws ModelError `model/training-data`, `model/params`
 */
export function trainModel(input: TrainingInput): TrainedModel {
  const { columns, features, seed, params } = input;
  const forest = growForest(columns, features, { ...params, random_state: seed });
  const profile = profileData(columns, features, seed);
  const onnx = forestToOnnx(forest, {
    'assay.units': JSON.stringify(input.units ?? features.map(() => '')),
    'assay.seed': String(seed),
    'assay.rows': String(profile.rows),
    'assay.contamination': String(params.contamination),
    'assay.data_version': String(input.dataVersion),
    'assay.training_range': JSON.stringify(features.map((feature) => [profile.perFeature[feature].min, profile.perFeature[feature].max])),
  });
  return {
    forest,
    onnx,
    manifest: {
      format: 'assay-model/1',
      name: input.name,
      features: [...features],
      trainedAt: input.now,
      trainedBy: input.trainedBy,
      seed,
      rows: profile.rows,
      trees: forest.trees.length,
      maxSamples: forest.max_samples,
      contamination: params.contamination,
      offset: forest.offset,
      dataVersion: input.dataVersion,
      sha256: sha256Of(onnx),
      perFeature: profile.perFeature,
    },
  };
}
