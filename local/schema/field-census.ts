import type { ColumnType } from '../../shared/pipeline/definition.ts';
import { compileColumn, isMissing } from '../../shared/pipeline/judge/columns.ts';
import type { CompiledColumn } from '../../shared/pipeline/judge/columns.ts';
import { scanObject, stringOf } from '../../shared/pipeline/json-scan.ts';
import { isInteger } from '../../shared/pipeline/number.ts';

/** What a sample of JSON objects has at each path: how often, of which kinds, and which column types would take every value. */

/** `text`: a string; `integer` and `decimal`: numbers as typed. */
export type Kind = 'text' | 'integer' | 'decimal' | 'boolean' | 'null' | 'object' | 'list';

const LEVELS_MAX = 4;
/** A sample whose every object has names of its own must not fill the memory. */
const PATHS_MAX = 1_000;
const VALUES_KEPT_MAX = 50;
const VALUE_CHARS_MAX = 200;
/** A path in a pipeline file is `$.name.name`, and these can't stand in a name. */
const UNNAMEABLE = /[.\s[\]'"*]/u;

const TYPES: readonly ColumnType[] = ['boolean', 'timestamp', 'long', 'double', 'id', 'string'];
const READERS: ReadonlyMap<ColumnType, CompiledColumn> = new Map(TYPES.map((type) => [type, compileColumn({ name: 'x', type, path: ['x'], required: true, allowed: null })]));

export class FieldFacts {
  /** `$.a.b` */
  readonly path: string;
  /** Objects that have it, and with neither null nor "". */
  rows = 0;
  present = 0;
  readonly kinds = new Map<Kind, number>();
  /** How many of the present values a column of each type would take. */
  readonly #fits = new Map<ColumnType, number>(TYPES.map((type) => [type, 0]));
  /** Source texts of the first different values; past the limit only that there are more. */
  readonly values = new Map<string, number>();
  hasMoreValues = false;
  /** Present values that had come before. */
  repeats = 0;
  readonly #seen = new Set<string>();

  constructor(path: string) {
    this.path = path;
  }

  add(source: string): void {
    this.rows++;
    const kind = kindOf(source);
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    if (isMissing(source)) return;
    this.present++;
    for (const [type, count] of this.#fits) if (READERS.get(type)!.read(source) !== undefined) this.#fits.set(type, count + 1);
    if (this.#seen.has(source)) this.repeats++;
    else this.#seen.add(source);
    const kept = this.values.get(source);
    if (kept !== undefined) this.values.set(source, kept + 1);
    else if (this.values.size < VALUES_KEPT_MAX && source.length <= VALUE_CHARS_MAX) this.values.set(source, 1);
    else this.hasMoreValues = true;
  }

  /** Of the present values at least this share is valid for the type. */
  fits(type: ColumnType, share = 1): boolean {
    return this.present > 0 && this.#fits.get(type)! >= share * this.present;
  }
}

export class FieldCensus {
  /** In order of first appearance. */
  readonly fields = new Map<string, FieldFacts>();
  objects = 0;
  /** Fields that no path can name, and those past the limit. */
  unnamed = 0;

  /** `text` is one JSON object; anything else counts for nothing. */
  add(text: string): void {
    this.objects++;
    this.#walk(text, '$', 1);
  }

  #walk(text: string, path: string, level: number): void {
    const scan = scanObject(text);
    if (scan.kind !== 'object') return;
    // The last of equal keys wins.
    const fields = new Map(scan.fields.map((field) => [field.key, field]));
    for (const [key, { valueStart, valueEnd }] of fields) {
      if (key === '' || UNNAMEABLE.test(key) || !key.isWellFormed()) {
        this.unnamed++;
        continue;
      }
      this.#field(`${path}.${key}`, text.slice(valueStart, valueEnd), level);
    }
  }

  #field(path: string, source: string, level: number): void {
    let facts = this.fields.get(path);
    if (!facts) {
      if (this.fields.size >= PATHS_MAX) {
        this.unnamed++;
        return;
      }
      facts = new FieldFacts(path);
      this.fields.set(path, facts);
    }
    facts.add(source);
    if (source.startsWith('{') && level < LEVELS_MAX) this.#walk(source, path, level + 1);
  }
}

function kindOf(source: string): Kind {
  switch (source[0]) {
    case '"': return 'text';
    case '{': return 'object';
    case '[': return 'list';
    case 't': case 'f': return 'boolean';
    case 'n': return 'null';
    default: return /[.eE]/.test(source) ? 'decimal' : 'integer';
  }
}

const TIME_NAME = /(?:^|_|\.)(?:ts|time|timestamp|date|datetime|at|when)$|time(?:stamp)?$|(?:[a-z]At|Time|Date|Ts)$/;

/** The type that a column of this field would best have, if so large a share of its values has to fit; null: none. */
export function bestType(facts: FieldFacts, share = 1): ColumnType | null {
  const { kinds, path, values } = facts;
  const fits = (type: ColumnType) => facts.fits(type, share);
  if (fits('boolean')) return 'boolean';
  const isText = (kinds.get('text') ?? 0) >= share * facts.present;
  // Any integer is a time by its form: text must look like one, a number must be called one.
  if (fits('timestamp') && (fits('double') ? TIME_NAME.test(path) : isText)) return 'timestamp';
  // Digits that a double would lose; else it takes a later 1.5 as well.
  if (fits('long') && [...values.keys()].some((source) => losesDigits(textOf(source)))) return 'long';
  if (fits('double')) return 'double';
  return fits('string') ? 'string' : null;
}

function losesDigits(text: string): boolean {
  return isInteger(text) && !Number.isSafeInteger(Number(text));
}

export function textOf(source: string): string {
  return source.startsWith('"') ? stringOf(source, 0, source.length) : source;
}
