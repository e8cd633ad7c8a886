import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson, printJson, toBigInt } from '../../shared/delta/json.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

test('integers keep every digit, both ways', () => {
  fc.assert(fc.property(fc.bigInt({ min: INT64_MIN, max: INT64_MAX }), (value) => {
    const text = `{"a":[${value}]}`;
    expect(printJson(parseJson(text))).toBe(text);
    expect(toBigInt((parseJson(text) as { a: unknown[] }).a[0])).toBe(value);
  }));
});

test.each([INT64_MAX, INT64_MIN, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n)])('%s comes as bigint', (value) => {
  expect(parseJson(String(value))).toBe(value);
});

test('what a double holds exactly stays a number, and so does what is no integer', () => {
  expect(parseJson(`[0, ${Number.MAX_SAFE_INTEGER}, ${Number.MIN_SAFE_INTEGER}, 1e20, 12345678901234567890.5]`)).toEqual([0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1e20, Number('12345678901234567890.5')]);
});

test('digits inside text and keys are text', () => {
  expect(parseJson('{"99999999999999999999":"99999999999999999999"}')).toEqual({ '99999999999999999999': '99999999999999999999' });
});

test('any JSON survives, with NUL, lone surrogates and odd keys', () => {
  fc.assert(fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
    const text = JSON.stringify(value);
    expect(printJson(value)).toBe(text);
    expect(printJson(parseJson(text))).toBe(text);
  }));
  expect(printJson('\0\ud800"')).toBe('"\\u0000\\ud800\\""');
});

test('a long integer is found wherever a number may stand, and text that looks like one stays text', () => {
  const long = '9007199254740993';
  const space = fc.constantFrom('', ' ', '\n\t ');
  const key = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('a\\', 'a\\\\', '\\', '"', '', 'x"', `"a":${long}`));
  const leaf = fc.oneof(fc.constantFrom(`-${long}`, long, '1', '1.5', `${long}.5`), key.map((text) => JSON.stringify(JSON.stringify({ [text]: 7, k: long }))), key.map((text) => JSON.stringify(text)));
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf,
      fc.tuple(space, fc.array(tie('value'), { maxLength: 3 })).map(([gap, items]) => `[${items.map((item) => gap + item + gap).join(',')}]`),
      fc.tuple(space, fc.array(fc.tuple(key, tie('value')), { maxLength: 3 })).map(([gap, entries]) => `{${entries.map(([name, item]) => gap + JSON.stringify(name) + gap + ':' + gap + item + gap).join(',')}}`)),
  }));
  fc.assert(fc.property(value, (text) => {
    const slow: unknown = JSON.parse(text, (_key, inner: unknown, context?: { source?: string }) => (typeof inner === 'number' && /^-?\d+$/.test(context!.source!) && !Number.isSafeInteger(inner) ? BigInt(context!.source!) : inner));
    expect(parseJson(text)).toEqual(slow);
  }), { numRuns: 2_000 });
});
