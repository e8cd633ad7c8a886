import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { systemClock } from '../../shared/clock.ts';
import { openModel } from '../../shared/model/manifest.ts';
import { balance } from '../../shared/monitoring/balance.ts';
import { withinLake } from '../../shared/open-lake.ts';
import { readBalanceFacts } from '../../shared/pipeline/balance-facts.ts';
import { Champions } from '../../shared/pipeline/champion.ts';
import type { Pipeline } from '../../shared/pipeline/definition.ts';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { withTables } from '../../shared/pipeline/lake-sql.ts';
import type { Lake } from '../../shared/pipeline/lake.ts';
import { maintain } from '../../shared/pipeline/maintain.ts';
import { unobserved } from '../../shared/pipeline/observer.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { refine } from '../../shared/pipeline/refine.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import { compileRouter } from '../../shared/pipeline/route.ts';
import { score } from '../../shared/pipeline/score.ts';
import type { DuckRelations } from '../../shared/columnar/duck-relations.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { ordersPipelineText, ruleSettings } from '../support/pipelines.ts';
import { event, openTestLake, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

/** Events and orders over one Bronze: topics of their own, a topic split by a header, a topic split by a field. */
const models = new URL('../../models/', import.meta.url);
const shipped = async () => openModel(await readFile(new URL('manifest.json', models)), await readFile(new URL('model.onnx', models)));

interface Line { readonly lake: Lake<DuckRelations>; readonly pipeline: Pipeline }
let base: TestLake;
let lines: readonly [events: Line, orders: Line];

const topics = (own: string, wheres: readonly [header: string, field: string]): string => JSON.stringify([
  { name: own },
  { name: 'by-header', where: { header: 'type', equals: wheres[0] } },
  { name: 'by-field', where: { field: '$.kind', equals: [wheres[1], `${wheres[1]}!`] } },
]);
const withTopics = (text: string, list: string) => text.replace(/"topics": \[[\s\S]*?\],\n {2}"columns"/u, `"topics": ${list},\n  "columns"`);

beforeEach(async () => {
  const eventsText = withTopics(await readFile(new URL('../../pipelines/events.json', import.meta.url), 'utf8'), topics('events', ['event', 'e']));
  base = await openTestLake({ pipelineText: eventsText });
  const orders = parsePipelineFile(withTopics(ordersPipelineText(), topics('orders', ['order', 'o'])), 'orders.json', ruleSettings);
  lines = [{ lake: base.lake, pipeline: base.pipeline }, { pipeline: orders, lake: withinLake(base.lake, orders) }];
});
afterEach(async () => {
  await base.close();
  await rm(base.folder, { recursive: true, force: true });
});

const common = { clock: systemClock, checkpointInterval: 10n, observe: unobserved };
const next = new Map<string, number>();
beforeEach(() => next.clear());

function sent(topic: string, value: string, type?: string): KafkaRecord {
  const offset = next.get(topic) ?? 0;
  next.set(topic, offset + 1);
  return { ...record(offset, value, { topic }), headers: type === undefined ? [] : [{ key: 'type', value: Buffer.from(type) }] };
}

const land = (...records: KafkaRecord[]) => base.ingest(records);

async function drain(): Promise<void> {
  for (const own of lines) {
    const router = compileRouter(own.pipeline, lines.map(({ pipeline }) => pipeline));
    const judge = compileRules(own.pipeline, ruleSettings, { router });
    const champions = new Champions({ ...own, clock: systemClock, shipped, say: () => undefined });
    while ((await refine({ ...common, ...own, judge, readsHeaders: router?.readsHeaders ?? false, lateAfterMs: 300_000, sliceRows: 250_000 })).kind === 'committed');
    while ((await score({ ...common, ...own, champions, sliceRows: 250_000 })).kind === 'committed');
  }
}

const order = (no: number, kind?: string) => JSON.stringify({ shop: 'oslo', order: { no, at: '2025-04-01T17:59:00Z' }, total: { amount: 10 }, gift: false, ...(kind === undefined ? {} : { kind }) });
const rows = ({ lake }: Line, sql: string, ...tables: string[]) => withTables(lake, tables, (session) => session.rows(sql));
const silver = (own: Line, key: string) => rows(own, `SELECT topic, "offset"::INT AS o, ${key} AS k FROM silver_events ORDER BY topic, o`, 'silver_events');
const quarantine = (own: Line) => rows(own, 'SELECT topic, "offset"::INT AS o, reason FROM quarantine_events ORDER BY topic, o', 'quarantine_events');
const verdicts = () => Promise.all(lines.map(async ({ lake }) => balance(await readBalanceFacts(lake)).verdict));

async function landAll(): Promise<void> {
  await land(
    sent('events', event('a')), sent('events', 'no json'), sent('orders', order(1)), sent('orders', event('b')),
    sent('by-header', event('c'), 'event'), sent('by-header', order(2), 'order'), sent('by-header', order(3), 'neither'), sent('by-header', 'no json', 'order'),
    sent('by-field', event('d').replace('{', '{"kind":"e",')), sent('by-field', order(4, 'o!')), sent('by-field', order(5, 'x')), sent('by-field', '{broken'), sent('by-field', ''),
  );
}

test('each pipeline has its own rows, nothing vanishes, and both balances hold', async () => {
  await landAll();
  await drain();
  const [events, orders] = lines;
  expect(await silver(events, 'event_id')).toEqual([
    { topic: 'by-field', o: 0, k: 'd' }, { topic: 'by-header', o: 0, k: 'c' }, { topic: 'events', o: 0, k: 'a' },
  ]);
  expect(await silver(orders, 'order_no::INT')).toEqual([
    { topic: 'by-field', o: 1, k: 4 }, { topic: 'by-header', o: 1, k: 2 }, { topic: 'orders', o: 0, k: 1 },
  ]);
  expect(await quarantine(events)).toEqual([
    { topic: 'by-field', o: 2, reason: 'unrouted' }, { topic: 'by-field', o: 3, reason: 'malformed_json' }, { topic: 'by-field', o: 4, reason: 'empty_payload' },
    { topic: 'by-header', o: 2, reason: 'unrouted' }, { topic: 'events', o: 1, reason: 'malformed_json' },
  ]);
  expect(await quarantine(orders)).toEqual([{ topic: 'by-header', o: 3, reason: 'malformed_json' }, { topic: 'orders', o: 1, reason: 'missing_shop' }]);
  expect(await verdicts()).toEqual(['ok', 'ok']);
  expect(await rows(orders, 'SELECT count(*)::INT AS n FROM gold_anomaly_predictions', 'gold_anomaly_predictions')).toEqual([{ n: 3 }]);
});

test('Bronze is one, with every offset once; a pipeline that is behind holds its log back', async () => {
  await landAll();
  await drain();
  expect(await rows(lines[1], 'SELECT count(*)::INT AS n FROM bronze_events', 'bronze_events')).toEqual([{ n: 13 }]);
  const said: string[] = [];
  for (const own of lines) await maintain({ ...common, ...own, readers: lines.map(({ lake }) => lake), say: (line) => said.push(line) });
  expect(said).toEqual([]);
  expect(await verdicts()).toEqual(['ok', 'ok']);
});

test('a restore of Bronze takes every pipeline back with it', async () => {
  await land(sent('events', event('a')), sent('orders', order(1)));
  await drain();
  const { version } = await (await base.lake.table('bronze_events')).delta.refresh();
  await land(sent('events', event('b')), sent('orders', order(2)), sent('orders', 'no json'));
  await drain();
  await restoreLake({ lake: base.lake, readers: lines.map(({ lake }) => lake), table: 'bronze_events', version, clock: systemClock, isDryRun: false });
  await drain();
  expect(await silver(lines[0], 'event_id')).toMatchObject([{ k: 'a' }]);
  expect(await silver(lines[1], 'order_no::INT')).toMatchObject([{ k: 1 }]);
  expect(await quarantine(lines[1])).toEqual([]);
  expect(await verdicts()).toEqual(['ok', 'ok']);
});
