import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyTable } from '../../shared/delta/operations/copy.ts';
import { ALL_ENGINES, DeltaEngines, missingFor, skippedFor } from '../support/delta-engines.ts';
import { openTestLake, event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const missing = missingFor(ALL_ENGINES);

describe.skipIf(missing !== null)(`a copy of ours, whose log begins with a later version, read by others${skippedFor(missing)}`, () => {
  const engines = new DeltaEngines();
  let lake: TestLake;
  let rows: string[];
  const dir = (name: string) => join(lake.folder, 'lake', name);
  beforeAll(async () => {
    lake = await openTestLake();
    for (let round = 0; round < 4; round++) {
      await lake.ingest([0, 1, 2, 3, 4].map((i) => record(5 * round + i, event(`e${(round + i) % 6}`, { timestamp: `2025-04-01T17:59:${10 + round}.000Z`, value: String(round) }))));
      await lake.drain();
    }
    const table = await lake.lake.table('silver_events');
    const snapshot = await table.delta.refresh();
    expect([...snapshot.files.values()].some(({ deletionVector }) => deletionVector)).toBe(true);
    for (const hasVectors of [true, false]) await copyTable(table, { snapshot, target: lake.lake.beside('silver_events', hasVectors ? 'copy_with' : 'copy_without'), hasVectors });
    rows = (await engines.lines('spark', dir('silver_events'))).toSorted();
  });
  afterAll(async () => {
    await Promise.all([engines.close(), lake.close()]);
  });

  test.each(ALL_ENGINES.flatMap((engine) => ['copy_with', 'copy_without'].map((name) => [engine, name] as const)))('%s reads %s as the table itself', async (engine, name) => {
    expect(rows.length).toBe(6);
    expect((await engines.lines(engine, dir(name))).toSorted()).toEqual(rows);
  });
});
