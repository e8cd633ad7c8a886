import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeSpans, importsOf, markdownTable, readRepo, sourceFiles } from '../support/repo.ts';

/** The README's layer table is the rule: folder | what | may import. */
interface Layer {
  /** Files, or folders that end in a slash. */
  readonly members: readonly string[];
  readonly allowed: readonly string[];
}

const layers: Layer[] = markdownTable(readRepo('README.md'), 'layers').map(([members, , allowed]) => ({ members: codeSpans(members), allowed: codeSpans(allowed) }));
const covers = (entry: string, file: string) => file === entry || (entry.endsWith('/') && file.startsWith(entry));

/** The layer that names the file most exactly. */
function layerOf(file: string): Layer | undefined {
  const length = (layer: Layer) => Math.max(...layer.members.filter((member) => covers(member, file)).map((member) => member.length));
  return layers.filter(({ members }) => members.some((member) => covers(member, file))).toSorted((a, b) => length(b) - length(a))[0];
}

/** One package, one file: there its types and its failures are turned into ours. */
const SDK_FILES: Readonly<Record<string, readonly string[]>> = {
  '@azure/storage-blob': ['shared/storage/blob-store.ts'],
  '@azure/data-tables': ['shared/state/azure-run-state.ts'],
  // The composition root: one for the lake, one for operator state.
  '@azure/identity': ['shared/open-lake.ts', 'shared/open-state.ts'],
  '@duckdb/node-api': ['shared/columnar/duckdb.ts'],
  protobufjs: ['shared/formats/protobuf.ts'],
  'onnxruntime-node': ['shared/model/scorer.ts'],
  '@platformatic/kafka': ['shared/sources/kafka-broker.ts'],
};

const files = sourceFiles('functions', 'shared', 'local');
const packageOf = (specifier: string) => (specifier.startsWith('@') ? specifier.split('/').slice(0, 2) : specifier.split('/').slice(0, 1)).join('/');

describe('the layer table of the README', () => {
  it('has every source file in one of its rows', () => {
    expect(files.filter((file) => !layerOf(file)), 'add the folder or file to the table, with what it may import').toEqual([]);
  });

  it('is what the imports keep to', () => {
    const breaches = files.flatMap((file) => {
      const layer = layerOf(file)!;
      return importsOf(readRepo(file)).filter(({ from }) => from.startsWith('.')).flatMap(({ from }) => {
        const target = posix.join(posix.dirname(file), from);
        return [...layer.members, ...layer.allowed].some((entry) => covers(entry, target)) ? [] : [`${file} imports ${target}`];
      });
    });
    expect(breaches, 'pass the thing in as an argument, move the code, or change the layer table (and say why in docs/design.md)').toEqual([]);
  });

  it('lets nobody import local/ but itself and the tests', () => {
    expect(layers.filter(({ members, allowed }) => allowed.includes('local/') && !members.includes('local/'))).toEqual([]);
  });
});

describe('packages', () => {
  it('enter shared/ through one file each', () => {
    const breaches = sourceFiles('shared').flatMap((file) => importsOf(readRepo(file))
      .filter(({ from, kind }) => !from.startsWith('.') && !from.startsWith('node:') && kind !== 'type' && !SDK_FILES[packageOf(from)]?.includes(file))
      .map(({ from }) => `${file} imports ${from}`));
    expect(breaches, `import it only where SDK_FILES of this test says: ${JSON.stringify(SDK_FILES, null, 2)}`).toEqual([]);
  });

  it('are loaded on first use, so that a cold worker registers before it reads them', () => {
    const early = sourceFiles('shared').flatMap((file) => importsOf(readRepo(file))
      .filter(({ from, kind }) => !from.startsWith('.') && !from.startsWith('node:') && kind === 'value').map(({ from }) => `${file} imports ${from} at start`));
    expect(early, "use `import type` for types and `await import('…')` where it is first needed").toEqual([]);
  });

  it('@azure/functions is known to functions/ alone', () => {
    const others = sourceFiles('shared', 'local').filter((file) => importsOf(readRepo(file)).some(({ from }) => from === '@azure/functions'));
    expect(others, 'hand over plain values; a trigger file of functions/ reads the SDK').toEqual([]);
  });

  it('names its own files with .ts', () => {
    const wrong = sourceFiles('functions', 'shared', 'local', 'test').flatMap((file) => importsOf(readRepo(file))
      .filter(({ from }) => from.startsWith('.') && !/\.(ts|json|mjs)$/.test(from)).map(({ from }) => `${file} imports ${from}`));
    expect(wrong, 'Node runs the files as they are: write the extension').toEqual([]);
  });
});
