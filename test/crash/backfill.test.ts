import { describe, expect, test } from 'vitest';
import { QUARANTINE, SILVER } from '../../shared/pipeline/tables.ts';
import { backfillIn, contentOf, copyOf, lakeOf, land, newPlace, refineAll, ruled, verdictOf } from '../support/backfill.ts';
import type { Place } from '../support/backfill.ts';
import { Lifeline, deathsOf, isWrite } from '../support/dying-store.ts';
import { replayIn } from '../support/replay.ts';
import { event, record } from '../support/test-lake.ts';
import { isDone } from './cycle.ts';

/**
 * A backfill meets every failure at every storage operation. At whatever place it ends, the balance holds then and there; another one comes to
 * the tables that the new rules would have made of Bronze from the start.
 */
const before = ruled(1, { rules: [{ name: 'high', column: 'value', range: { max: 1000 } }] });
const now = ruled(2, { rules: [{ name: 'low', column: 'value', range: { min: 60 } }] });

const later = { timestamp: '2025-04-01T17:59:30Z' };
const batches = [
  [record(0, event('kept', { value: '70' })), record(1, event('low')), record(2, 'nonsense'), record(3, event('high', { value: '2000' }))],
  [record(4, event('low', { ...later, value: '51' })), record(5, event('kept', { ...later, value: '52' })), record(6, event('kept', { ...later, value: '5000' }))],
  [record(7, event('kept', { timestamp: '2025-04-01T17:58:00Z', value: '53' })), record(0, event('low', { ...later, value: '80', event_type: 'view' }), { partition: 1 }), record(8, event('fine', { value: '90' }))],
];
const SLICE_ROWS = 6;

async function placeUnder(pipeline: typeof before, vectors: boolean): Promise<Place> {
  const place = newPlace(vectors);
  for (const batch of batches) {
    await land(place, pipeline, batch);
    await refineAll(place, pipeline);
  }
  return place;
}

const once = (place: Place, life = new Lifeline()) => backfillIn({ lake: lakeOf(place, now, life), pipeline: now }, { clock: place.clock, checkpointInterval: 3n, sliceRows: SLICE_ROWS });

/** Until it is told no more of failures, as whoever runs it again does. */
async function finish(place: Place, life = new Lifeline()): Promise<void> {
  const isOver = async () => (await isDone(once(place, life).then(() => undefined))) || life.stopped;
  while (!(await isOver()));
}

describe.each([true, false])('vectors: %s', (vectors) => {
  test('ends, or fails, at every operation', async () => {
    const start = await placeUnder(before, vectors);
    const expected = await contentOf(await placeUnder(now, vectors), now);
    expect(expected[0]).toBe('balance ok');
    const [whole, life] = [copyOf(start), new Lifeline()];
    await once(whole, life);
    expect(await contentOf(whole, now)).toEqual(expected);
    expect(life.operations.filter(isWrite).length).toBeGreaterThanOrEqual(20);
    const harms: unknown[] = [];
    for (const [i, operation] of life.operations.entries()) {
      for (const death of deathsOf(operation)) {
        const place = copyOf(start);
        await finish(place, new Lifeline(i + 1, death));
        const verdict = await verdictOf(place, now);
        if (verdict !== 'ok') harms.push(`${death} ${i + 1} ${operation}: balance ${verdict}`);
        await finish(place);
        const found = await contentOf(place, now);
        if (found.join('\n') !== expected.join('\n')) harms.push([`${death} ${i + 1} ${operation}`, ...expected.filter((text) => !found.includes(text)), ...found.filter((text) => !expected.includes(text)).map((text) => `+ ${text}`)]);
      }
    }
    expect(harms).toEqual([]);
  }, 400_000);

  // At each of its writes, somebody else does all that he does in between.
  test.each(['refine', 'a replay', 'a backfill', 'a replay that dies half way'])('%s comes between, at every write', async (rival) => {
    const start = await placeUnder(before, vectors);
    const late = [record(9, event('low', { ...later, timestamp: '2025-04-01T17:59:10Z', value: '99' })), record(10, event('high', { value: '59' })), record(11, event('new', { value: '61' }))];
    await land(start, before, late);
    const clean = copyOf(start);
    const counting = new Lifeline();
    await once(clean, counting);
    await refineAll(clean, now);
    const expected = await contentOf(clean, now);
    const writes = counting.operations.flatMap((operation, i) => (isWrite(operation) ? [i + 1] : []));
    const harms: unknown[] = [];
    let acts = 0;
    for (const at of writes) {
      const place = copyOf(start);
      const life = new Interrupted(at, async () => {
        acts++;
        if (rival === 'refine') await refineAll(place, now);
        else if (rival === 'a backfill') await finish(place);
        else {
          const dying = rival === 'a replay' ? new Lifeline() : new Lifeline(30, 'stop-after');
          await isDone(replayIn({ lake: lakeOf(place, now, dying), pipeline: now }, { clock: place.clock, sliceRows: SLICE_ROWS }).then(() => undefined).catch(unfinished));
        }
      });
      await finish(place, life);
      await refineAll(place, now);
      const verdict = await verdictOf(place, now);
      if (verdict !== 'ok') harms.push(`${at} ${counting.operations[at - 1]}: balance ${verdict}`);
      await finish(place);
      const found = await contentOf(place, now);
      if (found.join('\n') !== expected.join('\n')) harms.push([`${at} ${counting.operations[at - 1]}`, ...expected.filter((text) => !found.includes(text)), ...found.filter((text) => !expected.includes(text)).map((text) => `+ ${text}`)]);
    }
    expect(harms).toEqual([]);
    expect(acts).toBe(writes.length);
  }, 400_000);
});

test('a count that is wrong, or a row that is gone, is seen: the sweep has eyes', async () => {
  const place = await placeUnder(before, true);
  await finish(place, new Lifeline(60, 'stop-after'));
  const silver = await lakeOf(place, now).table(SILVER);
  const [count] = [...silver.delta.snapshot.txns.values()].filter(({ appId }) => appId.startsWith('count/quarantine/'));
  await silver.delta.commit(silver.delta.snapshot, { operation: 'WRITE', actions: [{ txn: { ...count, version: count.version + 1n } }], reads: 'table' });
  expect(await verdictOf(place, now)).toContain('broken');
  expect((await lakeOf(place, now).table(QUARANTINE)).delta.snapshot.version).toBeGreaterThan(0n);
});

/** A replay that meets a backfill's rows says so, and stops. */
function unfinished(error: unknown): void {
  if ((error as { code?: string }).code !== 'pipeline/backfill-unfinished') throw error;
}

/** Somebody else acts right before the n-th operation. */
class Interrupted extends Lifeline {
  readonly #before: number;
  readonly #act: () => Promise<void>;

  constructor(before: number, act: () => Promise<void>) {
    super();
    [this.#before, this.#act] = [before, act];
  }

  override async run<T>(operation: Parameters<Lifeline['run']>[0] & { readonly work: () => Promise<T> }): Promise<T> {
    if (this.operations.length + 1 === this.#before) {
      const at = this.operations.push('interrupted');
      await this.#act();
      this.operations.length = at - 1;
    }
    return super.run(operation as never);
  }
}
