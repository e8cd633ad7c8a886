import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { BuildOptions as EsbuildOptions, Plugin } from 'esbuild';

export interface BuildOptions {
  readonly entry: string;
  /** Its folder is the build's own and is replaced whole. */
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
 * each package that is imported on first use only, which a cold worker need not read. Node 22 and later run them.
 */
export async function buildFunctions({ entry, outfile }: BuildOptions): Promise<BuiltFile[]> {
  const outdir = path.dirname(outfile);
  await mkdir(path.dirname(outdir), { recursive: true });
  // Built aside and moved in whole: an app that runs from this folder loads its later files from there.
  const aside = await mkdtemp(`${outdir}-`);
  const lazy = new Set<string>();
  const files = [await bundle({ entryPoints: [entry], outfile: path.join(aside, path.basename(outfile)) }, lazy)];
  for (const name of lazy) {
    // The loop sees what a package adds to the set while it is bundled.
    const stdin = { contents: `export * from ${JSON.stringify(name)};`, resolveDir: root };
    files.push(await bundle({ stdin, outfile: path.join(aside, lazyFile(name)) }, lazy));
  }
  await rm(outdir, { recursive: true, force: true });
  await rename(aside, outdir);
  return files;
}

/** Builds the app's functions into dist/, unless that is newer than everything it is made of. */
export async function buildIfStale(): Promise<string> {
  const outfile = path.join(root, 'dist/functions.cjs');
  const built = await modifiedMs(outfile);
  const sources = await Promise.all(['functions', 'shared'].map(async (folder) => readdir(path.join(root, folder), { recursive: true, withFileTypes: true })));
  const files = sources.flat().filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const newest = Math.max(...(await Promise.all([...files, path.join(root, 'package.json'), fileURLToPath(import.meta.url)].map(modifiedMs))));
  if (built <= newest) await buildFunctions({ entry: path.join(root, 'functions/index.ts'), outfile });
  return outfile;
}

async function modifiedMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

async function bundle(options: EsbuildOptions & { outfile: string }, lazy: Set<string>): Promise<BuiltFile> {
  const result = await build({
    ...options,
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
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
