import { TableError } from '../../errors.ts';
import type { Action, MetaData } from '../actions.ts';
import { checkWritable, withFeaturesFor } from '../protocol.ts';
import { parseSchema } from '../schema.ts';
import type { StructField } from '../schema.ts';
import type { Snapshot } from '../snapshot.ts';
import type { DeltaTable } from '../table.ts';
import { untilSettled } from '../until-settled.ts';

/**
 * New columns at the end; rows that are there have null in them. Failures: TableError `delta/alter` where a name is taken, also in other
 * letters' case, or where a column would be NOT NULL.
 */
export async function addColumns(table: DeltaTable, fields: readonly StructField[]): Promise<Snapshot> {
  return alter(table, { operation: 'ADD COLUMNS', operationParameters: { columns: JSON.stringify(fields.map(({ name }) => name)) } }, (snapshot) => {
    const { schema, metaData } = snapshot;
    return { ...metaData, schemaString: JSON.stringify({ ...schema, fields: [...schema.fields, ...fields] }) };
  });
}

/** Sets properties, and takes those away whose value is null. What a property switches on is added to the protocol, never taken from it. */
export async function setProperties(table: DeltaTable, properties: Readonly<Record<string, string | null>>): Promise<Snapshot> {
  return alter(table, { operation: 'SET TBLPROPERTIES', operationParameters: { properties: JSON.stringify(properties) } }, ({ metaData }) => {
    const merged = Object.entries({ ...metaData.configuration, ...properties }).filter((entry): entry is [string, string] => entry[1] !== null);
    return { ...metaData, configuration: Object.fromEntries(merged) };
  });
}

interface Description {
  readonly operation: string;
  readonly operationParameters: Readonly<Record<string, string>>;
}

async function alter(table: DeltaTable, description: Description, change: (snapshot: Snapshot) => MetaData): Promise<Snapshot> {
  return untilSettled(`${description.operation} of ${table.source.table}`, async () => {
    const snapshot = await table.refresh();
    const actions = metaDataActions(snapshot, change(snapshot), table.source.table);
    if (actions.length === 0) return snapshot;
    const outcome = await table.commit(snapshot, { ...description, actions, reads: 'table' });
    return outcome.kind === 'committed' ? outcome.snapshot : null;
  });
}

/**
 * The actions that bring a table to new metaData; none where nothing changes. Rows that are there must stay readable: no column goes or changes
 * its type, the partitioning and the id stay. Failures: TableError `delta/alter`, and `delta/protocol` for what this writer could not write to.
 */
export function metaDataActions({ metaData, protocol }: Snapshot, next: MetaData, table: string): Action[] {
  const problems = problemsOf(metaData, next);
  if (problems.length > 0) throw new TableError('delta/alter', `changing ${table}: ${problems.join('; ')}; nothing was changed`);
  const upgraded = withFeaturesFor(protocol, next);
  // What would stop even appends is refused; a property may forbid more, as delta.appendOnly does.
  checkWritable(upgraded, next, table, 'append');
  return [
    ...(JSON.stringify(upgraded) === JSON.stringify(protocol) ? [] : [{ protocol: upgraded }]),
    ...(JSON.stringify(next) === JSON.stringify(metaData) ? [] : [{ metaData: next }]),
  ];
}

function problemsOf(before: MetaData, after: MetaData): string[] {
  const problems: string[] = [];
  if (before.id !== after.id) problems.push(`its id ${before.id} would be ${after.id}`);
  if (String(before.partitionColumns) !== String(after.partitionColumns)) problems.push(`its partition columns ${String(before.partitionColumns)} would be ${String(after.partitionColumns)}, which needs a new table`);
  const [old, now] = [parseSchema(before.schemaString).fields, parseSchema(after.schemaString).fields];
  for (const field of old) {
    const kept = now.find(({ name }) => name === field.name);
    if (!kept) problems.push(`column ${field.name} would be gone`);
    else if (JSON.stringify([kept.type, kept.nullable]) !== JSON.stringify([field.type, field.nullable])) problems.push(`column ${field.name} would change its type`);
  }
  for (const field of now.filter(({ name }) => !old.some((other) => other.name === name))) {
    if (!field.nullable) problems.push(`the new column ${field.name} would be NOT NULL, which the rows that are there are not`);
    if (/[ ,;{}()\n\t=]/.test(field.name)) problems.push(`the new column ${JSON.stringify(field.name)} has a character that Parquet readers refuse`);
  }
  const lower = now.map(({ name }) => name.toLowerCase());
  const twice = lower.filter((name, i) => lower.indexOf(name) !== i);
  if (twice.length > 0) problems.push(`column ${twice.join(', ')} would be there twice`);
  return problems;
}
