import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileList, quote } from '../../shared/columnar/sql-text.ts';
import { TableError } from '../../shared/errors.ts';
import { FileStore } from '../../shared/storage/file-store.ts';
import { openDeltaBench } from '../support/delta.ts';
import type { DeltaBench } from '../support/delta.ts';

/** Tables that Spark and the kernels wrote, read whole and compared row for row with what they must hold. */
const ROOT = join(import.meta.dirname, '../../../shared/delta-tables');

/** Must be refused, with the code of the reason. */
const REFUSED: Readonly<Record<string, string>> = {
  'spark/deltalog-invalid-protocol-version': 'delta/protocol',
  'spark/versions-not-contiguous': 'delta/log-gap',
};

/** Logs without their data files: the log is read, the rows are refused. */
const LOG_ONLY: Readonly<Record<string, { version: bigint; files: number }>> = {
  'spark/checkpoint': { version: 14n, files: 1 },
  'kernel/with_checkpoint_no_last_checkpoint': { version: 3n, files: 1 },
};

/**
 * Columns whose expected rows are not what every engine reads: these were made in Los Angeles time, where the log's text has no zone
 * and is read as UTC (delta.md B6).
 */
const OTHER_ZONE: Readonly<Record<string, { column: string; hours: number }>> = {
  'spark/data-reader-partition-values': { column: 'as_timestamp', hours: 7 },
};

/** Where no rows lie beside a table: what delta-rs 1.6 reads there, as a query and its one row. */
const READ_BY_DELTA_RS: Readonly<Record<string, { sql: string; row: Record<string, unknown> }>> = {
  'kernel/app-txn-checkpoint': { sql: `SELECT count(*) AS n, sum("value")::BIGINT AS s, min(modified) AS "from", max(modified) AS "to" FROM rows`, row: { n: 22n, s: 132n, from: '2021-02-01', to: '2021-02-02' } },
  'kernel/basic_partitioned': { sql: `SELECT string_agg(coalesce(letter, '-') || number || '/' || a_float, ' ' ORDER BY number) AS all_rows FROM rows`, row: { all_rows: 'a1/1.1 b2/2.2 c3/3.3 a4/4.4 e5/5.5 -6/6.6' } },
  'kernel/crc-full': { sql: 'SELECT count(*) AS n FROM rows', row: { n: 0n } },
  'kernel/parsed-stats': { sql: 'SELECT count(*) AS n, sum(id)::BIGINT AS s, count(ts_col) AS times FROM rows', row: { n: 600n, s: 180_300n, times: 0n } },
  'kernel/stats-writing-all-types': {
    sql: `SELECT count(*) AS n, sum(int_col)::BIGINT AS ints, sum(decimal_col)::VARCHAR AS decimals, max(timestamp_ntz_col)::VARCHAR AS ntz, sum(nested_struct.inner_int)::BIGINT AS nested, count(*) FILTER (nested_struct IS NULL) AS no_struct, sum(len(array_col))::BIGINT AS items, sum(cardinality(map_col))::BIGINT AS entries FROM rows`,
    row: { n: 4n, ints: 9000n, decimals: '1580.22', ntz: '2024-12-25 00:00:00', nested: 90n, no_struct: 1n, items: 6n, entries: 4n },
  },
  'kernel/table-with-dv-small': { sql: `SELECT list("value" ORDER BY "value") AS l FROM rows`, row: { l: [1, 2, 3, 4, 5, 6, 7, 8] } },
  'kernel/table-without-dv-small': { sql: `SELECT list("value" ORDER BY "value") AS l FROM rows`, row: { l: [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n] } },
  'kernel/timestamp-truncation-stats': { sql: 'SELECT list(epoch_us(ts_col) ORDER BY id) AS l FROM rows', row: { l: [1_000_000n, 2_000_000n, 3_000_000n, 4_000_500n, 7_000_000n, 8_000_000n] } },
  'kernel/v2-checkpoints-json-with-sidecars': { sql: 'SELECT count(*) AS n, sum(id)::BIGINT AS s FROM rows', row: { n: 1233n, s: 509_835n } },
  'kernel/with-short-dv': { sql: 'SELECT list(id ORDER BY id) AS l, round(sum(rand), 6) AS r FROM rows', row: { l: [3n, 4n, 5n, 6n, 7n, 8n, 9n], r: 3.173176 } },
};

const present = existsSync(ROOT);
const tables = present ? ['spark', 'kernel'].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => `${group}/${name}`)) : ['../shared/delta-tables is not beside this clone'];

function logFolder(name: string): string {
  const folder = join(ROOT, name);
  return ['delta', name.split('/')[1], ''].map((below) => join(folder, below)).find((candidate) => existsSync(join(candidate, '_delta_log')))!;
}

describe.skipIf(!present)('golden tables', () => {
  let bench: DeltaBench;
  beforeAll(async () => {
    bench = await openDeltaBench();
  });
  afterAll(() => bench.close());

  test.each(tables)('%s', async (name) => {
    const store = new FileStore({ dir: logFolder(name) });
    if (REFUSED[name] !== undefined) {
      await expect(bench.open(store)).rejects.toMatchObject({ constructor: TableError, code: REFUSED[name] });
      return;
    }
    const table = await bench.open(store);
    if (LOG_ONLY[name] !== undefined) {
      expect({ version: table.delta.snapshot.version, files: table.delta.snapshot.files.size }).toEqual(LOG_ONLY[name]);
      await expect(bench.rows(table)).rejects.toMatchObject({ constructor: TableError, code: 'storage/missing-file' });
      return;
    }
    const expected = join(ROOT, name, 'expected');
    if (!existsSync(expected)) {
      const known = READ_BY_DELTA_RS[name];
      expect(known, `${name} has neither expected rows beside it nor a row in READ_BY_DELTA_RS`).toBeDefined();
      expect(await bench.rows(table, known.sql)).toEqual([known.row]);
      return;
    }
    const files = readdirSync(expected).filter((file) => /^[^.].*\.parquet$/.test(file)).map((file) => join(expected, file));
    const zone = OTHER_ZONE[name];
    const columns = (shifted: string) => table.delta.snapshot.schema.fields.map((field) => (field.name === zone?.column ? shifted : quote(field.name))).join(', ');
    const wanted = `SELECT ${columns(quote(zone?.column ?? ''))} FROM read_parquet(${fileList(files)}, union_by_name = true)`;
    const read = `SELECT ${columns(`${quote(zone?.column ?? '')} + INTERVAL ${zone?.hours ?? 0} HOUR`)} FROM rows`;
    const [difference] = await bench.rows(table, `SELECT (SELECT count(*) FROM (${read} EXCEPT ALL ${wanted})) AS surplus, (SELECT count(*) FROM (${wanted} EXCEPT ALL ${read})) AS missing`);
    expect(difference).toEqual({ surplus: 0n, missing: 0n });
  });
});
