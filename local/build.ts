import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { BuildOptions as EsbuildOptions, Plugin } from 'esbuild';

export interface BuildOptions {
  readonly entry: string;
  /** Its folder is the build's own and is emptied first. */
  readonly outfile: string;
}

export interface BuiltFile {
  /** Relative to the output folder. */
  readonly file: string;
  readonly bytes: number;
}

/** What the bundle leaves to node_modules: native modules, and what only the Functions worker itself can answer. */
const external = ['@azure/functions-core', '@duckdb/*', 'onnxruntime-node', '@databricks/sql', 'azurite'];

/**
 * Bundles the functions as the Functions worker loads them: one CommonJS file that registers everything, and beside it one file for
 * each package that is imported on first use only, which a cold worker need not read. Node 20 and later run them.
 */
export async function buildFunctions({ entry, outfile }: BuildOptions): Promise<BuiltFile[]> {
  const outdir = path.dirname(outfile);
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const lazy = new Set<string>();
  const files = [await bundle({ entryPoints: [entry], outfile }, lazy)];
  for (const name of lazy) {
    // The loop sees what a package adds to the set while it is bundled.
    const stdin = { contents: `export * from ${JSON.stringify(name)};`, resolveDir: root };
    files.push(await bundle({ stdin, outfile: path.join(outdir, lazyFile(name)) }, lazy));
  }
  return files;
}

async function bundle(options: EsbuildOptions & { outfile: string }, lazy: Set<string>): Promise<BuiltFile> {
  const result = await build({
    ...options,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    // The package's own form for bundlers; its default reads a .wasm file from beside itself.
    alias: { '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled' },
    plugins: [splitLazyPackages(lazy)],
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    // `await import(…)` becomes a late require: quicker than the ESM loader, and it sees every export of a CommonJS package.
    supported: { 'dynamic-import': false },
    // A CommonJS file has no import.meta; these mean the same there.
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename', 'import.meta.url': '__importMetaUrl' },
    banner: { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const file = path.basename(options.outfile);
  const [, output] = Object.entries(result.metafile.outputs).find(([name]) => path.basename(name) === file)!;
  return { file, bytes: output.bytes };
}

/** `await import('package')` is answered by a file of its own, noted here for building. */
function splitLazyPackages(lazy: Set<string>): Plugin {
  return {
    name: 'split-lazy-packages',
    setup: (esbuild) => {
      esbuild.onResolve({ filter: /^[^./]/ }, async ({ path: name, kind, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === 'asked') return null;
        const resolved = await esbuild.resolve(name, { kind, resolveDir, pluginData: 'asked' });
        if (resolved.external || resolved.errors.length > 0) return null;
        lazy.add(name);
        return { path: `./${lazyFile(name)}`, external: true };
      });
    },
  };
}

function lazyFile(name: string): string {
  return `lazy-${name.replace('@', '').replaceAll(/[^\w.-]/g, '-')}.cjs`;
}

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');

if (import.meta.main) {
  const files = await buildFunctions({ entry: path.join(root, 'functions/index.ts'), outfile: path.join(root, 'dist/functions.cjs') });
  for (const { file, bytes } of files) process.stdout.write(`dist/${file} ${Math.round(bytes / 1024)} kB\n`);
}
