import { describe, expect, test } from 'vitest';
import { rulesHash } from '../../shared/pipeline/rules-hash.ts';
import { ordersPipeline, ruleSettings } from '../support/pipelines.ts';
import type { ColumnDefinition, Pipeline, RuleDefinition } from '../../shared/pipeline/definition.ts';

const orders = ordersPipeline();
const hash = (changed: Partial<Pipeline>): string => rulesHash({ ...orders, ...changed }, ruleSettings);
const column = (name: string, changed: Partial<ColumnDefinition>): Pipeline['columns'] => orders.columns.map((each) => (each.name === name ? { ...each, ...changed } : each));
const rule = (name: string, changed: Partial<RuleDefinition>): Pipeline['rules'] => orders.rules.map((each) => (each.name === name ? { ...each, ...changed } : each));

describe('the hash of the rules', () => {
  test('is the pipeline\'s own, 16 hex digits', () => {
    expect(orders.rulesHash).toMatch(/^[0-9a-f]{16}$/u);
    expect(hash({})).toBe(orders.rulesHash);
  });

  test.each<[string, Partial<Pipeline>]>([
    ['the order of columns', { columns: orders.columns.toReversed() }],
    ['a name', { columns: column('items', { name: 'pieces' }) }],
    ['a type', { columns: column('items', { type: 'double' }) }],
    ['a path', { columns: column('items', { path: ['order', 'items'] }) }],
    ['required', { columns: column('items', { required: true }) }],
    ['an allowed value', { columns: column('shop', { allowed: ['berlin', 'lyon'] }) }],
    ['no allowed values', { columns: column('shop', { allowed: null }) }],
    ['the key', { key: ['order_no'] }],
    ['the event time', { eventTime: 'shipped_at' }],
    ['partitioning', { partitionBy: ['gift'] }],
    ['the order of rules', { rules: orders.rules.toReversed() }],
    ['an action', { rules: rule('usual_items', { action: 'quarantine' }) }],
    ['a bound', { rules: rule('amount_in_range', { check: { kind: 'range', min: 0, max: null } }) }],
    ['a kind', { rules: rule('coupon_length', { check: { kind: 'range', min: 2, max: 4 } }) }],
    ['a pattern', { rules: rule('odd_customer', { check: { kind: 'pattern', pattern: /^[A-Z]/u } }) }],
    ['a set', { rules: rule('usual_items', { check: { kind: 'set', values: [1, 2] } }) }],
    ['the type of a set\'s value', { rules: rule('usual_items', { check: { kind: 'set', values: [1, 2, '3'] } }) }],
  ])('changes with %s', (_name, changed) => {
    expect(hash(changed)).not.toBe(orders.rulesHash);
  });

  test('changes with what stands in a topic, wherever it stands in the file', () => {
    const [eu, us] = orders.topics;
    const avro = hash({ topics: [{ ...eu, format: 'avro' }, us] });
    const hashes = [orders.rulesHash, avro, hash({ topics: [eu, { ...us, format: 'avro' }] }), hash({ topics: [{ ...eu, format: 'protobuf' }, us] }), hash({ topics: [{ ...eu, compression: 'gzip' }, us] })];
    expect(new Set(hashes).size).toBe(5);
    expect(hash({ topics: [us, { ...eu, format: 'avro' }] })).toBe(avro);
  });

  test('changes with what a topic\'s records are taken by, not with the order of its values', () => {
    const [eu, us] = orders.topics;
    const where = (...equals: string[]) => hash({ topics: [{ ...eu, where: { by: { kind: 'header', name: 'type' }, equals } }, us] });
    const hashes = [orders.rulesHash, where('a'), where('a', 'b'), hash({ topics: [{ ...eu, where: { by: { kind: 'field', path: ['type'] }, equals: ['a'] } }, us] })];
    expect(new Set(hashes).size).toBe(4);
    expect(where('b', 'a')).toBe(where('a', 'b'));
  });

  test('changes with either setting', () => {
    const hashes = [ruleSettings, { ...ruleSettings, lateAfterMs: 1 }, { ...ruleSettings, futureAfterMs: 1 }].map((settings) => rulesHash(orders, settings));
    expect(new Set(hashes).size).toBe(3);
  });

  test.each<[string, Partial<Pipeline>]>([
    ['the name', { name: 'other' }],
    ['the generation', { generation: 9 }],
    ['topics of plain JSON', { topics: [] }],
    ['Z-order', { zOrderBy: [] }],
    ['the way rows are replaced', { deletionVectors: !orders.deletionVectors }],
    ['features', { features: [] }],
    ['the model', { model: { ...orders.model, trees: 1 } }],
    ['the order of the key', { key: orders.key.toReversed() }],
    ['the order of allowed values', { columns: column('shop', { allowed: ['oslo', 'lyon', 'berlin'] }) }],
    ['the order of a set', { rules: rule('usual_items', { check: { kind: 'set', values: [3, 1, 2] } }) }],
  ])('does not change with %s', (_name, changed) => {
    expect(hash(changed)).toBe(orders.rulesHash);
  });
});
