import { ConfigError } from '../../shared/errors.ts';
import type { ColumnType } from '../../shared/pipeline/definition.ts';
import { FieldCensus, bestType, textOf } from './field-census.ts';
import type { FieldFacts } from './field-census.ts';

export interface InferOptions {
  readonly name: string;
  readonly topic: string;
  /** Names or paths of fields, instead of what would be guessed. */
  readonly key: string | undefined;
  readonly eventTime: string | undefined;
  /** Its values of the sample become the allowed ones, and a folder each. Never guessed: a new value would be rejected. */
  readonly partitionBy: string | undefined;
}

/** So much of a sample has to agree; the rest is taken for the mistakes that are to be rejected. */
const SHARE = 0.95;
/** Some records come twice. */
const REPEATS_MAX = 0.1;
const PARTITIONS_MAX = 50;

interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly path: string;
  readonly required: boolean;
  readonly allowed?: readonly string[];
}

/**
 * A pipeline file for objects like these. The key is a field of (nearly) unique values, called like an id where there is one; the event time a
 * timestamp, called like one; features are the numbers that (nearly) every object has; a list, and an object itself, stays in `rescued`.
 * Failures: ConfigError `init/no-objects`, `init/no-key`, `init/no-event-time`, `init/no-feature`, `init/no-field`, `init/partition`.
 */
export function inferPipeline(payloads: Iterable<string>, options: InferOptions): string {
  const census = new FieldCensus();
  for (const text of payloads) census.add(text);
  const objects = Math.max(0, ...[...census.fields.values()].map(({ rows }) => rows));
  if (objects === 0) throw new ConfigError('init/no-objects', `none of ${census.objects} records of the sample is a JSON object with a field that a path can name: there is nothing to infer a pipeline from`);
  const usual = (facts: FieldFacts) => facts.present >= SHARE * objects;
  const fields = [...census.fields.values()].filter((facts) => bestType(facts, SHARE) !== null);
  const key = options.key === undefined ? guessKey(fields.filter(usual)) : named(fields, options.key);
  const eventTime = options.eventTime === undefined ? guessTime(fields.filter((facts) => usual(facts) && facts !== key)) : named(fields, options.eventTime);
  const partition = options.partitionBy === undefined ? null : named(fields, options.partitionBy);
  const columns = fields.filter((facts) => facts !== key && facts !== eventTime).map((facts) => columnOf(facts, { isUsual: usual(facts), isPartition: facts === partition }));
  const all = distinctNames([
    { name: nameOf(key), type: 'id', path: key.path, required: true },
    { name: nameOf(eventTime), type: 'timestamp', path: eventTime.path, required: true },
    ...columns,
  ]);
  const features = all.filter(({ type, required }) => required && (type === 'double' || type === 'long')).map(({ name }) => name);
  if (features.length === 0) throw new ConfigError('init/no-feature', `no field of the sample is a number in ${SHARE * 100} % of its records: a model needs one to see. Send one, or write the pipeline file by hand`);
  const by = partition === null ? [] : all.filter(({ path }) => path === partition.path).map(({ name }) => name);
  return printPipeline({ ...options, columns: all, features, partitionBy: by });
}

const ID_NAMES = [/(?:^|\.)(?:event_?id|uuid|guid)$/i, /(?:^|[._])id$/i, /Id$/, /(?:_|\.)?(?:uuid|guid|key|no|number)$/i];

function guessKey(fields: readonly FieldFacts[]): FieldFacts {
  const unique = fields.filter((facts) => facts.repeats <= REPEATS_MAX * facts.present && facts.fits('id', SHARE));
  for (const names of ID_NAMES) {
    const found = unique.find(({ path }) => names.test(path.slice(2)));
    if (found) return found;
  }
  const strict = unique.find((facts) => facts.repeats === 0 && bestType(facts, SHARE) === 'string');
  if (strict) return strict;
  throw new ConfigError('init/no-key', `no field of the sample is there in every record with a value of its own; name the key by --key FIELD (there are ${listed(fields)})`);
}

const TIME_NAMES = [/^(?:event_?)?time(?:stamp)?$/i, /^ts$/i, /time(?:stamp)?$|_ts$/i, /(?:_at|At|date|Date)$/];

