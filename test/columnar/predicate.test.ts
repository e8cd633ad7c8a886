import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { and, compare, compareScalars, evaluate, isNull, not, or, printPredicate } from '../../shared/columnar/predicate.ts';
import type { Predicate, Scalar } from '../../shared/columnar/predicate.ts';

const NAN = Number.NaN;

describe('compareScalars', () => {
  test('text goes by its UTF-8 bytes', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\0', '\u007f', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'), maxLength: 5 });
    fc.assert(fc.property(text, text, (a, b) => {
      expect(Math.sign(compareScalars(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }));
  });

  test.each<[Scalar, Scalar, number]>([
    [0, -0, 0], [NAN, NAN, 0], [NAN, Infinity, 1], [-Infinity, NAN, -1], [9_007_199_254_740_992, 9_007_199_254_740_993n, -1], [1n, 1, 0], [2n ** 63n, NAN, -1], [false, true, -1], [true, true, 0],
  ])('%o and %o: %i', (a, b, order) => {
    expect([Math.sign(compareScalars(a, b)), Math.sign(compareScalars(b, a))]).toEqual([order, order === 0 ? 0 : -order]);
  });

  test.each<[Scalar, Scalar]>([['1', 1], [true, 1], ['true', true]])('%o and %o are a mistake', (a, b) => {
    expect(() => compareScalars(a, b)).toThrow(/^bug: a \w+ compared with a \w+$/);
  });
});

describe('evaluate', () => {
  const [yes, no, open] = [compare('one', '=', 1), compare('one', '<>', 1), compare('none', '=', 1)];
  const valueOf = (column: string) => ({ one: 1, none: null })[column];

  test.each<[string, Predicate, boolean | null]>([
    ['and', and(yes, yes), true], ['and', and(yes, no), false], ['and', and(yes, open), null], ['and', and(open, no), false], ['and', and(open, open), null], ['and', and(), true],
    ['or', or(no, no), false], ['or', or(no, yes), true], ['or', or(open, yes), true], ['or', or(open, no), null], ['or', or(), false],
    ['not', not(yes), false], ['not', not(no), true], ['not', not(open), null],
    ['is null', isNull('none'), true], ['is null', isNull('one'), false], ['is not null', { op: 'is-not-null', column: 'none' }, false], ['is not null', { op: 'is-not-null', column: 'one' }, true],
    ['in', { op: 'in', column: 'one', values: [2, 1] }, true], ['in', { op: 'in', column: 'one', values: [2] }, false], ['in', { op: 'in', column: 'none', values: [1] }, null], ['in nothing', { op: 'in', column: 'none', values: [] }, false],
    ['nested', not(or(and(yes, open), no)), null],
  ])('%s %o is %o', (_what, predicate, outcome) => {
    expect(evaluate(predicate, valueOf)).toBe(outcome);
  });

  test.each([['=', [false, true, false]], ['<>', [true, false, true]], ['<', [true, false, false]], ['<=', [true, true, false]], ['>', [false, false, true]], ['>=', [false, true, true]]] as const)('%s', (op, expected) => {
    expect([1, 2, 3].map((value) => evaluate(compare('x', op, 2), () => value))).toEqual(expected);
  });
});

test.each<[Predicate, string]>([
  [and(compare('bronze_version', '>', 3n), compare('bronze_version', '<=', 7n)), 'bronze_version > 3 AND bronze_version <= 7'],
  [or(and(isNull('a'), not(compare('b', '=', "it's"))), { op: 'in', column: 'c', values: [1, 2.5, true] }), "(a IS NULL AND NOT (b = 'it''s')) OR c IN (1, 2.5, true)"],
  [and(or(compare('a', '<>', NAN)), or(isNull('b'), { op: 'is-not-null', column: 'c' })), 'a <> NaN AND (b IS NULL OR c IS NOT NULL)'],
  [compare('odd `name', '>=', ''), "`odd ``name` >= ''"],
  [not(and(or(), and())), 'NOT (false AND true)'],
])('%o prints as %s', (predicate, text) => {
  expect(printPredicate(predicate)).toBe(text);
});
