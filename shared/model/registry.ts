import { ConflictError, ModelError, TransientError } from '../errors.ts';
import { openModel, parseManifest, printManifest, type ModelDraft, type ModelManifest, type StoredModel } from './manifest.ts';

/** What the registry needs of a store; every ObjectStore fits. Keys are relative to the lake. */
export interface ModelStore {
  get(key: string): Promise<Uint8Array | null>;
  putIfAbsent(key: string, body: Uint8Array): Promise<'created' | 'exists' | 'unknown'>;
  list(prefix: string): AsyncIterable<{ readonly key: string }>;
}

/**
 * Models as files: `models/<name>/<version>/model.onnx` and `manifest.json`, written once and never changed. The manifest
 * is put last, so a model whose upload broke off is never seen. Which version is the champion is no business of the
 * registry: the table `model_history` says so.
 */
export interface ModelRegistry {
  /** Stores the model under the next free version. */
  publish(draft: ModelDraft, onnx: Uint8Array): Promise<ModelManifest>;
  /** @throws ModelError `model/absent`, `model/hash`, `model/manifest` */
  load(name: string, version: number): Promise<StoredModel>;
  /** The versions that are whole, ascending. */
  versions(name: string): Promise<number[]>;
  /** The greatest whole version; null where there is none. */
  latest(name: string): Promise<number | null>;
}

/** Rivals and broken uploads that one publish steps over. */
const ATTEMPTS_MAX = 20;

export function openRegistry(store: ModelStore): ModelRegistry {
  const versions = async (name: string): Promise<number[]> => (await listVersions(store, name)).filter((v) => v.whole).map((v) => v.version);
  return {
    publish: (draft, onnx) => publish(store, draft, onnx),
    load: (name, version) => load(store, name, version),
    versions,
    latest: async (name) => (await versions(name)).at(-1) ?? null,
  };
}

async function publish(store: ModelStore, draft: ModelDraft, onnx: Uint8Array): Promise<ModelManifest> {
  // What would not load must not be stored.
  openModel(printManifest({ ...draft, version: 1 }), onnx);
  const taken = await listVersions(store, draft.name);
  const first = (taken.at(-1)?.version ?? 0) + 1;
  for (let version = first; version < first + ATTEMPTS_MAX; version++) {
    const manifest: ModelManifest = { ...draft, version };
    const folder = folderOf(draft.name, version);
    // The model's put claims the version; whoever finds it taken goes on to the next.
    if (!(await putOwn(store, `${folder}/model.onnx`, onnx))) continue;
    if (await putOwn(store, `${folder}/manifest.json`, printManifest(manifest))) return manifest;
  }
  throw new ConflictError('model/publish', `Publishing model ${draft.name}: versions ${first} to ${first + ATTEMPTS_MAX - 1} were all taken meanwhile. Publish again.`, {
    facts: { name: draft.name, first, attempts: ATTEMPTS_MAX },
  });
}

/** True where the object is now there with our bytes. */
async function putOwn(store: ModelStore, key: string, body: Uint8Array): Promise<boolean> {
  const outcome = await store.putIfAbsent(key, body);
  if (outcome === 'created') return true;
  // Ours, too, where the answer of an earlier attempt was lost.
  const stored = await store.get(key);
  if (stored !== null) return Buffer.compare(stored, body) === 0;
  throw new TransientError('model/put-unknown', `Putting ${key} (${body.length} bytes): the store answered ${outcome}, yet nothing is there. Publish again later.`, {
    facts: { key, bytes: body.length },
  });
}

async function load(store: ModelStore, name: string, version: number): Promise<StoredModel> {
  const folder = folderOf(name, version);
  const manifestBytes = await store.get(`${folder}/manifest.json`);
  const onnx = manifestBytes === null ? null : await store.get(`${folder}/model.onnx`);
  if (manifestBytes === null || onnx === null) {
    const missing = manifestBytes === null ? 'manifest.json' : 'model.onnx';
    throw new ModelError('model/absent', `Loading model ${name} version ${version}: ${folder}/${missing} is not there. Choose one of the versions in the registry, or train.`, {
      facts: { name, version },
    });
  }
  const { name: ownName, version: ownVersion } = parseManifest(manifestBytes);
  if (ownName !== name || ownVersion !== version) {
    throw new ModelError('model/manifest', `Loading model ${name} version ${version}: the manifest there is of ${ownName} version ${ownVersion}. Publish the model again.`);
  }
  return openModel(manifestBytes, onnx);
}

interface FoundVersion {
  readonly version: number;
  readonly whole: boolean;
}

/** Ascending; also those without a manifest: their number is not free. */
async function listVersions(store: ModelStore, name: string): Promise<FoundVersion[]> {
  const prefix = `models/${name}/`;
  const found = new Map<number, boolean>();
  for await (const { key } of store.list(prefix)) {
    const match = /^([1-9]\d*)\/(.+)$/.exec(key.slice(prefix.length));
    if (match === null) continue;
    const version = Number(match[1]);
    found.set(version, (found.get(version) ?? false) || match[2] === 'manifest.json');
  }
  return Array.from(found, ([version, whole]) => ({ version, whole })).sort((a, b) => a.version - b.version);
}

function folderOf(name: string, version: number): string {
  return `models/${name}/${version}`;
}
