import { jsonProblem } from './json-scan.ts';
import { COLUMN_SHAPE, PATH, readColumns } from './pipeline-file/columns.ts';
import { readJsonTree } from './pipeline-file/json-tree.ts';
import { Mistakes } from './pipeline-file/mistakes.ts';
import { ObjectReader } from './pipeline-file/object-reader.ts';
import { checkRoles } from './pipeline-file/roles.ts';
import { RULE_SHAPE, readRules } from './pipeline-file/rules.ts';
import { rulesHash } from './rules-hash.ts';
import type { ColumnDefinition, ModelDefinition, Pipeline, TopicDefinition } from './definition.ts';
import type { RuleSettings } from './judge.ts';
import type { Located, Shape } from './pipeline-file/object-reader.ts';

export const PIPELINE_SHAPE: Shape = {
  required: ['name', 'assay.generation', 'topics', 'columns', 'key', 'event_time', 'features', 'model'],
  optional: ['$schema', 'rules', 'partition_by', 'z_order_by', 'deletion_vectors'],
};
export const TOPIC_SHAPE: Shape = { required: ['name'], optional: ['payload', 'format', 'compression', 'where', 'start'] };
export const TOPIC_FORMATS = ['json', 'avro', 'json-schema', 'protobuf'] as const;
export const TOPIC_COMPRESSIONS = ['none', 'gzip'] as const;
export const WHERE_SHAPE: Shape = { required: ['equals'], optional: ['header', 'field'] };
export const START_SHAPE: Shape = { required: ['timestamp_ms'], optional: [] };
export const MODEL_SHAPE: Shape = { required: ['name', 'trees', 'max_samples', 'contamination', 'seed'], optional: [] };

const PIPELINE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/u;
/** Kafka's own rule for names of topics, 249 characters at most. */
const TOPIC_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/u;
const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/u;

const TREES = { min: 1, max: 10_000 };
const SAMPLES = { min: 2, max: 1_000_000 };
const SEED = { min: 0, max: 2 ** 32 - 1 };
const POSITIVE = { min: 1, max: Number.MAX_SAFE_INTEGER };
const CONTAMINATION_MAX = 0.5;
/** Where the file does not say: docs/design.md has the numbers. */
const DELETION_VECTORS = true;

/**
 * A pipeline file (`pipelines/*.json`, described for editors by `pipelines/pipeline.schema.json`) as a `Pipeline`.
 * Throws one ConfigError `pipeline/invalid` that lists every mistake with line and column. The settings enter the rules'
 * hash, for they decide verdicts too.
 */
export function parsePipelineFile(text: string, fileName: string, settings: RuleSettings): Pipeline {
  const mistakes = new Mistakes(text, fileName);
  const broken = jsonProblem(text);
  if (broken) mistakes.add(broken.at, `this is not JSON: ${broken.problem}`);
  mistakes.throwIfAny();
  const root = readJsonTree(text);
  const definition = root.kind === 'object'
    ? readPipeline(new ObjectReader(root, { shape: PIPELINE_SHAPE, path: '', mistakes }), mistakes)
    : mistakes.add(root.at, 'a pipeline is one JSON object');
  mistakes.throwIfAny();
  // Whatever is undefined in a partial definition has been told as a mistake: past this line it is whole.
  const pipeline = definition as Omit<Pipeline, 'rulesHash'>;
  return { ...pipeline, rulesHash: rulesHash(pipeline, settings) };
}

type Partly<T> = { readonly [K in keyof T]: T[K] | undefined };

function readPipeline(file: ObjectReader, mistakes: Mistakes): Partly<Omit<Pipeline, 'rulesHash'>> {
  const columns = readColumns(file.objects('columns', COLUMN_SHAPE) ?? [], mistakes);
  const roles = {
    key: atLeastOne(file, 'key'),
    eventTime: file.string('event_time'),
    partitionBy: file.strings('partition_by') ?? [],
    zOrderBy: file.strings('z_order_by') ?? [],
    features: atLeastOne(file, 'features'),
  };
  checkRoles(roles, columns, mistakes);
  file.string('$schema');
  return {
    name: file.matching('name', PIPELINE_NAME, 'a pipeline\'s name is a letter and then letters, digits, - and _, at most 64'),
    generation: file.integer('assay.generation', POSITIVE),
    topics: readTopics(file),
    key: values(roles.key),
    eventTime: roles.eventTime?.value,
    columns: columns as readonly ColumnDefinition[],
    rules: readRules(file.objects('rules', RULE_SHAPE) ?? [], columns, mistakes),
    partitionBy: values(roles.partitionBy),
    zOrderBy: values(roles.zOrderBy),
    deletionVectors: file.boolean('deletion_vectors') ?? DELETION_VECTORS,
    features: values(roles.features),
    model: readModel(file),
  };
}

