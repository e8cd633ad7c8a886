import { assert } from '../../errors.ts';
import { scanObject } from '../json-scan.ts';
import type { ColumnDefinition } from '../definition.ts';
import type { JsonField } from '../json-scan.ts';

/** What the columns of a pipeline find in one object. */
export interface PickedFields {
  /** Per column the source text of its value; null where the path leads nowhere. */
  readonly sources: readonly (string | null)[];
  /** JSON text of the top-level fields that no column takes whole; null if none. */
  readonly rescued: string | null;
  /** Top-level fields that a later one of the same name replaces. Inside nested objects the last wins too, uncounted. */
  readonly duplicateKeys: number;
}

/** Resolves the columns' paths against the fields of a scanned object; the last of equal keys wins at every level. */
export function compileFields(columns: readonly ColumnDefinition[]): (text: string, fields: readonly JsonField[]) => PickedFields {
  const names = [...new Set(columns.map((column) => column.path[0]))];
  const slots = new Map(names.map((name, slot) => [name, slot]));
  const whole = names.map((name) => columns.some((column) => column.path.length === 1 && column.path[0] === name));
  const targets = columns.map((column) => ({ slot: slots.get(column.path[0])!, below: column.path.slice(1) }));
  return (text, fields) => {
    const last: (JsonField | null)[] = names.map(() => null);
    let others: Map<string, JsonField> | null = null;
    let duplicateKeys = 0;
    for (const field of fields) {
      const slot = slots.get(field.key);
      if (slot !== undefined) {
        if (last[slot] !== null) duplicateKeys++;
        last[slot] = field;
        if (whole[slot]) continue;
      }
      others ??= new Map();
      // Deleted first: a Map keeps the place of a key's first occurrence, and the last is the one that counts.
      if (others.delete(field.key) && slot === undefined) duplicateKeys++;
      others.set(field.key, field);
    }
    const sources = targets.map(({ slot, below }) => sourceAt(text, last[slot], below));
    return { sources, rescued: others && printFields(text, others.values()), duplicateKeys };
  };
}

/** The source text of one value; null where the path leads nowhere. */
export function fieldSource(text: string, fields: readonly JsonField[], path: readonly string[]): string | null {
  return sourceAt(text, fields.findLast(({ key }) => key === path[0]) ?? null, path.slice(1));
}

function sourceAt(text: string, field: JsonField | null, below: readonly string[]): string | null {
  let source = field && text.slice(field.valueStart, field.valueEnd);
  for (const name of below) source = source && memberSource(source, name);
  return source;
}

/** `source` is a JSON value; only an object has members. */
function memberSource(source: string, name: string): string | null {
  if (!source.startsWith('{')) return null;
  const scan = scanObject(source);
  assert(scan.kind === 'object', 'a value inside a scanned object does not scan');
  const field = scan.fields.findLast((candidate) => candidate.key === name);
  return field ? source.slice(field.valueStart, field.valueEnd) : null;
}

function printFields(text: string, fields: Iterable<JsonField>): string {
  const members: string[] = [];
  for (const field of fields) members.push(`${text.slice(field.keyStart, field.keyEnd)}:${text.slice(field.valueStart, field.valueEnd)}`);
  return `{${members.join(',')}}`;
}
