import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import { ConfigError, TransientError } from '../../shared/errors.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import type { Judge } from '../../shared/pipeline/verdict.ts';
import { beforeCommit } from '../support/foreign-commit.ts';
import { OpenLakes } from '../support/lakes.ts';
import { eventsPipelineText } from '../support/pipelines.ts';
import { replayIn } from '../support/replay.ts';
import { FUTURE_AFTER_MS, event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
const rules = [{ name: 'low', column: 'value', range: { min: 60 } }, { name: 'high', column: 'value', range: { max: 1000 } }];
const pipelineText = (generation: number, change: object) => JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': generation, ...change });
const strict = pipelineText(1, { rules });
const lenient = pipelineText(2, {});

const later = '2025-04-01T17:59:30Z';
/** Ids that both rules let in, that one rejects, and rows that compete with them. */
const records = [
  [record(0, event('kept', { value: '70' })), record(1, event('low')), record(2, 'nonsense'), record(3, event('high', { value: '2000', more: '1.10' }))],
  [record(4, event('low', { timestamp: later, value: '51' })), record(5, event('low')), record(6, event('kept', { timestamp: later, value: '52' }))],
  [record(7, event('kept', { timestamp: '2025-04-01T17:58:00Z', value: '53' })), record(0, event('low', { timestamp: later, value: '54', event_type: 'view' }), { partition: 1, timestampMs: Date.parse('2025-04-01T17:59:59Z') })],
];

const SILVER = 'SELECT * EXCLUDE (processed_at, rules_hash, incarnation, ingested_at), ingested_at IS NULL AS unknown_ingestion FROM rows ORDER BY event_id';
const open = 'SELECT "partition" AS p, "offset" AS o, reason FROM rows WHERE resolved_at IS NULL ORDER BY p, o';
const GOLD = 'SELECT event_id, event_type, value FROM rows ORDER BY event_id';

async function fill(lake: TestLake): Promise<TestLake> {
  for (const batch of records) {
    await lake.ingest(batch);
    await lake.drain();
  }
  return lake;
}

/** What the tables must be: those of a lake that had the lenient rules from the start. */
const expected = async () => {
  const lake = await fill(await lakes.open({ pipelineText: lenient }));
  return { silver: await lake.rows('silver_events', SILVER), open: await lake.rows('quarantine_events', open), gold: await lake.rows('gold_anomaly_predictions', GOLD) };
};

let old: TestLake;
let now: TestLake;
beforeEach(async () => {
  old = await fill(await lakes.open({ pipelineText: strict }));
  now = await lakes.another(old, { pipelineText: lenient });
});
const tables = async () => ({ silver: await now.rows('silver_events', SILVER), open: await now.rows('quarantine_events', open), gold: await now.rows('gold_anomaly_predictions', GOLD) });
const version = async (name: string) => (await (await now.lake.table(name)).delta.refresh()).version;

describe('a replay under other rules', () => {
  test('leaves the tables that these rules would have made, rows and Gold, and the balance holds', async () => {
    const report = await replayIn(now);
    expect(report).toMatchObject({ judged: 8, accepted: 7, finished: 0 });
    expect(report.verdicts).toEqual([
      { topic: 'events', reason: 'low', verdict: 'accepted', rows: 6 },
      { topic: 'events', reason: 'high', verdict: 'accepted', rows: 1 },
      { topic: 'events', reason: 'malformed_json', verdict: 'malformed_json', rows: 1 },
    ]);
    expect((await now.balance()).verdict).toBe('ok');
    await now.drain();
    expect(await tables()).toEqual(await expected());
    expect((await now.balance()).verdict).toBe('ok');
  });

  test('a resolved row stays in quarantine, whole, and says when', async () => {
    const before = await now.rows('quarantine_events', 'SELECT * EXCLUDE resolved_at FROM rows ORDER BY "partition", "offset"');
    await replayIn(now);
    expect(await now.rows('quarantine_events', 'SELECT * EXCLUDE resolved_at FROM rows ORDER BY "partition", "offset"')).toEqual(before);
    const resolved = await now.rows('quarantine_events', 'SELECT resolved_at IS NOT NULL AS is_resolved, reason FROM rows ORDER BY "partition", "offset"');
    expect(resolved.map((row) => row['is_resolved'])).toEqual(resolved.map((row) => row['reason'] !== 'malformed_json'));
  });

  test('a repeat finds nothing and commits nothing', async () => {
    await replayIn(now);
    const before = [await version('silver_events'), await version('quarantine_events')];
    expect(await replayIn(now)).toMatchObject({ judged: 1, accepted: 0, finished: 0 });
    expect([await version('silver_events'), await version('quarantine_events')]).toEqual(before);
  });

  test('a dry run says the same and changes nothing', async () => {
    const before = [await version('silver_events'), await version('quarantine_events')];
    const dry = await replayIn(now, { isDryRun: true });
    expect([await version('silver_events'), await version('quarantine_events')]).toEqual(before);
    expect(await replayIn(now)).toEqual(dry);
  });

  test('in slices of any size it comes to the same', async () => {
    await replayIn(now, { sliceRows: 1 });
    await now.drain();
    expect(await tables()).toEqual(await expected());
    const replays = (await now.rows('quarantine_events', 'SELECT DISTINCT resolved_at FROM rows WHERE resolved_at IS NOT NULL')).length;
    expect(replays).toBe(3);
  });

  test('only what is asked for is judged', async () => {
    expect(await replayIn(now, { filter: { reason: 'high' } })).toMatchObject({ judged: 1, accepted: 1 });
    expect(await replayIn(now, { filter: { topic: 'other' } })).toMatchObject({ judged: 0 });
    expect(await replayIn(now, { filter: { sinceUs: BigInt(Date.now() + 60_000) * 1000n } })).toMatchObject({ judged: 0 });
    expect((await now.balance()).verdict).toBe('ok');
    expect(await replayIn(now)).toMatchObject({ judged: 7, accepted: 6 });
  });

  test('rows above Silver\'s progress are left to the slice that covers them', async () => {
    await now.ingest([record(8, event('new', { value: '1' }))]);
    await beforeCommit(now, 'silver_events', () => Promise.reject(new TransientError('test/dead', 'no')), (operation) => operation === 'MERGE');
    await now.ingest([record(9, 'bad')]);
    await expect(now.refine()).rejects.toThrow(TransientError);
    expect(await replayIn(now)).toMatchObject({ judged: 8 });
    await now.drain();
    expect((await now.balance()).verdict).toBe('ok');
    expect(await replayIn(now)).toMatchObject({ judged: 2, accepted: 0 });
  });

  test('a worker of the older rules is refused', async () => {
    await replayIn(now);
    await expect(replayIn(old)).rejects.toMatchObject({ constructor: ConfigError, code: 'pipeline/older-generation' });
  });
});

describe('a replay that is interrupted or overtaken', () => {
  /** Quarantine says resolved, Silver has not got it. */
  const interrupt = async () => {
    await beforeCommit(now, 'silver_events', () => Promise.reject(new TransientError('test/dead', 'no')), (operation) => operation === 'MERGE');
    await expect(replayIn(now)).rejects.toThrow(TransientError);
  };

  test('between quarantine and Silver: the balance holds, and the next one finishes it', async () => {
    await interrupt();
    expect(await now.rows('quarantine_events', 'SELECT count(resolved_at)::INTEGER AS n FROM rows')).toEqual([{ n: 7 }]);
    expect((await now.balance()).verdict).toBe('ok');
    const another = await lakes.another(now);
    expect(await replayIn(another, { isDryRun: true })).toMatchObject({ judged: 1, finished: 7 });
    expect(await replayIn(another)).toMatchObject({ judged: 1, accepted: 0, finished: 7 });
    await now.drain();
    expect(await tables()).toEqual(await expected());
    expect((await now.balance()).verdict).toBe('ok');
  });

  test('rules that reject again what an interrupted replay resolved open it again', async () => {
    await interrupt();
    const stricter = await lakes.another(now, { pipelineText: pipelineText(3, { rules: rules.slice(0, 1) }) });
    const report = await replayIn(stricter);
    expect(report).toMatchObject({ finished: 1 });
    expect((await stricter.balance()).verdict).toBe('ok');
    const reasons = await stricter.rows('quarantine_events', 'SELECT reason, count(*)::INTEGER AS n, count(resolved_at)::INTEGER AS resolved FROM rows GROUP BY reason ORDER BY reason');
    expect(reasons).toEqual([{ reason: 'high', n: 1, resolved: 1 }, { reason: 'low', n: 6, resolved: 0 }, { reason: 'malformed_json', n: 1, resolved: 0 }]);
  });

  test('a refine that comes in between makes it plan again, and neither loses', async () => {
    const other = await lakes.another(now);
    await now.ingest([record(8, event('low', { timestamp: '2025-04-01T17:59:45Z', value: '9' })), record(9, 'bad')]);
    await beforeCommit(now, 'quarantine_events', async () => { await other.refine(); }, (operation) => operation === 'UPDATE');
    await replayIn(now);
    expect((await now.balance()).verdict).toBe('ok');
    expect(await now.rows('silver_events', `SELECT value FROM rows WHERE event_id = 'low'`)).toEqual([{ value: 9 }]);
  });

  test('two replays at once take each row once', async () => {
    const other = await lakes.another(now);
    await beforeCommit(now, 'quarantine_events', async () => { await replayIn(other); }, (operation) => operation === 'UPDATE');
    await beforeCommit(other, 'silver_events', async () => { await replayIn(await lakes.another(now)); }, (operation) => operation === 'MERGE');
    await replayIn(now);
    await now.drain();
    expect(await tables()).toEqual(await expected());
    expect((await now.balance()).verdict).toBe('ok');
  });

  test.each([
    { what: 'it has read Silver', name: 'silver_events' },
    { what: 'it has read quarantine', name: 'quarantine_events' },
  ])('a refine that sleeps when $what does not undo what was replayed meanwhile', async ({ name }) => {
    // The generation is raised before: raising it would make the sleeper look again.
    await now.ingest([record(8, event('w', { value: '61' }))]);
    await now.drain();
    const [stale, other] = [await lakes.another(now), await lakes.another(now)];
    const judge = compileRules(now.pipeline, { futureAfterMs: FUTURE_AFTER_MS });
    // As if a registry had learned the schema: other verdicts under the same rules.
    const learned: Judge = (row) => judge({ ...row, value: row.value?.replace('unknown', '61') ?? null });
    await now.ingest([record(9, event('x', { value: 'unknown' })), record(10, 'bad')]);
    const { delta } = await stale.lake.table(name);
    const refresh = delta.refresh.bind(delta);
    let isAsleep = false;
    delta.refresh = async () => {
      const snapshot = await refresh();
      if (!isAsleep) {
        isAsleep = true;
        await other.refine();
        expect(await replayIn(other, { judge: learned, filter: { reason: 'invalid_value' } })).toMatchObject({ accepted: 1 });
      }
      return snapshot;
    };
    await stale.drain();
    expect((await other.balance()).verdict).toBe('ok');
    expect(await other.rows('silver_events', `SELECT value FROM rows WHERE event_id = 'x'`)).toEqual([{ value: 61 }]);
    expect(await other.rows('quarantine_events', `SELECT count(resolved_at)::INTEGER AS n FROM rows WHERE reason = 'invalid_value'`)).toEqual([{ n: 1 }]);
  });

  test('a restore of Silver before the replay opens its rows again, and the next replay takes them', async () => {
    const silver = await version('silver_events');
    await replayIn(now);
    await restoreLake({ lake: now.lake, table: 'silver_events', version: silver, clock: systemClock, isDryRun: false });
    const again = await lakes.another(now);
    expect((await again.balance()).equations.find(({ name }) => name === 'quarantine')).toMatchObject({ verdict: 'ok', text: expect.stringContaining('8 open') as string });
    expect(await replayIn(again)).toMatchObject({ finished: 7 });
    await again.drain();
    expect(await tables()).toEqual(await expected());
    expect((await again.balance()).verdict).toBe('ok');
  });
});
