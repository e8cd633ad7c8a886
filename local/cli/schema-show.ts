import { isNull, not } from '../../shared/columnar/predicate.ts';
import { findWhere } from '../../shared/delta/operations/lookup.ts';
import { SILVER } from '../../shared/pipeline/tables.ts';
import { FieldCensus, bestType } from '../schema/field-census.ts';
import type { FieldFacts } from '../schema/field-census.ts';
import type { Command, Flags, Output } from './command.ts';
import { withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { countText, rowsText } from './text.ts';

export const schemaShowCommand: Command = {
  name: 'schema show',
  usage: '[--rows N] [--lake URL] [--json]',
  summary: 'List the fields that came and that the pipeline does not name: how often, of which kinds, which column type would take them',
  options: { rows: { type: 'string' } },
  run: ({ flags, out }) => withReadLake(flags, (reader) => show(reader, flags, out)),
};

const ROWS_READ = 100_000;

interface UnnamedField {
  readonly field: string;
  readonly rows: number;
  /** Kind of JSON value, with its rows. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Null: no type takes every value. */
  readonly type: string | null;
}

async function show(reader: LakeReader, flags: Flags, out: Output): Promise<number> {
  const { census, rescued } = await readRescued(reader, flags.integer('rows', ROWS_READ, 1));
  const named = new Set(reader.pipeline.columns.map(({ path }) => `$.${path.join('.')}`));
  const fields = [...census.fields.values()].filter(({ path }) => !named.has(path)).map(describe).sort((a, b) => b.rows - a.rows || (a.field < b.field ? -1 : 1));
  const grid = await gridText(['field', 'rows', 'kinds', 'fits'], fields.map((each) => [each.field, countText(each.rows), kindsText(each), each.type ?? 'no type']), ['rows']);
  out.result({ rowsWithUnnamedFields: rescued, rowsRead: census.objects, fields }, () => (fields.length === 0 ? 'Every field that came has its column.' : grid));
  if (fields.length > 0) out.note(`${rowsText(rescued)} of Silver ${rescued === 1 ? 'has' : 'have'} such fields, in rescued${census.objects < rescued ? `; the newest ${countText(census.objects)} were read` : ''}. "assay schema promote FIELD TYPE" makes one a column from then on.`);
  return 0;
}

async function readRescued({ lake }: LakeReader, rowsMax: number): Promise<{ census: FieldCensus; rescued: number }> {
  const silver = await lake.table(SILVER);
  const census = new FieldCensus();
  const rescued = await silver.engine.session(async (session) => {
    const found = await findWhere(session, silver, silver.delta.snapshot, not(isNull('rescued')));
    if (found === null) return 0;
    const count = await session.count(found.rows);
    const sql = `SELECT rescued FROM (${session.sqlOf(found.rows)}) ORDER BY bronze_version DESC, topic, "partition", "offset" DESC LIMIT ${rowsMax}`;
    for await (const { rows, columns } of session.sql.chunks(sql)) for (let i = 0; i < rows; i++) census.add(columns[0][i] as string);
    return count;
  });
  return { census, rescued };
}

function describe(facts: FieldFacts): UnnamedField {
  return { field: facts.path, rows: facts.rows, kinds: Object.fromEntries(facts.kinds), type: bestType(facts) };
}

function kindsText({ kinds }: UnnamedField): string {
  return Object.entries(kinds).map(([kind, rows]) => `${kind} ${countText(rows)}`).join(', ');
}
