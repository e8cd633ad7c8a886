import { resolve } from 'node:path';
import { ConfigError } from '../../shared/errors.ts';
import { GOLD } from '../../shared/pipeline/tables.ts';
import { parseLakeUrl } from '../../shared/storage/lake-url.ts';
import type { LakeUrl } from '../../shared/storage/lake-url.ts';
import { azuriteConnectionString } from '../azurite-servers.ts';
import type { Command, Flags } from './command.ts';
import { homeOf, readRunInfo } from './home.ts';
import { AZURITE_LAKE_URL, AZURITE_PORTS } from './local-lake.ts';
import type { LakeAccess } from './local-lake.ts';
import { requireLake } from './read-lake.ts';

/** What to paste into each engine to see the lake's anomalies there; whole lines, none indented. */
export interface OpenLines {
  readonly duckdb: string;
  readonly python: string;
  readonly spark: string;
}

type Engine = keyof OpenLines;

const ENGINES: readonly Engine[] = ['duckdb', 'python', 'spark'];
const TITLE: Readonly<Record<Engine, string>> = { duckdb: 'DuckDB (1.5 or newer)', python: 'Python (pip install deltalake)', spark: 'Spark (4.2)' };
/** The Delta package of the Spark in TITLE. */
const SPARK_PACKAGE = 'io.delta:delta-spark_4.2_2.13:4.4.0';
const PICK = 'WHERE anomaly_flag = -1 ORDER BY anomaly_score LIMIT 10';

export const openCommand: Command = {
  name: 'open',
  usage: '[--with duckdb|python|spark] [--lake URL] [--json]',
  summary: 'Print the lines that open this lake in DuckDB, Python or Spark',
  options: { with: { type: 'string' } },
  run: async ({ flags, out }) => {
    const chosen = chosenEngines(flags.text('with'));
    const { access, up } = lakeToOpen(flags);
    const lines = openLines(access);
    const only = Object.fromEntries(chosen.map((engine) => [engine, lines[engine]]));
    out.result(only, () => chosen.length === 1 ? lines[chosen[0]] : chosen.map((engine) => `${TITLE[engine]}\n\n${lines[engine]}\n`).join('\n'));
    if (!up) out.note('The lake\'s storage is not up: run "assay start" here, then "assay open" again, which knows its ports.');
    return 0;
  },
};

/** Nothing is started for the sake of a few lines of text. */
function lakeToOpen(flags: Flags): { access: Pick<LakeAccess, 'lakeUrl' | 'connectionString'>; up: boolean } {
  requireLake(flags);
  const running = readRunInfo(homeOf());
  const named = flags.text('lake') ?? process.env['LAKE_URL'];
  if (running && (named === undefined || named === running.lakeUrl)) return { access: running, up: true };
  const lakeUrl = named ?? AZURITE_LAKE_URL;
  if (lakeUrl === AZURITE_LAKE_URL) return { access: { lakeUrl, connectionString: azuriteConnectionString(AZURITE_PORTS) }, up: false };
  return { access: { lakeUrl, connectionString: process.env['LAKE_CONNECTION_STRING'] || null }, up: true };
}

function chosenEngines(text: string | undefined): readonly Engine[] {
  if (text === undefined) return ENGINES;
  const found = ENGINES.find((engine) => engine === text);
  if (found) return [found];
  throw new ConfigError('cli/options', `--with is "${text}"; give one of ${ENGINES.join(', ')}`);
}

export function openLines(access: Pick<LakeAccess, 'lakeUrl' | 'connectionString'>): OpenLines {
  const url = parseLakeUrl(access.lakeUrl);
  if (url.kind === 'file') return directoryLines(url.dir);
  return access.connectionString === null ? azureLines(url) : emulatorLines(url, access.connectionString);
}

function directoryLines(dir: string): OpenLines {
  const table = `${resolve(dir)}/${GOLD}`;
  return {
    duckdb: `INSTALL delta; LOAD delta;\nSELECT * FROM delta_scan(${sqlText(table)}) ${PICK};`,
    python: pythonLines(table, []),
    spark: sparkLine(`SELECT * FROM delta.\`${table}\` ${PICK}`, []),
  };
}

