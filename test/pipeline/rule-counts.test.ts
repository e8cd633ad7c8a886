import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tableHistoryCommand } from '../../local/cli/table-history.ts';
import { ruleMetrics } from '../../shared/pipeline/rule-counts.ts';
import { runCli } from '../support/cli.ts';
import { OpenLakes } from '../support/lakes.ts';
import { eventsPipelineText } from '../support/pipelines.ts';
import { event, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();

const RULES = [
  { name: 'huge', column: 'value', range: { max: 100 }, action: 'flag' },
  { name: 'large', column: 'value', range: { max: 50 }, action: 'flag' },
  { name: 'negative', column: 'value', range: { min: 0 }, action: 'quarantine' },
];
const withRules = () => JSON.stringify({ ...(JSON.parse(eventsPipelineText()) as object), rules: RULES });
const values = (of: readonly number[]) => of.map((value, i) => record(i, event(String(i), { value })));

async function silverMetrics(lake: TestLake): Promise<Record<string, string>> {
  const { delta } = await lake.lake.table('silver_events');
  for await (const { actions } of delta.versions(delta.snapshot.version, delta.snapshot.version)) return { ...actions.find(({ commitInfo }) => commitInfo)!.commitInfo!.operationMetrics };
  throw new Error('no commit');
}

test('nothing broken is nothing said', () => expect(ruleMetrics({ best: new Map(), losers: [], rejected: [] })).toEqual({}));

test('each flag rule with its rows, each reason with its rows, the most frequent first', async () => {
  const lake = await lakes.open({ pipelineText: withRules() });
  await lake.ingest([...values([1, 60, 70, 200, -1, -2]), record(6, 'no json')]);
  await lake.refine();
  expect(await silverMetrics(lake)).toMatchObject({
    numSourceRows: '7', numTargetRowsInserted: '4', numQuarantinedRows: '3',
    flaggedByRule: '{"large":3,"huge":1}', rejectedByReason: '{"negative":2,"malformed_json":1}',
  });
});

test('of rows as judged: those that lose to others of their key are counted, too, and only those of the slice', async () => {
  const lake = await lakes.open({ pipelineText: withRules() });
  await lake.ingest([60, 70, 80].map((value, i) => record(i, event('same', { value }))));
  await lake.refine();
  expect(await silverMetrics(lake)).toMatchObject({ numTargetRowsInserted: '1', flaggedByRule: '{"large":3}' });
  await lake.ingest([record(3, event('other', { value: 1 }))]);
  await lake.refine();
  expect(Object.keys(await silverMetrics(lake)).filter((name) => name.endsWith('ByRule') || name.endsWith('ByReason'))).toEqual([]);
});

test('`assay table history` shows them', async () => {
  const lake = await lakes.open({ pipelineText: withRules() });
  await lake.ingest(values([60, -1]));
  await lake.refine();
  const at = ['silver_events', `--lake=file:${join(lake.folder, 'lake')}`];
  const { json } = await runCli(tableHistoryCommand, ...at, '--limit', '1', '--json');
  expect(json[0]).toMatchObject({ operation: 'MERGE', operationMetrics: { flaggedByRule: '{"large":1}', rejectedByReason: '{"negative":1}' } });
  const { text } = await runCli(tableHistoryCommand, ...at, '--limit', '1');
  expect(text).toContain('flaggedByRule={"large":1} rejectedByReason={"negative":1}');
});
