import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeOf } from '../../shared/delta/actions.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { setProperties } from '../../shared/delta/operations/alter.ts';
import type { RowTable } from '../../shared/delta/operations/row-table.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import type { TableRestored } from '../../shared/pipeline/restore-lake.ts';
import { BRONZE, GOLD, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { systemClock } from '../../shared/clock.ts';
import { commitByHand, liveFiles } from '../support/foreign-commit.ts';
import { event, openTestLake, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

let lake: TestLake;
beforeEach(async () => {
  lake = await openTestLake();
});
afterEach(() => lake.close());

const restoreTo = (table: string, version: bigint | number, options: { worker?: TestLake; isDryRun?: boolean } = {}): Promise<TableRestored[]> =>
  restoreLake({ lake: (options.worker ?? lake).lake, table, version: BigInt(version), clock: systemClock, isDryRun: options.isDryRun ?? false });

/** Twelve records: of each ten one is broken, keys repeat, so that rows are replaced, and lose. */
const batch = (number: number, partition = 0): KafkaRecord[] => Array.from({ length: 12 }, (_value, i) => {
  const offset = number * 12 + i;
  const payload = offset % 10 === 3 ? 'broken' : event(`k${(offset * 7) % 20}`, { value: String(offset), timestamp: `2025-04-01T17:${10 + (offset % 40)}:00.000Z`, event_type: offset % 3 === 0 ? 'view' : 'click' });
  return record(offset, payload, { partition });
});

async function cycle(worker: TestLake, records: readonly KafkaRecord[]): Promise<void> {
  await worker.ingest(records);
  await worker.drain();
}

const deltaOf = async (name: string, worker = lake): Promise<RowTable['delta']> => (await worker.lake.table(name)).delta;
const versionOf = async (name: string): Promise<bigint> => (await (await deltaOf(name)).refresh()).version;

/** What the tables say, without when and where they said it. */
async function contents(worker = lake): Promise<Record<string, unknown>> {
  const columns = {
    [BRONZE]: '* EXCLUDE (ingested_at, ingest_date)', [SILVER]: '* EXCLUDE (ingested_at, processed_at, bronze_version)',
    [QUARANTINE]: '* EXCLUDE (quarantined_at, bronze_version)', [GOLD]: '* EXCLUDE (scored_at)',
  };
  return Object.fromEntries(await Promise.all(Object.entries(columns).map(async ([name, select]) => [name, await worker.rows(name, `SELECT ${select} FROM rows ORDER BY ALL`)] as const)));
}

async function expectOk(worker = lake): Promise<void> {
  const { verdict, equations } = await worker.balance();
  expect(equations.filter((each) => each.verdict !== 'ok').map(({ name, text }) => `${name}: ${text}`)).toEqual([]);
  expect(verdict).toBe('ok');
}

/** Takes a table's rows away as nobody of ours would. */
async function loseRows(name: string): Promise<void> {
  await commitByHand(await lake.lake.table(name), (await liveFiles(lake, name)).slice(0, 1).map((file) => ({ remove: removeOf(file, { nowMs: Date.now(), dataChange: true }) })));
}

/** From now on rows go by vectors. */
async function useVectors(): Promise<void> {
  for (const name of [SILVER, QUARANTINE, GOLD]) await setProperties(await deltaOf(name), { 'delta.enableDeletionVectors': 'true' });
}

describe.each([SILVER, GOLD])('%s', (name) => {
  test.each([['by files', false], ['by vectors', true]])('%s: goes back with its progress, and its stage comes to the same rows again, also in a worker that believed it had', async (_name, vectors) => {
    if (vectors) await useVectors();
    for (const number of [0, 1]) await cycle(lake, batch(number));
    const expected = await contents();
    const warm = await lake.another();
    await warm.drain();
    const versions = await deltaOf(name);
    const newest = (await versions.refresh()).version;
    for (let version = 0n; version <= newest; version++) {
      const [stage, sourceName] = name === SILVER ? ['refine', BRONZE] : ['score', SILVER];
      const appId = `${stage}/${(await deltaOf(sourceName)).id}`;
      const [before, then] = [progressOf(await versions.refresh(), appId)!, progressOf(await versions.at(version), appId) ?? -1n];
      const planned = await restoreTo(name, version, { isDryRun: true });
      const [restored] = await restoreTo(name, version);
      expect({ ...planned[0], committedAs: restored.committedAs }).toEqual(restored);
      expect(restored).toMatchObject({ table: name, likeVersion: version, committedAs: versions.snapshot.version });
      expect(restored.progress).toContainEqual({ appId, from: before, to: then });
      // Who restored is not the one who works on.
      const worker = version % 2n === 0n ? warm : lake;
      expect((await (name === SILVER ? worker.refine() : worker.score())).kind).toBe('committed');
      await worker.drain();
      expect(await contents(worker)).toEqual(expected);
      await expectOk(worker);
      await lake.drain();
    }
  });

  test('that lost rows to a foreign writer has them again', async () => {
    for (const number of [0, 1]) await cycle(lake, batch(number));
    const expected = await contents();
    const version = await versionOf(name);
    await loseRows(name);
    await restoreTo(name, version);
    await lake.drain();
    expect(await contents()).toEqual(expected);
    await cycle(lake, batch(2));
    await expectOk();
  });
});

test('Gold follows a restored Silver before Bronze is read again: rows that came later go', async () => {
  await cycle(lake, batch(0));
  const [version, expected] = [await versionOf(SILVER), await contents()];
  await cycle(lake, batch(1));
  await restoreTo(SILVER, version);
  await lake.score();
  expect((await contents())[GOLD]).toEqual(expected[GOLD]);
  await expectOk();
});

describe(BRONZE, () => {
  test('that lost rows: refine consumes what came before the loss, stops there, and goes on after the restore', async () => {
    await cycle(lake, batch(0));
    await lake.ingest(batch(1));
    const version = await versionOf(BRONZE);
    await loseRows(BRONZE);
    await lake.refine();
    await expect(lake.refine()).rejects.toMatchObject({ code: 'pipeline/foreign-removal' });
    await lake.score();
    await restoreTo(BRONZE, version);
    await cycle(lake, batch(2));
    await expectOk();
    const other = await openTestLake();
    try {
      for (const number of [0, 1, 2]) await cycle(other, batch(number));
      expect(await contents()).toEqual(await contents(other));
    } finally {
      await other.close();
    }
  });

  test.each([['by files', false], ['by vectors', true]])('%s: takes Silver and quarantine back to where they had consumed just that, and gets the same records again, also from a worker that had them', async (_name, vectors) => {
    if (vectors) await useVectors();
    await cycle(lake, batch(0));
    const [version, then] = [await versionOf(BRONZE), await contents()];
    await cycle(lake, batch(1));
    await cycle(lake, batch(1, 2));
    const expected = await contents();
    const [warm, ingesting] = [await lake.another(), await lake.another()];
    await warm.drain();
    expect((await ingesting.ingest(batch(1))).kind).toBe('nothing-to-do');

    const planned = await restoreTo(BRONZE, version, { isDryRun: true });
    const restored = await restoreTo(BRONZE, version);
    expect(planned.map((each, i) => ({ ...each, committedAs: restored[i].committedAs, filesRemoved: restored[i].filesRemoved }))).toEqual(restored);
    const { id } = await deltaOf(BRONZE);
    const lane = `events/${lake.broker.id}`;
    const [bronze, silver, quarantine] = restored;
    expect([bronze.table, silver.table, quarantine.table]).toEqual([BRONZE, SILVER, QUARANTINE]);
    expect(bronze.progress).toEqual(expect.arrayContaining([
      { appId: `bronze/${lane}/0`, from: 23n, to: 11n }, { appId: `count/bronze/${lane}/0`, from: 24n, to: 12n },
      // Was not there then.
      { appId: `bronze/${lane}/2`, from: 23n, to: -1n }, { appId: `count/bronze/${lane}/2`, from: 12n, to: 0n },
    ]));
    expect(bronze.progress).toHaveLength(4);
    expect(silver.progress).toContainEqual({ appId: `refine/${id}`, from: bronze.committedAs! - 1n, to: bronze.committedAs });
    expect(quarantine.rowsRemoved).toBe(4);

    await warm.drain();
    expect(await contents(warm)).toEqual(then);
    await expectOk();
    expect((await warm.refine()).kind).toBe('nothing-to-do');
    expect((await ingesting.ingest(batch(1))).kind).toBe('committed');
    await warm.drain();
    await warm.ingest(batch(1, 2));
    await warm.drain();
    expect(await contents()).toEqual(expected);
    await expectOk();
  });

  test('to before the first record', async () => {
    await cycle(lake, batch(0));
    await restoreTo(BRONZE, 0);
    await lake.drain();
    expect(await contents()).toEqual({ [BRONZE]: [], [SILVER]: [], [QUARANTINE]: [], [GOLD]: [] });
    await expectOk();
    await cycle(lake, batch(0));
    expect((await contents())[BRONZE]).toHaveLength(12);
    await expectOk();
  });

  test('offsets that nobody delivers again are read from the broker, or are a gap, not silence', async () => {
    await cycle(lake, batch(0));
    const version = await versionOf(BRONZE);
    await cycle(lake, batch(1));
    await restoreTo(BRONZE, version);
    await cycle(lake, batch(2));
    await expectOk();
    expect(await lake.rows('offset_gaps')).toEqual([]);
    await restoreTo(BRONZE, version);
    lake.broker.kept.clear();
    await cycle(lake, batch(2));
    await expectOk();
    expect(await lake.rows('offset_gaps', 'SELECT first_offset, last_offset FROM rows')).toEqual([{ first_offset: 12n, last_offset: 23n }]);
  });

  test('is refused where refine has not come so far, and where it never stood there; nothing is committed', async () => {
    await cycle(lake, batch(0));
    await lake.ingest(batch(1));
    const undrained = await versionOf(BRONZE);
    await lake.ingest(batch(2));
    const before = await Promise.all([BRONZE, SILVER, QUARANTINE].map(versionOf));
    await expect(restoreTo(BRONZE, undrained)).rejects.toMatchObject({ code: 'pipeline/restore', message: expect.stringContaining('drain first') });
    expect(await Promise.all([BRONZE, SILVER, QUARANTINE].map(versionOf))).toEqual(before);
    await lake.drain();
    const drained = await versionOf(SILVER);
    await expect(restoreTo(BRONZE, undrained)).rejects.toMatchObject({ code: 'pipeline/restore', message: expect.stringContaining(`it stood at ${undrained - 1n}, ${undrained + 1n}`) });
    expect(await versionOf(SILVER)).toBe(drained);
    await restoreTo(BRONZE, await versionOf(BRONZE));
    await restoreTo(BRONZE, undrained - 1n);
    await lake.drain();
    await expectOk();
  });

  test('and then Silver to before that: refine could not pass the restore again', async () => {
    await cycle(lake, batch(0));
    const [bronze, silver] = [await versionOf(BRONZE), await versionOf(SILVER)];
    await cycle(lake, batch(1));
    await restoreTo(BRONZE, bronze);
    await expect(restoreTo(SILVER, silver)).rejects.toMatchObject({ code: 'pipeline/restore' });
    await restoreTo(BRONZE, bronze);
    await lake.drain();
    await expectOk();
  });

  test.each([SILVER, QUARANTINE])('a run that ends before %s is repeated', async (name) => {
    await cycle(lake, batch(0));
    const [version, then] = [await versionOf(BRONZE), await contents()];
    await cycle(lake, batch(1));
    const dying = await lake.another();
    (await deltaOf(name, dying)).commit = () => Promise.reject(new Error('killed'));
    await expect(restoreTo(BRONZE, version, { worker: dying })).rejects.toThrow('killed');
    await restoreTo(BRONZE, version);
    await lake.drain();
    expect(await contents()).toEqual(then);
    await expectOk();
    await cycle(lake, batch(1));
    await expectOk();
  });
});

test('a run that ends before workers were told is repeated, and tells them', async () => {
  for (const number of [0, 1]) await cycle(lake, batch(number));
  const expected = await contents();
  const [dying, warm] = [await lake.another(), await lake.another()];
  await warm.drain();
  (await deltaOf(BRONZE, dying)).commit = () => Promise.reject(new Error('killed'));
  await expect(restoreTo(SILVER, 1, { worker: dying })).rejects.toThrow('killed');
  expect(await restoreTo(SILVER, 1)).toMatchObject([{ committedAs: null, progress: [] }]);
  expect((await warm.refine()).kind).toBe('committed');
  await warm.drain();
  expect(await contents()).toEqual(expected);
  await expectOk();
});

test('another table has its rows back, and nothing else happens', async () => {
  await cycle(lake, batch(0));
  const version = await versionOf(QUARANTINE);
  await loseRows(QUARANTINE);
  expect((await lake.balance()).verdict).toBe('broken');
  expect(await restoreTo(QUARANTINE, version)).toMatchObject([{ table: QUARANTINE, likeVersion: version, filesRestored: 1 }]);
  await expectOk();
});
