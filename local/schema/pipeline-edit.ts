import { ConfigError, assert } from '../../shared/errors.ts';
import type { ColumnType } from '../../shared/pipeline/definition.ts';
import { jsonProblem, valueEnd } from '../../shared/pipeline/json-scan.ts';
import { readJsonTree } from '../../shared/pipeline/pipeline-file/json-tree.ts';
import type { JsonArray, JsonNode, JsonObject } from '../../shared/pipeline/pipeline-file/json-tree.ts';

/** A column as the file has it. */
export interface NewColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** `$.a.b` */
  readonly path: string;
  readonly required: boolean;
}

const GENERATION = 'assay.generation';

/**
 * A pipeline file with a further column, the last, and `assay.generation` one higher. All else stays as it was typed, to the character; the column is
 * laid out as the one before it. The text must be a valid pipeline file. ConfigError `schema/generation` where there is no number to raise.
 */
export function withColumn(text: string, column: NewColumn): string {
  assert(jsonProblem(text) === null, 'a pipeline file that was parsed is JSON');
  const root = readJsonTree(text);
  const columns = memberOf(root, 'columns');
  const generation = memberOf(root, GENERATION);
  if (columns?.kind !== 'array' || columns.items.length === 0) throw new ConfigError('schema/columns', 'the pipeline file has no columns to add to');
  if (generation?.kind !== 'scalar' || typeof generation.value !== 'number') throw new ConfigError('schema/generation', `the pipeline file has no ${GENERATION} to raise`);
  const edits = [insertion(text, columns, column), { at: generation.at, end: valueEnd(text, generation.at), put: String(generation.value + 1) }];
  // From the end, so that positions before stay true.
  return edits.toSorted((a, b) => b.at - a.at).reduce((edited, { at, end, put }) => edited.slice(0, at) + put + edited.slice(end), text);
}

interface Edit {
  readonly at: number;
  readonly end: number;
  readonly put: string;
}

function memberOf(node: JsonNode, key: string): JsonNode | undefined {
  return (node as JsonObject).members.find((member) => member.key === key)?.value;
}

function insertion(text: string, { items }: JsonArray, column: NewColumn): Edit {
  const last = items[items.length - 1];
  const lastEnd = valueEnd(text, last.at);
  const source = text.slice(last.at, lastEnd);
  return { at: lastEnd, end: lastEnd, put: `,${spaceBefore(text, last.at)}${printed(column, source, indentAt(text, last.at))}` };
}

/** The whitespace that stands before the last item stands before the next one, too. */
function spaceBefore(text: string, at: number): string {
  const space = /[ \t\r\n]*$/.exec(text.slice(0, at))![0];
  return space === '' ? ' ' : space;
}

function indentAt(text: string, at: number): string {
  return /(?:^|\n)([ \t]*)[^\n]*$/.exec(text.slice(0, at))?.[1] ?? '';
}

/** On one line or on several, as its neighbour. */
function printed({ name, type, path, required }: NewColumn, neighbour: string, indent: string): string {
  const members = Object.entries({ name, type, path, ...(required ? {} : { required }) }).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const lines = /^\{[ \t]*(\r?\n)([ \t]*)/.exec(neighbour);
  if (!lines) return neighbour.startsWith('{ ') ? `{ ${members.join(', ')} }` : `{${members.join(', ')}}`;
  const [, end, inner] = lines;
  return `{${end}${members.map((member) => inner + member).join(`,${end}`)}${end}${indent}}`;
}

/** Lines that differ, as `diff -u` marks them, without context. For texts that differ in few places. */
export function lineDiff(before: string, after: string): string[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (old[i] === now[j]) {
      i++;
      j++;
      continue;
    }
    // The nearest place where both go on alike.
    const [skipOld, skipNow] = nextEqual(old, i, now, j);
    for (; i < skipOld; i++) lines.push(`- ${old[i]}`);
    for (; j < skipNow; j++) lines.push(`+ ${now[j]}`);
  }
  return lines;
}

function nextEqual(old: readonly string[], i: number, now: readonly string[], j: number): [number, number] {
  const furthest = old.length - i + now.length - j;
  for (let distance = 1; distance <= furthest; distance++) {
    for (let a = Math.max(0, distance - (now.length - j)); a <= Math.min(distance, old.length - i); a++) {
      const b = distance - a;
      if (i + a < old.length && old[i + a] === now[j + b]) return [i + a, j + b];
    }
  }
  return [old.length, now.length];
}
