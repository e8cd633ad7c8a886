import { beforeEach, describe, expect, test } from 'vitest';
import { TransientError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { OpenLakes, bronzeOffsets, consumed, listedGaps, range, stretch } from '../support/lakes.ts';
import { record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

describe('gaps', () => {
  test('at the front and inside are listed before the commit that passes them, and the balance holds', async () => {
    await lake.ingest([record(3, 'a'), record(4, 'b'), record(8, 'c')]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: [3, 4, 8] });
    expect(await listedGaps(lake)).toEqual(['0: 0-2 unavailable', '0: 5-7 unavailable']);
    expect(await consumed(lake)).toEqual(['ok 9 offsets consumed = 3 Bronze rows + 6 gap offsets']);
    expect(await lake.ingest([record(3, 'a'), record(4, 'b'), record(8, 'c')])).toEqual({ kind: 'nothing-to-do' });
    expect(await listedGaps(lake)).toHaveLength(2);
  });

  /** Fails the commit of the next ingest's rows: the gaps are listed, Bronze is not moved. */
  async function dieBeforeRows(worker: TestLake, records: readonly KafkaRecord[]): Promise<void> {
    const bronze = await worker.lake.table('bronze_events');
    const commit = bronze.delta.commit.bind(bronze.delta);
    bronze.delta.commit = (base, transaction) => {
      if (transaction.operation === 'STREAMING UPDATE') throw new TransientError('test/dead', 'the worker dies here');
      return commit(base, transaction);
    };
    await expect(worker.ingest(records)).rejects.toThrow('the worker dies here');
  }

  test('listed by a worker that died before its rows are not counted yet', async () => {
    await lake.ingest(stretch(0, 4));
    const dying = await lakes.another(lake);
    await dieBeforeRows(dying, stretch(10, 12));
    expect(await listedGaps(lake)).toEqual(['0: 5-9 unavailable']);
    expect(await consumed(lake)).toEqual(['ok 5 offsets consumed = 5 Bronze rows']);
  });

  test('that turn out larger at the next delivery are listed whole, each offset once', async () => {
    await lake.ingest(stretch(0, 4));
    const dying = await lakes.another(lake);
    await dieBeforeRows(dying, stretch(10, 12));
    // What would have healed it has expired meanwhile, and more.
    lake.broker.earliest = 20n;
    await lake.ingest(stretch(20, 21));
    expect(await listedGaps(lake)).toEqual(['0: 5-19 expired']);
    expect(await consumed(lake)).toEqual(['ok 22 offsets consumed = 7 Bronze rows + 15 gap offsets']);
  });

  test('that turn out smaller are none where Bronze has the offsets', async () => {
    await lake.ingest(stretch(0, 4));
    const dying = await lakes.another(lake);
    await dieBeforeRows(dying, stretch(10, 12));
    await lake.ingest(stretch(7, 12));
    expect(await bronzeOffsets(lake)).toEqual({ 0: [...range(0, 4), ...range(7, 12)] });
    expect(await consumed(lake)).toEqual(['ok 13 offsets consumed = 11 Bronze rows + 2 gap offsets']);
  });

  test('of two partitions stay apart', async () => {
    await lake.ingest([record(2, 'a'), record(5, 'b', { partition: 1 })]);
    await lake.ingest([record(4, 'a'), record(6, 'b', { partition: 1 })]);
    expect(await listedGaps(lake)).toEqual(['0: 0-1 unavailable', '0: 3-3 unavailable', '1: 0-4 unavailable']);
    expect((await lake.balance()).equations.filter(({ name, verdict }) => name === 'consumed' && verdict === 'ok')).toHaveLength(2);
  });
});

