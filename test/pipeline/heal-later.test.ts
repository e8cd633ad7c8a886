import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { TransientError } from '../../shared/errors.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import { OpenLakes, bronzeOffsets, consumed, listedGaps, range, stretch } from '../support/lakes.ts';
import { record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

const unhealed = async () => (await lake.rows('offset_gaps', `SELECT format('{}-{} {}', first_offset, last_offset, cause) AS line FROM rows WHERE NOT healed ORDER BY first_offset`)).map(({ line }) => line);
const healed = async () => (await lake.rows('offset_gaps', `SELECT format('{}-{}', first_offset, last_offset) AS line FROM rows WHERE healed ORDER BY first_offset`)).map(({ line }) => line);

/** 0 to 4 landed, 5 to 9 unavailable, 10 landed. */
async function leaveGap(): Promise<void> {
  await lake.ingest(stretch(0, 4));
  await lake.ingest(stretch(10, 10));
  expect(await listedGaps(lake)).toEqual(['0: 5-9 unavailable']);
}

describe('a listed gap', () => {
  test('is healed by maintain once the broker gives its records; they reach Silver although they lie below the progress', async () => {
    await leaveGap();
    await lake.drain();
    lake.broker.keep(stretch(5, 9));
    expect(await lake.maintain()).toMatchObject({ kind: 'committed', rows: 5 });
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 10) });
    expect([await unhealed(), await healed()]).toEqual([[], ['5-9']]);
    expect(await consumed(lake)).toEqual(['ok 11 offsets consumed = 11 Bronze rows']);
    await lake.drain();
    expect(await lake.rows('silver_events', 'SELECT count(*) AS n FROM rows')).toEqual([{ n: 11n }]);
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await lake.maintain()).toEqual({ kind: 'nothing-to-do' });
    expect(await lake.ingest(stretch(3, 11))).toMatchObject({ rows: 1 });
  });

  test('is split where only some can be read, and what can\'t is listed with the cause known now', async () => {
    await leaveGap();
    lake.broker.keep(stretch(6, 7));
    lake.broker.lose('compacted', [8, 9]);
    await lake.maintain();
    expect([await unhealed(), await healed()]).toEqual([['5-5 unavailable', '8-9 compacted'], ['6-7']]);
    expect(await consumed(lake)).toEqual(['ok 11 offsets consumed = 8 Bronze rows + 3 gap offsets']);
    lake.broker.keep(stretch(5, 5));
    await lake.maintain();
    expect([await unhealed(), await healed()]).toEqual([['8-9 compacted'], ['5-5', '6-7']]);
    expect((await lake.balance()).verdict).not.toBe('broken');
  });

  test('whose rows were landed by a worker that died before it could say so is only listed anew, and the balance holds in between', async () => {
    await leaveGap();
    lake.broker.keep(stretch(5, 8));
    const gaps = await lake.lake.table('offset_gaps');
    const commit = gaps.delta.commit.bind(gaps.delta);
    gaps.delta.commit = () => Promise.reject(new TransientError('test/dead', 'the worker dies here'));
    await expect(lake.maintain()).rejects.toThrow('the worker dies here');
    gaps.delta.commit = commit;
    expect(await consumed(lake)).toEqual(['ok 11 offsets consumed = 10 Bronze rows + 1 gap offsets']);
    await lake.maintain();
    expect(await bronzeOffsets(lake)).toEqual({ 0: [...range(0, 8), 10] });
    expect([await unhealed(), await healed()]).toEqual([['9-9 unavailable'], ['5-8']]);
  });

  test('is one again after a restore of Bronze to before, and is healed again', async () => {
    await leaveGap();
    await lake.drain();
    const { version } = await (await lake.lake.table('bronze_events')).delta.refresh();
    lake.broker.keep(stretch(5, 9));
    await lake.maintain();
    await lake.drain();
    await restoreLake({ lake: lake.lake, table: 'bronze_events', version, clock: systemClock, isDryRun: false });
    expect([await unhealed(), await healed()]).toEqual([['5-9 unavailable'], []]);
    expect(await consumed(lake)).toEqual(['ok 11 offsets consumed = 6 Bronze rows + 5 gap offsets']);
    await lake.maintain();
    await lake.drain();
    expect([await unhealed(), await healed()]).toEqual([[], ['5-9']]);
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await lake.rows('silver_events', 'SELECT count(*) AS n FROM rows')).toEqual([{ n: 11n }]);
  });

  test('is healed once by two workers at once, and beside an ingest of the same partition', async () => {
    await leaveGap();
    lake.broker.keep(stretch(0, 20));
    const [other, third] = [await lakes.another(lake), await lakes.another(lake)];
    await Promise.all([lake.maintain(), other.maintain(), third.ingest(stretch(11, 20))]);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 20) });
    expect(await consumed(lake)).toEqual(['ok 21 offsets consumed = 21 Bronze rows']);
    expect(await unhealed()).toEqual([]);
  });

  test('above the progress is ingest\'s, and one of a life that is over is left alone', async () => {
    await leaveGap();
    const dying = await lakes.another(lake);
    const bronze = await dying.lake.table('bronze_events');
    const commit = bronze.delta.commit.bind(bronze.delta);
    bronze.delta.commit = (base, transaction) => (transaction.operation === 'STREAMING UPDATE' ? Promise.reject(new TransientError('test/dead', 'dead')) : commit(base, transaction));
    await expect(dying.ingest(stretch(13, 13))).rejects.toThrow('dead');
    expect(await unhealed()).toEqual(['5-9 unavailable', '11-12 unavailable']);
    lake.broker.keep(stretch(0, 20));
    await lake.maintain();
    expect(await unhealed()).toEqual(['11-12 unavailable']);
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 10) });
    await lake.ingest(stretch(13, 13));
    expect(await bronzeOffsets(lake)).toEqual({ 0: range(0, 13) });
    expect(await consumed(lake)).toEqual(['ok 14 offsets consumed = 14 Bronze rows']);
    await lake.maintain();
    expect(await unhealed()).toEqual([]);
  });

  test('of a former life stays as it is', async () => {
    await leaveGap();
    lake.broker.id = '22222222-2222-4222-8222-222222222222';
    lake.broker.keep(stretch(0, 20));
    expect(await lake.maintain()).toEqual({ kind: 'nothing-to-do' });
    expect(await unhealed()).toEqual(['5-9 unavailable']);
  });

  test('that can\'t be asked for does not keep maintain from its other work', async () => {
    await leaveGap();
    for (let i = 11; i < 20; i++) await lake.ingest([record(i, 'x')]);
    lake.broker.read = () => Promise.reject(new TransientError('kafka/no-answer', 'away'));
    await expect(lake.maintain()).rejects.toThrow('away');
    expect((await (await lake.lake.table('bronze_events')).delta.refresh()).files.size).toBe(1);
  });
});
