import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tableCopyCommand } from '../../../local/cli/table-copy.ts';
import { tableRestoreCommand } from '../../../local/cli/table-restore.ts';
import { copyTable } from '../../../shared/delta/operations/copy.ts';
import { TransientError } from '../../../shared/errors.ts';
import { REPLACED } from '../../../shared/pipeline/tables.ts';
import type { ObjectStore } from '../../../shared/storage/object-store.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { runCli } from '../../support/cli.ts';
import { event, record } from '../../support/test-lake.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
const at = () => `--lake=${lake.url}`;
const copy = (name: string, ...args: string[]) => runCli(tableCopyCommand, name, ...args, at());
const ALL = 'SELECT * FROM rows ORDER BY ALL';
const REPLACING = 'SELECT event_id, value FROM rows ORDER BY ALL';
/** The whole of a table that no definition knows. */
async function opened(name: string) {
  const table = await lake.lake.find(name);
  return { ...(await table!.delta.refresh()), rows: await lake.rows(name, ALL) };
}
beforeEach(async () => { lake = await openCliLake(); });
afterEach(() => lake.close());

test('has the rows, the version, the id and all progress, and no vectors', async () => {
  const silver = await opened('silver_events');
  expect([...silver.files.values()].some(({ deletionVector }) => deletionVector)).toBe(true);
  const { text } = await copy('silver_events', '--to', 'silver_plain', '--no-vectors');
  expect(text).toMatch(new RegExp(`^silver_plain: 3 files of [\\d,]+ bytes, silver_events as of version ${silver.version}, without deletion vectors$`));
  const plain = await opened('silver_plain');
  expect(plain.rows).toEqual(silver.rows);
  expect([...plain.files.values()].some(({ deletionVector }) => deletionVector)).toBe(false);
  expect(plain.protocol).toEqual({ minReaderVersion: 1, minWriterVersion: 2 });
  expect(plain.metaData).toEqual({ ...silver.metaData, configuration: { ...silver.metaData.configuration, 'delta.enableDeletionVectors': 'false' } });
  expect([plain.version, plain.schema, plain.txns]).toEqual([silver.version, silver.schema, silver.txns]);
});

test('with vectors is what it was, of an older version too', async () => {
  const silver = await opened('silver_events');
  expect((await copy('silver_events', '--to', 'silver_one', '--version', '1', '--json')).json).toMatchObject([{ to: 'silver_one', version: 1, deletionVectors: true }]);
  const one = await opened('silver_one');
  expect([one.version, one.protocol, one.metaData]).toEqual([1n, silver.protocol, silver.metaData]);
  const delta = (await lake.lake.table('silver_events')).delta;
  expect([...one.txns]).toEqual([...(await delta.at(1n)).txns]);
  expect(one.rows.length).toBeLessThan(silver.rows.length);
});

test('of an older version says that it must not take the place, and who reads the table stops where it has', async () => {
  const { notes } = await copy('silver_events', '--to', 'older', '--version', '1');
  expect(notes).toContain('must not take its place; "assay table restore silver_events --version 1"');
  expect((await copy('silver_events', '--to', 'newest')).notes).not.toContain('must not');
  await rename(join(lake.dir, 'silver_events'), join(lake.dir, 'silver_before'));
  await rename(join(lake.dir, 'older'), join(lake.dir, 'silver_events'));
  const worker = await lake.another();
  await expect(worker.score()).rejects.toMatchObject({ code: 'pipeline/source-behind', message: expect.stringContaining('assay table restore gold_anomaly_predictions') });
  const gold = await worker.lake.table('gold_anomaly_predictions');
  await runCli(tableRestoreCommand, 'gold_anomaly_predictions', '--version', '1', '--yes', at());
  await gold.delta.refresh();
  await worker.drain();
  expect((await worker.balance()).verdict).toBe('ok');
});

