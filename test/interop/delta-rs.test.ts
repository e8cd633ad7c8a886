import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCommand, openLines } from '../../local/cli/open.ts';
import { sqlCommand } from '../../local/cli/sql.ts';
import { startTestAzurite } from '../support/azurite.ts';
import type { TestAzurite } from '../support/azurite.ts';
import { runCli } from '../support/cli.ts';
import { ARROW_ENGINES, ARROW_VENV, DeltaEngines, difference, missingFor, skippedFor } from '../support/delta-engines.ts';
import { RunLake } from '../support/run-lake.ts';
import { event, openTestLake, record } from '../support/test-lake.ts';

const missing = missingFor(ARROW_ENGINES);
const skipped = skippedFor(missing);

const EVENTS = 4_000;

/** Pasted into the DuckDB that Python has. INSTALL finds the extensions where a download would have put them. */
const DUCKDB = String.raw`
import glob, json, os, shutil, sys, tempfile, duckdb, duckdb_extension_azure, duckdb_extension_delta
with tempfile.TemporaryDirectory() as folder:
    platform = duckdb.sql("PRAGMA platform").fetchone()[0]
    target = os.path.join(folder, duckdb.sql("SELECT version()").fetchone()[0], platform)
    os.makedirs(target)
    for package in (duckdb_extension_azure, duckdb_extension_delta):
        for file in glob.glob(os.path.join(os.path.dirname(package.__file__), "extensions", "v*", "*.duckdb_extension")):
            shutil.copy(file, target)
    con = duckdb.connect(config={"extension_directory": folder, "autoinstall_known_extensions": "false"})
    for row in con.execute(sys.argv[1]).to_arrow_table().select(["event_id", "anomaly_score"]).to_pylist():
        print(json.dumps(row))
`;

describe.skipIf(missing !== null)(`a directory lake${skipped}`, () => {
  const engines = new DeltaEngines();
  let lake: RunLake;
  beforeAll(async () => { lake = await RunLake.create(EVENTS); });
  afterAll(() => Promise.all([lake.remove(), engines.close()]));

  test.each(ARROW_ENGINES)('%s opens every table and reads the rows that assay reads', async (engine) => {
    const tables = await lake.tables();
    expect(tables.find(({ name }) => name === 'bronze_events')?.rows).toBe(EVENTS);
    for (const { name, rows } of tables) {
      const ours = await lake.lines(name);
      expect(ours, name).toHaveLength(rows);
      expect(difference(ours, await engines.lines(engine, `${lake.dir}/${name}`)), name).toEqual({ onlyOurs: [], onlyTheirs: [] });
    }
  });

  test('the lines for Python run as printed', async () => {
    const { text } = await runCli(openCommand, '--with', 'python', lake.at);
    const { stdout } = await ARROW_VENV.run(text);
    for (const { event_id } of await topAnomalies(lake.at)) expect(stdout).toMatch(new RegExp(`\\| ${event_id} +\\|`));
  });

  test('the lines for DuckDB run as printed', async () => {
    const { text } = await runCli(openCommand, '--with', 'duckdb', lake.at);
    const { stdout } = await ARROW_VENV.run(DUCKDB, { args: [text] });
    expect(anomaliesIn(stdout).slice(0, TOP)).toEqual(await topAnomalies(lake.at));
  });
});

describe.skipIf(missing !== null)(`a lake in Azurite, on a port of its own${skipped}`, () => {
  let azurite: TestAzurite;
  let access: { lakeUrl: string; connectionString: string };
  const ids = ['a', 'b', 'c'];
  beforeAll(async () => {
    azurite = await startTestAzurite();
    const store = await azurite.container();
    access = { lakeUrl: store.url, connectionString: azurite.connectionString };
    const lake = await openTestLake({ store });
    const plain = Array.from({ length: 300 }, (_, i) => record(i, event(`plain${i}`, { value: String(i % 50) })));
    await lake.ingest([...plain, ...ids.map((id, i) => record(300 + i, event(id, { value: String(10 ** (9 + i)) })))]);
    await lake.refine();
    await lake.score();
    await lake.close();
  });
  afterAll(() => azurite.close());

  test('the lines for Python run as printed', async () => {
    const { stdout } = await ARROW_VENV.run(openLines(access).python);
    for (const id of ids) expect(stdout).toMatch(new RegExp(`\\| ${id} +\\|`));
  });

  test('the lines for DuckDB run as printed, in a DuckDB started as they say', async () => {
    const { duckdb } = openLines(access);
    const [, blobUrl] = /^-- start DuckDB as: AZURITE_BLOB_STORAGE_URL=(\S+) duckdb$/m.exec(duckdb)!;
    const { stdout } = await ARROW_VENV.run(DUCKDB, { args: [duckdb], env: { AZURITE_BLOB_STORAGE_URL: blobUrl } });
    expect(anomaliesIn(stdout).map(({ event_id }) => event_id)).toEqual(expect.arrayContaining(ids));
  });
});

interface Anomaly { readonly event_id: string; readonly anomaly_score: number }

/** So few that no two of them have one score: engines are free in the order of equals. */
const TOP = 3;

async function topAnomalies(at: string): Promise<Anomaly[]> {
  const { json } = await runCli(sqlCommand, `SELECT event_id, anomaly_score FROM gold_anomaly_predictions WHERE anomaly_flag = -1 ORDER BY anomaly_score LIMIT ${TOP + 1}`, at, '--json');
  const anomalies = json as Anomaly[];
  expect(new Set(anomalies.map(({ anomaly_score }) => anomaly_score)).size).toBe(TOP + 1);
  return anomalies.slice(0, TOP);
}

function anomaliesIn(stdout: string): Anomaly[] {
  return stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Anomaly);
}
