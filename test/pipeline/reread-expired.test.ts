import { beforeEach, expect, test } from 'vitest';
import { commitKey } from '../../shared/delta/log-path.ts';
import { KEEP_ALL, retain } from '../../shared/pipeline/retention.ts';
import { patientClock } from '../support/delta.ts';
import { DyingStore, Lifeline } from '../support/dying-store.ts';
import type { Operation } from '../support/dying-store.ts';
import { OpenLakes } from '../support/lakes.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/** Refine reads Bronze whole after rows of quarantine expired whose records Bronze still has. */
const DAY_MS = 86_400_000;
const lakes = new OpenLakes();
let clock: ReturnType<typeof patientClock>;
let store: MemoryStore;
let lake: TestLake;
beforeEach(async () => {
  clock = patientClock();
  store = new MemoryStore({ clock });
  lake = await lakes.open({ clock, store });
});

async function cleanBronze(): Promise<void> {
  const { delta } = await lake.lake.table('bronze_events');
  const { version } = await delta.refresh();
  await delta.checkpoint();
  for (let each = 0n; each < version; each++) await delta.source.store.delete(commitKey(each));
}
const expire = () => retain('quarantine_events', { lake: lake.lake, clock, days: { ...KEEP_ALL, quarantine: 3 } });
const open = async () => (await lake.rows('quarantine_events', 'SELECT "offset" AS o FROM rows WHERE resolved_at IS NULL ORDER BY o')).map(({ o }) => Number(o));

test('while Bronze is read whole, nothing of quarantine expires', async () => {
  await lake.ingest([record(0, 'bad'), record(1, event('a'))]);
  await lake.drain();
  clock.advance(40 * DAY_MS);
  for (const offset of [2, 4]) await lake.ingest([record(offset, event(`e${offset}`)), record(offset + 1, event(`e${offset + 1}`))]);
  await cleanBronze();
  const worker = await lakes.another(lake);
  await worker.refine(2);
  expect(await expire()).toMatchObject({ files: 0, version: null });
  while ((await worker.refine(2)).kind !== 'nothing-to-do');
  expect(await expire()).toMatchObject({ rows: 1n });
  expect((await worker.balance()).equations.filter(({ verdict, name }) => verdict !== 'ok' && name !== 'gold')).toEqual([]);
});

/** Ends before Silver's commit where quarantine's was made. */
class EndsBetween extends Lifeline {
  #isBetween = false;
  override run<T>(operation: Operation<T>): Promise<T> {
    const table = /^putIfAbsent (\w+)\/_delta_log\/\d{20}\.json$/.exec(operation.what)?.[1];
    this.stopped ||= this.#isBetween && table === 'silver_events';
    this.#isBetween ||= table === 'quarantine_events';
    return super.run(operation);
  }
}

async function refineAll(isDisturbed: boolean): Promise<TestLake> {
  for (;;) {
    const life = new EndsBetween();
    if (isDisturbed) await (await lakes.another(lake, { store: new DyingStore(store, life) })).refine(2).catch((error: unknown) => expect(error).toMatchObject({ code: expect.stringMatching('test/dead|delta/commit-unknown') }));
    const worker = await lakes.another(lake);
    if ((await worker.refine(2)).kind === 'nothing-to-do') return worker;
  }
}

test.each([[0, false], [3, false], [3, true]])('they are open again, counted once, with %i losers, where workers end between commits: %s', async (losers, isDisturbed) => {
  await lake.ingest([record(0, 'bad'), record(1, 'bad'), record(2, 'bad'), record(3, event('a')), ...Array.from({ length: losers }, (_value, i) => record(4 + i, event('a')))]);
  await lake.drain();
  clock.advance(40 * DAY_MS);
  await lake.ingest([record(10, 'bad'), record(11, event('b'))]);
  await lake.drain();
  expect(await expire()).toMatchObject({ rows: 3n });
  expect((await lake.balance()).verdict).toBe('ok');
  await lake.ingest([record(12, 'bad'), record(13, event('c'))]);
  await lake.ingest([record(14, event('d'))]);
  await cleanBronze();
  const worker = await refineAll(isDisturbed);
  await worker.score();
  const { verdict, equations } = await worker.balance();
  const told = equations.map(({ text }) => text.replace(/^events\/[^:]*: /, ''));
  expect(told).toContain(`${9 + losers} rows read by refine = 4 Silver rows + ${losers > 0 ? `${losers} duplicates + ` : ''}5 quarantined`);
  expect(told).toContain('5 quarantined rows counted = 5 open rows in quarantine');
  expect(verdict).toBe('ok');
  expect(await open()).toEqual([0, 1, 2, 10, 12]);
});
