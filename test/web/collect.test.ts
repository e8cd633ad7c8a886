import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TableError } from '../../shared/errors.ts';
import { monitorLogs } from '../../shared/monitoring/log-tables.ts';
import { collectFacts, type CollectOptions } from '../../shared/web/collect.ts';
import type { PageFacts, TableFacts } from '../../shared/web/facts.ts';
import { renderPage } from '../../shared/web/page.ts';
import type { SqlRow } from '../../shared/web/sql-values.ts';
import { nestingProblems } from '../support/html-nesting.ts';

const nowMs = Date.UTC(2025, 3, 1, 18);
const rows = 30_000;
const names = ['bronze_events', 'silver_events', 'quarantine_events', 'gold_anomaly_predictions', 'model_history', 'monitor_logs'];
const types: Record<string, string> = { string: 'VARCHAR', long: 'BIGINT', integer: 'INTEGER', double: 'DOUBLE', timestamp: 'TIMESTAMPTZ' };

/** A lake of a pipeline with a composite key and names that need quoting: no statement may know the default pipeline's columns. */
const setup = `
CREATE TABLE bronze_events AS SELECT range AS "offset" FROM range(32000);
CREATE TABLE silver_events AS SELECT range % 50 = 0 AS is_late FROM range(${rows});
CREATE TABLE quarantine_events AS SELECT 'reason ' || (range % 15) AS reason, CASE WHEN range % 10 = 0 THEN now() END AS resolved_at FROM range(1500);
CREATE TABLE gold_anomaly_predictions AS SELECT
  'site ' || (range % 3) AS "the ""site""", range AS "order", CASE WHEN range % 7 > 0 THEN 'kind' || (range % 7) END AS "kind of",
  TIMESTAMPTZ '2025-04-01 12:00:00+00' + to_milliseconds(range * 100) AS seen, (range % 100)::DOUBLE AS load,
  ((range % 1000) - 9) / 4000.0 AS anomaly_score, CASE WHEN range % 1000 < 9 THEN -1 ELSE 1 END AS anomaly_flag,
  CASE WHEN range % 1000 < 9 THEN 'load is <high>' END AS reason, 1::BIGINT AS model_version
  FROM range(${rows});
CREATE TABLE model_history (model_name VARCHAR, version BIGINT, "at" TIMESTAMPTZ, "by" VARCHAR, why VARCHAR, data_version VARCHAR, metrics VARCHAR, aliases VARCHAR);
INSERT INTO model_history VALUES
  ('forest', 0, '2025-03-01 00:00:00+00', 'shipped', 'default', NULL, NULL, NULL),
  ('forest', 1, '2025-04-01 12:00:00+00', 'train', 'first drain', 'silver 3', '{"trees": 100, "offset": -0.57, "note": "x", "p99": 1.5e2}', 'champion');
CREATE TABLE monitor_logs (${monitorLogs.schema.fields.map((f) => `"${f.name}" ${types[f.type as string]}`).join(', ')});
INSERT INTO monitor_logs (run_time, run_id, "table", verdict, detail, lag_records, lag_s) VALUES
  ('2025-04-01 17:00:00+00', 'old', 'bronze_events', 'broken', 'of an older run', 99, 99),
  ('2025-04-01 17:59:00+00', 'new', 'bronze_events', 'ok', NULL, 12, 1.5),
  ('2025-04-01 17:59:00+00', 'new', 'silver_events', 'ok', NULL, NULL, NULL),
  ('2025-04-01 17:59:00+00', 'new', 'quarantine_events', 'ok', NULL, NULL, NULL),
  ('2025-04-01 17:59:00+00', 'new', 'cluster_logs', 'unknown', NULL, NULL, NULL);
INSERT INTO monitor_logs (run_time, run_id, "table", verdict, silver_rows, gold_rows) VALUES ('2025-04-01 17:59:00+00', 'new', 'gold_anomaly_predictions', 'ok', 30000, 30000);
INSERT INTO monitor_logs (run_time, run_id, "table", topic, incarnation, "partition", verdict, offsets_consumed, bronze_rows, gap_offsets, bronze_rows_refined, silver_rows, duplicates, superseded, quarantined, elsewhere)
  SELECT '2025-04-01 17:59:00+00', 'new', 'bronze_events', 't', 'i', range, 'ok', 8000, 8000, 0, 8000, 7500, 100, 25, 375, 0 FROM range(4);
`;

