import { beforeEach, describe, expect, test } from 'vitest';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { writeFiles } from '../../shared/delta/operations/write.ts';
import { progressOf } from '../../shared/delta/snapshot.ts';
import { field } from '../../shared/delta/schema.ts';
import { ConfigError, TableError, TransientError } from '../../shared/errors.ts';
import { beforeCommit, commitByHand, liveFiles, rewriteTable } from '../support/foreign-commit.ts';
import { OpenLakes, range } from '../support/lakes.ts';
import { removeOf } from '../../shared/delta/actions.ts';
import { eventsPipelineText } from '../support/pipelines.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();
let lake: TestLake;
beforeEach(async () => { lake = await lakes.open(); });

const silver = (of: TestLake = lake) => of.rows('silver_events', 'SELECT event_id, event_type, value, "offset" AS o FROM rows ORDER BY event_id');
const rejected = async (of: TestLake = lake) =>
  (await of.rows('quarantine_events', `SELECT format('{}/{} {}', "partition", "offset", reason) AS line FROM rows ORDER BY "partition", "offset"`)).map(({ line }) => line);
const bad = (offset: number, partition = 0) => record(offset, 'nonsense', { partition });
const good = (offset: number, id: string, fields: Record<string, unknown> = {}) => record(offset, event(id, fields));

async function version(name: string): Promise<bigint> {
  return (await (await lake.lake.table(name)).delta.refresh()).version;
}

