import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlCommand, tablesIn } from '../../../local/cli/sql.ts';
import { EVENTS, openCliLake } from '../../support/cli-lake.ts';
import { cells, runCli } from '../../support/cli.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
const ask = (sql: string, ...more: string[]) => runCli(sqlCommand, sql, `--lake=${lake.url}`, ...more);

beforeAll(async () => { lake = await openCliLake(); });
afterAll(() => lake.close());

describe('the question', () => {
  test('of the README works as typed', async () => {
    const { json } = await ask('SELECT * FROM gold_anomaly_predictions WHERE anomaly_flag = -1 ORDER BY anomaly_score ASC LIMIT 20', '--json');
    const scores = (json as { anomaly_score: number; anomaly_flag: number; timestamp: string }[]);
    expect(scores.length).toBeGreaterThan(0);
    expect(scores.every((row) => row.anomaly_flag === -1 && row.anomaly_score < 0 && /^2025-04-01T\d\d:\d\d:\d\d\.\d{6}Z$/.test(row.timestamp))).toBe(true);
    expect(scores.map((row) => row.anomaly_score)).toEqual(scores.map((row) => row.anomaly_score).sort((a, b) => a - b));
  });

  test('may join tables, and keeps every digit', async () => {
    const { json } = await ask(`SELECT count(*) AS n, sum(b."offset") AS offsets, 9223372036854775807 AS big, max(s.timestamp) AS t
      FROM silver_events s JOIN Bronze_Events b USING (topic, incarnation, "partition", "offset")`, '--json');
    expect(json).toEqual([{ n: EVENTS - 4, offsets: expect.any(Number), big: 9_223_372_036_854_775_807n, t: '2025-04-01T17:59:30.123456Z' }]);
  });

  test('types that Delta lacks come as text, columns of one name get names of their own', async () => {
    const { json } = await ask(`SELECT 1 AS a, TIME '10:00:01' AS a, INTERVAL 2 DAY AS i, {'d': DATE '2025-04-01', 'b': '\\xFF'::BLOB} AS s, MAP {'k': [1.50]} AS m;`, '--json');
    expect(json).toEqual([{ a: 1, a_1: '10:00:01', i: '2 days', s: { d: '2025-04-01', b: '/w==' }, m: { k: ['1.50'] } }]);
  });

  test('is answered as a table, as CSV, or into a file', async () => {
    const sql = `SELECT event_type, count(*) AS n FROM silver_events GROUP BY ALL ORDER BY event_type`;
    expect(cells((await ask(sql)).lines)).toMatchObject({ event_type: 'click' });
    expect((await ask(sql, '--csv')).lines[0]).toBe('event_type,n');
    const file = join(lake.folder, 'answer.ndjson');
    await ask(sql, '--out', file);
    expect((await readFile(file, 'utf8')).split('\n')[0]).toMatch(/^\{"event_type":"click","n":\d+\}$/);
  });

  test('that is larger than a chunk streams whole', async () => {
    const { json } = await ask('SELECT range AS i FROM range(10000)', '--json');
    expect(json).toHaveLength(10_000);
    expect(json.at(-1)).toEqual({ i: 9_999 });
  });
});

describe('what is refused', () => {
  test.each([
    [`COPY (SELECT 1) TO 'FOLDER/copied.csv'`], [`COPY silver_events TO 'FOLDER/copied.parquet'`], [`ATTACH 'FOLDER/attached.duckdb'`], ['INSTALL httpfs'], ['LOAD httpfs'],
    [`SELECT * FROM read_csv('/etc/passwd')`], [`SELECT * FROM read_text('FOLDER/../*')`], [`SELECT * FROM '/etc/passwd'`], [`SELECT * FROM glob('/etc/*')`],
    [`SELECT * FROM sniff_csv('/etc/passwd')`], [`SELECT * FROM parquet_metadata('FOLDER/other.parquet')`], ['SET threads = 1'], ['RESET threads'], ['PRAGMA threads = 1'],
    [`SET allowed_paths = ['/etc/passwd']`], [`EXPORT DATABASE 'FOLDER/exported'`], ['CREATE TABLE t AS SELECT 1'], ['SELECT 1; SELECT 2'], ['CALL pragma_version()'],
    [`EXPLAIN ANALYZE COPY (SELECT 1) TO 'FOLDER/explained.csv'`], ['', ], ['SELECT nothing FROM silver_events'], ['SELECT * FROM no_such_table'], ['SELECT FROM'],
  ])('%s', async (sql) => {
    const folder = await mkdtemp(join(lake.folder, 'outside-'));
    await mkdir(join(folder, 'x'));
    await expect(ask(sql.replaceAll('FOLDER', folder))).rejects.toMatchObject({ retry: 'never' });
    for (const name of ['copied.csv', 'copied.parquet', 'attached.duckdb', 'exported', 'explained.csv']) expect(existsSync(join(folder, name))).toBe(false);
    await rm(folder, { recursive: true });
  });

  test('files of tables that the question does not mention', async () => {
    const bronze = await lake.lake.table('bronze_events');
    const path = join(lake.dir, 'bronze_events', [...bronze.delta.snapshot.files.values()][0].path);
    expect(existsSync(path)).toBe(true);
    await expect(ask(`SELECT count(*) FROM read_parquet('${path}') CROSS JOIN (SELECT 1 FROM silver_events LIMIT 1)`)).rejects.toMatchObject({ code: 'cli/sql' });
  });

  test('a table that nothing has made yet, with what makes it', async () => {
    const empty = await mkdtemp(join(lake.folder, 'empty-'));
    await expect(runCli(sqlCommand, 'SELECT * FROM silver_events', `--lake=file:${empty}`)).rejects.toMatchObject({ code: 'lake/no-table', message: expect.stringContaining('assay run') });
    expect(existsSync(join(empty, 'silver_events'))).toBe(false);
  });
});

test('names are found outside of literals and comments only', () => {
  const names = ['silver_events', 'gold', 'bronze_events'];
  expect(tablesIn(`SELECT 'gold' FROM "silver_events" -- bronze_events\n/* gold */`, names)).toEqual(['silver_events']);
  expect(tablesIn(`SELECT 'it''s gold' FROM SILVER_events s JOIN gold ON true`, names)).toEqual(['silver_events', 'gold']);
  expect(tablesIn('SELECT golden FROM silver_events_old', names)).toEqual([]);
});

test('through the program: rows on stdout, words on stderr, exit code 1 on a failure', async () => {
  const assay = (...args: string[]) => promisify(execFile)(process.execPath, [new URL('../../../local/assay.ts', import.meta.url).pathname, ...args], { cwd: lake.folder });
  const { stdout, stderr } = await assay('sql', 'SELECT count(*) AS n FROM bronze_events', '--json', '--lake', lake.url);
  expect(stdout).toBe(`{"n":${EVENTS}}\n`);
  expect(stderr).toBe('1 row\n');
  await expect(assay('sql', 'DROP TABLE bronze_events', '--lake', lake.url)).rejects.toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('only one statement that reads') });
  await expect(assay('table', 'list')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('there is no lake') });
  expect(existsSync(join(lake.folder, '.assay'))).toBe(false);
});
