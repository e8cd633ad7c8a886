import { afterEach, beforeEach, expect, test } from 'vitest';
import { tableOptimizeCommand } from '../../../local/cli/table-optimize.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
const at = () => `--lake=${lake.url}`;
const optimize = (...args: string[]) => runCli(tableOptimizeCommand, 'silver_events', ...args, at());
const filesOf = async () => [...(await (await lake.lake.table('silver_events')).delta.refresh()).files.values()];
const rowsOf = () => lake.rows('silver_events', 'SELECT * FROM rows ORDER BY ALL');
beforeEach(async () => { lake = await openCliLake(); });
afterEach(() => lake.close());

test('merges small files of a partition, once, and says what it would do before', async () => {
  const rows = await rowsOf();
  expect((await filesOf()).length).toBe(6);
  expect((await optimize('--dry-run', '--json')).json).toMatchObject([{ bins: 3, removed: { files: 6 }, added: { files: 0 } }]);
  expect((await filesOf()).length).toBe(6);
  expect((await optimize()).text).toMatch(/^silver_events: 6 files of [\d,]+ bytes became 3 of [\d,]+, in 3 commits$/);
  expect((await optimize()).text).toBe('silver_events: nothing to do');
  expect((await filesOf()).length).toBe(3);
  expect(await rowsOf()).toEqual(rows);
  await lake.drain();
  expect((await lake.balance()).verdict).toBe('ok');
});

test('puts rows in Z-order, which is then left alone, by maintain too', async () => {
  const rows = await rowsOf();
  expect((await optimize('--zorder-by', 'event_id,timestamp', '--json')).json).toMatchObject([{ bins: 3, removed: { files: 6 }, added: { files: 3 }, overtaken: 0, left: 0 }]);
  expect((await filesOf()).map(({ tags }) => tags?.['ZCUBE_ZORDER_BY'])).toEqual(Array(3).fill('["event_id","timestamp"]'));
  const { version } = await (await lake.lake.table('silver_events')).delta.refresh();
  expect((await optimize('--zorder-by', 'event_id,timestamp')).text).toBe('silver_events: nothing to do');
  await lake.maintain();
  expect((await (await lake.lake.table('silver_events')).delta.refresh()).version).toBe(version);
  expect(await rowsOf()).toEqual(rows);
});

test('writes files without the rows that were taken from them', async () => {
  const rows = await rowsOf();
  await optimize('--purge');
  expect((await filesOf()).filter(({ deletionVector }) => deletionVector)).toEqual([]);
  expect(await rowsOf()).toEqual(rows);
});

test.each([
  ['silver_events', 'a,b,c,d,e', 'these are 5'], ['silver_events', '', 'a name is empty'], ['silver_events', 'event_id,,value', 'a name is empty'], ['silver_events', 'event_id,event_id', 'a column stands there twice'],
  ['silver_events', 'event_type', 'event_type is a partition column'], ['bronze_events', 'headers', 'headers has no order'], ['silver_events', 'nothing_such', 'no column nothing_such'],
])('refuses %s in Z-order by "%s"', async (table, columns, why) => {
  const before = (await (await lake.lake.table(table)).delta.refresh()).version;
  await expect(runCli(tableOptimizeCommand, table, '--zorder-by', columns, at())).rejects.toThrow(why);
  expect((await (await lake.lake.table(table)).delta.refresh()).version).toBe(before);
});
