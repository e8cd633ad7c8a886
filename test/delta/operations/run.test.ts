import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { restore } from '../../../shared/delta/operations/restore.ts';
import { appendRows, changeTable } from '../../../shared/delta/operations/run.ts';
import { upsert } from '../../../shared/delta/operations/upsert.ts';
import { field } from '../../../shared/delta/schema.ts';
import { ROW_MODES, RowTables } from '../../support/row-tables.ts';
import type { RowMode } from '../../support/row-tables.ts';

let tables: RowTables;
beforeAll(async () => { tables = await RowTables.open(); });
afterAll(() => tables.close());

const FIELDS = [field('id', 'long'), field('part', 'string')];
const rows = (...ids: bigint[]) => [{ name: 'id', kind: 'long', values: ids }, { name: 'part', kind: 'text', values: ids.map(() => 'p') }] as const;
const batch = { operation: 'WRITE', progress: { appId: 'import', version: 1n } };

describe.each(ROW_MODES)('%s', (_name, mode: RowMode) => {
  test('one progress is committed once, by whomever', async () => {
    const a = await tables.create(mode, { fields: FIELDS });
    expect(await appendRows(a.table, batch, rows(1n))).toMatchObject({ kind: 'committed', version: 1n, plans: 1, retries: 0 });
    expect(await appendRows(a.table, batch, rows(1n))).toEqual({ kind: 'nothing-to-do' });
    const b = await a.another();
    expect(await appendRows(b.table, batch, rows(1n))).toEqual({ kind: 'nothing-to-do' });
    expect(await b.rows()).toHaveLength(1);
  });

  test('a rival in between: planned again, counted', async () => {
    const a = await tables.create(mode, { fields: FIELDS });
    const b = await a.another();
    await appendRows(b.table, { operation: 'WRITE' }, rows(1n));
    const outcome = await changeTable(a.table, { operation: 'MERGE', removalIntent: 'replace' }, async (session, snapshot) =>
      upsert(session, a.table, snapshot, { rows: await session.values(rows(1n)), key: ['id'] }));
    expect(outcome).toMatchObject({ kind: 'committed', version: 2n, plans: 2, retries: 1 });
    expect(await a.rows()).toHaveLength(1);
  });

  test('a restore elsewhere takes the progress back: the batch is written again', async () => {
    const a = await tables.create(mode, { fields: FIELDS });
    await appendRows(a.table, batch, rows(1n));
    await restore((await a.another()).table.delta, { version: 0n, nowMs: Date.now(), initialProgress: () => -1n });
    expect((await appendRows(a.table, batch, rows(1n))).kind).toBe('committed');
    expect(await (await a.another()).rows()).toHaveLength(1);
  });

  test('"" in a key column that partitions is refused, for the table can only hold null there', async () => {
    const a = await tables.create(mode, { fields: FIELDS, partitionColumns: ['part'] });
    await expect(a.apply(a.upsert([{ id: 1n, part: '' }], ['id', 'part']))).rejects.toMatchObject({ code: 'delta/empty-key' });
    await a.apply(a.upsert([{ id: 1n, part: '' }], ['id']));
    expect(await a.rows()).toHaveLength(1);
  });

  test.each(['delta.deletedFileRetentionDuration', 'delta.logRetentionDuration'])('a retention of zero (%s) leaves time to write', async (property) => {
    const a = await tables.create(mode, { fields: FIELDS, configuration: { [property]: 'interval 0 hours' } });
    expect((await appendRows(a.table, { operation: 'WRITE' }, rows(1n))).kind).toBe('committed');
  });
});