test('of a table without vectors is as it was, or has them from now on', async () => {
  const bronze = await opened('bronze_events');
  await copy('bronze_events', '--to', 'same');
  await copy('bronze_events', '--to', 'other', '--vectors');
  const [same, other] = [await opened('same'), await opened('other')];
  expect([same.protocol, same.metaData, same.rows]).toEqual([bronze.protocol, bronze.metaData, bronze.rows]);
  expect([other.protocol.readerFeatures, other.metaData.configuration['delta.enableDeletionVectors'], other.rows]).toEqual([['deletionVectors'], 'true', bronze.rows]);
  await expect(copy('bronze_events', '--to', 'both', '--vectors', '--no-vectors')).rejects.toMatchObject({ code: 'cli/options' });
});

test('never writes over anything', async () => {
  await copy('silver_events', '--to', 'taken');
  const before = await opened('taken');
  await expect(copy('gold_anomaly_predictions', '--to', 'taken')).rejects.toMatchObject({ code: 'delta/copy-target' });
  expect(await opened('taken')).toEqual(before);
  await expect(copy('silver_events', '--to', 'gold_anomaly_predictions')).rejects.toMatchObject({ code: 'cli/options' });
  for (const name of ['../elsewhere', 'a:b', 'my table', 'CON', 'lpt1', '']) await expect(copy('silver_events', '--to', name), name).rejects.toMatchObject({ code: 'cli/options' });
  await expect(copy('silver_events')).rejects.toMatchObject({ code: 'cli/options' });
});

test('of a table whose files need more than this code gives them is refused before anything is written', async () => {
  const table = await lake.lake.table('bronze_events');
  const snapshot = { ...(await table.delta.refresh()), protocol: { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking'] } };
  await expect(copyTable(table, { snapshot, target: lake.lake.beside('bronze_events', 'half'), hasVectors: null })).rejects.toMatchObject({ code: 'delta/protocol' });
  expect(existsSync(join(lake.dir, 'half'))).toBe(false);
});

test.each(['putIfAbsent', 'put'] as const)('that ends before its last %s is nothing or the whole', async (method) => {
  const table = await lake.lake.table('silver_events');
  const snapshot = await table.delta.refresh();
  const place = lake.lake.beside('silver_events', 'half');
  const failing = (key: string) => method === 'put' ? key.endsWith('_last_checkpoint') : key.endsWith('.json');
  const store: ObjectStore = new Proxy(place.store, {
    get: (of, name: keyof ObjectStore) => name !== method
      ? (of[name] as { bind?(to: unknown): unknown }).bind?.(of) ?? of[name]
      : (key: string, ...rest: [never]) => failing(key) ? Promise.reject(new TransientError('test/gone', 'the store is away')) : (of[name] as (...args: unknown[]) => unknown)(key, ...rest),
  });
  await expect(copyTable(table, { snapshot, target: { ...place, store }, hasVectors: false })).rejects.toThrow(TransientError);
  expect((await opened('half')).rows).toEqual((await opened('silver_events')).rows);
});

test.each([['--no-vectors', 'true'], ['--vectors', 'false']])('with %s takes the table\'s place: every stage goes on from it, and balance and rows are as without', async (flag, made) => {
  const more = [record(120, event('3', { value: '999', timestamp: '2025-04-01T17:59:50.000Z' })), record(121, 'broken'), record(122, event('new', { value: '5' }))];
  await lake.close();
  lake = await openCliLake({ properties: { 'delta.enableDeletionVectors': made } });
  const control = await openCliLake();
  for (const name of REPLACED) {
    await copy(name, '--to', `${name}_copy`, flag);
    await rename(join(lake.dir, name), join(lake.dir, `${name}_before`));
    await rename(join(lake.dir, `${name}_copy`), join(lake.dir, name));
  }
  const worker = await lake.another();
  for (const each of [worker, control]) {
    await each.ingest(more);
    await each.drain();
    await each.maintain();
    expect((await each.balance()).verdict).toBe('ok');
  }
  for (const name of ['silver_events', 'gold_anomaly_predictions']) {
    expect(await worker.rows(name, REPLACING)).toEqual(await control.rows(name, REPLACING));
    const { files, protocol } = await (await worker.lake.table(name)).delta.refresh();
    expect([...files.values()].some(({ deletionVector }) => deletionVector)).toBe(flag === '--vectors');
    expect(protocol.minReaderVersion).toBe(flag === '--vectors' ? 3 : 1);
  }
  await control.close();
});
