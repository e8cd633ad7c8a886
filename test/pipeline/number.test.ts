import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInteger, parseFiniteDouble, parseInt64 } from '../../shared/pipeline/number.ts';

describe('parseFiniteDouble', () => {
  test.each<[string, number]>([
    ['1984', 1984],
    ['-1.5e3', -1500],
    ['-0', -0],
    ['0.1', 0.1],
    [' \t\r\n7\n ', 7],
    ['9007199254740993', 9007199254740992],
    ['1e-400', 0],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['5E-324', Number.MIN_VALUE],
  ])('%j is %d', (text, number) => {
    expect(parseFiniteDouble(text)).toBe(number);
  });

  test.each(['', ' ', 'abc', '01', '1.', '.5', '+1', '1e309', '-1e309', 'NaN', 'Infinity', '0x10', '1_000', '1,5', '1 2', '٣', '\u00a01', '\u000b1', '1\ufeff', 'true'])('%j is none', (text) => {
    expect(parseFiniteDouble(text)).toBeNull();
  });
});

describe('parseInt64', () => {
  test.each<[string, bigint]>([['0', 0n], ['-0', 0n], ['-1', -1n], ['9223372036854775807', 9223372036854775807n], ['-9223372036854775808', -9223372036854775808n]])('%s', (text, number) => {
    expect(parseInt64(text)).toBe(number);
  });

  test.each(['', '-', '9223372036854775808', '-9223372036854775809', '99999999999999999999', '1.0', '1e3', '01', ' 1', '1 ', '+1', '٣', '1'.repeat(100_000)])('%.30j is none', (text) => {
    expect(parseInt64(text)).toBeNull();
  });
});

test('isInteger is its pattern', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'0129-+. e٣\n'.split('')), maxLength: 5 }), (text) => {
    expect(isInteger(text)).toBe(/^-?(0|[1-9][0-9]*)$/u.test(text));
  }), { numRuns: 10_000 });
});
