import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commitKey } from '../../shared/delta/log-path.ts';
import { findWhere } from '../../shared/delta/operations/lookup.ts';
import { compactFiles } from '../../shared/delta/operations/optimize.ts';
import { BRONZE, QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { backfillIn, contentOf, copyOf, lakeOf, land, newPlace, refineAll, ruled, verdictOf } from '../support/backfill.ts';
import type { Place } from '../support/backfill.ts';
import { Lifeline, deathsOf, isWrite } from '../support/dying-store.ts';
import { replayIn } from '../support/replay.ts';
import { TestBroker, event, record } from '../support/test-lake.ts';
import { isDone } from './cycle.ts';

/** Bronze's versions are gone that refine has yet to read: it reads Bronze whole, and loses and doubles nothing (semantics.md, section 6). */
const rules = ruled(1, { rules: [{ name: 'low', column: 'value', range: { min: 20 } }] });
const lenient = ruled(2, {});
const later = { timestamp: '2025-04-01T17:59:30Z' };
const first = [
  [record(0, event('kept', { value: '70' })), record(1, event('low', { value: '10' })), record(2, 'nonsense')],
  [record(3, event('kept', { ...later, value: '52' })), record(4, event('other')), record(0, event('kept', { value: '30' }), { partition: 1 })],
];
const second = [
  [record(5, event('other')), record(6, event('kept', { timestamp: '2025-04-01T17:59:40Z', value: '33', event_type: 'view' })), record(7, 'more nonsense')],
  [record(8, event('new')), record(1, event('new', later), { partition: 1 }), record(2, event('low', { value: '5' }), { partition: 1 })],
];

/** As an operator does who does not ask: everything below a checkpoint of the newest version. */
async function cleanLog(place: Place): Promise<void> {
  const { delta } = await lakeOf(place, rules).table(BRONZE);
  await delta.refresh();
  await delta.checkpoint();
  for (let version = 0n; version < delta.snapshot.version; version++) await place.store.delete(`${BRONZE}/${commitKey(version)}`);
}

/** As a VACUUM without regard for readers: of Bronze's versions so far only the log is left. */
async function compactAndVacuum(place: Place): Promise<void> {
  const table = await lakeOf(place, rules).table(BRONZE);
  const snapshot = await table.delta.refresh();
  const files = [...snapshot.files.values()];
  const outcome = await table.delta.commit(snapshot, await compactFiles(table, snapshot, files));
  expect(outcome.kind).toBe('committed');
  for (const { path } of files) await place.store.delete(`${BRONZE}/${path}`);
}

async function landAll(place: Place, batches: typeof first, { refines, broker = new TestBroker() }: { refines: boolean; broker?: TestBroker }): Promise<Place> {
  for (const batch of batches) {
    await land(place, rules, batch, broker);
    if (refines) await refineAll(place, rules);
  }
  return place;
}

async function behind(vectors: boolean): Promise<Place> {
  const broker = new TestBroker();
  const place = await landAll(newPlace(vectors), first, { refines: true, broker });
  await landAll(place, second, { refines: false, broker });
  await cleanLog(place);
  return place;
}
const whole = async (vectors: boolean) => landAll(newPlace(vectors), [...first, ...second], { refines: true });

async function finish(place: Place, life = new Lifeline()): Promise<void> {
  const isOver = async () => (await isDone(refineAll(place, rules, { sliceRows: 3, life }))) || life.stopped;
  while (!(await isOver()));
}

describe.each([true, false])('vectors: %s', (vectors) => {
  test('the tables, and the counts, are those of a refine that was never behind; it says so in the log', async () => {
    const [place, expected] = [await behind(vectors), await contentOf(await whole(vectors), rules)];
    expect(expected[0]).toBe('balance ok');
    await finish(place);
    expect(await contentOf(place, rules)).toEqual(expected);
    const { delta } = await lakeOf(place, rules).table(SILVER);
    const said: unknown[] = [];
    for await (const { actions } of delta.versions(1n, delta.snapshot.version)) said.push(...actions.flatMap(({ commitInfo }) => commitInfo?.operationParameters?.['reread'] ?? []));
    expect(said).toEqual(['"bronze_events version 6: versions after 4 are gone"', '"bronze_events version 6 is read whole"']);
    // And goes on as ever.
    const { version } = delta.snapshot;
    await land(place, rules, [record(9, event('last'))]);
    await finish(place);
    expect((await delta.refresh()).version).toBe(version + 1n);
    expect(await verdictOf(place, rules)).toBe('ok');
  });

  test('ends, or fails, at every operation', async () => {
    const [start, expected] = [await behind(vectors), await contentOf(await whole(vectors), rules)];
    const life = new Lifeline();
    await finish(copyOf(start), life);
    expect(life.operations.filter(isWrite).length).toBeGreaterThanOrEqual(12);
    const harms: unknown[] = [];
    for (const [i, operation] of life.operations.entries()) {
      for (const death of deathsOf(operation)) {
        const place = copyOf(start);
        await finish(place, new Lifeline(i + 1, death));
        const verdict = await verdictOf(place, rules);
        if (verdict.startsWith('broken')) harms.push(`${death} ${i + 1} ${operation}: balance ${verdict}`);
        await finish(place);
        const found = await contentOf(place, rules);
        if (found.join('\n') !== expected.join('\n')) harms.push([`${death} ${i + 1} ${operation}`, ...expected.filter((text) => !found.includes(text)), ...found.filter((text) => !expected.includes(text)).map((text) => `+ ${text}`)]);
      }
    }
    expect(harms).toEqual([]);
  }, 300_000);

  test('what a replay has resolved stays resolved', async () => {
    const broker = new TestBroker();
    const place = await landAll(newPlace(vectors), first, { refines: true, broker });
    await replayIn({ lake: lakeOf(place, lenient), pipeline: lenient }, { clock: place.clock });
    await landAll(place, second, { refines: false, broker });
    await cleanLog(place);
    const resolved = async () => {
      const table = await lakeOf(place, lenient).table(QUARANTINE);
      return table.engine.session(async (session) => {
        const found = await findWhere(session, table, table.delta.snapshot, { op: 'is-not-null', column: 'resolved_at' });
        return found === null ? [] : (await session.rows(found.rows)).map((row) => [row['offset'], row['resolved_at']]);
      });
    };
    const before = await resolved();
    expect(before).toHaveLength(1);
    await refineAll(place, lenient, { sliceRows: 3 });
    expect(await resolved()).toEqual(before);
    expect(await verdictOf(place, lenient)).toBe('ok');
    expect((await contentOf(place, lenient)).filter((text) => text.startsWith(SILVER) && text.includes('"low"'))).toHaveLength(1);
  });
});

test('its log is there, but the files of its versions were vacuumed after a compaction: the same, in slices of one large file', async () => {
  const [place, broker] = [newPlace(), new TestBroker()];
  await landAll(place, first, { refines: true, broker });
  await landAll(place, second, { refines: false, broker });
  await compactAndVacuum(place);
  const life = new Lifeline();
  await refineAll(place, rules, { sliceRows: 3, life });
  expect(life.operations.filter((each) => /^putIfAbsent silver_events\/_delta_log\/\d{20}\.json$/.test(each))).toHaveLength(6);
  expect(await contentOf(place, rules)).toEqual(await contentOf(await whole(true), rules));
});

test('a file of the newest version that is missing is damage, however Bronze is read', async () => {
  const place = await behind(true);
  const { delta } = await lakeOf(place, rules).table(BRONZE);
  const [add] = (await delta.refresh()).files.values();
  await place.store.delete(`${BRONZE}/${add.path}`);
  await expect(refineAll(place, rules)).rejects.toMatchObject({ retry: 'never', code: expect.stringContaining('missing-file') as string });
});

test('a backfill waits until refine is through', async () => {
  const place = await behind(true);
  const dying = new Lifeline(30, 'stop-after');
  expect(await isDone(refineAll(place, rules, { sliceRows: 3, life: dying }))).toBe(false);
  expect([...(await lakeOf(place, rules).table(SILVER)).delta.snapshot.txns.keys()].filter((appId) => appId.startsWith('reread/'))).toHaveLength(1);
  await expect(backfillIn({ lake: lakeOf(place, rules), pipeline: rules }, { clock: place.clock })).rejects.toMatchObject({ code: 'backfill/rereading', retry: 'never' });
  expect(await verdictOf(place, rules)).toMatch(/^unknown/);
  await finish(place);
  await backfillIn({ lake: lakeOf(place, lenient), pipeline: lenient }, { clock: place.clock });
  expect(await verdictOf(place, lenient)).toBe('ok');
});

test('rows that were taken from Bronze by hand meanwhile: it stops', async () => {
  const place = await behind(true);
  const { delta } = await lakeOf(place, rules).table(BRONZE);
  const [add] = (await delta.refresh()).files.values();
  await delta.commit(delta.snapshot, { operation: 'DELETE', actions: [{ remove: { path: add.path, partitionValues: add.partitionValues, dataChange: true, deletionTimestamp: place.clock.nowMs() } }], reads: 'nothing' });
  await expect(refineAll(place, rules)).rejects.toMatchObject({ code: 'pipeline/foreign-removal', retry: 'never' });
});

test('whatever came, wherever the log was cut, under new rules too: the balance is ok, nothing is lost or twice', async () => {
  const value = fc.constantFrom('10', '50', 'none');
  const payload = fc.oneof(fc.record({ id: fc.constantFrom('a', 'b', 'c'), second: fc.integer({ min: 10, max: 13 }), value }).map(({ id, second, value: text }) => event(id, { timestamp: `2025-04-01T17:59:${second}Z`, value: text })), fc.constant('nonsense'));
  const batch = fc.array(fc.record({ partition: fc.integer({ min: 0, max: 1 }), payload }), { minLength: 1, maxLength: 5 });
  let rereads = 0;
  await fc.assert(fc.asyncProperty(fc.array(fc.record({ batch, refines: fc.boolean(), cleans: fc.boolean() }), { minLength: 1, maxLength: 7 }), fc.integer({ min: 1, max: 9 }), fc.boolean(), async (steps, sliceRows, isOther) => {
    const next = [0, 0];
    const [place, broker] = [newPlace(), new TestBroker()];
    const straight = newPlace();
    for (const { batch: rows, refines, cleans } of steps) {
      const records = rows.map(({ partition, payload: text }) => record(next[partition]++, text, { partition }));
      for (const each of [place, straight]) await land(each, rules, records, broker);
      if (cleans) await cleanLog(place);
      if (refines) await refineAll(place, rules, { sliceRows });
    }
    const end = isOther ? lenient : rules;
    await refineAll(place, end, { sliceRows });
    expect(await verdictOf(place, end)).toBe('ok');
    if ([...(await lakeOf(place, end).table(SILVER)).delta.snapshot.txns.keys()].some((appId) => appId.startsWith('reread/'))) rereads++;
    if (isOther) return;
    await refineAll(straight, rules);
    expect(await contentOf(place, rules)).toEqual(await contentOf(straight, rules));
  }), { numRuns: 120 });
  expect(rereads).toBeGreaterThan(20);
}, 200_000);
