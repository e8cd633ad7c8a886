import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildFunctions } from '../../local/build.ts';
import type { BuiltFile } from '../../local/build.ts';
import { startHost } from '../../local/host/host.ts';
import type { FunctionInfo } from '../../local/host/function-runner.ts';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
let appDir: string;
let entry: string;
let built: readonly BuiltFile[];

/** The files a deployment has, in a folder of their own. */
beforeAll(async () => {
  appDir = mkdtempSync(path.join(os.tmpdir(), 'assay-app-'));
  entry = path.join(appDir, 'dist', 'functions.cjs');
  for (const name of ['host.json', 'package.json', 'pipelines', 'models']) cpSync(path.join(root, name), path.join(appDir, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(appDir, 'node_modules'), 'dir');
  built = await buildFunctions({ entry: path.join(root, 'functions', 'index.ts'), outfile: entry });
});

const settings = { LAKE_URL: 'file:lake', KAFKA_BROKERS: 'broker:9092' };

async function register(env: Record<string, string> = {}): Promise<{ functions: FunctionInfo[]; sharedObjects: string[] }> {
  const script = path.join(root, 'test', 'support', 'register-app.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, appDir, entry], { env: { PATH: process.env['PATH'], ...settings, ...env } });
  return JSON.parse(stdout) as { functions: FunctionInfo[]; sharedObjects: string[] };
}

const refused = (overrides: Record<string, string>) => startHost({ appDir, entry, source: null, httpPort: null, listen: false, onLog: () => undefined, settings: { ...settings, ...overrides } });

describe('the built app', () => {
  it('registers its functions with these triggers, and reads no native library for that', async () => {
    const { functions, sharedObjects } = await register();
    const triggers = Object.fromEntries(functions.map(({ name, binding: { direction: _direction, properties: _properties, name: _name, ...binding } }) => [name, binding]));
    expect(triggers).toEqual({
      ingest: { type: 'kafkaTrigger', topic: 'events', brokerList: 'broker:9092', consumerGroup: 'assay', cardinality: 'MANY', dataType: 'binary', keyDataType: 'Binary' },
      refine: { type: 'timerTrigger', schedule: '*/30 * * * * *', runOnStartup: false },
      score: { type: 'timerTrigger', schedule: '15/30 * * * * *', runOnStartup: false },
      train: { type: 'timerTrigger', schedule: '0 20 * * * *', runOnStartup: false },
      maintain: { type: 'timerTrigger', schedule: '0 40 * * * *', runOnStartup: false },
      monitor: { type: 'timerTrigger', schedule: '10 */5 * * * *', runOnStartup: false },
      dashboard: { type: 'httpTrigger', methods: ['GET'], route: 'dashboard', authLevel: 'function' },
      live: { type: 'httpTrigger', methods: ['GET'], route: 'live', authLevel: 'anonymous' },
    });
    expect(functions[0].retry).toMatchObject({ retryStrategy: 'exponentialBackoff', maxRetryCount: -1 });
    expect(sharedObjects.filter((file) => /duckdb|onnxruntime|\.node$/.test(file))).toEqual([]);
  });

  it('has a file for each package that is imported on first use, and each loads from there', async () => {
    const lazy = built.map(({ file }) => file).filter((file) => file !== 'functions.cjs');
    expect(lazy).toEqual(expect.arrayContaining(['lazy-azure-storage-blob.cjs', 'lazy-azure-identity.cjs', 'lazy-platformatic-kafka.cjs']));
    const script = `for (const file of ${JSON.stringify(lazy)}) process.stdout.write(file + ' ' + (Object.keys(require('./' + file)).length > 0) + '\\n')`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: path.dirname(entry) });
    expect(stdout.trim().split('\n')).toEqual(lazy.map((file) => `${file} true`));
  });

  it('follows the settings: one function a topic, credentials by name, schedules', async () => {
    const { functions } = await register({ KAFKA_TOPICS: 'a,123', KAFKA_PROTOCOL: 'saslSsl', KAFKA_USERNAME: 'me', KAFKA_PASSWORD: 'pass', KAFKA_CONSUMER_GROUP: 'other', REFINE_SCHEDULE: '0 * * * * *' });
    expect(functions.map(({ name }) => name).slice(0, 3)).toEqual(['ingest', 'ingest_2', 'refine']);
    expect(functions[1].binding).toMatchObject({ topic: '123', consumerGroup: 'other', protocol: 'saslSsl', authenticationMode: 'plain', username: 'me', password: 'pass' });
    expect(functions[2].binding['schedule']).toBe('0 * * * * *');
    expect(readFileSync(entry, 'utf8')).toContain("'%KAFKA_PASSWORD%'".replaceAll("'", '"'));
  });

  it('registers no ingest where there is no source', async () => {
    const { functions } = await register({ INGEST_SOURCE: 'none', KAFKA_BROKERS: '' });
    expect(functions.map(({ name }) => name)).not.toContain('ingest');
  });

  it('answers liveness through HTTP, without a fact in it', async () => {
    const host = await startHost({ appDir, entry, source: null, httpPort: 0, listen: false, onLog: () => undefined, settings });
    const response = await fetch(`${host.url}/api/live`);
    expect([response.status, await response.text()]).toEqual([200, 'live\n']);
    await host.stop();
  });

  it.each([
    [{ LAKE_URL: '' }, /LAKE_URL is not set/],
    [{ KAFKA_BROKERS: '' }, /KAFKA_BROKERS is not set, so ingest has nothing to read from/],
    [{ SLICE_ROWS: 'many' }, /SLICE_ROWS is "many"/],
    [{ PIPELINE_FILE: 'pipelines/none.json' }, /PIPELINE_FILE pipelines\/none.json can't be read/],
    [{ AzureFunctionsJobHost__extensions__kafka__commitOnFailure: 'true' }, /commitOnFailure is "true" \(app setting AzureFunctionsJobHost__extensions__kafka__commitOnFailure\)/],
    [{ AzureFunctionsJobHost__extensions__kafka__maxRetries: '5' }, /maxRetries is "5"/],
  ])('does not start with %o', async (overrides, message) => {
    await expect(refused(overrides)).rejects.toThrow(message);
  });

  it('does not start with a topic whose schemas nobody is named to have', async () => {
    writeFileSync(path.join(appDir, 'pipelines', 'formats.json'), readFileSync(new URL('../fixtures/formats.json', import.meta.url)));
    await expect(refused({ PIPELINE_FILE: 'pipelines/formats.json' })).rejects.toThrow(/topic in.avro has the format avro.*SCHEMA_REGISTRY_URL is not set/);
    const { functions } = await register({ PIPELINE_FILE: 'pipelines/formats.json', KAFKA_TOPICS: '', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' });
    expect(functions.map(({ binding }) => binding['topic']).filter(Boolean)).toEqual(['in.avro', 'in.avro.gz', 'in.proto', 'in.json-schema', 'in.json.gz', 'in.json']);
  });

  it('does not start with a pipeline file that has a mistake, and says where', async () => {
    writeFileSync(path.join(appDir, 'pipelines', 'broken.json'), '{\n  "name": 1\n}');
    await expect(refused({ PIPELINE_FILE: 'pipelines/broken.json' })).rejects.toThrow(/2:\d+|line 2/);
  });
});
