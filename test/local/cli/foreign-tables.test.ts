import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Column } from '../../../local/cli/row-sink.ts';
import { streamSelect } from '../../../local/cli/select.ts';
import { tableReadCommand } from '../../../local/cli/table-read.ts';
import { jsonValue } from '../../../local/cli/values.ts';
import { toJson } from '../../../local/cli/output.ts';
import { Engine } from '../../../shared/columnar/duckdb.ts';
import { fileList } from '../../../shared/columnar/sql-text.ts';
import { runCli } from '../../support/cli.ts';

/** Tables that Spark wrote, each with the rows that it read back from them. */
const TABLES = join(import.meta.dirname, '../../../../shared/delta-tables/spark');
const present = existsSync(TABLES);

/** What the collection's own README says: logs without data files, an answer made in another time zone. */
const WITHOUT_ANSWER = new Set(['data-reader-partition-values']);
const named = present ? readdirSync(TABLES).filter((name) => existsSync(join(TABLES, name, 'expected')) && !WITHOUT_ANSWER.has(name)) : [];

describe.skipIf(!present)(`table read by address${present ? '' : ' (skipped: there is no ../shared/delta-tables beside the project)'}`, () => {
  let folder: string;
  let engine: Engine;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-foreign-'));
    engine = new Engine({ memoryMb: 256, threads: 2, tempDir: folder });
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  test.each(named)('%s', async (name) => {
    const { lines } = await runCli(tableReadCommand, `file:${join(TABLES, name, 'delta')}`, '--json');
    expect(lines.filter((line) => line !== '').map(sortedKeys).sort()).toEqual((await expectedRows(join(TABLES, name, 'expected'))).map(sortedKeys).sort());
  });

  async function expectedRows(dir: string): Promise<string[]> {
    const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.parquet')).map((file) => join(dir, file));
    const rows: string[] = [];
    await engine.session((session) => streamSelect(session, `SELECT * FROM read_parquet(${fileList(files)}, hive_partitioning = false)`, (columns) => ({
      rows: async (chunk) => void rows.push(...chunk.map((row) => rowText(columns, row))),
      end: () => Promise.resolve(),
    })));
    return rows;
  }
});

function rowText(columns: readonly Column[], row: readonly unknown[]): string {
  return toJson(Object.fromEntries(columns.map(({ name, type }, i) => [name, jsonValue(type, row[i])])));
}

/** Column order is not compared. */
function sortedKeys(json: string): string {
  return JSON.stringify(Object.entries(JSON.parse(json) as object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('a folder that is no table is told', async () => {
  await expect(runCli(tableReadCommand, `file:${tmpdir()}`)).rejects.toMatchObject({ code: 'lake/no-table' });
});
