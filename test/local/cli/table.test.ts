import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tableChangesCommand } from '../../../local/cli/table-changes.ts';
import { tableDescribeCommand } from '../../../local/cli/table-describe.ts';
import { tableHistoryCommand } from '../../../local/cli/table-history.ts';
import { tableListCommand } from '../../../local/cli/table-list.ts';
import { tableReadCommand } from '../../../local/cli/table-read.ts';
import { EVENTS, openCliLake } from '../../support/cli-lake.ts';
import { cells, runCli } from '../../support/cli.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
const at = () => `--lake=${lake.url}`;
const VALID = EVENTS - 3;
/** One of the valid is a later version of another. */
const KEPT = VALID - 1;

beforeAll(async () => { lake = await openCliLake(); });
afterAll(() => lake.close());

describe('table list', () => {
  test('shows version, rows, files and bytes of every table', async () => {
    const { json } = await runCli(tableListCommand, at(), '--json');
    const tables = new Map((json[0] as { name: string }[]).map((table) => [table.name, table as Record<string, unknown>]));
    expect(tables.get('bronze_events')).toMatchObject({ rows: EVENTS, files: 2 });
    expect(tables.get('gold_anomaly_predictions')).toMatchObject({ rows: KEPT });
    expect(tables.get('offset_gaps')).toMatchObject({ version: 0, rows: 0, files: 0, bytes: 0, lastRows: null });
    expect(tables.size).toBe(lake.lake.names.length);
  });

  test('for people it is a table', async () => {
    const { lines } = await runCli(tableListCommand, at());
    expect(cells(lines)).toMatchObject({ table: 'bronze_events', rows: String(EVENTS), files: '2' });
  });

  test('a directory that is not there is told, and not made', async () => {
    const dir = join(lake.folder, 'nowhere');
    await expect(runCli(tableListCommand, `--lake=file:${dir}`)).rejects.toMatchObject({ code: 'cli/no-lake', message: expect.stringContaining('assay run') });
    expect(existsSync(dir)).toBe(false);
  });
});

