import { describe, expect, test } from 'vitest';
import { TableError } from '../../../shared/errors.ts';
import { compileRules } from '../../../shared/pipeline/judge.ts';
import { ordersPipeline, ruleSettings } from '../../support/pipelines.ts';
import type { RuleDefinition } from '../../../shared/pipeline/definition.ts';
import type { Verdict } from '../../../shared/pipeline/verdict.ts';

const ORDER = { shop: 'oslo', order: { no: 12, at: '2025-04-01T10:00:00Z' }, total: { amount: '19.90', currency: 'NOK' }, gift: false };

function judge(changed: object, rules?: readonly RuleDefinition[]): Verdict {
  const pipeline = rules ? { ...ordersPipeline(), rules } : ordersPipeline();
  return compileRules(pipeline, ruleSettings)({ topic: 'orders.eu', value: JSON.stringify({ ...ORDER, ...changed }), valueBytes: null, kafkaTimestampMs: null });
}

const at = BigInt(Date.UTC(2025, 3, 1, 10)) * 1_000n;

describe('another pipeline', () => {
  test('nested paths, a long, a boolean, optional columns', () => {
    expect(judge({})).toEqual({
      kind: 'accepted',
      values: ['oslo', 12n, at, 19.9, false, null, null, null],
      rescued: '{"order":{"no":12,"at":"2025-04-01T10:00:00Z"},"total":{"amount":"19.90","currency":"NOK"}}',
      flags: [],
      duplicateKeys: 0,
    });
    expect(judge({ gift: true, coupon: 'né😀', customer: { id: 'K-1' }, items: '3' })).toMatchObject({
      values: ['oslo', 12n, at, 19.9, true, 'né😀', 'K-1', 3n], flags: [],
    });
  });

  test('null and "" are null where the column is not required', () => {
    expect(judge({ coupon: '', customer: { id: null }, items: null })).toMatchObject({ values: ['oslo', 12n, at, 19.9, false, null, null, null] });
  });

  test.each<[object, string]>([
    [{ shop: undefined }, 'missing_shop'],
    [{ order: { at: ORDER.order.at } }, 'missing_order_no'],
    [{ order: 12 }, 'missing_order_no'],
    [{ gift: null }, 'missing_gift'],
    [{ shop: 'rome' }, 'unknown_shop'],
    [{ order: { ...ORDER.order, no: 1.5 } }, 'invalid_order_no'],
    [{ order: { ...ORDER.order, no: '9223372036854775808' } }, 'invalid_order_no'],
    [{ order: { ...ORDER.order, no: ' 12' } }, 'invalid_order_no'],
    [{ order: { ...ORDER.order, at: '2025-04-01' } }, 'invalid_placed_at'],
    [{ total: { amount: {} } }, 'invalid_amount'],
    [{ gift: 'true' }, 'invalid_gift'],
    [{ gift: 0 }, 'invalid_gift'],
    [{ coupon: 12 }, 'invalid_coupon'],
    [{ coupon: '\ud800x' }, 'invalid_coupon'],
    [{ customer: { id: 1.5 } }, 'invalid_customer'],
    [{ items: true }, 'invalid_items'],
  ])('%j', (changed, reason) => {
    expect(judge(changed)).toMatchObject({ kind: 'rejected', reason });
  });
});

describe('rules', () => {
  test.each<[object, string]>([
    [{ total: { amount: -0.01 } }, 'amount_in_range'],
    [{ total: { amount: 100_000.01 } }, 'amount_in_range'],
    [{ coupon: 'x' }, 'coupon_length'],
    [{ coupon: '😀' }, 'coupon_length'],
    [{ coupon: '12345' }, 'coupon_length'],
    // The first rule that is broken names the reason.
    [{ coupon: 'x', total: { amount: -1 } }, 'amount_in_range'],
  ])('quarantine %j', (changed, reason) => {
    expect(judge(changed)).toMatchObject({ kind: 'rejected', reason });
  });

  test.each([{ total: { amount: 0 } }, { total: { amount: 1e5 } }, { coupon: '😀😀' }, { coupon: '😀😀😀😀' }])('the bounds belong to the range: %j', (changed) => {
    expect(judge(changed)).toMatchObject({ kind: 'accepted', flags: [] });
  });

  test.each<[object, string[]]>([
    [{ customer: { id: 'k-1' } }, ['odd_customer']],
    [{ customer: { id: 'K-١' } }, []],
    [{ items: 4 }, ['usual_items']],
    [{ customer: { id: 7 }, items: '-1' }, ['odd_customer', 'usual_items']],
  ])('flag %j', (changed, flags) => {
    expect(judge(changed)).toMatchObject({ kind: 'accepted', flags });
  });

  test('fail stops with a TableError that names the rule and no payload', () => {
    const order = { ...ORDER.order, no: -77 };
    expect(() => judge({ order })).toThrow(TableError);
    expect(() => judge({ order })).toThrow(expect.objectContaining({
      code: 'pipeline/rule-failed', retry: 'never', facts: { rule: 'order_no_positive', column: 'order_no', check: 'range' },
      message: expect.not.stringContaining('77') as string,
    }));
  });

  test('rules are tested after every column, so a broken value is told first', () => {
    expect(judge({ total: { amount: -1 }, items: true })).toMatchObject({ reason: 'invalid_items' });
  });

  const quarantine = (column: string, check: RuleDefinition['check']): RuleDefinition[] => [{ name: 'tested', column, check, action: 'quarantine' }];

  test.each<[string, RuleDefinition[], object, boolean]>([
    ['a set of text', quarantine('coupon', { kind: 'set', values: ['a', 'b'] }), { coupon: 'b' }, true],
    ['a set of text is exact', quarantine('coupon', { kind: 'set', values: ['a', 'b'] }), { coupon: 'B' }, false],
    ['a set of doubles', quarantine('amount', { kind: 'set', values: [0, 1.5] }), { total: { amount: '15e-1' } }, true],
    ['negative zero is zero', quarantine('amount', { kind: 'set', values: [0] }), { total: { amount: '-0' } }, true],
    ['a set of booleans', quarantine('gift', { kind: 'set', values: [true] }), { gift: false }, false],
    ['a range of longs beyond the doubles', quarantine('order_no', { kind: 'range', min: null, max: 2 ** 53 }), { order: { ...ORDER.order, no: '9007199254740993' } }, false],
    ['a range without a min', quarantine('amount', { kind: 'range', min: null, max: 5 }), { total: { amount: -1e300 } }, true],
    ['a length without a max', quarantine('customer', { kind: 'length', min: 3, max: null }), { customer: { id: 12 } }, false],
    ['a pattern is searched', quarantine('coupon', { kind: 'pattern', pattern: /b/u }), { coupon: 'abc' }, true],
    ['a pattern counts code points', quarantine('coupon', { kind: 'pattern', pattern: /^.$/u }), { coupon: '😀' }, true],
  ])('%s', (_name, rules, changed, holds) => {
    expect(judge(changed, rules).kind).toBe(holds ? 'accepted' : 'rejected');
  });
});
