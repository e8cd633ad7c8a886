import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface BuildOptions {
  readonly entry: string;
  readonly outfile: string;
}

/** What the bundle leaves to node_modules: native modules, and what only the Functions worker itself can answer. */
const external = ['@azure/functions-core', '@duckdb/*', 'onnxruntime-node', '@databricks/sql', 'azurite'];

/**
 * Bundles the functions into one CommonJS file, as the Functions worker loads it; Node 20 and later run it. `await import(…)` stays
 * lazy: bundled modules run on first use, external ones are read from disk then. Returns the bundle's size in bytes.
 */
export async function buildFunctions({ entry, outfile }: BuildOptions): Promise<number> {
  const result = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    // A CommonJS file has no import.meta; these mean the same there.
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename', 'import.meta.url': '__importMetaUrl' },
    banner: { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const output = Object.entries(result.metafile.outputs).find(([file]) => path.resolve(file) === path.resolve(outfile));
  if (output === undefined) throw new Error(`bug: esbuild wrote no ${outfile}`);
  return output[1].bytes;
}

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');

if (import.meta.main) {
  const bytes = await buildFunctions({ entry: path.join(root, 'functions/index.ts'), outfile: path.join(root, 'dist/functions.cjs') });
  process.stdout.write(`dist/functions.cjs ${Math.round(bytes / 1024)} kB\n`);
}
