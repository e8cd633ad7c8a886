import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inferPipeline } from '../../../local/schema/infer-pipeline.ts';
import type { InferOptions } from '../../../local/schema/infer-pipeline.ts';
import { ConfigError } from '../../../shared/errors.ts';
import { parsePipelineFile } from '../../../shared/pipeline/pipeline-file.ts';
import { pipelineTables } from '../../../shared/pipeline/tables.ts';
import { eventsPipeline, ruleSettings } from '../../support/pipelines.ts';

const guess: InferOptions = { name: 'p', topic: 't', key: undefined, eventTime: undefined, partitionBy: undefined };
const infer = (rows: readonly object[], options: Partial<InferOptions> = {}) => parsePipelineFile(inferPipeline(rows.map((row) => JSON.stringify(row)), { ...guess, ...options }), 'p.json', ruleSettings);
const columns = (rows: readonly object[], options: Partial<InferOptions> = {}) => infer(rows, options).columns.map(({ name, type, path, required }) => `${name} ${type} $.${path.join('.')}${required ? '' : '?'}`);
const rows = (n: number, row: (i: number) => object) => Array.from({ length: n }, (_value, i) => row(i));
const at = (i: number) => new Date(Date.UTC(2025, 3, 1) + i * 1_000).toISOString();

describe('what is made of a sample', () => {
  test('ids, times, numbers, truths, texts, nested ones too; lists stay in rescued', () => {
    const sample = rows(100, (i) => ({ note: i % 3 === 0 ? 'x' : null, created_at: at(i), order: { id: `o-${i}`, total: i / 2, paid: i % 2 === 0 }, amount: String(i), tags: ['a'], big: 2 ** 53 + 2 * i }));
    expect(columns(sample)).toEqual([
      'order_id id $.order.id', 'created_at timestamp $.created_at', 'note string $.note?', 'order_total double $.order.total', 'order_paid boolean $.order.paid?',
      'amount double $.amount', 'big long $.big',
    ]);
    expect(infer(sample)).toMatchObject({ key: ['order_id'], eventTime: 'created_at', features: ['order_total', 'amount', 'big'], partitionBy: [], rules: [], topics: [{ name: 't' }] });
  });

  test('a few mistakes and records that come twice decide nothing', () => {
    const sample = rows(200, (i) => ({ event_id: `e${i % 195}`, ts: i === 7 ? 'yesterday' : 1_743_500_000_000 + i, value: i % 50 === 0 ? 'n/a' : i }));
    expect(columns(sample)).toEqual(['event_id id $.event_id', 'ts timestamp $.ts', 'value double $.value']);
  });

  test('what is asked for is taken: key, time, and a partition with the sample\'s values', () => {
    const sample = rows(40, (i) => ({ id: i, serial: `s${i}`, time: at(i), seen: at(i + 1), kind: ['b', 'a'][i % 2], value: i }));
    expect(infer(sample)).toMatchObject({ key: ['id'], eventTime: 'time', partitionBy: [] });
    expect(infer(sample, { key: 'serial', eventTime: '$.seen', partitionBy: 'kind' })).toMatchObject({ key: ['serial'], eventTime: 'seen', partitionBy: ['kind'] });
    expect(infer(sample, { partitionBy: 'kind' }).columns.find(({ name }) => name === 'kind')!.allowed).toEqual(['a', 'b']);
  });

  test('names that our tables have of their own, that meet, or that Delta refuses, become others', () => {
    const silver = pipelineTables(eventsPipeline()).find(({ name }) => name === 'silver_events')!.schema.fields.map(({ name }) => name);
    const own = Object.fromEntries([...silver, 'anomaly_score', 'reason', 'a=b', 'A', 'a', 'é', '_file'].map((name) => [name, 1]));
    const pipeline = infer(rows(30, (i) => ({ ...own, event_id: `e${i}`, timestamp: at(i), value: i })));
    expect(pipeline.columns.map(({ path }) => path[0])).toEqual(expect.arrayContaining(['offset', 'A', 'a', 'é', 'a=b']));
  });

  test('whatever the sample is: a valid file, or a ConfigError that says what is lacking', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.constant('2025-04-01T10:00:00Z'), fc.array(fc.integer()), fc.dictionary(fc.string(), fc.integer()));
    const object = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('id', 'ts', 'value', 'offset', '__proto__')), value);
    fc.assert(fc.property(fc.array(fc.oneof(object.map((each) => JSON.stringify(each)), fc.string()), { maxLength: 20 }), (texts) => {
      try {
        parsePipelineFile(inferPipeline(texts, guess), 'p.json', ruleSettings);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as ConfigError).code).toMatch(/^init\//);
      }
    }), { numRuns: 300 });
  });
});

test.each([
  { what: 'no object', sample: [[1], 'x'] as unknown as object[], options: {}, code: 'init/no-objects' },
  { what: 'no key', sample: rows(20, (i) => ({ a: 'same', time: at(i), value: 1 })), options: {}, code: 'init/no-key' },
  { what: 'no time', sample: rows(20, (i) => ({ id: `a${i}`, value: i })), options: {}, code: 'init/no-event-time' },
  { what: 'no number', sample: rows(20, (i) => ({ id: `a${i}`, time: at(i) })), options: {}, code: 'init/no-feature' },
  { what: 'a field that is not there', sample: rows(20, (i) => ({ id: `a${i}`, time: at(i), value: i })), options: { key: 'uid' }, code: 'init/no-field' },
  { what: 'a partition of many values', sample: rows(90, (i) => ({ id: `a${i}`, time: at(i), value: i, name: `n${i}` })), options: { partitionBy: 'name' }, code: 'init/partition' },
])('$what: $code', ({ sample, options, code }) => {
  expect(() => infer(sample, options)).toThrow(expect.objectContaining({ constructor: ConfigError, code }));
});
