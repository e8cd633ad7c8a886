import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JSON_LEVELS_MAX, isJsonNumber, jsonProblem, scanObject } from '../../shared/pipeline/json-scan.ts';

function fieldsOf(text: string): [string, string][] {
  const scan = scanObject(text);
  if (scan.kind !== 'object') throw new Error(`${scan.problem} at ${scan.at}`);
  return scan.fields.map((field) => [field.key, text.slice(field.valueStart, field.valueEnd)]);
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parsesToObject(text: string): boolean {
  if (!parses(text)) return false;
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const nestedObject = (levels: number): string => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1);
const nestedArray = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

describe('scanObject', () => {
  test.each<[string, [string, string][]]>([
    ['{}', []],
    [' \t\r\n{ \n} ', []],
    ['{"a":1}', [['a', '1']]],
    ['{ "a" : "x" , "b":\t[1, {"c": null}] }', [['a', '"x"'], ['b', '[1, {"c": null}]']]],
    ['{"a":-0.0e+10,"b":true,"c":false,"d":null}', [['a', '-0.0e+10'], ['b', 'true'], ['c', 'false'], ['d', 'null']]],
    ['{"a":1,"a":2}', [['a', '1'], ['a', '2']]],
    ['{"\\u0061":1,"a":2}', [['a', '1'], ['a', '2']]],
    ['{"__proto__":{"x":1},"constructor":2}', [['__proto__', '{"x":1}'], ['constructor', '2']]],
    ['{"":0}', [['', '0']]],
    ['{"a\\"}":"}\\\\"}', [['a"}', '"}\\\\"']]],
    ['{"lone":"\\ud800","\\udc00":1}', [['lone', '"\\ud800"'], ['\udc00', '1']]],
    ['{"u2028":"\u2028\u007f"}', [['u2028', '"\u2028\u007f"']]],
    ['{"big":123456789012345678901234567890.10}', [['big', '123456789012345678901234567890.10']]],
  ])('%s', (text, fields) => {
    expect(fieldsOf(text)).toEqual(fields);
  });

  test.each([
    ['', 'the text ends too early', 0],
    ['  ', 'the text ends too early', 2],
    ['\ufeff{}', 'starts with a byte order mark', 0],
    ['{} x', "unexpected 'x'", 3],
    ['{}{}', "unexpected '{'", 2],
    ['[]', 'not an object', 0],
    ['"{}"', 'not an object', 0],
    [' null', 'not an object', 1],
    ['12', 'not an object', 0],
    ['[1', 'the text ends too early', 2],
    ['{"a":NaN}', "unexpected 'N'", 5],
    ['{"a":Infinity}', "unexpected 'I'", 5],
    ["{'a':1}", "unexpected '''", 1],
    ['{a:1}', "unexpected 'a'", 1],
    ['{"a":1,}', "unexpected '}'", 7],
    ['{"a":[1,]}', "unexpected ']'", 8],
    ['{"a":[,1]}', "unexpected ','", 6],
    ['{"a":[1}', "unexpected '}'", 7],
    ['{"a":{"b"}}', "unexpected '}'", 9],
    ['{"a":{,}}', "unexpected ','", 6],
    ['{"a" 1}', "unexpected '1'", 5],
    ['{"a":01}', "unexpected '1'", 6],
    ['{"a":.5}', "unexpected '.'", 5],
    ['{"a":5.}', "unexpected '}'", 7],
    ['{"a":+5}', "unexpected '+'", 5],
    ['{"a":1e}', "unexpected '}'", 7],
    ['{"a":-}', "unexpected '}'", 6],
    ['{"a":tru}', "unexpected '}'", 8],
    ['{"a":"\t"}', 'unexpected U+0009', 6],
    ['{"a":"\u0000"}', 'unexpected U+0000', 6],
    ['{"a":"\\x41"}', "unexpected 'x'", 7],
    ['{"a":"\\u00g0"}', "unexpected 'g'", 10],
    ['{"a":"\\u006g"}', "unexpected 'g'", 11],
    ['{"a":"\\u00', 'the text ends too early', 10],
    ['{"a":"x', 'the text ends too early', 7],
    ['{"a":1\u00a0}', 'unexpected U+00A0', 6],
    ['{"a":1} // done', "unexpected '/'", 8],
  ])('%j is malformed: %s at %i', (text, problem, at) => {
    expect(scanObject(text)).toEqual({ kind: 'malformed', problem, at });
  });

  test('1,000 levels are an object, 1,001 are malformed', () => {
    for (const nested of [nestedObject, nestedArray]) {
      expect(scanObject(nested(JSON_LEVELS_MAX)).kind).toBe('object');
      expect(scanObject(nested(JSON_LEVELS_MAX + 1))).toMatchObject({ kind: 'malformed', problem: 'more than 1000 levels of nesting' });
    }
  });

  test('a million open brackets neither overflow nor pass', () => {
    expect(scanObject(`{"a":${'['.repeat(1_000_000)}`)).toMatchObject({ kind: 'malformed', problem: 'more than 1000 levels of nesting' });
    expect(scanObject('['.repeat(1_000_000))).toMatchObject({ kind: 'malformed', problem: 'more than 1000 levels of nesting' });
  });

  test('siblings are no nesting', () => {
    expect(fieldsOf(`{"a":[${Array.from({ length: 5_000 }, () => '[{}]').join(',')}]}`)).toHaveLength(1);
  });
});

const fragment = fc.constantFrom(
  '{', '}', '[', ']', ',', ':', '"', '\\', 'u', '0', '1', '9', '-', '+', '.', 'e', 'E', ' ', '\n', '\t', '\r', 'true', 'false', 'null', 'a', '"a"', '"a":',
  '\\u0061', '\\n', '\\/', '\ud800', '\u0000', '\u001f', '\ufeff', '\u00a0', '\u2028', 'é', '1.5e3', '{}', '[]',
);
const soup = fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(''));
const jsonish = fc.oneof(soup, soup.map((text) => `{"a":${text}}`), soup.map((text) => `{${text}}`), soup.map((text) => `{"a":"${text}"}`));

