import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { quote } from '../../shared/columnar/sql-text.ts';
import { pageFacts } from '../../shared/lake-page.ts';
import type { ColumnDefinition } from '../../shared/pipeline/definition.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { OpenLakes } from '../support/lakes.ts';
import { oddPipelines } from '../support/odd-names.ts';
import { record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

const lakes = new OpenLakes();

/** A valid value, the same for equal `key`; what is no key follows `version`. */
function valueOf({ type, allowed }: ColumnDefinition, isKey: boolean, { key, version }: { key: number; version: number }): unknown {
  const n = isKey ? key : key + version;
  const values: Readonly<Record<ColumnDefinition['type'], unknown>> = {
    id: `id ${n}`, string: n % 3 === 0 ? null : `text ${n}`, boolean: n % 2 === 0, double: n / 8, long: n,
    timestamp: isKey ? 1_743_000_000_000 + key : new Date(1_743_500_000_000 + version * 1000).toISOString(),
  };
  return allowed === null ? values[type] : allowed[n % allowed.length];
}

function eventOf({ pipeline }: TestLake, at: { key: number; version: number }): string {
  const event: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const column of pipeline.columns) event[column.path[0]] = valueOf(column, pipeline.key.includes(column.name), at);
  return JSON.stringify(event);
}

describe.each(Object.entries(oddPipelines))('columns named like %s', (_name, pipelineText) => {
  let lake: TestLake;
  let offset = 0;
  const records = (keys: readonly number[], version: number): KafkaRecord[] => keys.map((key) => record(offset++, eventOf(lake, { key, version })));
  beforeEach(async () => {
    lake = await lakes.open({ pipelineText });
    offset = 0;
  });

  test('go through every stage, change partitions, are compacted and drawn', async () => {
    await lake.ingest([...records([0, 1, 2, 3], 0), record(offset++, '{}')]);
    await lake.drain();
    await lake.ingest(records([2, 3, 4, 2], 1));
    await lake.ingest(records([0, 2], 2));
    await lake.drain(2);
    for (let key = 10; key < 20; key++) await lake.ingest(records([key], 0));
    await lake.drain(4);
    await lake.maintain();
    await lake.drain();

    const key = lake.pipeline.key.map(quote).join(', ');
    const silver = await lake.rows('silver_events', `SELECT ${lake.pipeline.columns.map(({ name }) => quote(name)).join(', ')} FROM rows ORDER BY ${key}`);
    expect(silver).toHaveLength(15);
    const time = lake.pipeline.eventTime;
    const versions = silver.map((row) => Number((row[time] as bigint) / 1_000_000n) - 1_743_500_000);
    expect(versions.toSorted((a, b) => b - a)).toEqual([2, 2, 1, 1, ...Array.from({ length: 11 }, () => 0)]);
    const shared = [...lake.pipeline.key, time, ...lake.pipeline.features, ...lake.pipeline.partitionBy].map(quote).join(', ');
    expect(await lake.rows('gold_anomaly_predictions', `SELECT ${shared} FROM rows ORDER BY ${key}`)).toEqual(await lake.rows('silver_events', `SELECT ${shared} FROM rows ORDER BY ${key}`));
    expect(await lake.balance()).toMatchObject({ verdict: 'ok' });

    const facts = await pageFacts({ lake: lake.lake, pipeline: lake.pipeline, clock: systemClock, topics: ['events'], targetS: 30 });
    expect(facts.values).toMatchObject({ kind: 'ready', value: { series: expect.arrayContaining([expect.objectContaining({ points: expect.anything() as unknown })]) as unknown } });
    expect([facts.flow, facts.balance, facts.quarantine, facts.scores, facts.values, facts.anomalies, facts.model].filter(({ kind }) => kind === 'failed')).toEqual([]);
    expect(facts.values.kind === 'ready' && facts.values.value.series.map(({ name }) => name).toSorted()).toEqual(['from', 'it\'s', 'null']);
  });
});
