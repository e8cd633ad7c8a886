import { describe, expect, test } from 'vitest';
import { INDEXED_LEAVES_MAX, indexedFields } from '../../shared/delta/stats.ts';
import { goldSourceColumns, loadKind, pipelineTables } from '../../shared/pipeline/tables.ts';
import { eventsPipeline, ordersPipeline } from '../support/pipelines.ts';

const columnsOf = (name: string, pipeline = eventsPipeline()) => pipelineTables(pipeline).find((table) => table.name === name)!.schema.fields.map((field) => field.name);
const definition = (name: string, pipeline = eventsPipeline()) => pipelineTables(pipeline).find((table) => table.name === name)!;

describe('the tables of a pipeline', () => {
  test.each([
    { name: 'bronze_events', columns: 'topic, incarnation, partition, offset, kafka_timestamp, timestamp_type, key, key_bytes, value, value_bytes, headers, ingested_at, ingest_date' },
    { name: 'silver_events', columns: 'event_id, event_type, timestamp, value, event_date, is_late, late_by_ms, rescued, topic, incarnation, partition, offset, kafka_timestamp, bronze_version, rules_hash, ingested_at, processed_at' },
    { name: 'quarantine_events', columns: 'topic, incarnation, partition, offset, kafka_timestamp, value, value_bytes, reason, detail, bronze_version, rules_hash, quarantined_at, resolved_at' },
    { name: 'gold_anomaly_predictions', columns: 'event_id, event_type, timestamp, value, anomaly_score, anomaly_flag, reason, model_name, model_version, scored_at' },
    { name: 'feature_state', columns: 'features_hash, from_version, silver_version, event_type' },
    { name: 'offset_gaps', columns: 'topic, incarnation, partition, first_offset, last_offset, cause, healed, seen_at' },
    { name: 'model_history', columns: 'model_name, version, at, by, why, data_version, metrics, aliases' },
  ])('$name has at least the columns that are written down', ({ name, columns }) => {
    expect(columnsOf(name)).toEqual(expect.arrayContaining(columns.split(', ')));
  });

  test('partitions: the day of ingest for Bronze, what the pipeline says for Silver and Gold', () => {
    const orders = ordersPipeline();
    expect(pipelineTables(orders).map(({ name, partitionColumns }) => [name, ...partitionColumns])).toEqual([
      ['bronze_events', 'ingest_date'], ['silver_events', 'shop'], ['quarantine_events'], ['gold_anomaly_predictions', 'shop'], ['feature_state'], ['offset_gaps'], ['model_history'],
    ]);
  });

  test('a pipeline\'s own columns stand first, in its order; Gold takes key, partitions, event time and features', () => {
    const orders = ordersPipeline();
    expect(columnsOf('silver_events', orders).slice(0, 8)).toEqual(['shop', 'order_no', 'placed_at', 'amount', 'gift', 'coupon', 'customer', 'items']);
    expect(goldSourceColumns(orders)).toEqual(['shop', 'order_no', 'placed_at', 'amount']);
    expect(goldSourceColumns(eventsPipeline())).toEqual(['event_id', 'event_type', 'timestamp', 'value']);
  });

  test('no two columns of a table have one name, whatever the case', () => {
    for (const pipeline of [eventsPipeline(), ordersPipeline()]) {
      for (const { name } of pipelineTables(pipeline)) expect(new Set(columnsOf(name, pipeline).map((column) => column.toLowerCase())).size).toBe(columnsOf(name, pipeline).length);
    }
  });

  test('statistics cover what readers prune by, and stop at 32', () => {
    const indexed = (name: string, pipeline = eventsPipeline()) => indexedFields(definition(name, pipeline).schema, definition(name, pipeline)).map((field) => field.name);
    expect(indexed('bronze_events')).toEqual(expect.arrayContaining(['partition', 'offset', 'kafka_timestamp']));
    expect(indexed('quarantine_events')).toEqual(expect.arrayContaining(['bronze_version', 'resolved_at']));
    const wide = { ...eventsPipeline(), columns: [...eventsPipeline().columns, ...Array.from({ length: 40 }, (_v, i) => ({ name: `c${i}`, type: 'long' as const, path: [`c${i}`], required: false, allowed: null }))] };
    expect(indexed('silver_events', wide)).toHaveLength(INDEXED_LEAVES_MAX);
    expect(indexed('silver_events')).toEqual(['event_id', 'timestamp', 'value', 'event_date', 'kafka_timestamp', 'bronze_version']);
    expect(indexed('silver_events', wide)).toEqual(expect.arrayContaining(['event_id', 'timestamp', 'event_date', 'kafka_timestamp', 'bronze_version', 'value', 'c25']));
    expect(indexed('gold_anomaly_predictions')).toEqual(['event_id', 'timestamp', 'value', 'anomaly_score', 'anomaly_flag']);
  });

  test('each kind of column is loaded as its type is stored', () => {
    expect(['id', 'string', 'timestamp', 'double', 'long', 'boolean'].map((type) => loadKind(type as 'id'))).toEqual(['text', 'text', 'timestamp', 'double', 'long', 'boolean']);
  });
});
