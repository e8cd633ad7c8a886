import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printManifest, type StoredModel } from '../shared/model/manifest.ts';
import { trainModel } from '../shared/model/train.ts';
import type { Pipeline } from '../shared/pipeline/definition.ts';
import { compileRules } from '../shared/pipeline/judge.ts';
import { parsePipelineFile } from '../shared/pipeline/pipeline-file.ts';
import { generate } from './producer/generate.ts';
import { FUTURE_AFTER_MS, LATE_AFTER_MS } from './producer/mix.ts';

const ROOT = join(import.meta.dirname, '..');

/** The stream that the shipped model knows; its time does not matter to the values. */
const STREAM = { seed: 2_025, startMs: Date.parse('2025-04-01T00:00:00Z'), ratePerS: 200, partitions: 1 };
const EVENTS = 50_000;

/** Fixed, so that training again gives the same files. */
const TRAINED_AT = '2025-04-01T00:00:00.000Z';

/**
 * The model that is shipped in models/: trained by the settings of the default pipeline on the events of the producer that
 * this pipeline accepts. The same code gives the same bytes (on one kind of processor; others may differ in a last bit).
 */
export function trainDefaultModel(): StoredModel {
  const pipelineFile = 'pipelines/events.json';
  const settings = { futureAfterMs: FUTURE_AFTER_MS, lateAfterMs: LATE_AFTER_MS };
  const pipeline = parsePipelineFile(readFileSync(join(ROOT, pipelineFile), 'utf8'), pipelineFile, settings);
  const { trees, maxSamples, contamination, seed, name } = pipeline.model;
  const { onnx, manifest } = trainModel({
    name,
    columns: featureColumns(pipeline),
    features: pipeline.features,
    params: { n_estimators: trees, max_samples: maxSamples, contamination },
    seed,
    dataVersion: null,
    trainedBy: 'local/train-default-model.ts',
    now: TRAINED_AT,
  });
  return { manifest: { ...manifest, version: 0 }, onnx };
}

/** The features of every accepted event, in the order of the stream: one array a feature. */
function featureColumns(pipeline: Pipeline): Float64Array[] {
  const judge = compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS });
  const positions = pipeline.features.map((feature) => pipeline.columns.findIndex((column) => column.name === feature));
  const values: number[][] = positions.map(() => []);
  for (const { record } of generate(STREAM, EVENTS)) {
    const verdict = judge({ topic: 'events', value: null, valueBytes: record.value, kafkaTimestampMs: record.timestampMs });
    if (verdict.kind === 'rejected') continue;
    positions.forEach((position, feature) => {
      const value = verdict.values[position];
      values[feature].push(value === null ? NaN : Number(value));
    });
  }
  return values.map((column) => Float64Array.from(column));
}

if (import.meta.main) {
  const { manifest, onnx } = trainDefaultModel();
  mkdirSync(join(ROOT, 'models'), { recursive: true });
  writeFileSync(join(ROOT, 'models/model.onnx'), onnx);
  writeFileSync(join(ROOT, 'models/manifest.json'), printManifest(manifest));
  process.stdout.write(`models/model.onnx: ${onnx.length} bytes, ${manifest.rows} rows, offset ${manifest.offset}, sha-256 ${manifest.sha256}\n`);
}
