import { beforeAll, describe, expect, test } from 'vitest';
import { DATA_TABLES } from '../../../local/bench/day-books.ts';
import { simulateDay, total } from '../../../local/bench/day.ts';
import type { DayReport } from '../../../local/bench/day.ts';

/** Three hours of a day (`assay bench day` lives all of it): a batch of 300 records each 3 minutes, 20 from one maintain to the next. */
const [HOURS, BATCHES_PER_HOUR] = [3, 20];
const DAY = { seconds: HOURS * 3_600, everyS: 3_600 / BATCHES_PER_HOUR, batchRows: 300, seed: 7, startMs: Date.now() };
/** Event types: Silver and Gold have a file of each in a batch. */
const PARTITIONS = 3;

let [kept, left]: DayReport[] = [];
beforeAll(async () => {
  kept = await simulateDay({ ...DAY, maintains: true });
  left = await simulateDay({ ...DAY, maintains: false });
}, 600_000);

describe('hours of a day by a clock that is turned', () => {
  test('with maintain have the same rows as without, and the balance holds', () => {
    expect(kept.rows).toBe(HOURS * BATCHES_PER_HOUR * DAY.batchRows);
    expect(kept.digests).toEqual(left.digests);
    expect([kept.verdict, left.verdict]).toEqual(['ok', 'ok']);
  });

  test('storage takes at most 2.5 bytes for each byte of data', () => {
    expect(kept.amplification).toBeLessThanOrEqual(2.5);
    // Nothing is left out: without maintain nothing is written anew, with it everything once.
    for (const table of DATA_TABLES) {
      expect(left.written[table].again, table).toBe(0);
      expect(kept.written[table].again, table).toBeGreaterThan(0);
      expect(kept.written[table].again, table).toBeLessThanOrEqual(1.1 * kept.written[table].first);
      expect(kept.written[table].checkpoints, table).toBeLessThanOrEqual(0.25 * kept.written[table].first);
    }
    const sum = Object.values(kept.written).reduce((bytes, each) => bytes + total(each), 0);
    expect(kept.amplification).toBeCloseTo(sum / DATA_TABLES.reduce((bytes, table) => bytes + kept.written[table].first, 0), 9);
  });

  test.each(DATA_TABLES)('%s: as many files as hours, whatever came', (table) => {
    const partitions = table === 'bronze_events' ? 1 : PARTITIONS;
    kept.hours[table].forEach(({ before, after }, hour) => {
      // Over midnight Bronze has another partition.
      expect(after.files).toBeLessThanOrEqual(partitions * (hour + 1) + 8);
      expect(before.files).toBeLessThanOrEqual(partitions * (hour + BATCHES_PER_HOUR) + 8);
      expect(after.commitsAfter).toBeLessThanOrEqual(BATCHES_PER_HOUR + 10);
    });
    expect(left.hours[table].at(-1)!.after.files).toBe(partitions * HOURS * BATCHES_PER_HOUR);
  });

  test.each(DATA_TABLES)('%s: a query opens a file of each hour, not of each batch', (table) => {
    const [with_, without] = [kept, left].map(({ hours }) => hours[table].at(-1)!.after);
    const partitions = table === 'bronze_events' ? 1 : PARTITIONS;
    expect(with_.filesById).toBeLessThanOrEqual(partitions * HOURS + 8);
    expect(with_.filesLastHour).toBeLessThanOrEqual(2 * partitions + 8);
    // Random ids are in every file's range; Bronze knows an offset's file.
    expect(without.filesById).toBe(table === 'bronze_events' ? 1 : without.files);
    expect(without.filesLastHour).toBeGreaterThanOrEqual(partitions * BATCHES_PER_HOUR);
  });
});
