import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCommand, openLines } from '../../../local/cli/open.ts';
import { azuriteConnectionString } from '../../../local/azurite-servers.ts';
import { runCli } from '../../support/cli.ts';

// That the lines work where they are pasted, test/interop/delta-rs.test.ts shows.

const azurite = (blobPort: number) => azuriteConnectionString({ blobPort, tablePort: blobPort + 2 });

describe('the lines', () => {
  test('of a directory name it by its whole path, quoted for each language', () => {
    const { duckdb, python, spark } = openLines({ lakeUrl: `file:it's a "lake"`, connectionString: null });
    const table = resolve(`it's a "lake"`, 'gold_anomaly_predictions');
    expect(duckdb).toContain(`delta_scan('${table.replaceAll("'", "''")}')`);
    expect(python).toContain(`DeltaTable(${JSON.stringify(table)})`);
    expect(spark).toContain(`delta.\`${table.replaceAll("'", `'\\''`)}\``);
  });

  test('of Azurite carry its port where DuckDB would not find it by itself', () => {
    const usual = openLines({ lakeUrl: 'az://devstoreaccount1/lake', connectionString: azurite(10_000) });
    expect(usual.duckdb).not.toContain('AZURITE_BLOB_STORAGE_URL');
    expect(usual.duckdb).toContain(`delta_scan('az://lake/gold_anomaly_predictions')`);
    const moved = openLines({ lakeUrl: 'az://devstoreaccount1/lake/below', connectionString: azurite(12_345) });
    expect(moved.duckdb).toContain('AZURITE_BLOB_STORAGE_URL=http://127.0.0.1:12345 duckdb');
    expect(moved.python).toContain('"endpoint": "http://127.0.0.1:12345/devstoreaccount1"');
    expect(moved.python).toContain('az://lake/below/gold_anomaly_predictions');
  });

  test('of Azure hold no secret', () => {
    const lines = openLines({ lakeUrl: 'abfss://lake@account1.dfs.core.windows.net/p', connectionString: null });
    expect(Object.values(lines).join('\n')).not.toMatch(/key/i);
    expect(lines.spark).toContain('abfss://lake@account1.dfs.core.windows.net/p/gold_anomaly_predictions');
    expect(lines.duckdb).toContain('credential_chain');
  });

  test('no line is indented: Python would refuse it', () => {
    for (const connectionString of [null, azurite(10_005)]) {
      for (const text of Object.values(openLines({ lakeUrl: 'az://devstoreaccount1/lake', connectionString }))) expect(text).not.toMatch(/^\s/m);
    }
  });
});

describe('assay open', () => {
  let dir: string;
  const before = process.cwd();
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'assay-open-'));
    process.chdir(dir);
  });
  afterAll(async () => {
    process.chdir(before);
    await rm(dir, { recursive: true });
  });

  test('prints one engine\'s lines alone, all three with their titles', async () => {
    const lines = openLines({ lakeUrl: `file:${dir}`, connectionString: null });
    expect((await runCli(openCommand, '--with', 'python', `--lake=file:${dir}`)).text).toBe(lines.python);
    const all = await runCli(openCommand, `--lake=file:${dir}`);
    for (const text of Object.values(lines)) expect(all.text).toContain(text);
    expect((await runCli(openCommand, `--lake=file:${dir}`, '--json')).json).toEqual([lines]);
  });

  test('refuses other engines and lakes that are not there', async () => {
    await expect(runCli(openCommand, '--with', 'excel', `--lake=file:${dir}`)).rejects.toMatchObject({ code: 'cli/options' });
    await expect(runCli(openCommand)).rejects.toMatchObject({ code: 'cli/no-lake' });
  });
});
