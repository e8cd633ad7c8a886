import { expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { backfill } from '../../shared/pipeline/backfill.ts';
import type { BackfillOptions } from '../../shared/pipeline/backfill.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { beforeCommit } from '../support/foreign-commit.ts';
import { TransientError } from '../../shared/errors.ts';
import { expiredBefore } from '../../shared/pipeline/expired.ts';
import { KEEP_ALL, retain } from '../../shared/pipeline/retention.ts';
import { compileRouter } from '../../shared/pipeline/route.ts';
import { patientClock } from '../support/delta.ts';
import { OpenLakes } from '../support/lakes.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { eventsPipelineText } from '../support/pipelines.ts';
import { FUTURE_AFTER_MS, LATE_AFTER_MS, event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
const pipelineText = (generation: number, rules: object[]) => JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': generation, rules });
const STRICT = [{ name: 'low', column: 'value', range: { min: 60 } }];
const later = '2025-04-01T17:59:30Z';
const records = [
  [record(0, event('kept', { value: '70' })), record(1, event('low', { value: '50' })), record(2, 'nonsense'), record(3, event('high', { value: '2000', more: '1.10' }))],
  [record(4, event('low', { timestamp: later, value: '51' })), record(5, event('low', { value: '50' })), record(6, event('kept', { timestamp: later, value: '52' }))],
  [record(7, event('kept', { timestamp: '2025-04-01T17:58:00Z', value: '53' })), record(8, event('both', { value: '80' })), record(9, event('both', { value: '80' }))],
];
/** All but when and under which rules a row was written, and the Bronze version it names. */
const SILVER = 'SELECT * EXCLUDE (processed_at, rules_hash, incarnation, ingested_at, bronze_version) FROM rows ORDER BY event_id';
const OPEN = 'SELECT "offset" AS o, reason, detail FROM rows WHERE resolved_at IS NULL ORDER BY o';
const GOLD = 'SELECT event_id, event_type, value FROM rows ORDER BY event_id';

async function fill(lake: TestLake): Promise<TestLake> {
  for (const batch of records) {
    await lake.ingest(batch);
    await lake.drain();
  }
  return lake;
}
const tables = async (lake: TestLake) => ({ silver: await lake.rows('silver_events', SILVER), open: await lake.rows('quarantine_events', OPEN), gold: await lake.rows('gold_anomaly_predictions', GOLD) });
const versions = async (lake: TestLake) => Promise.all(lake.lake.names.map(async (name) => (await (await lake.lake.table(name)).delta.refresh()).version));
function run({ lake, pipeline }: TestLake, more: Partial<BackfillOptions> = {}) {
  const judge = compileRules(pipeline, { futureAfterMs: FUTURE_AFTER_MS });
  return backfill({ lake, pipeline, judge, unrouted: judge, lateAfterMs: LATE_AFTER_MS, sliceRows: 250_000, checkpointInterval: 10n, clock: systemClock, observe: unobserved, isDryRun: false, ...more });
}

test.each([250_000, 2])('slices of %i rows: stricter rules, again, and back', async (sliceRows) => {
  const old = await fill(await lakes.open({ pipelineText: pipelineText(1, []) }));
  const before = await tables(old);
  const strict = await lakes.another(old, { pipelineText: pipelineText(2, STRICT) });
  const at = await versions(strict);
  const dry = await run(strict, { isDryRun: true, sliceRows });
  expect(dry).toMatchObject({ replaced: 1, deleted: 1, inserted: 0, accepted: 0, rejected: { low: 5 } });
  expect(await versions(strict)).toEqual(at);
  expect(await run(strict, { sliceRows })).toEqual(dry);
  expect((await strict.balance()).verdict).toBe('ok');
  await strict.drain();
  expect(await tables(strict)).toEqual(await tables(await fill(await lakes.open({ pipelineText: pipelineText(1, STRICT) }))));
  const settled = await versions(strict);
  expect(await run(strict, { sliceRows })).toMatchObject({ replaced: 0, deleted: 0, inserted: 0, accepted: 0, rejected: {} });
  expect(await versions(strict)).toEqual(settled);
  const back = await lakes.another(old, { pipelineText: pipelineText(3, []) });
  const dryBack = await run(back, { sliceRows, isDryRun: true });
  expect(dryBack).toMatchObject({ accepted: 5, rejected: {}, inserted: 1, replaced: 1 });
  expect(await run(back, { sliceRows })).toEqual(dryBack);
  await back.drain();
  expect(await tables(back)).toEqual(before);
  expect((await back.balance()).verdict).toBe('ok');
});

test('a crash before Silver counts what quarantine opened: the balance holds, and the next one finishes', async () => {
  const old = await fill(await lakes.open({ pipelineText: pipelineText(1, []) }));
  const strict = await lakes.another(old, { pipelineText: pipelineText(2, STRICT) });
  await beforeCommit(strict, 'silver_events', () => Promise.reject(new TransientError('test/dead', 'no')), (operation) => operation === 'WRITE');
  await expect(run(strict)).rejects.toThrow(TransientError);
  expect(await strict.rows('quarantine_events', 'SELECT count(*)::INTEGER AS n FROM rows WHERE resolved_at < to_timestamp(0)')).toEqual([{ n: 5 }]);
  expect((await strict.balance()).verdict).toBe('ok');
  await run(strict);
  await strict.drain();
  expect((await strict.balance()).verdict).toBe('ok');
  expect(await tables(strict)).toEqual(await tables(await fill(await lakes.open({ pipelineText: pipelineText(1, STRICT) }))));
});

test('a pipeline that takes a part of a topic is refused, and nothing changes', async () => {
  const lake = await fill(await lakes.open({ pipelineText: pipelineText(1, []) }));
  const at = await versions(lake);
  const topics = lake.pipeline.topics.map((topic) => ({ ...topic, where: { by: { kind: 'header' as const, name: 'kind' }, equals: ['a'] } }));
  await expect(run(lake, { pipeline: { ...lake.pipeline, topics } })).rejects.toMatchObject({ code: 'backfill/routed', retry: 'never' });
  expect(await versions(lake)).toEqual(at);
});

test('where Bronze has expired it refuses and names the date; from then on, rows that can\'t be judged again stay', async () => {
  const clock = patientClock();
  const old = await lakes.open({ clock, store: new MemoryStore({ clock }), pipelineText: pipelineText(1, []) });
  for (const [i, batch] of [[record(0, event('gone', { value: '50' })), record(1, event('met', { value: '50' }))], [record(2, event('met', { value: '40', timestamp: later })), record(3, event('fine'))]].entries()) {
    await old.ingest(batch);
    await old.drain();
    clock.advance(i === 0 ? 86_400_000 : 32 * 86_400_000);
  }
  await retain('bronze_events', { lake: old.lake, clock, days: { ...KEEP_ALL, bronze: 32 } });
  const strict = await lakes.another(old, { pipelineText: pipelineText(2, STRICT) });
  const at = await versions(strict);
  const day = expiredBefore((await strict.lake.table('bronze_events')).delta.snapshot)!;
  await expect(run(strict, { clock })).rejects.toMatchObject({ code: 'backfill/bronze-expired', message: expect.stringContaining('Bronze\'s rows of before 2025-04-02 have expired') as string });
  await expect(run(strict, { clock, days: { from: day - 1, to: null } })).rejects.toMatchObject({ code: 'backfill/bronze-expired' });
  expect(await versions(strict)).toEqual(at);
  expect(await run(strict, { clock, days: { from: day, to: null } })).toMatchObject({ deleted: 2, unchanged: 0, rejected: { low: 2 } });
  await strict.drain();
  expect(await strict.rows('silver_events', 'SELECT event_id FROM rows')).toEqual([{ event_id: 'gone' }]);
  expect((await strict.balance()).verdict).toBe('ok');
});

test('a pipeline that would take other topics than before is refused before anything is written', async () => {
  const lake = await fill(await lakes.open({ pipelineText: pipelineText(1, []) }));
  const other = { ...lake.pipeline, name: 'other', topics: lake.pipeline.topics.map((topic) => ({ ...topic, name: 'more' })) };
  const judge = compileRules(lake.pipeline, { futureAfterMs: FUTURE_AFTER_MS }, { router: compileRouter({ ...lake.pipeline, topics: [] }, [other, { ...lake.pipeline, topics: [] }]) });
  const at = await versions(lake);
  await expect(run(lake, { judge })).rejects.toMatchObject({ code: 'backfill/routed', message: expect.stringContaining('10 rows more') as string });
  expect(await versions(lake)).toEqual(at);
});
