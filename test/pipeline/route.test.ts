import { describe, expect, it, test } from 'vitest';
import { scanObject } from '../../shared/pipeline/json-scan.ts';
import { compileRouter } from '../../shared/pipeline/route.ts';
import type { RecordHeader, ScannedPayload } from '../../shared/pipeline/route.ts';
import type { Pipeline, RouteDefinition } from '../../shared/pipeline/definition.ts';
import { eventsPipeline } from '../support/pipelines.ts';

const header = (name: string, ...equals: string[]): RouteDefinition => ({ by: { kind: 'header', name }, equals });
const field = (path: string, ...equals: string[]): RouteDefinition => ({ by: { kind: 'field', path: path.split('.') }, equals });

/** A pipeline that names one topic, or several. */
function pipeline(...topics: (readonly [name: string, where?: RouteDefinition])[]): Pipeline {
  const base = eventsPipeline();
  return { ...base, topics: topics.map(([name, where = null]) => ({ ...base.topics[0], name, where })) };
}

const headers = (...pairs: [string, string | Uint8Array | null][]): RecordHeader[] =>
  pairs.map(([key, value]) => ({ key, value: typeof value === 'string' ? Buffer.from(value) : value }));

function payload(text: string): ScannedPayload {
  const scan = scanObject(text);
  return scan.kind === 'object' ? { text, fields: scan.fields } : null;
}

/** What each of the pipelines does with a record: the letter of its destination. */
function destinations(pipelines: readonly Pipeline[], topic: string, record: { headers?: RecordHeader[]; text?: string } = {}): string {
  return pipelines.map((mine) => {
    const router = compileRouter(mine, pipelines)!;
    const before = router.before(topic, record.headers ?? null);
    return before === 'by-field' ? router.withPayload(topic, record.headers ?? null, record.text === undefined ? null : payload(record.text)) : before;
  }).join(' ');
}

test('one pipeline that takes all has no router', () => {
  const only = pipeline(['a']);
  expect(compileRouter(only, [only])).toBeNull();
});

describe('by topic', () => {
  const all = [pipeline(['a'], ['both']), pipeline(['b'], ['both'])];
  it.each([['a', 'mine elsewhere'], ['b', 'elsewhere mine'], ['both', 'mine mine'], ['nobody\'s', 'mine elsewhere']])('%s: %s', (topic, expected) => {
    expect(destinations(all, topic)).toBe(expected);
  });
});

describe('by header', () => {
  const all = [pipeline(['t', header('type', 'click', 'view')]), pipeline(['t', header('type', 'order')])];
  it.each<[string, RecordHeader[], string]>([
    ['a value of the first', headers(['type', 'view']), 'mine elsewhere'],
    ['a value of the second', headers(['type', 'order']), 'elsewhere mine'],
    ['the last of two', headers(['type', 'order'], ['type', 'click']), 'mine elsewhere'],
    ['another case', headers(['type', 'Order']), 'unrouted elsewhere'],
    ['another header', headers(['kind', 'order']), 'unrouted elsewhere'],
    ['no header', [], 'unrouted elsewhere'],
    ['a null', headers(['type', null]), 'unrouted elsewhere'],
    ['no UTF-8', headers(['type', Buffer.from([0xff])]), 'unrouted elsewhere'],
  ])('%s', (_what, given, expected) => {
    expect(destinations(all, 't', { headers: given })).toBe(expected);
  });

  it('one without a condition takes what the other takes, too', () => {
    expect(destinations([pipeline(['t']), pipeline(['t', header('type', 'order')])], 't', { headers: headers(['type', 'order']) })).toBe('mine mine');
  });

  it('only then headers are read', () => {
    expect(compileRouter(all[1], all)!.readsHeaders).toBe(true);
    const byTopic = [pipeline(['a']), pipeline(['b'])];
    expect(compileRouter(byTopic[0], byTopic)!.readsHeaders).toBe(false);
  });
});

describe('by field', () => {
  const all = [pipeline(['t', field('kind', 'click')]), pipeline(['t', field('meta.kind', 'order', '7', 'true')])];
  it.each([
    ['a field of the first', '{"kind":"click"}', 'mine elsewhere'],
    ['a nested one of the second', '{"meta":{"kind":"order"}}', 'elsewhere mine'],
    ['escapes are read', '{"kind":"cl\\u0069ck"}', 'mine elsewhere'],
    ['the last of equal keys', '{"kind":"click","kind":"other"}', 'unrouted elsewhere'],
    ['a number by its source', '{"meta":{"kind":7}}', 'elsewhere mine'],
    ['7.0 is another source', '{"meta":{"kind":7.0}}', 'unrouted elsewhere'],
    ['true', '{"meta":{"kind":true}}', 'elsewhere mine'],
    ['both fields', '{"kind":"click","meta":{"kind":"order"}}', 'mine mine'],
    ['neither', '{"meta":1}', 'unrouted elsewhere'],
    ['no object: the first says why', 'no json', 'unrouted elsewhere'],
  ])('%s', (_what, text, expected) => {
    expect(destinations(all, 't', { text })).toBe(expected);
  });

  it('is not looked at by whom a header decides for', () => {
    const mixed = [pipeline(['t', header('type', 'click')]), pipeline(['t', field('kind', 'order')]), pipeline(['t', header('type', 'view')])];
    const decided = mixed.map((mine) => compileRouter(mine, mixed)!.before('t', headers(['type', 'view'])));
    expect(decided).toEqual(['by-field', 'by-field', 'mine']);
    expect(destinations(mixed, 't', { headers: headers(['type', 'view']), text: '{"kind":"order"}' })).toBe('elsewhere mine mine');
  });

  it('a single pipeline with a condition keeps what does not meet it in quarantine', () => {
    expect(destinations([pipeline(['t', field('kind', 'click')])], 't', { text: '{"kind":"view"}' })).toBe('unrouted');
  });
});