describe('table read', () => {
  test('prints every value exactly, one JSON object a line', async () => {
    const { json, notes, code } = await runCli(tableReadCommand, 'silver_events', '--where', `event_id = '30'`, at(), '--json');
    expect(code).toBe(0);
    expect(json).toHaveLength(1);
    expect(json[0]).toMatchObject({
      event_id: '30', value: 77.25, timestamp: '2025-04-01T17:59:30.123456Z', event_date: '2025-04-01', is_late: false, late_by_ms: 29_876,
      rescued: '{"extra":"12345678901234567890"}', topic: 'events', partition: 0, offset: 100, kafka_timestamp: '2025-04-01T18:00:00.000000Z',
    });
    expect(notes).toContain('1 row of silver_events');
  });

  test('columns, order and limit', async () => {
    const { json } = await runCli(tableReadCommand, 'bronze_events', '--columns', 'offset, key', '--order', '"offset" DESC', '--limit', '2', at(), '--json');
    expect(json).toEqual([{ offset: 119, key: null }, { offset: 118, key: null }]);
  });

  test('an older version is the rows of then', async () => {
    const { delta } = await lake.lake.table('bronze_events');
    const first = await runCli(tableReadCommand, 'bronze_events', '--version', '1', at(), '--json');
    expect(first.json).toHaveLength(0);
    const whole = await runCli(tableReadCommand, 'bronze_events', '--version', String(delta.snapshot.version - 1n), at(), '--json');
    expect(whole.json).toHaveLength(60);
    await expect(runCli(tableReadCommand, 'bronze_events', '--version', '99', at())).rejects.toMatchObject({ code: 'delta/no-such-version', message: `bronze_events has no version 99: the newest is ${delta.snapshot.version}` });
  });

  test('a bare limit takes as many rows as asked', async () => {
    expect((await runCli(tableReadCommand, 'bronze_events', '--limit', '75', at(), '--json')).json).toHaveLength(75);
    expect((await runCli(tableReadCommand, 'bronze_events', '--limit', '0', at(), '--json')).json).toHaveLength(0);
  });

  test('CSV quotes what needs it and tells null from empty', async () => {
    const { text } = await runCli(tableReadCommand, 'quarantine_events', '--columns', 'value,reason,resolved_at', '--limit', '1', at(), '--csv');
    expect(text).toBe('value,reason,resolved_at\nno json \u001b[2J,malformed_json,');
  });

  test('a payload cannot command the terminal', async () => {
    const { text } = await runCli(tableReadCommand, 'quarantine_events', '--columns', 'value', at());
    expect(text).toContain(String.raw`no json \u001b[2J`);
    expect(text).not.toContain('\u001b');
  });

  test.each(['parquet', 'csv', 'ndjson'])('--out writes a %s file once, and never over another', async (format) => {
    const file = join(lake.folder, `out [1] it's.${format}`);
    await runCli(tableReadCommand, 'gold_anomaly_predictions', '--columns', 'event_id,anomaly_score,timestamp', '--order', 'event_id', '--out', file, at());
    await expect(runCli(tableReadCommand, 'gold_anomaly_predictions', '--out', file, at())).rejects.toMatchObject({ code: 'cli/out-exists' });
    expect(existsSync(`${file}.part`)).toBe(false);
    const rows = format === 'parquet'
      ? await lake.engine.session((session) => session.rows(`SELECT * FROM read_parquet('${file.replaceAll("'", "''").replaceAll('[', '[[]')}')`))
      : (await readFile(file, 'utf8')).trimEnd().split('\n').slice(format === 'csv' ? 1 : 0);
    expect(rows).toHaveLength(KEPT);
  });

  test.each([
    ['--where', `1 = 1) UNION ALL SELECT * FROM read_csv('/etc/hosts'`],
    ['--where', `1 = 1); COPY (SELECT 1) TO 'assay-no.csv'; SELECT * FROM "rows" WHERE (1 = 1`],
    ['--order', `1; SELECT 1`],
    ['--where', `event_id IN (SELECT content FROM read_text('/etc/hosts'))`],
  ])('%s %s is refused', async (flag, sql) => {
    await expect(runCli(tableReadCommand, 'silver_events', flag, sql, at())).rejects.toMatchObject({ retry: 'never' });
  });

  test('an unknown column, a table that is not there and a name that is none are told', async () => {
    await expect(runCli(tableReadCommand, 'silver_events', '--columns', 'nope', at())).rejects.toMatchObject({ code: 'delta/no-such-column' });
    await expect(runCli(tableReadCommand, 'silver', at())).rejects.toMatchObject({ code: 'lake/no-table', message: expect.stringContaining('silver_events') });
    await expect(runCli(tableReadCommand, '../silver_events', at())).rejects.toMatchObject({ code: 'cli/options' });
    await expect(runCli(tableReadCommand, at())).rejects.toMatchObject({ code: 'cli/options' });
  });
});

