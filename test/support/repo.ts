import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** A file of the repository by its path from the root, with slashes. */
export function readRepo(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Every file that git would track, below `folder`: what .gitignore names, by plain names, is left out. */
export function repoFiles(folder = '.'): string[] {
  const ignored = new Set(['.git', ...readRepo('.gitignore').split('\n').map((line) => line.trim().replace(/\/$/, ''))]);
  const walk = (dir: string): string[] => readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    const path = join(dir, entry.name);
    return entry.isDirectory() ? walk(path) : [relative(ROOT, path).split(sep).join('/')];
  });
  return walk(join(ROOT, folder)).toSorted();
}

export function sourceFiles(...folders: string[]): string[] {
  return folders.flatMap((folder) => repoFiles(folder)).filter((path) => /\.(ts|mjs)$/.test(path));
}

/** The text without comments; strings and line numbers stay. Enough for looking words up, not for parsing. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, '')).replaceAll(/(^|[\s;{}(,])\/\/[^\n]*/g, '$1');
}

export interface Import {
  readonly from: string;
  readonly kind: 'value' | 'type' | 'dynamic';
}

/** What a source file imports: `import … from`, `export … from`, bare imports, and `import(…)`. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const fixed = [...code.matchAll(/^(?:import|export)\s(type\s)?[^'";]*?from\s+'([^']+)'/gm)].map(([, type, from]): Import => ({ from, kind: type ? 'type' : 'value' }));
  const bare = [...code.matchAll(/^import\s+'([^']+)'/gm)].map(([, from]): Import => ({ from, kind: 'value' }));
  // `import('x').Y` names a type, `await import('x')` loads.
  const dynamic = [...code.matchAll(/(\bawait\s+|=>\s*)?\bimport\('([^']+)'\)/g)].map(([, loads, from]): Import => ({ from, kind: loads ? 'dynamic' : 'type' }));
  return [...fixed, ...bare, ...dynamic];
}

/** The cells of the Markdown table that follows `<!-- name -->`, without its head. `\|` is a bar inside a cell. */
export function markdownTable(text: string, name: string): string[][] {
  const start = text.indexOf(`<!-- ${name} -->`);
  if (start === -1) throw new Error(`no table is marked <!-- ${name} -->`);
  const lines = text.slice(start).split('\n').slice(1);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end === -1 ? undefined : end).map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll(String.raw`\|`, '|')));
}

/** The texts in backticks. */
export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);
}