function atLeastOne(file: ObjectReader, key: string): readonly Located<string>[] {
  if (file.items(key)?.length === 0) file.wrong(key, 'must name at least one column');
  return file.strings(key) ?? [];
}

function values(names: readonly Located<string>[]): readonly string[] {
  return names.map(({ value }) => value);
}

function readTopics(file: ObjectReader): readonly TopicDefinition[] {
  const readers = file.objects('topics', TOPIC_SHAPE) ?? [];
  if (file.items('topics')?.length === 0) file.wrong('topics', 'must name at least one topic');
  const topics: TopicDefinition[] = [];
  for (const reader of readers) {
    const name = reader.matching('name', TOPIC_NAME, 'a topic\'s name is at most 249 letters, digits, dots, underscores and dashes');
    const format = reader.oneOf('format', TOPIC_FORMATS) ?? 'json';
    const compression = reader.oneOf('compression', TOPIC_COMPRESSIONS) ?? 'none';
    const isBinary = format !== 'json' || compression !== 'none';
    const payload = reader.oneOf('payload', ['text', 'bytes']) ?? (isBinary ? 'bytes' : 'text');
    if (isBinary && payload === 'text') reader.wrong('payload', `is "text", but ${format === 'json' ? 'gzip' : `framed ${format}`} is no text: leave payload out, or say "bytes"`);
    const where = readWhere(reader);
    const start = readStart(reader);
    if (name === undefined) continue;
    if (topics.some((topic) => topic.name === name)) reader.wrong('name', `is ${JSON.stringify(name)}, which stands here twice`);
    topics.push({ name, payload, format, compression, where, start });
  }
  return topics;
}

function readWhere(topic: ObjectReader): TopicDefinition['where'] {
  const where = topic.object('where', WHERE_SHAPE);
  if (!where) return null;
  const header = where.string('header')?.value;
  const field = where.matching('field', PATH, 'a path is $.name or $.outer.inner');
  if (where.has('header') === where.has('field')) topic.wrong('where', 'names either a header or a field');
  const equals = where.kindOf('equals') === 'array' ? values(where.strings('equals') ?? []) : [where.string('equals')?.value ?? ''];
  if (equals.length === 0) where.wrong('equals', 'must have at least one value');
  const by = header === undefined ? { kind: 'field' as const, path: field?.split('.').slice(1) ?? [] } : { kind: 'header' as const, name: header };
  return { by, equals };
}

function readStart(topic: ObjectReader): TopicDefinition['start'] {
  if (topic.kindOf('start') !== 'object') return topic.oneOf('start', ['earliest', 'latest']) ?? 'earliest';
  const timestampMs = topic.object('start', START_SHAPE)?.integer('timestamp_ms', { min: 0, max: Number.MAX_SAFE_INTEGER });
  return { timestampMs: timestampMs ?? 0 };
}

function readModel(file: ObjectReader): ModelDefinition | undefined {
  const model = file.object('model', MODEL_SHAPE);
  const definition: Partly<ModelDefinition> | undefined = model && {
    name: model.matching('name', MODEL_NAME, 'a model\'s name is at most 128 letters, digits, dots, underscores and dashes'),
    trees: model.integer('trees', TREES),
    maxSamples: model.integer('max_samples', SAMPLES),
    contamination: readContamination(model),
    seed: model.integer('seed', SEED),
  };
  return definition as ModelDefinition | undefined;
}

function readContamination(model: ObjectReader): ModelDefinition['contamination'] | undefined {
  if (!model.has('contamination')) return undefined;
  const value = model.value('contamination');
  if (value === 'auto' || (typeof value === 'number' && value > 0 && value <= CONTAMINATION_MAX)) return value;
  return model.wrong('contamination', `must be "auto" or a number above 0 and at most ${CONTAMINATION_MAX}`);
}