let instance: DuckDBInstance;
let connection: DuckDBConnection;
const query = async (sql: string): Promise<SqlRow[]> => (await connection.runAndReadAll(sql)).getRowObjects();

function table(name: string, change: Partial<TableFacts> = {}): TableFacts {
  return { name, version: 3n, rows: 1n, files: 1, bytes: 10n, commitMs: nowMs - 1_000, eventMsMax: null, kafkaMsMax: nowMs - 2_000, waiting: null, ...change };
}

function options(change: Partial<CollectOptions> = {}): CollectOptions {
  return {
    query, lake: 'file:/lake', nowMs, targetS: 30, refreshS: 5, tables: names.map((name) => table(name)),
    pipeline: { name: 'second', topics: ['t'], key: ['the "site"', 'order'], eventTime: 'seen', group: 'kind of', value: 'load' },
    ...change,
  };
}

function ready<K extends 'flow' | 'scores' | 'values' | 'anomalies' | 'balance' | 'model' | 'quarantine'>(facts: PageFacts, name: K): Extract<PageFacts[K], { kind: 'ready' }>['value'] {
  const section = facts[name];
  if (section.kind !== 'ready') throw new Error(`${name} is ${section.kind}`);
  return section.value;
}

let facts: PageFacts;

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run(setup);
  facts = await collectFacts(options());
});

afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

describe('collectFacts', () => {
  it('bins the scores with the threshold on an edge: flagged rows are exactly those left of it', () => {
    const { bins, binWidth, rows: all, flagged } = ready(facts, 'scores');
    const sum = (list: typeof bins) => list.reduce((total, bin) => total + bin.rows, 0n);
    expect(bins.length).toBeLessThanOrEqual(40);
    expect([sum(bins), all, flagged]).toEqual([30_000n, 30_000n, 270n]);
    expect(sum(bins.filter((bin) => bin.low < -binWidth / 2))).toBe(270n);
  });

  it('draws at most 2,000 points, of every series, the same ones every time', async () => {
    const { series, seriesLeftOut } = ready(facts, 'values');
    const points = series.flatMap((each) => each.points);
    expect(points.length).toBeGreaterThan(1_000);
    expect(points.length).toBeLessThanOrEqual(2_000);
    expect(seriesLeftOut).toBe(0);
    expect(series.map((each) => each.name).sort()).toEqual(['all rows', 'kind1', 'kind2', 'kind3', 'kind4', 'kind5', 'kind6']);
    for (const each of series) {
      expect(each.points.length).toBeGreaterThan(50);
      expect(each.points.filter((point) => point.flagged).length).toBeGreaterThan(10);
    }
    expect(series.reduce((sum, each) => sum + each.flagged, 0n)).toBe(270n);
    expect(ready(await collectFacts(options()), 'values')).toEqual(ready(facts, 'values'));
  });

  it('draws at most twelve of many series and says how many it left out', async () => {
    const many = await collectFacts(options({ pipeline: { ...options().pipeline, group: 'order' } }));
    const { series, seriesLeftOut } = ready(many, 'values');
    expect([series.length, seriesLeftOut]).toEqual([12, rows - 12]);
    expect(nestingProblems(renderPage(many))).toEqual([]);
  });

  it('takes one series where nothing tells them apart, and none where nothing is numeric', async () => {
    const { pipeline } = options();
    expect(ready(await collectFacts(options({ pipeline: { ...pipeline, group: null } })), 'values').series.map((each) => each.name)).toEqual(['all rows']);
    const none = await collectFacts(options({ pipeline: { ...pipeline, value: null } }));
    expect(none.values.kind).toBe('empty');
    expect(ready(none, 'anomalies')[0].value).toBeNull();
  });

  it('lists the 20 lowest scores with every part of the key', () => {
    const list = ready(facts, 'anomalies');
    expect(list).toHaveLength(20);
    expect(list[0]).toEqual({ key: 'site 0 · 0', group: null, atMs: Date.UTC(2025, 3, 1, 12), value: 0, score: -0.00225, reason: 'load is <high>', modelVersion: '1' });
    expect(list.every((row, index) => index === 0 || row.score >= list[index - 1].score)).toBe(true);
  });

  it('takes balance and lag from the monitor\'s last run', () => {
    expect(ready(facts, 'balance')).toMatchObject({ verdict: 'ok', checkedMs: nowMs - 60_000, details: [], terms: { offsetsConsumed: 32_000n, duplicates: 400n, goldRows: 30_000n, silverRowsAtGold: 30_000n } });
    expect(ready(facts, 'flow')).toMatchObject({ lagRecords: 12n, lagS: 1.5, silver: { lateRows: 600n }, gold: { flagged: 270n }, bronze: { state: 'fresh', brokerS: 2, commitS: 1 } });
  });

  it('calls a sum unknown where one partition\'s term is, and says why', async () => {
    await connection.run(`BEGIN; UPDATE monitor_logs SET gap_offsets = NULL, verdict = 'unknown', detail = 'partition 2: no gaps known' WHERE "partition" = 2 AND run_id = 'new'`);
    const partial = ready(await collectFacts(options()), 'balance');
    await connection.run('ROLLBACK');
    expect(partial).toMatchObject({ verdict: 'unknown', details: ['partition 2: no gaps known'], terms: { gapOffsets: null, bronzeRows: 32_000n } });
  });

  it('counts open quarantine by reason, twelve at most, with the whole', () => {
    const { rows: open, reasons } = ready(facts, 'quarantine');
    expect(open).toBe(1_350n);
    expect(reasons).toHaveLength(12);
    expect(reasons[0]).toEqual({ reason: 'reason 1', rows: 100n });
  });

  it('shows the newest model with its numbers and what came before', () => {
    expect(ready(facts, 'model')).toEqual({
      name: 'forest', version: '1', atMs: Date.UTC(2025, 3, 1, 12), by: 'train', why: 'first drain', dataVersion: 'silver 3', aliases: 'champion',
      metrics: [{ name: 'trees', value: 100 }, { name: 'offset', value: -0.57 }, { name: 'p99', value: 150 }],
      earlier: [{ version: '0', atMs: Date.UTC(2025, 2, 1), why: 'default' }],
    });
  });

  it('makes a page', () => {
    const page = renderPage(facts);
    expect(nestingProblems(page)).toEqual([]);
    expect(page).toContain('load is &lt;high&gt;');
    expect(page).not.toContain('NaN');
  });
});