function guessTime(fields: readonly FieldFacts[]): FieldFacts {
  const times = fields.filter((facts) => bestType(facts, SHARE) === 'timestamp');
  for (const names of TIME_NAMES) {
    const found = times.find(({ path }) => names.test(path.split('.').at(-1)!));
    if (found) return found;
  }
  if (times.length > 0) return times[0];
  throw new ConfigError('init/no-event-time', `no field of the sample is a time with a zone, or epoch milliseconds by its name; name it by --event-time FIELD (there are ${listed(fields)})`);
}

function named(fields: readonly FieldFacts[], typed: string): FieldFacts {
  const path = typed.startsWith('$.') ? typed : `$.${typed}`;
  const found = fields.find((facts) => facts.path === path);
  if (found) return found;
  throw new ConfigError('init/no-field', `the sample has no field ${typed} that a column could take; there are ${listed(fields)}`);
}

function listed(fields: readonly FieldFacts[]): string {
  return fields.length === 0 ? 'none' : fields.slice(0, 20).map(({ path }) => path.slice(2)).join(', ');
}

function columnOf(facts: FieldFacts, { isUsual, isPartition }: { isUsual: boolean; isPartition: boolean }): Column {
  const column = { name: nameOf(facts), type: bestType(facts, SHARE)!, path: facts.path };
  if (!isPartition) return { ...column, required: isUsual && (column.type === 'double' || column.type === 'long') };
  if (column.type === 'boolean') return { ...column, required: true };
  const allowed = [...facts.values.keys()].filter((source) => source.startsWith('"') && source !== '""').map(textOf);
  if (column.type === 'string' && !facts.hasMoreValues && allowed.length <= PARTITIONS_MAX) return { ...column, required: true, allowed: allowed.toSorted() };
  throw new ConfigError('init/partition', `${facts.path} has ${facts.hasMoreValues ? 'more than ' : ''}${facts.values.size} different values of type ${column.type} in the sample: a partition column needs few, each is a folder`);
}

/** Delta refuses some characters in a column's name. */
function nameOf({ path }: FieldFacts): string {
  return path.slice(2).replaceAll(/[ ,;{}()=.\u0080-\uffff]/g, '_').slice(0, 100);
}

const OWN_NAMES = new Set([
  'event_date', 'is_late', 'late_by_ms', 'rescued', 'rule_flags', 'topic', 'incarnation', 'partition', 'offset', 'kafka_timestamp', 'bronze_version', 'rules_hash',
  'ingested_at', 'processed_at', '_change_type', '_commit_version', '_commit_timestamp', '_file', 'file_row_number',
  'anomaly_score', 'anomaly_flag', 'reason', 'model_name', 'model_version', 'scored_at',
]);

/** Of our own columns and of each other, upper and lower case being the same. */
function distinctNames(columns: readonly Column[]): Column[] {
  const taken = new Set(OWN_NAMES);
  return columns.map((column) => {
    let name = column.name;
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${column.name}_${i}`;
    taken.add(name.toLowerCase());
    return { ...column, name };
  });
}

interface Printed extends Pick<InferOptions, 'name' | 'topic'> {
  readonly columns: readonly Column[];
  readonly features: readonly string[];
  readonly partitionBy: readonly string[];
}

/** Laid out as the file that ships: a column a line. */
function printPipeline({ name, topic, columns, features, partitionBy }: Printed): string {
  const line = (value: object) => `{ ${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${inline(each)}`).join(', ')} }`;
  const printed = columns.map(({ required, type, ...column }) => line({ name: column.name, type, path: column.path, ...(required ? {} : { required }), ...(column.allowed ? { allowed: column.allowed } : {}) }));
  const members = [
    ['$schema', inline('./pipeline.schema.json')], ['name', inline(name)], ['assay.generation', '1'],
    ['topics', `[\n    ${line({ name: topic, payload: 'text', format: 'json', start: 'earliest' })}\n  ]`],
    ['columns', `[\n    ${printed.join(',\n    ')}\n  ]`],
    ['key', inline([columns[0].name])], ['event_time', inline(columns[1].name)], ['rules', '[]'],
    ['partition_by', inline(partitionBy)], ['z_order_by', inline([columns[0].name, columns[1].name])], ['features', inline(features)],
    ['model', `{\n    "name": ${inline(`iforest_${name}`)},\n    "trees": 100,\n    "max_samples": 256,\n    "contamination": 0.01,\n    "seed": 42\n  }`],
  ];
  return `{\n${members.map(([key, value]) => `  ${JSON.stringify(key)}: ${value}`).join(',\n')}\n}\n`;
}

function inline(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(inline).join(', ')}]` : JSON.stringify(value);
}