describe('what becomes of a row', () => {
  test.each([
    { what: 'a tombstone', value: null, reason: 'empty_payload' },
    { what: 'no bytes', value: Buffer.alloc(0), reason: 'empty_payload' },
    { what: 'bytes', value: Buffer.from([0xff, 0xfe]), reason: 'not_utf8' },
    { what: 'a byte order mark', value: `\uFEFF${event('a')}`, reason: 'malformed_json' },
    { what: 'a NUL behind the object', value: `${event('a')}\0`, reason: 'malformed_json' },
    { what: 'an id with a NUL', value: event('a\0b'), reason: 'invalid_event_id' },
    { what: 'the future', value: event('a', { timestamp: '2025-04-02T18:00:00.001Z' }), reason: 'future_timestamp' },
  ])('$what is $reason in quarantine, untouched', async ({ value, reason }) => {
    await lake.ingest([record(0, value)]);
    await lake.refine();
    const [row] = await lake.rows('quarantine_events');
    const [bronze] = await lake.rows('bronze_events');
    expect(row['reason']).toBe(reason);
    expect([row['value'], row['value_bytes']]).toEqual([bronze['value'], bronze['value_bytes']]);
    expect(await silver()).toEqual([]);
  });

  test('without a broker time nothing is late, and nothing is in the future', async () => {
    await lake.ingest([record(0, event('a', { timestamp: '2999-01-01T00:00:00Z' }), { timestampMs: -1 }), record(1, event('b', { timestamp: '1999-01-01T00:00:00Z' }), { timestampMs: -5 })]);
    await lake.refine();
    expect(await lake.rows('silver_events', 'SELECT event_id, kafka_timestamp, late_by_ms, is_late FROM rows ORDER BY event_id')).toEqual([
      { event_id: 'a', kafka_timestamp: null, late_by_ms: null, is_late: false },
      { event_id: 'b', kafka_timestamp: null, late_by_ms: null, is_late: false },
    ]);
  });

  test('lateness is told to the millisecond below, and may be negative', async () => {
    const timestampMs = Date.parse('2025-04-01T18:00:00Z');
    await lake.ingest([
      record(0, event('a', { timestamp: '2025-04-01T17:55:00Z' }), { timestampMs }), record(1, event('b', { timestamp: '2025-04-01T17:54:59.999Z' }), { timestampMs }),
      record(2, event('c', { timestamp: '2025-04-01T18:00:00.000001Z' }), { timestampMs }), record(3, event('d', { timestamp: '2025-04-01T17:54:59.999999Z' }), { timestampMs }),
    ]);
    await lake.refine();
    expect(await lake.rows('silver_events', 'SELECT event_id, late_by_ms, is_late FROM rows ORDER BY event_id')).toEqual([
      { event_id: 'a', late_by_ms: 300_000n, is_late: false }, { event_id: 'b', late_by_ms: 300_001n, is_late: true },
      { event_id: 'c', late_by_ms: -1n, is_late: false }, { event_id: 'd', late_by_ms: 300_000n, is_late: false },
    ]);
  });

  test('a changed event_type moves the row to another partition, with the rest of its file left as it was', async () => {
    await lake.ingest([good(0, 'a'), good(1, 'b'), good(2, 'c', { event_type: 'view' })]);
    await lake.refine();
    await lake.ingest([good(3, 'a', { event_type: 'view', timestamp: '2025-04-01T17:59:30Z', value: '7' })]);
    await lake.refine();
    expect((await silver()).map(({ event_id, event_type, value }) => [event_id, event_type, value])).toEqual([['a', 'view', 7], ['b', 'click', 50], ['c', 'view', 50]]);
    expect((await liveFiles(lake, 'silver_events')).map(({ partitionValues }) => String(partitionValues['event_type'])).toSorted()).toEqual(['click', 'view', 'view']);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('ids that differ in case, in form or by a space are different keys', async () => {
    const ids = ['a', 'A', ' a', 'a ', 'é', 'e\u0301', '\uFEFFa', '1', '01', 1.0, -0];
    await lake.ingest(ids.map((id, i) => good(i, 'x', { event_id: id })));
    await lake.refine();
    await lake.ingest(ids.map((id, i) => good(100 + i, 'x', { event_id: id, timestamp: '2025-04-01T17:59:59Z' })));
    await lake.refine();
    const rows = await silver();
    // The number 1 and the text "1" are one id.
    expect(rows.map((row) => row['event_id'])).toHaveLength(10);
    expect(rows.every((row) => (row['o'] as bigint) >= 100n)).toBe(true);
    expect((await lake.balance()).verdict).toBe('ok');
  });
});

describe('progress', () => {
  test('a tick without news commits nothing, also after compaction, which is no news', async () => {
    await lake.ingest([good(0, 'a'), bad(1)]);
    expect(await lake.refine()).toMatchObject({ kind: 'committed', rows: 2 });
    expect(await lake.refine()).toEqual({ kind: 'nothing-to-do' });
    const before = await silver();
    await rewriteTable(lake, 'bronze_events', 'SELECT * FROM rows', { dataChange: false });
    expect(await lake.refine()).toMatchObject({ rows: 0 });
    expect(await lake.refine()).toEqual({ kind: 'nothing-to-do' });
    expect(await silver()).toEqual(before);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('a slice is as many whole versions as fit, and at least one', async () => {
    await lake.ingest(range(0, 4).map((i) => good(i, `a${i}`)));
    for (const i of range(5, 8)) await lake.ingest([good(i, `a${i}`)]);
    const rows: number[] = [];
    for (let outcome = await lake.refine(3); outcome.kind === 'committed'; outcome = await lake.refine(3)) rows.push(outcome.rows);
    expect(rows.filter((n) => n > 0)).toEqual([5, 3, 1]);
  });

  test('rows that went away from Bronze by another hand stop refine', async () => {
    await lake.ingest([good(0, 'a')]);
    await lake.refine();
    const bronze = await lake.lake.table('bronze_events');
    const [file] = await liveFiles(lake, 'bronze_events');
    await commitByHand(bronze, [{ remove: removeOf(file, { nowMs: 0, dataChange: true }) }]);
    await expect(lake.refine()).rejects.toMatchObject({ constructor: TableError, code: 'pipeline/foreign-removal' });
    expect(await silver()).toHaveLength(1);
  });

  test('a column that another engine added to Silver stays, and is null in our rows', async () => {
    await lake.ingest([good(0, 'a'), good(1, 'b')]);
    await lake.refine();
    const { delta } = await lake.lake.table('silver_events');
    const { metaData, schema } = delta.snapshot;
    await commitByHand(await lake.lake.table('silver_events'), [{ metaData: { ...metaData, schemaString: JSON.stringify({ ...schema, fields: [...schema.fields, field('note', 'string')] }) } }]);
    await rewriteTable(lake, 'silver_events', `SELECT * REPLACE ('by hand ' || event_id AS note) FROM rows`);
    await lake.ingest([good(2, 'c'), good(3, 'a', { timestamp: '2025-04-01T17:59:59Z' })]);
    await lake.refine();
    expect(await lake.rows('silver_events', 'SELECT event_id, note FROM rows ORDER BY event_id')).toEqual([{ event_id: 'a', note: null }, { event_id: 'b', note: 'by hand b' }, { event_id: 'c', note: null }]);
  });

  test('a Bronze that was replaced stops refine', async () => {
    await lake.ingest([good(0, 'a')]);
    await lake.refine();
    const bronze = await lake.lake.table('bronze_events');
    await commitByHand(bronze, [{ metaData: { ...bronze.delta.snapshot.metaData, id: 'another' } }]);
    await expect(lake.refine()).rejects.toMatchObject({ code: 'pipeline/source-changed' });
  });

  test('progress, counts and rows stand in one commit', async () => {
    await lake.ingest([good(0, 'a'), good(1, 'a'), bad(2)]);
    await lake.refine();
    const { delta } = await lake.lake.table('silver_events');
    const id = lake.broker.id;
    expect(progressOf(delta.snapshot, `refine/${(await lake.lake.table('bronze_events')).delta.id}`)).toBe(await version('bronze_events'));
    expect(['bronze', 'silver', 'duplicate', 'superseded', 'quarantine'].map((term) => progressOf(delta.snapshot, `count/${term}/events/${id}/0`))).toEqual([3n, 1n, 1n, 0n, 1n]);
    expect(delta.snapshot.version).toBe(1n);
  });
});

describe('several workers', () => {
  test('refine at once: each row is taken once', async () => {
    const other = await lakes.another(lake);
    await lake.ingest([good(0, 'a'), good(1, 'a', { value: '9' }), bad(2), good(3, 'b')]);
    await Promise.all([lake.refine(), other.refine()]);
    expect(await silver()).toHaveLength(2);
    expect(await rejected()).toEqual(['0/2 malformed_json']);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('one that dies between quarantine and Silver leaves provisional rows: not counted, replaced by another cut', async () => {
    for (const i of range(0, 3)) await lake.ingest([bad(2 * i), good(2 * i + 1, `a${i}`)]);
    const dying = await lakes.another(lake);
    await beforeCommit(dying, 'silver_events', () => Promise.reject(new TransientError('test/dead', 'the worker dies here')));
    await expect(dying.refine()).rejects.toThrow('the worker dies here');
    expect(await rejected()).toHaveLength(4);
    expect(await silver()).toEqual([]);
    expect((await lake.balance()).equations.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    // Another cut: two versions at a time.
    await lake.refine(4);
    expect(await rejected()).toHaveLength(4);
    expect((await lake.balance()).verdict).toBe('ok');
    await lake.drain(4);
    expect(await rejected()).toEqual(range(0, 3).map((i) => `0/${2 * i} malformed_json`));
    expect(await lake.rows('quarantine_events', 'SELECT count(DISTINCT bronze_version) AS n FROM rows')).toEqual([{ n: 4n }]);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('one that was overtaken while it wrote quarantine takes nothing away from later slices', async () => {
    for (const i of range(0, 3)) await lake.ingest([bad(2 * i), good(2 * i + 1, `a${i}`)]);
    const stale = await lakes.another(lake);
    await beforeCommit(stale, 'quarantine_events', () => lake.drain());
    expect(await stale.refine(2)).toEqual({ kind: 'nothing-to-do' });
    expect(await rejected()).toEqual(range(0, 3).map((i) => `0/${2 * i} malformed_json`));
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('one that was overtaken right before Silver counts nothing twice', async () => {
    for (const i of range(0, 3)) await lake.ingest([bad(2 * i), good(2 * i + 1, 'a')]);
    const stale = await lakes.another(lake);
    await beforeCommit(stale, 'silver_events', () => lake.drain(3));
    await stale.refine();
    await lake.drain();
    expect(await rejected()).toHaveLength(4);
    expect(await silver()).toHaveLength(1);
    expect((await lake.balance()).verdict).toBe('ok');
  });

  test('one whose rules were overtaken while it judged writes nothing', async () => {
    await lake.ingest([bad(0), good(1, 'a')]);
    const newer = await lakes.another(lake, { pipelineText: JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': 2, rules: [{ name: 'low', column: 'value', range: { min: 60 } }] }) });
    await beforeCommit(lake, 'quarantine_events', async () => { await newer.refine(); });
    await expect(lake.refine()).rejects.toMatchObject({ constructor: ConfigError, code: 'pipeline/older-generation' });
    expect(await rejected(newer)).toEqual(['0/0 malformed_json', '0/1 low']);
    expect(await silver(newer)).toEqual([]);
    expect((await newer.balance()).verdict).not.toBe('broken');
  });

  test('a rival\'s row for one of our keys is not written over unseen', async () => {
    await lake.ingest([good(0, 'a')]);
    const other = await lakes.another(lake);
    await lake.refine();
    // The rival's row comes in by hand, after this worker looked and before it commits.
    await lake.ingest([good(1, 'b')]);
    await beforeCommit(lake, 'silver_events', async () => {
      const table = await other.lake.table('silver_events');
      const snapshot = await table.delta.refresh();
      const { adds } = await table.engine.session(async (session) => {
        const rows = withoutPlace(session, await scanLive(session, table, snapshot));
        const rival = `SELECT * REPLACE ('b' AS event_id, timestamp + INTERVAL 1 SECOND AS timestamp) FROM (${session.sqlOf(rows)})`;
        return writeFiles(session, table, snapshot, await session.query(rival, rows.columns));
      });
      await commitByHand(table, adds.map((add) => ({ add })));
    });
    await lake.refine();
    expect((await silver()).map((row) => row['event_id'])).toEqual(['a', 'b']);
  });
});
