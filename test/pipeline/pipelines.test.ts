import { describe, expect, it } from 'vitest';
import { checkTogether, topicsOf } from '../../shared/pipeline/pipelines.ts';
import { parsePipelineFile } from '../../shared/pipeline/pipeline-file.ts';
import { pipelineTables } from '../../shared/pipeline/tables.ts';
import { eventsPipelineText, ordersPipelineText } from '../support/pipelines.ts';

const parse = (text: string) => parsePipelineFile(text, 'test.json', { lateAfterMs: 1, futureAfterMs: 1 });
const events = parse(eventsPipelineText());
const orders = parse(ordersPipelineText());
const tables = pipelineTables(events).map(({ name }) => name);

describe('checkTogether', () => {
  it('lets pipelines of other names share a lake, and a topic they agree on', () => {
    expect(() => checkTogether([events, orders], tables)).not.toThrow();
    expect(() => checkTogether([events, { ...orders, topics: events.topics }], tables)).not.toThrow();
  });

  it.each<[string, Parameters<typeof checkTogether>[0], string]>([
    ['one name twice', [events, { ...orders, name: 'Events' }], 'two are named Events'],
    ['the name of a table', [events, { ...orders, name: 'silver_events' }], 'silver_events is a folder of the lake already'],
    ['the name of another folder', [events, { ...orders, name: 'models' }], 'models is a folder of the lake already'],
    ['a topic as text and as bytes', [events, { ...orders, topics: [{ ...events.topics[0], payload: 'bytes' }] }], 'topic events has payload text'],
    ['a topic from two starts', [events, { ...orders, topics: [{ ...events.topics[0], start: { timestampMs: 5 } }] }], '{"timestampMs":5} in orders'],
  ])('refuses %s', (_what, pipelines, part) => {
    expect(() => checkTogether(pipelines, tables)).toThrow(part);
  });

  it('lists every problem at once', () => {
    expect(() => checkTogether([events, { ...orders, name: 'models' }, { ...orders, name: 'models' }], tables)).toThrow(/folder[\s\S]*two are named/);
  });
});

it('topics of several pipelines: each once, in order', () => {
  expect(topicsOf([events, orders, { ...orders, topics: [...events.topics, ...orders.topics] }]).map(({ name }) => name)).toEqual(['events', 'orders.eu', 'orders.us']);
});
