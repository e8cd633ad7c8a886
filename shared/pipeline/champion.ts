import type { Clock } from '../clock.ts';
import type { DuckRelations } from '../columnar/duck-relations.ts';
import { compare } from '../columnar/predicate.ts';
import { scanLive } from '../delta/operations/scan.ts';
import { writeFiles } from '../delta/operations/write.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { ModelError } from '../errors.ts';
import { doesFit } from '../model/fit.ts';
import type { ModelManifest, StoredModel } from '../model/manifest.ts';
import { profileData } from '../model/quantiles.ts';
import { openRegistry } from '../model/registry.ts';
import type { ModelRegistry } from '../model/registry.ts';
import { loadScorer } from '../model/scorer.ts';
import type { Scorer } from '../model/scorer.ts';
import { trainModel } from '../model/train.ts';
import type { TrainedModel } from '../model/train.ts';
import type { Pipeline } from './definition.ts';
import type { Lake } from './lake.ts';
import { MODEL_HISTORY, SILVER } from './tables.ts';
import { readTrainingData } from './training-data.ts';
import type { TrainingData } from './training-data.ts';

export interface ChampionOptions {
  /** Training draws its rows by SQL. */
  readonly lake: Lake<DuckRelations>;
  readonly pipeline: Pipeline;
  readonly clock: Clock;
  /** The model that comes with the program; null where it is for other features. */
  readonly shipped: () => Promise<StoredModel>;
  readonly say: (line: string) => void;
}

export interface Champion {
  readonly manifest: ModelManifest;
  readonly scorer: Scorer;
}

interface Promotion {
  readonly by: string;
  readonly why: string;
  readonly onlyFirst: boolean;
}

/** Which model is in charge: `model_history` decides, the registry keeps the bytes, the shipped default is version 0. */
export class Champions {
  readonly #options: ChampionOptions;
  readonly #registry: ModelRegistry;
  #loaded: Champion | null = null;

  constructor(options: ChampionOptions) {
    this.#options = options;
    this.#registry = openRegistry(options.lake.store);
  }

  /** The champion, ready to score. Chooses one first where there is none: the shipped one if it fits Silver's rows, else a new one. */
  async current(): Promise<Champion> {
    const version = (await this.#championVersion()) ?? (await this.#choose());
    if (this.#loaded?.manifest.version === version) return this.#loaded;
    const model = version === 0 ? await this.#options.shipped() : await this.#registry.load(this.#options.pipeline.model.name, version);
    this.#checkFeatures(model.manifest);
    const scorer = await loadScorer(model.onnx, model.manifest);
    await this.#loaded?.scorer.close();
    this.#loaded = { manifest: model.manifest, scorer };
    return this.#loaded;
  }

  /** Trains on Silver as it is and puts the new model in charge. Null: fewer than `rowsMin` rows, or no row more than the champion saw. */
  async retrain(options: { rowsMin: number; by: string; why: string }): Promise<ModelManifest | null> {
    const data = await this.#trainingData();
    if (data.rows < options.rowsMin) return null;
    const version = await this.#championVersion();
    const current = version === null ? null : await this.#manifestOf(version);
    if (current && current.dataVersion === data.version) return null;
    const manifest = await this.#train(data, options.by);
    await this.#promote(manifest, { ...options, onlyFirst: false });
    return manifest;
  }

  /** When the champion came into charge, in ms since the epoch; null without one. */
  async since(): Promise<number | null> {
    const row = await this.#latestRow();
    return row === null ? null : Number((row['at'] as bigint) / 1000n);
  }

  async #choose(): Promise<number> {
    const data = await this.#trainingData();
    const shipped = await this.#options.shipped();
    const { pipeline, say } = this.#options;
    const profile = profileData(data.columns, pipeline.features, pipeline.model.seed);
    const sameFeatures = shipped.manifest.name === pipeline.model.name && String(shipped.manifest.features) === String(pipeline.features);
    const fit = sameFeatures ? doesFit(shipped.manifest, profile) : { fits: false, reasons: [`it is for ${shipped.manifest.name} over ${shipped.manifest.features.join(', ')}`] };
    if (fit.fits) return this.#promote(shipped.manifest, { by: 'assay', why: `the shipped model fits the first ${data.rows} rows`, onlyFirst: true });
    const why = `the shipped model does not fit: ${fit.reasons.join('; ')}`;
    say(`training a model before the first score: ${why}`);
    return this.#promote(await this.#train(data, 'assay'), { by: 'assay', why, onlyFirst: true });
  }

  /** The same data gives the same bytes: a run that died before the promotion finds its model and reuses it. */
  async #train(data: TrainingData, by: string): Promise<ModelManifest> {
    const trained = this.#fitForest(data, by);
    const latest = await this.#registry.latest(trained.manifest.name);
    const existing = latest === null ? null : await this.#registry.load(trained.manifest.name, latest);
    return existing?.manifest.sha256 === trained.manifest.sha256 ? existing.manifest : this.#registry.publish(trained.manifest, trained.onnx);
  }

