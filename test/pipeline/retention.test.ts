import { beforeEach, describe, expect, test } from 'vitest';
import { monitorLogs } from '../../shared/monitoring/log-tables.ts';
import { appendLog } from '../../shared/pipeline/append-log.ts';
import { expiredBefore, expiredRows } from '../../shared/pipeline/expired.ts';
import { listGaps } from '../../shared/pipeline/offset-gaps.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import { KEEP_ALL, retain, shareBefore } from '../../shared/pipeline/retention.ts';
import type { RetentionDays } from '../../shared/pipeline/retention.ts';
import { vacuum } from '../../shared/delta/operations/vacuum.ts';
import { patientClock } from '../support/delta.ts';
import { OpenLakes, range } from '../support/lakes.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const DAY_MS = 86_400_000;
const lakes = new OpenLakes();
let clock: ReturnType<typeof patientClock>;
let lake: TestLake;
let offset: number;
let said: string[];
beforeEach(async () => {
  clock = patientClock();
  lake = await lakes.open({ clock, store: new MemoryStore({ clock }) });
  [offset, said] = [0, []];
});

const run = (name: string, days: Partial<RetentionDays>) => retain(name, { lake: lake.lake, clock, days: { ...KEEP_ALL, ...days }, say: (line) => said.push(line) });
/** Each day an event and a record that is rejected. */
const days = async (count: number, { refine = true } = {}) => {
  for (let day = 0; day < count; day++) {
    await lake.ingest([record(offset++, event(`e${offset}`)), record(offset++, 'bad')]);
    if (refine) await lake.drain();
    clock.advance(DAY_MS);
  }
};
const column = async (name: string, sql: string) => (await lake.rows(name, `SELECT ${sql} AS v FROM rows ORDER BY 1`)).map(({ v }) => v);
const offsets = async (name: string) => (await column(name, '"offset"')).map(Number);
const everything = async () => Promise.all(['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions'].map((name) => column(name, 'rows::VARCHAR')));

describe('Bronze', () => {
  test('loses whole days, and nothing else changes: not Silver, not Gold, not quarantine, not the balance', async () => {
    await days(5);
    clock.advance(30 * DAY_MS);
    const before = await everything();
    expect(await run('bronze_events', { bronze: 32 })).toMatchObject({ rows: 6n, files: 3, more: false });
    expect(await offsets('bronze_events')).toEqual([6, 7, 8, 9]);
    expect((await lake.balance()).verdict).toBe('ok');
    await days(1);
    expect((await lake.balance()).verdict).toBe('ok');
    const after = await everything();
    for (const table of [1, 2, 3]) expect(after[table]).toEqual(expect.arrayContaining(before[table]));
    expect(await offsets('quarantine_events')).toEqual([1, 3, 5, 7, 9, 11]);
    expect(expiredBefore((await lake.lake.table('bronze_events')).delta.snapshot)).toBe(Math.floor(Date.parse('2025-04-04') / DAY_MS));
    expect(await run('bronze_events', { bronze: 36 })).toMatchObject({ files: 0, version: null });
    expect(said).toEqual([]);
  });

  test('keeps what a pipeline has yet to refine, and says so', async () => {
    await days(2);
    await days(2, { refine: false });
    clock.advance(60 * DAY_MS);
    expect(await run('bronze_events', { bronze: 32 })).toMatchObject({ rows: 4n, files: 2 });
    expect(said).toEqual([expect.stringMatching(/^bronze_events: 2 files are older than 32 days, and stay: refine has read up to version \d+ only/)]);
    await lake.drain();
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await offsets('quarantine_events')).toEqual([1, 3, 5, 7]);
    expect(await run('bronze_events', { bronze: 32 })).toMatchObject({ rows: 4n });
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('keeps what was merged with rows that nobody has refined', async () => {
    await days(1);
    for (const id of range(1, 9)) await lake.ingest([record(offset++, event(`m${id}`))]);
    await lake.maintain();
    clock.advance(60 * DAY_MS);
    expect(await run('bronze_events', { bronze: 32 })).toMatchObject({ files: 1, rows: 2n });
    expect(said).toHaveLength(1);
    await lake.drain();
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('its data files go with the vacuum, and everybody goes on', async () => {
    await days(3);
    clock.advance(60 * DAY_MS);
    await run('bronze_events', { bronze: 32 });
    clock.advance(8 * DAY_MS);
    const table = await lake.lake.table('bronze_events');
    expect((await vacuum(table, { isDryRun: false, consumed: table.delta.snapshot.version })).deleted).toBe(3);
    await days(2);
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await offsets('bronze_events')).toEqual([6, 7, 8, 9]);
  });

  test('an offset that expired is no gap, though it was listed as one', async () => {
    await days(1);
    const { incarnation } = (await lake.rows('bronze_events', 'SELECT incarnation FROM rows LIMIT 1'))[0] as { incarnation: string };
    // A rival landed it while this worker listed it.
    const gap = { topic: 'events', incarnation, partition: 0, firstOffset: 1n, lastOffset: 1n, cause: 'compacted' as const, healed: false, seenAtUs: BigInt(clock.nowMs() - DAY_MS) * 1000n };
    await listGaps([gap], lake.lake);
    expect((await lake.balance()).verdict).toBe('ok');
    clock.advance(60 * DAY_MS);
    await run('bronze_events', { bronze: 32 });
    expect((await lake.balance()).verdict).toBe('ok');
    expect(await lake.rows('offset_gaps', 'SELECT first_offset, healed FROM rows')).toEqual([{ first_offset: 1n, healed: true }]);
    await days(2);
    // A restore of Bronze lists what was healed as missing again, but not what has expired since.
    const bronze = (await lake.lake.table('bronze_events')).delta;
    await restoreLake({ lake: lake.lake, table: 'bronze_events', version: bronze.snapshot.version - 1n, clock, isDryRun: false });
    expect(await lake.rows('offset_gaps', 'SELECT first_offset, healed FROM rows')).toEqual([{ first_offset: 1n, healed: true }]);
    expect((await lake.balance()).verdict).toBe('ok');
  });
});

describe('quarantine', () => {
  test('loses old rows, which the balance knows', async () => {
    await days(4);
    clock.advance(30 * DAY_MS);
    expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ rows: 2n });
    expect(await offsets('quarantine_events')).toEqual([5, 7]);
    const balance = await lake.balance();
    expect(balance.verdict).toBe('ok');
    expect(balance.equations.find(({ name }) => name === 'quarantine')!.text).toBe('4 quarantined rows counted = 2 open rows in quarantine + 2 expired from quarantine');
    await days(2);
    expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ rows: 2n });
    expect((await lake.balance()).verdict).toBe('ok');
    expect(expiredRows((await lake.lake.table('quarantine_events')).delta.snapshot)).toBe(4n);
    expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ files: 0 });
  });

  test('of a file with rows of many days the old ones go once they are a quarter of it', async () => {
    await days(9);
    await lake.maintain();
    expect((await lake.lake.table('quarantine_events')).delta.snapshot.files.size).toBe(1);
    clock.advance(24 * DAY_MS);
    expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ files: 0 });
    clock.advance(2 * DAY_MS);
    expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ files: 1, rows: 3n });
    expect(await offsets('quarantine_events')).toEqual([7, 9, 11, 13, 15, 17]);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('keeps what Silver has not taken in', async () => {
    await days(2);
    const silver = (await lake.lake.table('silver_events')).delta;
    const { version } = silver.snapshot;
    await days(1);
    clock.advance(60 * DAY_MS);
    await restoreLake({ lake: lake.lake, table: 'silver_events', version, clock, isDryRun: false });
    expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ rows: 2n });
    expect(await offsets('quarantine_events')).toEqual([5]);
    await lake.drain();
    expect((await lake.balance()).verdict).toBe('ok');
  });
});