/** Azurite, or an account opened with its key. */
function emulatorLines(url: AzureUrl, connectionString: string): OpenLines {
  const parts = new Map((/UseDevelopmentStorage=true/i.test(connectionString) ? azuriteConnectionString(AZURITE_PORTS) : connectionString).split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const [account, key, endpoint] = ['AccountName', 'AccountKey', 'BlobEndpoint'].map((name) => parts.get(name) ?? '');
  const table = `az://${blobPath(url)}`;
  return {
    duckdb: `${duckdbStart(account, endpoint)}INSTALL azure; INSTALL delta; LOAD azure; LOAD delta;\nCREATE SECRET lake (TYPE azure, CONNECTION_STRING ${sqlText(connectionString)});\nSELECT * FROM delta_scan(${sqlText(table)}) ${PICK};`,
    python: pythonLines(table, [['account_name', account], ['account_key', key], ...(endpoint === '' ? [] : [['endpoint', endpoint] as const]), ...(endpoint.startsWith('http:') ? [['allow_http', 'true'] as const] : [])]),
    spark: '# Spark\'s Azure drivers do not speak to Azurite on a port of its own; give it a directory lake: assay start --lake file:DIR, then assay open --with spark --lake file:DIR',
  };
}

/** Delta Kernel inside DuckDB knows Azurite by its usual port, or by this variable of object_store; never by the connection string. */
function duckdbStart(account: string, endpoint: string): string {
  const { origin, port } = new URL(endpoint === '' ? 'https://none' : endpoint);
  const usual = account !== 'devstoreaccount1' || port === String(AZURITE_PORTS.blobPort);
  return usual ? '' : `-- start DuckDB as: AZURITE_BLOB_STORAGE_URL=${origin} duckdb\n`;
}

/** With the identity that `az login` left; not run by our tests. */
function azureLines(url: AzureUrl): OpenLines {
  const abfss = `abfss://${url.container}@${url.account}.dfs.core.windows.net/${[url.prefix, GOLD].filter((part) => part !== '').join('/')}`;
  return {
    duckdb: `INSTALL azure; INSTALL delta; LOAD azure; LOAD delta;\nCREATE SECRET lake (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME ${sqlText(url.account)});\nSELECT * FROM delta_scan(${sqlText(`az://${blobPath(url)}`)}) ${PICK};`,
    python: pythonLines(`az://${blobPath(url)}`, [['account_name', url.account], ['use_azure_cli', 'true']]),
    spark: `# needs hadoop-azure and a login for ${url.account} (fs.azure.account.auth.type); on Databricks the SELECT alone is enough\n${sparkLine(`SELECT * FROM delta.\`${abfss}\` ${PICK}`, ['org.apache.hadoop:hadoop-azure:3.4.2'])}`,
  };
}

type AzureUrl = Extract<LakeUrl, { kind: 'azure' }>;

function blobPath({ container, prefix }: AzureUrl): string {
  return [container, prefix, GOLD].filter((part) => part !== '').join('/');
}

function pythonLines(table: string, options: readonly (readonly [string, string])[]): string {
  const storage = options.length === 0 ? '' : `, storage_options={${options.map(([name, value]) => `${pythonText(name)}: ${pythonText(value)}`).join(', ')}}`;
  return [
    'from deltalake import DeltaTable, QueryBuilder',
    `gold = DeltaTable(${pythonText(table)}${storage})`,
    `print(QueryBuilder().register("gold", gold).execute("SELECT * FROM gold ${PICK}").read_all())`,
  ].join('\n');
}

function sparkLine(sql: string, packages: readonly string[]): string {
  return `spark-sql --packages ${[SPARK_PACKAGE, ...packages].join(',')} --conf spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension --conf spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog -e ${shellText(sql)}`;
}

function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A JSON string is a Python string for every text but lone surrogates, which no address has. */
function pythonText(text: string): string {
  return JSON.stringify(text);
}

function shellText(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