  #fitForest(data: TrainingData, trainedBy: string): TrainedModel {
    const { pipeline, clock } = this.#options;
    const { name, trees, maxSamples, contamination, seed } = pipeline.model;
    return trainModel({
      name, columns: data.columns, features: pipeline.features, params: { n_estimators: trees, max_samples: maxSamples, contamination },
      seed, dataVersion: data.version, trainedBy, now: new Date(clock.nowMs()).toISOString(),
    });
  }

  /** Returns the version in charge: with `onlyFirst` that of a worker that was quicker, for all of them score with one model. */
  async #promote(manifest: ModelManifest, { by, why, onlyFirst }: Promotion): Promise<number> {
    const { lake, clock } = this.#options;
    const table = await lake.table(MODEL_HISTORY);
    return untilSettled('promoting a model', async () => {
      const snapshot = await table.delta.refresh();
      const first = onlyFirst ? await this.#championVersion(snapshot) : null;
      if (first !== null) return first;
      const { adds, writtenAtMs } = await lake.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values([
          { name: 'model_name', kind: 'text', values: [manifest.name] },
          { name: 'version', kind: 'long', values: [BigInt(manifest.version)] },
          { name: 'at', kind: 'timestamp', values: [BigInt(clock.nowMs()) * 1000n] },
          { name: 'by', kind: 'text', values: [by] },
          { name: 'why', kind: 'text', values: [why] },
          { name: 'data_version', kind: 'long', values: [manifest.dataVersion] },
          { name: 'metrics', kind: 'text', values: [JSON.stringify({ rows: manifest.rows, trees: manifest.trees, maxSamples: manifest.maxSamples, contamination: manifest.contamination, offset: manifest.offset })] },
          { name: 'aliases', kind: 'text', values: ['champion'] },
        ])));
      const outcome = await table.delta.commit(snapshot, { operation: 'WRITE', actions: adds.map((add) => ({ add })), reads: 'table', writtenAtMs });
      return outcome.kind === 'committed' ? manifest.version : null;
    });
  }

  async #championVersion(at?: Snapshot): Promise<number | null> {
    const row = await this.#latestRow(at);
    return row === null ? null : Number(row['version']);
  }

  async #latestRow(at?: Snapshot): Promise<Record<string, unknown> | null> {
    const { lake, pipeline } = this.#options;
    const table = await lake.table(MODEL_HISTORY);
    const snapshot = at ?? await table.delta.refresh();
    if (snapshot.files.size === 0) return null;
    const rows = await lake.engine.session(async (session) =>
      session.rows(session.where(await scanLive(session, table, snapshot), compare('model_name', '=', pipeline.model.name))));
    const inCharge = rows.filter(({ aliases }) => String(aliases).split(',').includes('champion'));
    return inCharge.sort((a, b) => order(b['at'], a['at']) || order(b['version'], a['version']))[0] ?? null;
  }

  async #manifestOf(version: number): Promise<ModelManifest> {
    const model = version === 0 ? await this.#options.shipped() : await this.#registry.load(this.#options.pipeline.model.name, version);
    return model.manifest;
  }

  async #trainingData(): Promise<TrainingData> {
    return readTrainingData(await this.#options.lake.table(SILVER), this.#options.pipeline);
  }

  #checkFeatures(manifest: ModelManifest): void {
    const { features } = this.#options.pipeline;
    if (String(manifest.features) === String(features)) return;
    throw new ModelError('model/features', `model ${manifest.name} version ${manifest.version} takes ${manifest.features.join(', ')}, the pipeline has ${features.join(', ')}: train a model for this pipeline`);
  }
}

function order(a: unknown, b: unknown): number {
  return (a as bigint) < (b as bigint) ? -1 : (a as bigint) > (b as bigint) ? 1 : 0;
}
