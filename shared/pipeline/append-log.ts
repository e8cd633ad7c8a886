import type { ColumnKind, LoadColumn } from '../columnar/load-column.ts';
import { metaDataActions } from '../delta/operations/alter.ts';
import type { RowTable } from '../delta/operations/row-table.ts';
import { writeFiles } from '../delta/operations/write.ts';
import type { StructField, StructType } from '../delta/schema.ts';
import { untilSettled } from '../delta/until-settled.ts';
import { assert } from '../errors.ts';
import type { LogRow } from '../monitoring/log-tables.ts';
import type { Lake } from './lake.ts';

const KINDS: Readonly<Record<string, ColumnKind>> = {
  string: 'text', long: 'long', integer: 'integer', double: 'double', timestamp: 'timestamp', boolean: 'boolean',
};

/** Checkpoints are maintain's work; where it does not run, one is written after so many intervals. */
const CHECKPOINT_OVERDUE = 10n;

/** Appends rows to a small table of plain columns, as a blind append: log tables have many writers and no keys. */
export async function appendLog(lake: Lake, name: string, rows: readonly LogRow[], checkpointInterval: bigint): Promise<void> {
  if (rows.length === 0) return;
  const table = await lake.table(name);
  await addMissing(table, lake.definition(name).schema);
  const columns = lake.definition(name).schema.fields.map((field): LoadColumn => {
    const kind = KINDS[field.type as string];
    assert(kind, `log column ${field.name} has a type that is not plain`);
    return { name: field.name, kind, values: rows.map((row) => row[field.name] ?? null) };
  });
  await untilSettled(`append to ${name}`, async () => {
    const { snapshot } = table.delta;
    const { adds, writtenAtMs } = await lake.engine.session(async (session) => writeFiles(session, table, snapshot, await session.values(columns)));
    const outcome = await table.delta.commit(snapshot, {
      operation: 'WRITE', operationParameters: { mode: '"Append"' }, operationMetrics: { numOutputRows: String(rows.length) },
      actions: adds.map((add) => ({ add })), reads: 'nothing', writtenAtMs,
    });
    return outcome.kind === 'committed' ? true : null;
  });
  await table.delta.checkpointIfDue(checkpointInterval * CHECKPOINT_OVERDUE);
}

/** A table that an older version of the program made gets the columns that came since. */
async function addMissing({ delta }: RowTable, { fields }: StructType): Promise<void> {
  const missingFrom = (schema: StructType): StructField[] => fields.filter(({ name }) => !schema.fields.some((field) => field.name === name));
  if (missingFrom(delta.snapshot.schema).length === 0) return;
  await untilSettled(`new columns of ${delta.source.table}`, async () => {
    const snapshot = await delta.refresh();
    const { metaData, schema } = snapshot;
    const missing = missingFrom(schema);
    if (missing.length === 0) return true;
    const actions = metaDataActions(snapshot, { ...metaData, schemaString: JSON.stringify({ ...schema, fields: [...schema.fields, ...missing] }) }, delta.source.table);
    const outcome = await delta.commit(snapshot, { operation: 'ADD COLUMNS', operationParameters: { columns: JSON.stringify(missing.map(({ name }) => name)) }, actions, reads: 'table' });
    return outcome.kind === 'committed' ? true : null;
  });
}
