import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../shared/errors.ts';
import { COLUMN_SHAPE, COLUMN_TYPES } from '../../shared/pipeline/pipeline-file/columns.ts';
import { BOUNDS_SHAPE, CHECK_KINDS, RULE_ACTIONS, RULE_SHAPE } from '../../shared/pipeline/pipeline-file/rules.ts';
import { MODEL_SHAPE, PIPELINE_SHAPE, START_SHAPE, TOPIC_COMPRESSIONS, TOPIC_FORMATS, TOPIC_SHAPE, WHERE_SHAPE, parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { ruleSettings } from '../support/pipelines.ts';
import type { Shape } from '../../shared/pipeline/pipeline-file/object-reader.ts';

interface Schema {
  readonly type?: string;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, Schema>>;
  readonly $defs: Readonly<Record<string, Schema>>;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly oneOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

const schema = JSON.parse(readFileSync(new URL('../../pipelines/pipeline.schema.json', import.meta.url), 'utf8')) as Schema;
const events = readFileSync(new URL('../../pipelines/events.json', import.meta.url), 'utf8');

const objects: readonly [string, Schema, Shape][] = [
  ['pipeline', schema, PIPELINE_SHAPE],
  ['topic', schema.$defs.topic, TOPIC_SHAPE],
  ['where', schema.$defs.where, WHERE_SHAPE],
  ['start', schema.$defs.start, START_SHAPE],
  ['column', schema.$defs.column, COLUMN_SHAPE],
  ['rule', schema.$defs.rule, RULE_SHAPE],
  ['bounds', schema.$defs.bounds, BOUNDS_SHAPE],
  ['model', schema.$defs.model, MODEL_SHAPE],
];

describe('the schema for editors and the parser agree', () => {
  test.each(objects)('on the keys of a %s', (_name, object, shape) => {
    expect(object.additionalProperties).toBe(false);
    expect(Object.keys(object.properties).toSorted()).toEqual([...shape.required, ...shape.optional].toSorted());
    expect((object.required ?? []).toSorted()).toEqual(shape.required.toSorted());
  });

  test('on the closed lists', () => {
    const { topic, column, rule } = schema.$defs;
    expect(column.properties.type.enum).toEqual(COLUMN_TYPES);
    expect(rule.properties.action.enum).toEqual(RULE_ACTIONS);
    expect(rule.oneOf?.map(({ required }) => required)).toEqual(CHECK_KINDS.map((kind) => [kind]));
    expect(topic.properties.payload.enum).toEqual(['text', 'bytes']);
    expect(topic.properties.format.enum).toEqual(TOPIC_FORMATS);
    expect(topic.properties.compression.enum).toEqual(TOPIC_COMPRESSIONS);
  });

  test('every object of the schema is compared, and every key is described', () => {
    expect(Object.keys(schema.$defs).filter((name) => schema.$defs[name].type === 'object').toSorted()).toEqual(objects.slice(1).map(([name]) => name).toSorted());
    for (const [, object] of objects) for (const [key, { description }] of Object.entries(object.properties)) {
      expect(description ?? schema.$defs[key]?.description, key).toMatch(/\.$|\.\)$/u);
    }
  });
});

interface Document {
  name: unknown;
  'assay.generation': unknown;
  topics: { name: unknown }[];
  columns: { name: unknown; path: unknown; type: string }[];
  rules: object[];
  z_order_by: unknown;
  model: Record<string, unknown>;
}

/** Does the parser take the shipped file with one change? */
function takes(change: (document: Document) => void): boolean {
  const document = JSON.parse(events) as Document;
  change(document);
  try {
    parsePipelineFile(JSON.stringify(document), 'p.json', ruleSettings);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

describe('on values', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'Z', '9', '_', '-', '.', ' ', '$', '/', '[', '*', '=', ',', '\n', 'é', '😀'), minLength: 1, maxLength: 5 });
  const { topic, column, rule, model } = schema.$defs;
  test.each<[string, Schema, (document: Document, value: string) => void]>([
    ['pipeline.name', schema.properties.name, (document, value) => { document.name = value; }],
    ['topic.name', topic.properties.name, (document, value) => { document.topics[0].name = value; }],
    ['column.path', column.properties.path, (document, value) => { document.columns[3].path = value; }],
    ['rule.name', rule.properties.name, (document, value) => { document.rules = [{ name: value, column: 'value', range: { min: 0 } }]; }],
    ['model.name', model.properties.name, (document, value) => { document.model.name = value; }],
    ['column.name', column.properties.name, (document, value) => {
      document.columns.push({ name: value, path: '$.more', type: 'long' });
    }],
  ])('patterns: %s', (_name, { pattern }, change) => {
    const likely = fc.oneof(word, word.map((text) => `$.${text}`), word.map((text) => `a${text}`));
    fc.assert(fc.property(likely, (value) => {
      expect(takes((document) => change(document, value))).toBe(new RegExp(pattern!, 'u').test(value));
    }), { numRuns: 500 });
  });

  test.each<[string, Schema, (document: Document, value: number) => void]>([
    ['assay.generation', schema.properties['assay.generation'], (document, value) => { document['assay.generation'] = value; }],
    ['model.trees', model.properties.trees, (document, value) => { document.model.trees = value; }],
    ['model.max_samples', model.properties.max_samples, (document, value) => { document.model.max_samples = value; }],
    ['model.seed', model.properties.seed, (document, value) => { document.model.seed = value; }],
  ])('bounds: %s', (_name, { minimum, maximum }, change) => {
    const inside = [minimum!, minimum! + 1, maximum!];
    const outside = [minimum! - 1, maximum! + 1, minimum! + 0.5];
    for (const value of inside) expect(takes((document) => change(document, value))).toBe(true);
    for (const value of outside) expect(takes((document) => change(document, value))).toBe(false);
  });
});
