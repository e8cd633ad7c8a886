import { createHash } from 'node:crypto';
import { array, field, struct } from '../delta/schema.ts';
import type { DataType, StructField, StructType } from '../delta/schema.ts';
import { INDEXED_LEAVES_MAX, STATISTICS_COLUMNS, hasMinMax, printStatisticsColumns } from '../delta/stats.ts';
import type { TableDefinition } from '../delta/table.ts';
import type { ColumnKind } from '../columnar/load-column.ts';
import type { ColumnType, Pipeline } from './definition.ts';

/** The tables of one pipeline as data (semantics.md, section 2). Column order is the order of statistics. */

export const BRONZE = 'bronze_events';
export const SILVER = 'silver_events';
export const QUARANTINE = 'quarantine_events';
export const GOLD = 'gold_anomaly_predictions';
export const OFFSET_GAPS = 'offset_gaps';
export const FEATURE_STATE = 'feature_state';
export const MODEL_HISTORY = 'model_history';

/** Properties of Silver: the names of the key's columns, sorted, as JSON; the name of the event time. */
export const KEY = 'assay.key';
export const EVENT_TIME = 'assay.event_time';

/** Delta's property, at creation alone: what a table has been made with it keeps. */
export const DELETION_VECTORS = 'delta.enableDeletionVectors';

/** The tables in which rows are replaced or taken away; all others only grow. */
export const REPLACED: readonly string[] = [SILVER, QUARANTINE, GOLD, OFFSET_GAPS];

/** What rows are looked for by, beside the pipeline's own columns. Statistics of the others would be most of every commit. */
const INDEXED: Readonly<Record<string, readonly string[] | undefined>> = { [SILVER]: ['event_date', 'kafka_timestamp', 'bronze_version'], [GOLD]: ['anomaly_score', 'anomaly_flag'] };

/** A record's place: unique in Bronze, and in quarantine. */
export const SOURCE_COLUMNS = ['topic', 'incarnation', 'partition', 'offset'] as const;

/** Numbers rows for us in temporary tables; with a space, which no column of a pipeline may have in its name. */
export const POSITION = 'row position';

const DELTA_TYPE: Readonly<Record<ColumnType, string>> = {
  id: 'string', string: 'string', timestamp: 'timestamp', double: 'double', long: 'long', boolean: 'boolean',
};
const LOAD_KIND: Readonly<Record<ColumnType, ColumnKind>> = {
  id: 'text', string: 'text', timestamp: 'timestamp', double: 'double', long: 'long', boolean: 'boolean',
};

export function loadKind(type: ColumnType): ColumnKind {
  return LOAD_KIND[type];
}

const source = (): StructField[] => [field('topic', 'string'), field('incarnation', 'string'), field('partition', 'integer'), field('offset', 'long')];

function pipelineColumns(pipeline: Pipeline, names?: readonly string[]): StructField[] {
  return pipeline.columns.filter(({ name }) => !names || names.includes(name)).map(({ name, type }) => field(name, DELTA_TYPE[type]));
}

/** The columns Gold takes over from Silver: key, partition columns, event time, features. */
export function goldSourceColumns(pipeline: Pipeline): string[] {
  const wanted = new Set([...pipeline.key, ...pipeline.partitionBy, pipeline.eventTime, ...pipeline.features]);
  return pipeline.columns.map(({ name }) => name).filter((name) => wanted.has(name));
}

const HEADERS: DataType = array(struct(field('key', 'string'), field('value', 'binary')));

