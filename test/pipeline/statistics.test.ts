import { afterEach, expect, test } from 'vitest';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { parseStats } from '../../shared/delta/stats.ts';
import { seededRandom } from '../../shared/model/random.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { event, openTestLake, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';
import { countFalseBounds } from '../support/true-statistics.ts';

let lake: TestLake;
const land = async (vectors: string) => {
  lake = await openTestLake({ properties: { 'delta.enableDeletionVectors': vectors } });
  for (let round = 0; round < 4; round++) {
    await lake.ingest(batch(round));
    await lake.refine(200);
    await lake.score();
  }
};
afterEach(() => lake.close());

/** New ids, newer versions of old ones, a changed type, ids at the ends of the alphabet, and rejects. */
function batch(round: number): Parameters<TestLake['ingest']>[0] {
  const random = seededRandom(round);
  return Array.from({ length: 120 }, (_value, i) => {
    const id = ['', '\u{10ffff}', '\uffff', 'a'.repeat(60)][i % 4] + String(Math.floor(random.uniform() * 90));
    const timestamp = `2025-04-01T17:${String(10 + round)}:${String(i % 60).padStart(2, '0')}.${String(i).padStart(6, '0')}Z`;
    const value = i % 17 === 0 ? 'broken' : String((random.uniform() - 0.5) * 10 ** Math.floor(random.uniform() * 30));
    return record(round * 120 + i, i % 29 === 0 ? null : event(id, { event_type: ['click', 'view', 'purchase'][i % 3], timestamp, value, note: '☃'.repeat(i) }));
  });
}

test.each(['true', 'false'])('append, upsert and replaceWhere through the stages keep the statistics of every file true, with deletion vectors: %s', async (vectors) => {
  await land(vectors);
  let underVectors = 0;
  for (const name of [BRONZE, SILVER, QUARANTINE, GOLD]) {
    const table = await lake.lake.table(name);
    const snapshot = await table.delta.refresh();
    expect(snapshot.files.size, name).toBeGreaterThan(0);
    const fields = snapshot.schema.fields.filter((field) => !snapshot.metaData.partitionColumns.includes(field.name));
    for (const add of snapshot.files.values()) {
      // Of all rows that the file holds: under a vector they are bounds of those that are left (PROTOCOL.md, "Per-file Statistics").
      const stats = parseStats(add.stats)!;
      if (add.deletionVector) underVectors++;
      // Whoever takes a bound for a value of a row that is left goes by this word.
      expect((JSON.parse(add.stats!) as { tightBounds: boolean }).tightBounds, `${name} ${add.path}`).toBe(!add.deletionVector);
      const one = async (sql: string) => (await table.engine.session(async (session) => session.sql.rows(`WITH rows AS (${session.sqlOf(await scanLive(session, table, snapshot, [{ ...add, deletionVector: null }]))}) ${sql}`)))[0];
      expect(await one(countFalseBounds(fields, stats)), `${name} ${add.path}`).toEqual({ wrong: 0n });
      const nulls = Object.keys(stats.nullCount).map((column, i) => `count(*) FILTER ("${column}" IS NULL) AS n${i}`).join(', ');
      const { n, ...counted } = await one(`SELECT count(*) AS n, ${nulls} FROM rows`);
      expect({ n, nulls: Object.values(counted) }).toEqual({ n: stats.numRecords, nulls: Object.values(stats.nullCount).map((count) => BigInt(count as number)) });
    }
  }
  expect(underVectors > 0).toBe(vectors === 'true');
});

test.each(['true', 'false'])('each offset stands once in Bronze, each key once in Silver and Gold, with deletion vectors: %s', async (vectors) => {
  await land(vectors);
  const [bronze] = await lake.rows(BRONZE, 'SELECT count(*) AS n, count(DISTINCT "offset") AS d FROM rows');
  expect(bronze).toEqual({ n: 480n, d: 480n });
  for (const table of [SILVER, GOLD]) {
    const [row] = await lake.rows(table, 'SELECT count(*) - count(DISTINCT event_id) AS doubled, count(*) > 0 AS some FROM rows');
    expect(row, table).toEqual({ doubled: 0n, some: true });
  }
});
