import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isDone } from '../crash/cycle.ts';
import { ALL_DAYS } from '../../shared/pipeline/backfill-bronze.ts';
import { backfillIn, contentOf, copyOf, lakeOf, land, newPlace, refineAll, ruled, verdictOf } from '../support/backfill.ts';
import type { Place } from '../support/backfill.ts';
import { Lifeline } from '../support/dying-store.ts';
import { eventsPipelineText } from '../support/pipelines.ts';
import { TestBroker, event, record } from '../support/test-lake.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';

const DAY_MS = 86_400_000;

/** The file's columns, of which one allows fewer values. */
const fewerTypes = (JSON.parse(eventsPipelineText()) as { columns: { name: string }[] }).columns.map((column) => (column.name === 'event_type' ? { ...column, allowed: ['view'] } : column));

/** Ranges, patterns, sets, a flag, allowed values. */
const changes: readonly object[] = [
  {},
  { rules: [{ name: 'low', column: 'value', range: { min: 50 } }] },
  { rules: [{ name: 'high', column: 'value', range: { max: 50 } }] },
  { rules: [{ name: 'high', column: 'value', range: { max: 50 }, action: 'flag' }] },
  { rules: [{ name: 'ids', column: 'event_id', pattern: '^[ab]' }] },
  { columns: fewerTypes },
  { rules: [{ name: 'few', column: 'value', set: [10, 50] }] },
];
const value = fc.constantFrom('10', '50', '90', '5000', 'none');
const payload = fc.oneof(
  { weight: 8, arbitrary: fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), type: fc.constantFrom('click', 'view'), second: fc.integer({ min: 10, max: 14 }), value }).map(({ id, type, second, value: text }) => event(id, { event_type: type, timestamp: `2025-04-01T17:59:${second}Z`, value: text })) },
  { weight: 1, arbitrary: fc.constantFrom('nonsense', '', '{}') },
);
const history = fc.record({
  batches: fc.array(fc.array(fc.record({ partition: fc.integer({ min: 0, max: 1 }), payload }), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
  late: fc.array(fc.record({ partition: fc.integer({ min: 0, max: 1 }), payload }), { maxLength: 4 }),
  before: fc.constantFrom(...changes),
  after: fc.constantFrom(...changes),
  sliceRows: fc.integer({ min: 2, max: 20 }),
  death: fc.option(fc.integer({ min: 1, max: 120 })),
});

function numbered(batches: readonly (readonly { readonly partition: number; readonly payload: string }[])[]): KafkaRecord[][] {
  const next = [0, 0];
  return batches.map((batch) => batch.map(({ partition, payload: text }) => record(next[partition]++, text, { partition })));
}

async function fill(place: Place, pipeline: Pipeline, batches: readonly KafkaRecord[][], refines = true): Promise<Place> {
  const broker = new TestBroker();
  for (const batch of batches) {
    await land(place, pipeline, batch, broker);
    if (refines) await refineAll(place, pipeline);
    place.clock.advance(DAY_MS);
  }
  return place;
}

test('whatever came, and whatever changes: as if refine had known the new rules from the start', async () => {
  let changed = 0;
  await fc.assert(fc.asyncProperty(history, async ({ batches, late, before, after, sliceRows, death }) => {
    const [old, now] = [ruled(1, before), ruled(2, after)];
    const [early, waiting] = [numbered([...batches, late]).slice(0, -1), numbered([...batches, late]).slice(-1).filter(({ length }) => length > 0)];
    const place = await fill(newPlace(), old, early);
    await fill(place, old, waiting, false);
    const run = (life = new Lifeline(), isDryRun = false) => backfillIn({ lake: lakeOf(place, now, life), pipeline: now }, { clock: place.clock, sliceRows, isDryRun });
    const planned = await run(new Lifeline(), true);
    if (death !== null) {
      await isDone(run(new Lifeline(death, 'stop-after')).then(() => undefined));
      expect(await verdictOf(place, now)).toBe('ok');
      await refineAll(place, now);
    }
    const done = await run();
    if (death === null) expect(done).toEqual(planned);
    await refineAll(place, now);
    const expected = await contentOf(await fill(newPlace(), now, [...early, ...waiting]), now);
    expect(await contentOf(place, now)).toEqual(expected);
    expect(await run()).toMatchObject({ replaced: 0, inserted: 0, deleted: 0, accepted: 0, rejected: {}, changedReasons: 0 });
    if (planned.replaced + planned.inserted + planned.deleted > 0) changed++;
  }), { numRuns: 150 });
  expect(changed).toBeGreaterThan(20);
}, 300_000);

test('some days: their keys are as of all, the others as they were, and the balance holds', async () => {
  await fc.assert(fc.asyncProperty(history, fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }), async ({ batches, before, after, sliceRows }, first, more) => {
    const [old, now] = [ruled(1, before), ruled(2, after)];
    const records = numbered(batches);
    const place = await fill(newPlace(), old, records);
    const startDay = Math.floor(Date.parse('2025-04-01') / DAY_MS);
    const days = { from: startDay + first, to: startDay + first + more };
    const whole = copyOf(place);
    await backfillIn({ lake: lakeOf(whole, now), pipeline: now }, { clock: whole.clock, sliceRows, days: ALL_DAYS });
    const was = await silverOf(place, old);
    const planned = await backfillIn({ lake: lakeOf(place, now), pipeline: now }, { clock: place.clock, sliceRows, days, isDryRun: true });
    expect(await backfillIn({ lake: lakeOf(place, now), pipeline: now }, { clock: place.clock, sliceRows, days })).toEqual(planned);
    expect(await verdictOf(place, now)).toBe('ok');
    const [is, would] = [await silverOf(place, now), await silverOf(whole, now)];
    // Batch i came on day i. A key is in range where one of its valid records is, or was.
    const inRange = new Set<string>();
    for (const [i, batch] of records.entries()) {
      if (i < first || i > first + more) continue;
      for (const each of batch) {
        const id = /"event_id":"(\w)"/.exec(each.value === null ? '' : Buffer.from(each.value).toString())?.[1];
        if (id !== undefined) inRange.add(id);
      }
    }
    for (const id of ['a', 'b', 'c', 'd']) {
      if (is.get(id) === would.get(id)) continue;
      // It was left as it was: no record of these days was, or is, valid.
      expect(is.get(id)).toBe(was.get(id));
    }
    for (const id of ['a', 'b', 'c', 'd']) if (!inRange.has(id)) expect(is.get(id)).toBe(was.get(id));
    expect(await backfillIn({ lake: lakeOf(place, now), pipeline: now }, { clock: place.clock, sliceRows, days })).toMatchObject({ replaced: 0, inserted: 0, deleted: 0, accepted: 0, rejected: {}, changedReasons: 0 });
    // What the days left to be done, all of them do.
    await backfillIn({ lake: lakeOf(place, now), pipeline: now }, { clock: place.clock, sliceRows });
    expect(await contentOf(place, now)).toEqual(await contentOf(whole, now));
  }), { numRuns: 80 });
}, 300_000);

/** Rows of Silver by id, as lines. */
async function silverOf(place: Place, pipeline: Pipeline): Promise<Map<string, string>> {
  const lines = (await contentOf(place, pipeline)).filter((text) => text.startsWith('silver_events'));
  return new Map(lines.map((text) => [/event_id\W+(\w)/.exec(text)?.[1] ?? text, text]));
}