export function pipelineTables(pipeline: Pipeline): TableDefinition[] {
  const own = (name: string, description: string, fields: StructField[], partitionColumns: readonly string[] = []): TableDefinition => {
    const schema = struct(...fields);
    const hash = name === BRONZE ? hashOf(schema) : hashOf([schema, pipeline.rulesHash]);
    const roles: Record<string, string> = name === SILVER ? { [KEY]: JSON.stringify(pipeline.key.toSorted()), [EVENT_TIME]: pipeline.eventTime } : {};
    const indexed = statisticsOf(name, schema, pipeline);
    const vectors: Record<string, string> = pipeline.deletionVectors && REPLACED.includes(name) ? { [DELETION_VECTORS]: 'true' } : {};
    return { name, description, schema, partitionColumns, configuration: { 'assay.generation': String(pipeline.generation), 'assay.hash': hash, ...roles, ...indexed, ...vectors } };
  };
  return [
    own(BRONZE, 'Every record as it came, once', [
      ...source(), field('kafka_timestamp', 'timestamp'), field('timestamp_type', 'string'), field('key', 'string'), field('key_bytes', 'binary'),
      field('value', 'string'), field('value_bytes', 'binary'), field('headers', HEADERS), field('ingested_at', 'timestamp'), field('ingest_date', 'date'),
    ], ['ingest_date']),
    own(SILVER, 'The best valid version of every key', [
      ...pipelineColumns(pipeline), field('event_date', 'date'), field('is_late', 'boolean'), field('late_by_ms', 'long'), field('rescued', 'string'),
      field('rule_flags', 'string'), ...source(), field('kafka_timestamp', 'timestamp'), field('bronze_version', 'long'), field('rules_hash', 'string'),
      field('ingested_at', 'timestamp'), field('processed_at', 'timestamp'),
    ], pipeline.partitionBy),
    own(QUARANTINE, 'Records that break a rule, and which', [
      ...source(), field('kafka_timestamp', 'timestamp'), field('value', 'string'), field('value_bytes', 'binary'), field('reason', 'string'),
      field('detail', 'string'), field('bronze_version', 'long'), field('rules_hash', 'string'), field('quarantined_at', 'timestamp'), field('resolved_at', 'timestamp'),
    ]),
    own(GOLD, 'An anomaly score for every Silver row', [
      ...pipelineColumns(pipeline, goldSourceColumns(pipeline)), field('anomaly_score', 'double'), field('anomaly_flag', 'integer'), field('reason', 'string'),
      field('model_name', 'string'), field('model_version', 'long'), field('scored_at', 'timestamp'),
    ], pipeline.partitionBy),
    own(FEATURE_STATE, 'Running state of features, by Silver version', [
      field('features_hash', 'string'), field('from_version', 'long'), field('silver_version', 'long'), field('event_type', 'string'), field('state', 'string'),
    ]),
    own(OFFSET_GAPS, 'Offsets that Bronze does not hold, and why', [
      field('topic', 'string'), field('incarnation', 'string'), field('partition', 'integer'), field('first_offset', 'long'), field('last_offset', 'long'),
      field('cause', 'string'), field('healed', 'boolean'), field('seen_at', 'timestamp'),
    ]),
    own(MODEL_HISTORY, 'Which model was in charge since when, and why', [
      field('model_name', 'string'), field('version', 'long'), field('at', 'timestamp'), field('by', 'string'), field('why', 'string'),
      field('data_version', 'long'), field('metrics', 'string'), field('aliases', 'string'),
    ]),
  ];
}

/** Delta's property, at creation alone: up to 32 columns, those that a row is found by first. Delta takes no column without a least value in it. */
function statisticsOf(name: string, { fields }: StructType, { key, eventTime, columns, partitionBy }: Pipeline): Record<string, string> {
  const own = INDEXED[name];
  if (own === undefined) return {};
  const wanted = new Set([...key, eventTime, ...own, ...columns.map((column) => column.name)]);
  const may = new Set(fields.filter((each) => !partitionBy.includes(each.name) && hasMinMax(each.type)).map((each) => each.name));
  return { [STATISTICS_COLUMNS]: printStatisticsColumns([...wanted].filter((column) => may.has(column)).slice(0, INDEXED_LEAVES_MAX)) };
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
