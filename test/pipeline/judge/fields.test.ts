import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assert } from '../../../shared/errors.ts';
import { scanObject } from '../../../shared/pipeline/json-scan.ts';
import { compileFields } from '../../../shared/pipeline/judge/fields.ts';
import type { ColumnDefinition } from '../../../shared/pipeline/definition.ts';
import type { PickedFields } from '../../../shared/pipeline/judge/fields.ts';

function column(...path: string[]): ColumnDefinition {
  return { name: path.join('_'), type: 'string', path, required: true, allowed: null };
}

function pick(columns: readonly ColumnDefinition[], text: string): PickedFields {
  const scan = scanObject(text);
  assert(scan.kind === 'object', 'the test\'s text is an object');
  return compileFields(columns)(text, scan.fields);
}

const columns = [column('a'), column('b', 'c'), column('b', 'd', 'e')];

describe('sources', () => {
  test.each<[string, (string | null)[]]>([
    ['{"a":1,"b":{"c":2,"d":{"e":3}}}', ['1', '2', '3']],
    ['{}', [null, null, null]],
    ['{"a":[1, 2],"b":[{"c":2}]}', ['[1, 2]', null, null]],
    ['{"b":"{\\"c\\":2}"}', [null, null, null]],
    ['{"b":null}', [null, null, null]],
    ['{"b":{"c":null,"d":5}}', [null, 'null', null]],
    ['{"a":1,"a":2}', ['2', null, null]],
    ['{"\\u0061":1}', ['1', null, null]],
    ['{"b":{"c":1,"\\u0063":2}}', [null, '2', null]],
    ['{"b":{"c":1,"d":{"e":2}},"b":{"c":3}}', [null, '3', null]],
    ['{"a.b":1,"b.c":2}', [null, null, null]],
  ])('%s', (text, sources) => {
    expect(pick(columns, text).sources).toEqual(sources);
  });

  test('names of the prototype are ordinary names', () => {
    const odd = [column('__proto__'), column('constructor', 'name'), column('hasOwnProperty')];
    expect(pick(odd, '{}').sources).toEqual([null, null, null]);
    expect(pick(odd, '{"__proto__":1,"constructor":{"name":2}}').sources).toEqual(['1', '2', null]);
  });
});

describe('rescued', () => {
  test.each<[string, string | null, number]>([
    ['{"a":1}', null, 0],
    ['{"a":1,"x": 1.0 ,"y":\t"\\u0041"}', '{"x":1.0,"y":"\\u0041"}', 0],
    ['{"x":123456789012345678901234567890}', '{"x":123456789012345678901234567890}', 0],
    ['{"x":{"k": [1, 2]}}', '{"x":{"k": [1, 2]}}', 0],
    ['{"x":1,"y":2,"x":3}', '{"y":2,"x":3}', 1],
    ['{"x":1,"\\u0078":2}', '{"\\u0078":2}', 1],
    ['{"x":1,"x":2,"x":3,"a":1,"a":2}', '{"x":3}', 3],
    ['{"a":1,"a":2}', null, 1],
    ['{"b":{"c":1}}', '{"b":{"c":1}}', 0],
    ['{"b":{"c":1},"x":0,"b":2}', '{"x":0,"b":2}', 1],
    ['{"b":{"c":1,"c":2}}', '{"b":{"c":1,"c":2}}', 0],
    ['{"":0,"__proto__":1}', '{"":0,"__proto__":1}', 0],
    ['{"x":null,"y":""}', '{"x":null,"y":""}', 0],
  ])('%s', (text, rescued, duplicateKeys) => {
    expect(pick(columns, text)).toMatchObject({ rescued, duplicateKeys });
  });

  test('a field that one column takes whole and another in part is taken', () => {
    expect(pick([column('a'), column('a', 'b')], '{"a":{"b":1,"c":2}}')).toEqual({ sources: ['{"b":1,"c":2}', '1'], rescued: null, duplicateKeys: 0 });
  });

  test('holds what JSON.parse finds beyond the columns', () => {
    const members = fc.array(fc.tuple(fc.constantFrom('a', 'x', 'y', 'é', '😀', '"', ' '), fc.jsonValue()), { maxLength: 8 });
    fc.assert(fc.property(members, (entries) => {
      const text = `{${entries.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(', ')}}`;
      const { rescued, duplicateKeys } = pick([column('a')], text);
      const { a: _, ...others } = JSON.parse(text) as Record<string, unknown>;
      expect(rescued === null ? {} : JSON.parse(rescued)).toEqual(others);
      expect(duplicateKeys).toBe(entries.length - new Set(entries.map(([key]) => key)).size);
    }));
  });
});