/** Valid JSON with one character taken out, put in, or changed. */
const mutated = fc.tuple(fc.json(), fc.nat(), fragment, fc.nat(2)).map(([text, position, insert, cut]) => {
  const at = position % (text.length + 1);
  return text.slice(0, at) + insert + text.slice(at + cut);
});

describe('properties', () => {
  test('accepts what JSON.parse accepts, and nothing else', () => {
    fc.assert(fc.property(fc.oneof(jsonish, mutated, fc.json(), fc.string({ unit: 'binary' })), (text) => {
      expect(jsonProblem(text) === null).toBe(parses(text));
      expect(scanObject(text).kind === 'object').toBe(parsesToObject(text));
    }), { numRuns: 20_000 });
  });

  test('accepts what JSON.parse accepts over random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      const text = `{"a":"${Buffer.from(bytes).toString('latin1')}"}`;
      expect(scanObject(text).kind === 'object').toBe(parsesToObject(text));
    }), { numRuns: 5_000 });
  });

  test('slices parse back to the same keys and values, in order', () => {
    const entries = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue()), { maxLength: 8 });
    fc.assert(fc.property(entries, fc.constantFrom('', ' ', '\n\t'), (members, space) => {
      const printed = members.map(([key, value]) => `${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(value, null, space)}${space}`);
      expect(fieldsOf(`{${printed.join(',')}}`).map(([key, slice]) => [key, JSON.parse(slice)]))
        .toEqual(members.map(([key, value]) => [key, JSON.parse(JSON.stringify(value))]));
    }));
  });

  test('numbers are those of the grammar', () => {
    const characters = fc.string({ unit: fc.constantFrom(...'0123456789-+.eE '.split('')), maxLength: 8 });
    fc.assert(fc.property(characters, (text) => {
      expect(isJsonNumber(text)).toBe(/^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/u.test(text));
    }), { numRuns: 20_000 });
  });
});
