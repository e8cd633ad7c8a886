import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { doctorCommand } from '../../../local/cli/doctor.ts';
import type { Finding } from '../../../local/cli/doctor/finding.ts';
import { checkHostJson } from '../../../local/cli/doctor/settings.ts';
import { APP_DIR } from '../../../local/cli/local-lake.ts';
import { parseConfig } from '../../../shared/config.ts';
import { checkNode, checkPorts } from '../../../local/cli/doctor/machine.ts';
import { excludedEngines } from '../../../local/cli/doctor/tables.ts';
import type { MetaData } from '../../../shared/delta/actions.ts';
import { tableCopyCommand } from '../../../local/cli/table-copy.ts';
import { REPLACED } from '../../../shared/pipeline/tables.ts';
import { openCliLake } from '../../support/cli-lake.ts';
import { eventsPipelineText } from '../../support/pipelines.ts';
import { runCli } from '../../support/cli.ts';

let lake: Awaited<ReturnType<typeof openCliLake>>;
let folder: string;

beforeAll(async () => {
  lake = await openCliLake();
  folder = await mkdtemp(join(tmpdir(), 'assay-doctor-test-'));
});
afterAll(async () => {
  await lake.close();
  await rm(folder, { recursive: true });
});

async function examine(...args: string[]): Promise<{ code: number; by: (check: string) => Finding[] }> {
  const { code, json } = await runCli(doctorCommand, '--json', ...args);
  return { code, by: (check) => (json as Finding[]).filter((finding) => finding.check === check) };
}

test('a machine and a lake in order', async () => {
  const { code, by } = await examine(`--lake=${lake.url}`);
  expect(code).toBe(0);
  for (const check of ['node', 'duckdb', 'onnxruntime', 'settings', 'host.json', 'pipeline', 'lake', 'tables', 'kafka']) {
    expect(by(check).map(({ level }) => level), check).toEqual(['ok']);
  }
  expect(by('ports')).toHaveLength(3);
  expect(by('tables')[0].text).toMatch(/silver_events.* with deletion vectors.*to_pyarrow_dataset/);
});

test.each([
  ['true', false, 'has the feature deletionVectors, though the pipeline file does not ask for it: Polars', '--no-vectors'],
  ['false', true, 'has no deletion vectors, though the pipeline file asks for them', '--vectors'],
])('tables made with deletion vectors: %s, and a pipeline file that says %s: each with the command that mends it', async (made, asked, what, flag) => {
  const other = await openCliLake({ properties: { 'delta.enableDeletionVectors': made } });
  try {
    const file = relative(APP_DIR, join(folder, `asks-${asked}.json`));
    await writeFile(join(APP_DIR, file), JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, deletion_vectors: asked }));
    const { by } = await examine(`--lake=${other.url}`, '--pipeline', file);
    const names = made === 'true' ? other.lake.names : REPLACED;
    expect(by('tables').map(({ level }) => level)).toEqual(names.map(() => 'warn'));
    const silver = by('tables').find(({ text }) => text.startsWith('silver_events '))!.text;
    expect(silver).toContain(what);
    expect(silver).toContain(`while nothing runs: assay table copy silver_events --to silver_events_copy ${flag} --lake ${other.url}, then rename the folder silver_events to silver_events_before and silver_events_copy to silver_events`);
    const typed = /assay (table copy) (.*?), then/.exec(silver)![2].split(' ');
    expect((await runCli(tableCopyCommand, ...typed)).code).toBe(0);
    for (const [from, to] of [['silver_events', 'silver_events_before'], ['silver_events_copy', 'silver_events']]) await rename(join(other.dir, from), join(other.dir, to));
    expect((await examine(`--lake=${other.url}`, '--pipeline', file)).by('tables').some(({ text }) => text.startsWith('silver_events '))).toBe(false);
  } finally {
    await other.close();
  }
});

test('a table with a writer feature that we lack fails, and the others are still looked at', async () => {
  const log = join(folder, 'broken', 'silver_events', '_delta_log');
  await mkdir(log, { recursive: true });
  const protocol = { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ['rowTracking'] };
  const metaData = { id: 'x', format: { provider: 'parquet', options: {} }, schemaString: '{"type":"struct","fields":[]}', partitionColumns: [], configuration: {} };
  await writeFile(join(log, '00000000000000000000.json'), `${JSON.stringify({ protocol })}\n${JSON.stringify({ metaData })}\n`);
  const { code, by } = await examine(`--lake=file:${join(folder, 'broken')}`);
  expect(code).toBe(1);
  expect(by('tables')).toEqual([expect.objectContaining({ level: 'fail', text: expect.stringContaining('rowTracking') })]);
  expect(by('kafka')).toHaveLength(1);
});

test('no lake yet is a warning', async () => {
  const { by } = await examine(`--lake=file:${join(folder, 'nowhere')}`);
  expect(by('lake')).toEqual([expect.objectContaining({ level: 'warn', text: expect.stringContaining('assay run') })]);
});

test('a freshness that the host\'s trigger does not keep is told with the settings that make it', async () => {
  const config = parseConfig({ LAKE_URL: 'file:lake', TARGET_FRESHNESS: '5m' });
  const [found] = (await checkHostJson(APP_DIR, {}, config)).filter(({ check }) => check === 'freshness');
  expect(found).toMatchObject({ level: 'warn', text: expect.stringContaining('AzureFunctionsJobHost__extensions__kafka__subscriberIntervalInSeconds=300') });
  expect(await checkHostJson(APP_DIR, { AzureFunctionsJobHost__extensions__kafka__subscriberIntervalInSeconds: '300' }, config)).toHaveLength(1);
});

test('a pipeline file that is not there fails with its name', async () => {
  const { code, by } = await examine(`--lake=${lake.url}`, '--pipeline', 'pipelines/nothing.json');
  expect(code).toBe(1);
  expect(by('pipeline')).toEqual([expect.objectContaining({ level: 'fail', text: expect.stringContaining('pipelines/nothing.json') })]);
});

describe('single checks', () => {
  test('an old Node', () => {
    expect(checkNode('22.19.0')[0]).toMatchObject({ level: 'fail', text: expect.stringContaining('npm ci') });
    expect(checkNode('24.0.0')[0].level).toBe('ok');
  });

  test('a taken port', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await checkPorts({ page: port })).toEqual([expect.objectContaining({ level: 'warn', text: expect.stringContaining(`${port} (page)`) })]);
    server.close();
  });

  test('engines that a feature excludes', () => {
    const metaData = (configuration: Record<string, string>) => ({ configuration }) as unknown as MetaData;
    expect(excludedEngines({ minReaderVersion: 1, minWriterVersion: 2 }, metaData({}))).toEqual([]);
    expect(excludedEngines({ minReaderVersion: 2, minWriterVersion: 5 }, metaData({}))).toEqual([]);
    expect(excludedEngines({ minReaderVersion: 2, minWriterVersion: 5 }, metaData({ 'delta.columnMapping.mode': 'name' }))).toEqual([expect.stringContaining('Polars')]);
    expect(excludedEngines({ minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors', 'somethingNew'] }, metaData({}))).toEqual([expect.stringContaining('delta-rs'), expect.stringContaining('somethingNew')]);
  });
});
