import { createHash } from 'node:crypto';
import { ModelError } from '../errors.ts';
import { QUANTILE_NAMES, type DataProfile, type FeatureQuantiles } from './quantiles.ts';

/** What stands beside every model.onnx, as manifest.json: what it is, what made it, and what its training rows looked like. */
export interface ModelManifest extends DataProfile {
  readonly format: 'assay-model/1';
  readonly name: string;
  /** 1, 2, … by the registry; 0 is the default that is shipped with the program. */
  readonly version: number;
  /** In the order of the model's input columns. */
  readonly features: readonly string[];
  /** UTC, ISO 8601. */
  readonly trainedAt: string;
  readonly trainedBy: string;
  readonly seed: number;
  /** Training rows. */
  readonly rows: number;
  readonly trees: number;
  /** Rows a tree saw. */
  readonly maxSamples: number;
  readonly contamination: number | 'auto';
  readonly offset: number;
  /** Version of the Silver table that the rows came from; null where they came from no table. Text in the file. */
  readonly dataVersion: bigint | null;
  /** Of model.onnx, 64 hex digits. */
  readonly sha256: string;
  /** Of the training rows, by name of the feature; values clamped to the float32 range. */
  readonly perFeature: Readonly<Record<string, FeatureQuantiles>>;
}

/** A trained model that has no version yet: the registry gives it. */
export type ModelDraft = Omit<ModelManifest, 'version'>;

/** A manifest and the bytes it vouches for. */
export interface StoredModel {
  readonly manifest: ModelManifest;
  readonly onnx: Uint8Array;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * A model from its two files.
 * @throws ModelError `model/manifest`, or `model/hash` where the bytes are not those that the manifest names
 */
export function openModel(manifestBytes: Uint8Array, onnx: Uint8Array): StoredModel {
  const manifest = parseManifest(manifestBytes);
  const actual = sha256Of(onnx);
  if (actual !== manifest.sha256) {
    throw new ModelError(
      'model/hash',
      `Opening model ${manifest.name} version ${manifest.version}: model.onnx (${onnx.length} bytes) has sha-256 ${actual}, the manifest says ${manifest.sha256}. Publish the model again.`,
      { facts: { name: manifest.name, version: manifest.version, bytes: onnx.length } },
    );
  }
  return { manifest, onnx };
}

/** UTF-8 JSON, two spaces, a final newline: `parseManifest` reads it back to an equal manifest. */
export function printManifest(manifest: ModelManifest): Uint8Array {
  const { format, name, version, ...rest } = manifest;
  // In this order, for the reader: what it is comes first.
  const json = { format, name, version, ...rest, dataVersion: rest.dataVersion === null ? null : String(rest.dataVersion) };
  return new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
}

/** @throws ModelError `model/manifest` that lists every problem */
export function parseManifest(bytes: Uint8Array): ModelManifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ModelError('model/manifest', `Reading a model manifest of ${bytes.length} bytes: it is not JSON in UTF-8. Publish the model again.`, { cause });
  }
  const fields = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const problems = [...problemsOf(fields), ...quantileProblems(fields)];
  if (problems.length > 0) {
    throw new ModelError('model/manifest', `Reading a model manifest: ${problems.join('; ')}. Publish the model again.`, {
      facts: { problems: problems.length },
    });
  }
  const manifest = fields as unknown as ModelManifest & { readonly dataVersion: string | null };
  return { ...manifest, dataVersion: manifest.dataVersion === null ? null : BigInt(manifest.dataVersion) };
}

type Check = readonly [what: string, holds: (value: unknown) => boolean];

const isText: Check = ['a text', (v) => typeof v === 'string' && v.length > 0];
const isFinite: Check = ['a finite number', (v) => Number.isFinite(v)];

function integerFrom(min: number): Check {
  return [`an integer ≥ ${min}`, (v) => Number.isSafeInteger(v) && (v as number) >= min];
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === 'string' && v !== '') && new Set(value).size === value.length;
}

const CHECKS: Readonly<Record<Exclude<keyof ModelManifest, 'perFeature'>, Check>> = {
  format: ['"assay-model/1"', (v) => v === 'assay-model/1'],
  // It is a folder's name in the store.
  name: ['a name of letters, digits, ".", "_" and "-"', (v) => typeof v === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(v)],
  version: integerFrom(0),
  features: ['a list of different names', isNames],
  trainedAt: ['a UTC time', (v) => typeof v === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(v) && !Number.isNaN(Date.parse(v))],
  trainedBy: isText,
  seed: integerFrom(0),
  rows: integerFrom(1),
  trees: integerFrom(1),
  maxSamples: integerFrom(1),
  contamination: ['"auto" or in (0, 0.5]', (v) => v === 'auto' || (typeof v === 'number' && v > 0 && v <= 0.5)],
  offset: isFinite,
  dataVersion: ['null or the digits of a version', (v) => v === null || (typeof v === 'string' && /^\d{1,19}$/.test(v))],
  sha256: ['64 hex digits', (v) => typeof v === 'string' && /^[0-9a-f]{64}$/.test(v)],
};

function problemsOf(fields: Record<string, unknown>): string[] {
  return Object.entries(CHECKS)
    .filter(([field, [, holds]]) => !holds(fields[field]))
    .map(([field, [what]]) => `${field} is ${show(fields[field])}, not ${what}`);
}

/** Every feature has all its quantiles, in ascending order. */
function quantileProblems({ features, perFeature }: Record<string, unknown>): string[] {
  if (!isNames(features)) return [];
  const all = (typeof perFeature === 'object' && perFeature !== null ? perFeature : {}) as Record<string, Record<string, unknown> | undefined>;
  return features.flatMap((feature) => {
    const values = QUANTILE_NAMES.map((name) => all[feature]?.[name]);
    const ascending = values.every((value, i) => Number.isFinite(value) && (i === 0 || (values[i - 1] as number) <= (value as number)));
    return ascending ? [] : [`perFeature of ${feature} is ${show(all[feature])}, not ${QUANTILE_NAMES.join(' ≤ ')}`];
  });
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? 'no JSON').slice(0, 100);
}