describe('a lake that is not whole', () => {
  it('asks nothing of tables that do not exist', async () => {
    const asked: string[] = [];
    const none = await collectFacts(options({ tables: [], query: (sql) => Promise.resolve([{ sql: asked.push(sql) }]) }));
    expect(asked).toEqual([]);
    expect(none.flow.kind).toBe('empty');
    expect(renderPage(none)).toContain('No rows yet.');
  });

  it('shows Bronze alone while the others do not exist', async () => {
    const young = await collectFacts(options({ tables: [table('bronze_events', { rows: 500n })] }));
    expect(ready(young, 'flow')).toMatchObject({ bronze: { rows: 500n, state: 'fresh' }, silver: { rows: 0n, state: 'empty', lateRows: null }, terms: null });
    expect(nestingProblems(renderPage(young))).toEqual([]);
  });

  it('is empty where tables hold no rows', async () => {
    await connection.run('BEGIN; DELETE FROM gold_anomaly_predictions; DELETE FROM monitor_logs; DELETE FROM quarantine_events; DELETE FROM model_history');
    const bare = await collectFacts(options());
    await connection.run('ROLLBACK');
    expect([bare.scores.kind, bare.values.kind, bare.anomalies.kind, bare.balance.kind, bare.quarantine.kind, bare.model.kind]).toEqual(Array(6).fill('empty'));
  });

  it('stands one value for all scores', async () => {
    await connection.run('BEGIN; UPDATE gold_anomaly_predictions SET anomaly_score = 0.125, anomaly_flag = 1');
    const flat = await collectFacts(options());
    await connection.run('ROLLBACK');
    expect(ready(flat, 'scores').bins.map((bin) => bin.rows)).toEqual([30_000n]);
    expect(nestingProblems(renderPage(flat))).toEqual([]);
  });

  it('tells a failed part on the page and goes on', async () => {
    const failing: CollectOptions['query'] = (sql) => (sql.includes('quarantine_events') ? Promise.reject(new TableError('delta/missing-file', 'part-1 is gone')) : query(sql));
    const some = await collectFacts(options({ query: failing }));
    expect(some.quarantine).toEqual({ kind: 'failed', code: 'delta/missing-file', message: 'part-1 is gone' });
    expect(some.scores.kind).toBe('ready');
  });

  it('does not hide a bug', async () => {
    await expect(collectFacts(options({ query: () => Promise.reject(new TypeError('x is not a function')) }))).rejects.toThrow(TypeError);
    await expect(collectFacts(options({ query: () => Promise.resolve([{ rows: 'many' }]) }))).rejects.toThrow('bug');
  });
});
