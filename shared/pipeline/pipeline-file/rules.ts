import { suggestion } from './mistakes.ts';
import type { ColumnType, RuleDefinition } from '../definition.ts';
import type { ReadColumn } from './columns.ts';
import type { JsonNode } from './json-tree.ts';
import type { Mistakes } from './mistakes.ts';
import type { ObjectReader, Shape } from './object-reader.ts';

type Check = RuleDefinition['check'];
type CheckKind = Check['kind'];

export const CHECK_KINDS: readonly CheckKind[] = ['range', 'length', 'pattern', 'set'];
export const RULE_SHAPE: Shape = { required: ['name', 'column'], optional: ['action', ...CHECK_KINDS] };
export const BOUNDS_SHAPE: Shape = { required: [], optional: ['min', 'max'] };
export const RULE_ACTIONS: readonly RuleDefinition['action'][] = ['quarantine', 'flag', 'fail'];

const CHECKED_TYPES: Readonly<Record<CheckKind, readonly ColumnType[]>> = {
  range: ['double', 'long'],
  length: ['id', 'string'],
  pattern: ['id', 'string'],
  set: ['id', 'string', 'double', 'long', 'boolean'],
};

const NAME = /^[a-z][a-z0-9_]{0,63}$/u;
const PAYLOAD_REASONS = ['empty_payload', 'not_utf8', 'malformed_json', 'unknown_schema', 'undecodable_payload'];

export function readRules(readers: readonly ObjectReader[], columns: readonly ReadColumn[], mistakes: Mistakes): readonly RuleDefinition[] {
  const taken = new Set([...PAYLOAD_REASONS, ...columns.flatMap(({ name }) => ['missing', 'invalid', 'unknown', 'future'].map((kind) => `${kind}_${name}`))]);
  return readers.flatMap((reader) => {
    const name = reader.matching('name', NAME, 'a rule\'s name is at most 64 lower-case letters, digits and underscores');
    if (name !== undefined && taken.has(name)) reader.wrong('name', `is ${JSON.stringify(name)}: another rule or a reason of Assay's own has this name`);
    if (name !== undefined) taken.add(name);
    const column = readTarget(reader, columns);
    const check = readCheck(reader, column, mistakes);
    const action = reader.has('action') ? reader.oneOf('action', RULE_ACTIONS) : 'quarantine';
    return name !== undefined && column && check && action ? [{ name, column: column.name, check, action }] : [];
  });
}

function readTarget(reader: ObjectReader, columns: readonly ReadColumn[]): ReadColumn | undefined {
  const name = reader.string('column')?.value;
  const column = columns.find((candidate) => candidate.name === name);
  if (name === undefined || column) return column;
  return reader.wrong('column', `names ${JSON.stringify(name)}, which is no column${suggestion(name, columns.map((each) => each.name))}`);
}

function readCheck(reader: ObjectReader, column: ReadColumn | undefined, mistakes: Mistakes): Check | undefined {
  const kinds = CHECK_KINDS.filter((kind) => reader.has(kind));
  const kind = kinds[0];
  if (kind === undefined || kinds.length > 1) {
    mistakes.add(reader.at, `${reader.path} must have exactly one of ${CHECK_KINDS.join(', ')}`);
    return undefined;
  }
  if (column?.type && !CHECKED_TYPES[kind].includes(column.type)) {
    return reader.wrong(kind, `is for columns of type ${CHECKED_TYPES[kind].join(', ')}, and ${column.name} is ${column.type}`);
  }
  if (kind === 'pattern') return readPattern(reader);
  if (kind === 'set') return column?.type && readSet(reader, column.type, mistakes);
  return readBounds(reader, kind, column);
}

/** Searched anywhere in the text, by code points: `^` and `$` anchor it. */
function readPattern(reader: ObjectReader): Check | undefined {
  const source = reader.string('pattern')?.value;
  if (source === undefined) return undefined;
  try {
    return { kind: 'pattern', pattern: new RegExp(source, 'u') };
  } catch (error) {
    return reader.wrong('pattern', `is no regular expression: ${(error as Error).message}`);
  }
}

function readBounds(reader: ObjectReader, kind: 'range' | 'length', column: ReadColumn | undefined): Check | undefined {
  const bounds = reader.object(kind, BOUNDS_SHAPE);
  if (!bounds) return undefined;
  const whole = kind === 'length' || column?.type === 'long';
  const limits = { min: kind === 'length' ? 0 : Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
  const [min, max] = ['min', 'max'].map((key) => (whole ? bounds.integer(key, limits) : bounds.number(key)) ?? null);
  if (!bounds.has('min') && !bounds.has('max')) return reader.wrong(kind, 'must have min, max or both');
  if (min !== null && max !== null && min > max) return reader.wrong(kind, `has a min of ${min} above its max of ${max}`);
  return { kind, min, max };
}

function readSet(reader: ObjectReader, type: ColumnType, mistakes: Mistakes): Check | undefined {
  const items = reader.items('set');
  if (items?.length === 0) return reader.wrong('set', 'must name at least one value');
  const values = items?.flatMap((item, i) => {
    const value = setValue(item, type);
    if (value === undefined) mistakes.add(item.at, `${reader.path}.set[${i}] is no value of a column of type ${type}`);
    return value ?? [];
  });
  return values && { kind: 'set', values };
}

function setValue(item: JsonNode, type: ColumnType): string | number | boolean | undefined {
  const value = item.kind === 'scalar' ? item.value : null;
  if (type === 'boolean') return typeof value === 'boolean' ? value : undefined;
  if (type === 'long') return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
  if (type === 'double') return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' ? value : undefined;
}