test.each(['silver_events', 'bronze_events'])('%s goes back to no version of before what expired from quarantine: it would be counted twice', async (name) => {
  await days(1);
  const { version } = await (await lake.lake.table(name)).delta.refresh();
  await days(1);
  clock.advance(35 * DAY_MS);
  await days(1);
  const later = (await (await lake.lake.table(name)).delta.refresh()).version;
  expect(await run('quarantine_events', { quarantine: 32 })).toMatchObject({ rows: 2n });
  await days(1);
  const back = (to: bigint) => restoreLake({ lake: lake.lake, table: name, version: to, clock, isDryRun: false });
  const before = await everything();
  await expect(back(version)).rejects.toMatchObject({ code: 'pipeline/restore', message: expect.stringContaining('choose a version of after 2025-') });
  expect(await everything()).toEqual(before);
  await back(later);
  await lake.drain();
  expect((await lake.balance()).verdict).toBe('ok');
});

test('log tables lose old rows', async () => {
  const row = (at: number) => ({ run_time: BigInt(at) * 1000n, run_id: 'r', table: 't', verdict: 'ok' });
  const start = clock.nowMs();
  for (const day of [0, 1, 2]) await appendLog(lake.lake, monitorLogs.name, [row(start + day * DAY_MS)], 10n);
  clock.advance(4 * DAY_MS);
  expect(await run(monitorLogs.name, { logs: 3 })).toMatchObject({ rows: 1n, files: 1 });
  expect(await column(monitorLogs.name, 'run_time')).toHaveLength(2);
  expect(await run(monitorLogs.name, { bronze: 32, quarantine: 32 })).toMatchObject({ files: 0 });
});

test('nothing goes where nothing is said, and never of another table', async () => {
  await days(3);
  clock.advance(1000 * DAY_MS);
  for (const name of lake.lake.ownNames) expect(await run(name, {})).toMatchObject({ files: 0 });
  for (const name of ['silver_events', 'gold_anomaly_predictions', 'offset_gaps', 'model_history', 'feature_state']) expect(await run(name, { bronze: 32, quarantine: 32, logs: 1 })).toMatchObject({ files: 0 });
});

test.each([
  ['before all of them', '2025-04-01T00:00:00Z', 0], ['in the middle', '2025-04-03T00:00:00Z', 0.5], ['after all of them', '2025-04-06T00:00:00Z', 1],
])('the share of rows before a time: %s', (_what, at, share) => {
  const stats = JSON.stringify({ numRecords: 4, minValues: { t: '2025-04-02T00:00:00.000Z' }, maxValues: { t: '2025-04-04T00:00:00.000Z' }, nullCount: { t: 0 } });
  expect(shareBefore({ stats }, 't', BigInt(Date.parse(at)) * 1000n)).toBe(share);
  expect(shareBefore({}, 't', 0n)).toBe(0);
});
