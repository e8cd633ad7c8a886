import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { APP_DIR } from '../../../local/cli/local-lake.ts';
import { schemaPromoteCommand } from '../../../local/cli/schema-promote.ts';
import { schemaShowCommand } from '../../../local/cli/schema-show.ts';
import { runCli } from '../../support/cli.ts';
import { eventsPipelineText } from '../../support/pipelines.ts';
import { event, openTestLake, record } from '../../support/test-lake.ts';
import type { TestLake } from '../../support/test-lake.ts';

let lake: TestLake;
let folder: string;
let file: string;
const at = () => `--lake=file:${join(lake.folder, 'lake')}`;
/** As PIPELINE_FILE has it. */
const pipeline = () => `--pipeline=${relative(APP_DIR, file)}`;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-schema-'));
  file = join(folder, 'p.json');
  writeFileSync(file, eventsPipelineText());
  lake = await openTestLake();
  await lake.lake.ensureAll();
  await lake.ingest([record(0, event('a', { city: 'Lyon', geo: { lat: 1.5, at: '2025-04-01T10:00:00Z' } })), record(1, event('b', { city: 'Bern', n: 1 })), record(2, event('c', { n: 'x' }))]);
  await lake.drain();
});
afterEach(async () => {
  await lake.close();
  rmSync(folder, { recursive: true });
});

test('show lists what came without a column: how often, of which kinds, what would take it', async () => {
  const { json, text } = { json: (await runCli(schemaShowCommand, at(), '--json')).json, text: (await runCli(schemaShowCommand, at())).text };
  expect(json[0]).toEqual({
    rowsWithUnnamedFields: 3, rowsRead: 3,
    fields: [
      { field: '$.city', rows: 2, kinds: { text: 2 }, type: 'string' },
      { field: '$.n', rows: 2, kinds: { text: 1, integer: 1 }, type: null },
      { field: '$.geo', rows: 1, kinds: { object: 1 }, type: null },
      { field: '$.geo.at', rows: 1, kinds: { text: 1 }, type: 'timestamp' },
      { field: '$.geo.lat', rows: 1, kinds: { decimal: 1 }, type: 'double' },
    ],
  });
  expect(text).toContain('$.geo.lat');
  expect(text).not.toContain('Lyon');
});

test('promote says what it would edit, edits it after --yes, and the column is filled from the next refine on', async () => {
  const before = readFileSync(file, 'utf8');
  const dry = await runCli(schemaPromoteCommand, 'geo.lat', 'double', pipeline(), at(), '--dry-run');
  expect(dry.text).toContain('+     { "name": "geo_lat", "type": "double", "path": "$.geo.lat", "required": false }');
  expect(readFileSync(file, 'utf8')).toBe(before);
  await expect(runCli(schemaPromoteCommand, 'geo.lat', 'double', pipeline(), at())).rejects.toMatchObject({ code: 'cli/confirm' });
  const done = await runCli(schemaPromoteCommand, 'geo.lat', 'double', pipeline(), at(), '--yes', '--json');
  expect(done.json[0]).toMatchObject({ generation: 2, column: { name: 'geo_lat', required: false } });
  const now = await lake.another({ pipelineText: readFileSync(file, 'utf8') });
  try {
    await now.ingest([record(3, event('d', { geo: { lat: '2.5' } }))]);
    await now.drain();
    expect(await now.rows('silver_events', 'SELECT event_id, geo_lat FROM rows ORDER BY 1')).toEqual([{ event_id: 'a', geo_lat: null }, { event_id: 'b', geo_lat: null }, { event_id: 'c', geo_lat: null }, { event_id: 'd', geo_lat: 2.5 }]);
    expect((await now.balance()).verdict).toBe('ok');
    const shown = (await runCli(schemaShowCommand, pipeline(), at(), '--json')).json[0] as { fields: { field: string }[] };
    expect(shown.fields.map(({ field }) => field)).not.toContain('$.geo.lat');
  } finally {
    await now.close();
  }
});

test('what the lake\'s Silver could not follow is refused before the file is touched', async () => {
  await runCli(schemaPromoteCommand, 'city', 'string', pipeline(), at(), '--yes');
  const withCity = readFileSync(file, 'utf8');
  const now = await lake.another({ pipelineText: withCity });
  await now.ingest([record(3, event('d'))]);
  await now.drain();
  await now.close();
  // The column is dropped from the file, and comes back as another one.
  const dropped = JSON.stringify({ ...JSON.parse(eventsPipelineText()) as object, 'assay.generation': 3 }, null, 2);
  writeFileSync(file, dropped);
  await expect(runCli(schemaPromoteCommand, 'city', 'double', pipeline(), at(), '--yes')).rejects.toMatchObject({ code: 'pipeline/columns-changed' });
  expect(readFileSync(file, 'utf8')).toBe(dropped);
  await expect(runCli(schemaPromoteCommand, 'city', 'text', pipeline(), at())).rejects.toMatchObject({ code: 'cli/options' });
  await expect(runCli(schemaPromoteCommand, 'city', pipeline(), at())).rejects.toMatchObject({ code: 'cli/options' });
});
