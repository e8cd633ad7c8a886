import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { optimizeTable } from '../../shared/delta/operations/optimize-table.ts';
import { ALL_ENGINES, DeltaEngines, missingFor, skippedFor } from '../support/delta-engines.ts';
import type { EngineName } from '../support/delta-engines.ts';
import { Upserter, expectedAfter, openUpserted, rowsOf, upsertRound } from '../support/upserted-table.ts';
import type { UpsertedTable } from '../support/upserted-table.ts';

const missing = missingFor(ALL_ENGINES);
const engines = new DeltaEngines();
afterAll(() => engines.close());

/** Of each engine; as many rows each time. */
const APPENDS = 4;
const APPENDED = 5;

describe.skipIf(missing !== null)(`OPTIMIZE under constant upserts, while delta-rs appends, and Spark after it${skippedFor(missing)}`, () => {
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

  test('every row of everybody is there once, and all engines read the same', async () => {
    const dir = join(folder, 'table');
    const upserter = await Upserter.start(folder);
    const state = { appending: true, merges: 0 };
    const appending = append('delta-rs', dir).finally(() => { state.appending = false; });
    appending.catch(() => undefined);
    // Something is merged after the last of them, too.
    for (let isLast = false; !isLast;) {
      isLast = !state.appending;
      state.merges += (await optimizeTable(table)).bins;
    }
    const appended = await appending;
    const rounds = await upserter.stop();
    // Not beside others: on a local disk Spark looks whether a version is there and then renames over it, which is safe in one JVM alone.
    // Shown by inotify on the log: one append of 48 was renamed over a version 0.1 ms after that one was linked.
    appended.push(...(await append('spark', dir)));
    await optimizeTable(table, { zOrderBy: ['id', 'n'] });
    expect(state.merges).toBeGreaterThan(0);
    const ours = await rowsOf(table);
    expect(ours).toEqual([...expectedAfter(rounds), ...appended].toSorted());
    await table.delta.checkpoint();
    for (const engine of ALL_ENGINES) {
      const lines = (await engines.lines(engine, dir)).map((line) => JSON.parse(line) as { id: string; part: string; n: string | number });
      expect(lines.map(({ id, part, n }) => `${id} ${part} ${n}`).toSorted(), engine).toEqual(ours);
    }
  });

  /** delta-rs takes an append for a reader of what an upsert deleted, commits nothing, and says to run it again. */
  async function untilTaken(append: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await append();
        return;
      } catch (error) {
        if (!String(error).includes('CommitFailedError')) throw error;
      }
    }
  }

  /** Rows that a round never touches. Gives them as `rowsOf` does. */
  async function append(engine: EngineName, dir: string): Promise<string[]> {
    const rows: string[] = [];
    for (let time = 0; time < APPENDS; time++) {
      const ids = Array.from({ length: APPENDED }, (_value, i) => `${engine} ${time} ${i}`);
      await untilTaken(() => engines.call(engine, 'append', { table: dir, select: ids.map((id) => `SELECT '${id}' AS id, 'odd' AS part, CAST(-1 AS BIGINT) AS n`).join(' UNION ALL ') }));
      rows.push(...ids.map((id) => `${id} odd -1`));
    }
    return rows;
  }
});
