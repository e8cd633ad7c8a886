import { describe, expect, it } from 'vitest';
import { readRepo } from '../support/repo.ts';

/** Every direct dependency with its exact version and why it is there, and why at that version where that matters. */
const PINNED: Readonly<Record<string, readonly [version: string, reason: string]>> = {
  '@azure/data-tables': ['13.3.2', 'operator state in Azure Tables'],
  '@azure/event-hubs': ['6.0.4', 'the producer to an Event Hub'],
  '@azure/functions': ['4.16.5', 'the programming model'],
  '@azure/identity': ['4.14.1', 'managed identity to storage'],
  '@azure/storage-blob': ['12.34.0', 'the lake: conditional puts on blobs'],
  '@databricks/sql': ['2.0.0', 'the warehouse engine; 2.1.0 breaks npm ci: an optional platform package of it does not exist'],
  '@duckdb/node-api': ['1.5.5-r.5', 'the relational engine; 1.5.6-r.1 breaks npm ci: an optional platform package of it does not exist'],
  '@platformatic/kafka': ['2.12.1', 'topic ids and offsets of a broker; the plain consumer'],
  avsc: ['5.7.9', 'writes Avro in the tests: our own decoder reads it; @platformatic/kafka brings it anyway'],
  'onnxruntime-node': ['1.30.0', 'scores rows; knows ai.onnx.ml 5'],
  protobufjs: ['8.8.1', 'Protobuf payloads from .proto text; @platformatic/kafka brings it anyway'],
  '@types/node': ['24.19.2', 'types of Node 24'],
  azurite: ['3.37.0', 'storage on this machine'],
  esbuild: ['0.28.2', 'the one bundle of the functions'],
  'fast-check': ['4.10.2', 'property tests'],
  node: ['24.21.0', 'Node 24 where the machine has only 20: it runs TypeScript as it is'],
  oxlint: ['1.89.0', 'lint'],
  'oxlint-tsgolint': ['7.0.2004', 'type-aware lint; goes with TypeScript 7.0.2'],
  typescript: ['7.0.2', 'type check'],
  vitest: ['5.1.1', 'tests'],
};

interface Package {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
  bin: Record<string, string>;
  main: string;
  engines: { node: string };
}
interface Locked { version: string; resolved?: string; integrity?: string; hasInstallScript?: boolean; optionalDependencies?: Record<string, string> }

const pkg = JSON.parse(readRepo('package.json')) as Package;
const lockText = readRepo('package-lock.json');
const { packages: lockedWithRoot } = JSON.parse(lockText) as { packages: Record<string, Locked> };
const { '': _root, ...locked } = lockedWithRoot;
const nameOf = (path: string) => path.split('node_modules/').at(-1)!;

describe('package.json', () => {
  it('has exactly the dependencies that were decided on, at these versions', () => {
    const fix = 'a new or changed dependency is a decision: put it into PINNED of this test with its reason, or take it out of package.json';
    expect({ ...pkg.dependencies, ...pkg.devDependencies }, fix).toEqual(Object.fromEntries(Object.entries(PINNED).map(([name, [version]]) => [name, version])));
    for (const [name, [, reason]] of Object.entries(PINNED)) expect(reason.length, `${name} needs a reason`).toBeGreaterThan(3);
  });

  it('decides on the install script of every package that has one', () => {
    const withScripts = [...new Set(Object.entries(locked).filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path)))].toSorted();
    expect(Object.keys(pkg.allowScripts).toSorted(), 'add the package to allowScripts: true to run its script, false not to').toEqual(withScripts);
    expect(pkg.allowScripts, 'node and esbuild put their binaries in place; onnxruntime-node would download what its package already has').toMatchObject({ node: true, esbuild: true, 'onnxruntime-node': false });
  });

  it('can be started by Node 20 and through npx assay', () => {
    expect(pkg.engines.node, 'the README promises Node 20').toBe('>=20');
    expect(pkg.bin, '`npx assay` works in the clone').toEqual({ assay: 'local/bin.mjs' });
    expect(readRepo('local/bin.mjs')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it('builds before it tests, and checks types; CI lints', () => {
    expect(pkg.scripts['test'], 'npm test is the whole check that needs no Java and no Python').toMatch(/build.*tsc --noEmit.*vitest run$/);
    expect(readRepo('.ci/run'), 'lint runs in CI: its binaries are not for every platform').toContain('npm run lint');
    expect(pkg.scripts['test:interop'], '.ci/run appends reporters, so vitest must come last').toMatch(/vitest run --config \S+$/);
  });
});

describe('.npmrc', () => {
  it('keeps npm from downloading outside the registry, whatever npm it is', () => {
    expect(readRepo('.npmrc').split('\n'), 'npm 10 does not know allowScripts: onnxruntime-node reads this line').toContain('onnxruntime-node-install=skip');
    expect(readRepo('.npmrc'), 'leave the registry to the machine').not.toMatch(/registry|_auth/);
  });
});

describe('package-lock.json', () => {
  it('names no host: npm asks the registry it is told to', () => {
    expect(lockText.includes('"resolved"'), 'run npm config set omit-lockfile-registry-resolved true, then npm install').toBe(false);
  });

  it('has a checksum for everything', () => {
    expect(Object.entries(locked).filter(([, { integrity }]) => !integrity).map(([path]) => path), 'npm install anew').toEqual([]);
  });

  it('has every platform package of what runs', () => {
    const names = new Set(Object.keys(locked).map(nameOf));
    const missing = Object.entries(locked)
      .flatMap(([path, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}).filter((name) => !names.has(name)).map((name) => `${nameOf(path)} → ${name}`));
    expect(missing, 'npm ci would leave another platform without it: choose a version whose optional packages all exist').toEqual([]);
  });
});
