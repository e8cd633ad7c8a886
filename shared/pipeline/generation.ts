import { sqlType } from '../columnar/sql-type.ts';
import type { MetaData } from '../delta/actions.ts';
import { TRANSACTION_RETENTION } from '../delta/interval.ts';
import { metaDataActions } from '../delta/operations/alter.ts';
import { parseSchema } from '../delta/schema.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import type { DeltaTable, TableDefinition } from '../delta/table.ts';
import { ConfigError, ConflictError } from '../errors.ts';
import { BRONZE, EVENT_TIME, KEY } from './tables.ts';

/** Old and new code side by side (semantics.md, section 6, `assay.generation`). */
export const GENERATION = 'assay.generation';
export const HASH = 'assay.hash';

const RAISE_ATTEMPTS_MAX = 5;

/**
 * `current`: this worker may commit. `raise`: the table must learn of a newer generation first.
 * Failures: ConfigError where this worker is the older one, or where one number stands for two things.
 */
export function judgeGeneration(table: Pick<MetaData, 'configuration'>, mine: TableDefinition): 'current' | 'raise' {
  const [theirs, own] = [Number(table.configuration[GENERATION] ?? 0), Number(mine.configuration[GENERATION])];
  const isSame = table.configuration[HASH] === mine.configuration[HASH];
  // Bronze's hash is its schema's: a generation that brings other rules leaves it alone, so old and new workers ingest side by side.
  if (isSame && mine.name === BRONZE) return 'current';
  if (own > theirs) return 'raise';
  if (own < theirs) {
    throw new ConfigError('pipeline/older-generation', `${mine.name} is at assay.generation ${theirs}, this worker's pipeline file says ${own}: deploy the newer pipeline file, or raise its generation`);
  }
  if (isSame) return 'current';
  throw new ConfigError('pipeline/generation-reused', `${mine.name}: assay.generation ${own} stands for ${table.configuration[HASH]} in the table but for ${mine.configuration[HASH]} in this pipeline file: raise assay.generation with every change of columns or rules`);
}

/** A table of ours whose txns expire would forget what it has taken in, and take it in again (semantics.md, section 6): ConfigError `lake/progress-expires`. */
export function checkProgressStays({ configuration }: Pick<MetaData, 'configuration'>, table: string): void {
  const text = configuration[TRANSACTION_RETENTION];
  if (text === undefined) return;
  throw new ConfigError('lake/progress-expires', `${table} has ${TRANSACTION_RETENTION} = ${text}: its progress would be forgotten, and rows taken in twice. Unset the property`, { facts: { table } });
}

/** Checks before a commit, and raises the table's generation where ours is newer. Returns the snapshot to plan with. */
export async function checkGeneration(table: DeltaTable, definition: TableDefinition): Promise<Snapshot> {
  for (let attempt = 0; attempt < RAISE_ATTEMPTS_MAX; attempt++) {
    const { snapshot } = table;
    if (judgeGeneration(snapshot.metaData, definition) === 'current') return snapshot;
    await table.commit(snapshot, { operation: 'SET TBLPROPERTIES', actions: metaDataActions(snapshot, raisedMetaData(snapshot, definition), definition.name), reads: 'table' });
  }
  throw new ConflictError('pipeline/generation', `raising assay.generation of ${definition.name}: lost ${RAISE_ATTEMPTS_MAX} times to other commits; run again`);
}

/** The newest snapshot as a commit of ours would find it, without raising anything: for plans. Failures: those of `checkGeneration`. */
export function plannedGeneration({ snapshot }: DeltaTable, definition: TableDefinition): Snapshot {
  if (judgeGeneration(snapshot.metaData, definition) === 'current') return snapshot;
  const metaData = raisedMetaData(snapshot, definition);
  return { ...snapshot, metaData, schema: parseSchema(metaData.schemaString) };
}

/** Which rows are versions of one another, and which is the newest, was decided by these. A table of before they were written down has neither. */
function changedRoles(table: Pick<MetaData, 'configuration'>, mine: TableDefinition): string[] {
  return [KEY, EVENT_TIME].flatMap((property) => {
    const [theirs, own] = [table.configuration[property], mine.configuration[property]];
    return theirs === undefined || theirs === own ? [] : [`its ${property} ${theirs} would be ${own}`];
  });
}

/**
 * The table's columns, then the new ones; those that the pipeline no longer has stay, and are null from now on.
 * Failures: ConfigError `pipeline/columns-changed` for what no reader of the older rows would survive.
 */
export function raisedMetaData({ metaData, schema }: Pick<Snapshot, 'metaData' | 'schema'>, mine: TableDefinition): MetaData {
  const columns = new Map(schema.fields.map((column) => [column.name.toLowerCase(), column]));
  const isNew = ({ name }: { readonly name: string }) => !columns.has(name.toLowerCase());
  const problems = mine.schema.fields.filter((column) => !isNew(column)).flatMap((column) => {
    const { name, type } = columns.get(column.name.toLowerCase())!;
    return name === column.name && sqlType(type) === sqlType(column.type) ? [] : [`${name} ${sqlType(type)} would be ${column.name} ${sqlType(column.type)}`];
  });
  if (String(metaData.partitionColumns) !== String(mine.partitionColumns)) problems.push(`its partition columns ${String(metaData.partitionColumns)} would be ${String(mine.partitionColumns)}`);
  problems.push(...changedRoles(metaData, mine));
  if (problems.length > 0) {
    throw new ConfigError('pipeline/columns-changed', `raising ${mine.name} to assay.generation ${mine.configuration[GENERATION]}: ${problems.join('; ')}: rows that are there cannot follow; give a changed column a new name, or start a new lake`);
  }
  const fields = [...schema.fields, ...mine.schema.fields.filter(isNew).map((column) => ({ ...column, nullable: true }))];
  return { ...metaData, schemaString: JSON.stringify({ ...schema, fields }), configuration: { ...metaData.configuration, ...ownProperties(mine) } };
}

/** A table keeps Delta's properties as it has them: they are chosen at creation, and later by its owner. */
function ownProperties({ configuration }: TableDefinition): Record<string, string> {
  return Object.fromEntries(Object.entries(configuration).filter(([name]) => !name.startsWith('delta.')));
}