describe('table describe', () => {
  test('says what the table is', async () => {
    const { json, text } = { ...(await runCli(tableDescribeCommand, 'silver_events', at(), '--json')), text: (await runCli(tableDescribeCommand, 'silver_events', at())).text };
    const { delta } = await lake.lake.table('silver_events');
    expect(json[0]).toMatchObject({ version: Number(delta.snapshot.version), rows: KEPT, protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'] }, partitionColumns: ['event_type'], id: delta.id, properties: { 'assay.generation': '1' } });
    const bronze = (await lake.lake.table('bronze_events')).delta;
    expect((json[0] as { txns: Record<string, number> }).txns[`refine/${bronze.id}`]).toBe(Number(bronze.snapshot.version));
    expect(text).toMatch(/event_type +string +yes +yes/);
  });
});

describe('table history', () => {
  test('shows every commit, the newest first', async () => {
    const { delta } = await lake.lake.table('gold_anomaly_predictions');
    const { json } = await runCli(tableHistoryCommand, 'gold_anomaly_predictions', at(), '--json');
    const entries = json as { version: number; operation: string; timestamp: string; engineInfo: string }[];
    expect(entries.map(({ version }) => version)).toEqual(Array.from({ length: Number(delta.snapshot.version) + 1 }, (_, i) => Number(delta.snapshot.version) - i));
    expect(entries.at(-1)).toMatchObject({ operation: 'CREATE TABLE', engineInfo: expect.stringMatching(/^assay/) });
    expect(entries[0].timestamp).toMatch(/^\d{4}-.*Z$/);
    expect((await runCli(tableHistoryCommand, 'gold_anomaly_predictions', '--limit', '1', at(), '--json')).json).toHaveLength(1);
  });
});

describe('table changes', () => {
  test('nets a replaced row by its key', async () => {
    const { version } = (await lake.lake.table('silver_events')).delta.snapshot;
    const { json, notes } = await runCli(tableChangesCommand, 'silver_events', '--from', String(version), at(), '--json');
    const changes = json as { _change: string; event_id: string }[];
    expect(changes.filter(({ _change }) => _change === 'update').map(({ event_id }) => event_id)).toEqual(['30']);
    const before = (await runCli(tableReadCommand, 'silver_events', '--version', String(version - 1n), at(), '--json')).json.length;
    expect(changes.filter(({ _change }) => _change === 'insert')).toHaveLength(KEPT - before);
    expect(changes.some(({ event_id }) => event_id === '33')).toBe(false);
    expect(notes).toContain('netted by event_id');
  });

  test('from the beginning it is every row once', async () => {
    const { json } = await runCli(tableChangesCommand, 'silver_events', '--from', '0', at(), '--json');
    expect(json).toHaveLength(KEPT);
    expect(new Set((json as { _change: string }[]).map(({ _change }) => _change))).toEqual(new Set(['insert']));
  });

  const idsOf = (json: readonly unknown[], change: string) => (json as { _change: string; event_id: string }[]).flatMap(({ _change, event_id }) => (_change === change ? [event_id] : []));

  test('a table that is named by its address has no known key: rows as they are', async () => {
    const { version } = (await lake.lake.table('silver_events')).delta.snapshot;
    const { json, notes } = await runCli(tableChangesCommand, `${lake.url}/silver_events`, '--from', String(version), '--json');
    expect(idsOf(json, 'remove')).toEqual(['30']);
    expect(idsOf(json, 'add')).toContain('30');
    expect(idsOf(json, 'add')).not.toContain('33');
    expect(notes).toContain('raw');
  });

  test('where files are copied, a row that was copied unchanged is netted away, and stands in both by address', async () => {
    const copied = await openCliLake({ properties: { 'delta.enableDeletionVectors': 'false' } });
    try {
      const { version } = (await copied.lake.table('silver_events')).delta.snapshot;
      const from = ['--from', String(version), '--json'];
      const { json, notes } = await runCli(tableChangesCommand, `${copied.url}/silver_events`, ...from);
      for (const change of ['remove', 'add']) expect(idsOf(json, change), change).toEqual(expect.arrayContaining(['30', '33']));
      expect(notes).toContain('an unchanged row that was rewritten stands in both');
      const net = (await runCli(tableChangesCommand, 'silver_events', ...from, `--lake=${copied.url}`)).json;
      expect([idsOf(net, 'update'), idsOf(net, 'delete'), idsOf(net, 'insert').includes('33')]).toEqual([['30'], [], false]);
    } finally {
      await copied.close();
    }
  });

  test('a range that the table does not have is refused', async () => {
    for (const range of [['--from', '99'], ['--from', '1', '--to', '99'], ['--from', '2', '--to', '1'], []]) {
      await expect(runCli(tableChangesCommand, 'silver_events', ...range, at())).rejects.toMatchObject({ code: 'cli/options' });
    }
  });
});
