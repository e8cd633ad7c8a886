import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect } from '../../support/collect.ts';
import { optimizeTable } from '../../../shared/delta/operations/optimize-table.ts';
import { Upserter, expectedAfter, openUpserted, rowsOf, upsertRound } from '../../support/upserted-table.ts';
import type { UpsertedTable } from '../../support/upserted-table.ts';

const MERGES = 15;

let folder: string;
let table: UpsertedTable;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-upserted-'));
  table = await openUpserted(folder, 'optimizer');
  await upsertRound(table, 0);
});
afterEach(async () => {
  await table.close();
  await rm(folder, { recursive: true, force: true });
});

test('OPTIMIZE goes through while another process upserts without a pause, and no row is lost, doubled or old', async () => {
  const upserter = await Upserter.start(folder);
  let [bins, overtaken] = [0, 0];
  while (bins < MERGES) {
    const done = await optimizeTable(table);
    bins += done.bins;
    overtaken += done.overtaken;
  }
  const rounds = await upserter.stop();
  // A merge follows what its rivals took away: none has to be planned again.
  expect(overtaken).toBe(0);
  expect(await rowsOf(table)).toEqual(expectedAfter(rounds));
  // They did meet: commits of one kind stand between those of the other.
  const operations = (await collect(table.delta.versions(1n, table.delta.snapshot.version))).map(({ actions }) => actions.find(({ commitInfo }) => commitInfo)?.commitInfo?.['operation']);
  const changes = operations.filter((operation, i) => operation !== operations[i - 1]).length;
  expect(changes).toBeGreaterThanOrEqual(MERGES / 2);
}, 300_000);

test('Z-order, which can not follow, gives way to upserts, and is done when they are', async () => {
  const upserter = await Upserter.start(folder);
  for (let i = 0; i < MERGES / 3; i++) await optimizeTable(table, { zOrderBy: ['id', 'n'] });
  const rounds = await upserter.stop();
  expect(await rowsOf(table)).toEqual(expectedAfter(rounds));
  const { left, overtaken } = await optimizeTable(table, { zOrderBy: ['id', 'n'] });
  expect({ left, overtaken }).toEqual({ left: 0, overtaken: 0 });
  expect((await optimizeTable(table, { zOrderBy: ['id', 'n'] })).bins).toBe(0);
  expect(await rowsOf(table)).toEqual(expectedAfter(rounds));
}, 300_000);
