import { ConfigError } from '../../errors.ts';

/** Everything that is wrong with one file, told at once. */
export class Mistakes {
  private readonly text: string;
  private readonly fileName: string;
  private readonly found: { readonly at: number; readonly message: string }[] = [];

  constructor(text: string, fileName: string) {
    this.text = text;
    this.fileName = fileName;
  }

  /** `at`: UTF-16 index into the text. */
  add(at: number, message: string): void {
    this.found.push({ at, message });
  }

  /** Throws one ConfigError `pipeline/invalid` with a line `line:column what` per mistake, in the order of the file. */
  throwIfAny(): void {
    if (this.found.length === 0) return;
    const lines = this.found
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, message }) => `  ${this.fileName}:${lineAndColumn(this.text, at)} ${message}`);
    const count = this.found.length === 1 ? '1 mistake' : `${this.found.length} mistakes`;
    throw new ConfigError(
      'pipeline/invalid',
      `read the pipeline file ${this.fileName}: ${count}\n${lines.join('\n')}\nCorrect the file and start again; pipelines/pipeline.schema.json describes every key.`,
      { facts: { file: this.fileName, mistakes: this.found.length } },
    );
  }
}

/** Both from 1, as editors count. */
function lineAndColumn(text: string, at: number): string {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return `${before.split('\n').length}:${at - lineStart + 1}`;
}

/** ` (did you mean "x"?)` for the nearest candidate within two edits, else the whole list, else nothing to say. */
export function suggestion(word: string, candidates: readonly string[]): string {
  const nearest = candidates
    .map((candidate) => ({ candidate, edits: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits)[0];
  if (nearest && nearest.edits <= 2 && nearest.edits < nearest.candidate.length) return ` (did you mean ${JSON.stringify(nearest.candidate)}?)`;
  return candidates.length === 0 ? '' : ` (there is ${candidates.map((candidate) => JSON.stringify(candidate)).join(', ')})`;
}

/** Levenshtein, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
