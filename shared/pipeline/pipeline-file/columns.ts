import type { ColumnDefinition, ColumnType } from '../definition.ts';
import type { Mistakes } from './mistakes.ts';
import type { Located, ObjectReader, Shape } from './object-reader.ts';

export const COLUMN_SHAPE: Shape = { required: ['name', 'type'], optional: ['path', 'required', 'allowed'] };
export const COLUMN_TYPES: readonly ColumnType[] = ['id', 'string', 'timestamp', 'double', 'long', 'boolean'];

/**
 * Columns that Silver has of its own (semantics.md, section 2), the three names that Delta's change feed keeps to itself, and those that a
 * scan of files adds.
 */
const SILVER_COLUMNS = [
  'event_date', 'is_late', 'late_by_ms', 'rescued', 'rule_flags', 'topic', 'incarnation', 'partition', 'offset', 'kafka_timestamp',
  'bronze_version', 'rules_hash', 'ingested_at', 'processed_at', '_change_type', '_commit_version', '_commit_timestamp',
  '_file', 'file_row_number',
];
const PARTITION_OF_A_SCAN = /^_partition_\d+$/u;

/** What Delta refuses in a column's name without column mapping, and other control characters. */
// oxlint-disable-next-line no-control-regex -- refusing control characters is the point
const REFUSED_CHARACTER = /[ ,;{}()=\u0000-\u001f]/u;
const NAME_LENGTH_MAX = 128;

/** `$.a.b`: members by name. No wildcards, no indexes, no quoting. */
/** Of a value in the payload: `$.outer.inner`. */
export const PATH = /^\$(\.[^.\s[\]'"*]+)+$/u;

/** A column as far as it could be read: a name whose type is wrong is still a name, and no second mistake where a role names it. */
export interface ReadColumn extends Omit<ColumnDefinition, 'type'> {
  readonly type: ColumnType | undefined;
}

export function readColumns(readers: readonly ObjectReader[], mistakes: Mistakes): readonly ReadColumn[] {
  const columns: ReadColumn[] = [];
  for (const reader of readers) {
    const name = reader.string('name');
    const column = readColumn(reader, name?.value ?? '');
    if (!name) continue;
    checkName(name, { reader, before: columns, mistakes });
    columns.push(column);
  }
  return columns;
}

function readColumn(reader: ObjectReader, name: string): ReadColumn {
  const type = reader.oneOf('type', COLUMN_TYPES);
  const path = reader.matching('path', PATH, 'a path is $.name or $.outer.inner');
  const allowed = reader.strings('allowed');
  if (allowed && type && type !== 'string') reader.wrong('allowed', `is for columns of type string, and this one is ${type}`);
  if (allowed && reader.items('allowed')?.length === 0) reader.wrong('allowed', 'must name at least one value');
  const required = reader.boolean('required') ?? true;
  return { name, type, path: path?.split('.').slice(1) ?? [name], required, allowed: allowed?.map(({ value }) => value) ?? null };
}

interface NameContext {
  readonly reader: ObjectReader;
  readonly before: readonly ReadColumn[];
  readonly mistakes: Mistakes;
}

/** Engines compare column names without regard to case: so do we. */
function checkName(name: Located<string>, { reader, before, mistakes }: NameContext): void {
  const lower = name.value.toLowerCase();
  const where = `${reader.path}.name`;
  const quoted = JSON.stringify(name.value);
  const refused = REFUSED_CHARACTER.exec(name.value);
  const twin = before.find((column) => column.name.toLowerCase() === lower);
  if (refused) mistakes.add(name.at, `${where} ${quoted} holds ${JSON.stringify(refused[0])}, which Delta refuses in a column's name`);
  if (name.value.length > NAME_LENGTH_MAX) mistakes.add(name.at, `${where} is longer than ${NAME_LENGTH_MAX} characters`);
  if (SILVER_COLUMNS.includes(lower) || PARTITION_OF_A_SCAN.test(lower)) mistakes.add(name.at, `${where} ${quoted} is a column that Silver has of its own: choose another name and keep the path`);
  if (twin) mistakes.add(name.at, `${where} ${quoted} is the name of another column (names are compared without regard to case)`);
}
