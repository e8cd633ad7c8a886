import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeltaEngines, difference, missingFor, skippedFor } from '../support/delta-engines.ts';
import { RunLake } from '../support/run-lake.ts';

const missing = missingFor(['spark']);

const EVENTS = 4_000;

describe.skipIf(missing !== null)(`Spark on a directory lake${skippedFor(missing)}`, () => {
  const engines = new DeltaEngines();
  let lake: RunLake;
  beforeAll(async () => { lake = await RunLake.create(EVENTS); });
  afterAll(() => Promise.all([lake.remove(), engines.close()]));

  test('opens every table and reads the rows that assay reads', async () => {
    const tables = await lake.tables();
    expect(tables.find(({ name }) => name === 'bronze_events')?.rows).toBe(EVENTS);
    for (const { name } of tables) {
      expect(difference(await lake.lines(name), await engines.lines('spark', `${lake.dir}/${name}`)), name).toEqual({ onlyOurs: [], onlyTheirs: [] });
    }
  });
});
