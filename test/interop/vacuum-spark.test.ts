import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vacuum } from '../../shared/delta/operations/vacuum.ts';
import { ALL_ENGINES, DeltaEngines, missingFor, skippedFor } from '../support/delta-engines.ts';
import type { EngineName } from '../support/delta-engines.ts';
import { openTestLake, event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const missing = missingFor(ALL_ENGINES);
const TABLES = ['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions'];

describe.skipIf(missing !== null)(`tables after a vacuum of ours, read by others${skippedFor(missing)}`, () => {
  const engines = new DeltaEngines();
  let lake: TestLake;
  const dir = (name: string) => join(lake.folder, 'lake', name);
  const dataFiles = (name: string) => readdirSync(dir(name), { recursive: true, encoding: 'utf8' }).filter((file) => !file.startsWith('_delta_log') && /\.(?:parquet|bin)$/.test(file)).length;
  const before = new Map<string, string[]>();
  beforeAll(async () => {
    lake = await openTestLake();
    // Replaced rows, hence vectors and vectors that others took the place of; then merged files.
    for (let round = 0; round < 10; round++) {
      const second = String(10 + round);
      await lake.ingest([0, 1, 2, 3, 4].map((i) => record(5 * round + i, i === 4 ? 'bad' : event(`e${(round + i) % 6}`, { timestamp: `2025-04-01T17:59:${second}.000Z`, value: String(round) }))));
      await lake.drain();
    }
    await lake.maintain();
    await lake.drain();
    for (const name of TABLES) {
      before.set(name, (await engines.lines('spark', dir(name))).toSorted());
      const files = dataFiles(name);
      const table = await lake.lake.table(name);
      const { deleted } = await vacuum(table, { isForced: true, retentionMs: 0, isDryRun: false, consumed: null });
      expect([name, deleted, dataFiles(name)]).toEqual([name, expect.any(Number), files - deleted]);
      expect(deleted, name).toBeGreaterThan(0);
    }
  });
  afterAll(async () => {
    await Promise.all([engines.close(), lake.close()]);
  });

  test.each(ALL_ENGINES.flatMap((engine) => TABLES.map((name): [EngineName, string] => [engine, name])))('%s reads %s as before', async (engine, name) => {
    expect((await engines.lines(engine, dir(name))).toSorted()).toEqual(before.get(name));
  });
});
