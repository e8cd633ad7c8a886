import { describe, expect, test } from 'vitest';
import { FieldCensus, bestType } from '../../../local/schema/field-census.ts';

function censusOf(...objects: string[]): FieldCensus {
  const census = new FieldCensus();
  for (const text of objects) census.add(text);
  return census;
}

const typeOf = (name: string, ...values: string[]) => bestType(censusOf(...values.map((value) => `{"${name}":${value}}`)).fields.get(`$.${name}`)!);

describe('the type that takes every value', () => {
  test.each([
    { name: 'x', values: ['1', '2.5', '"3"'], type: 'double' },
    { name: 'x', values: ['1', '2'], type: 'double' },
    { name: 'x', values: ['9007199254740993', '"1"'], type: 'long' },
    { name: 'x', values: ['true', 'false', 'null'], type: 'boolean' },
    { name: 'x', values: ['"2025-04-01T10:00:00Z"', '"2025-04-01T10:00:00,5+02"'], type: 'timestamp' },
    { name: 'created_at', values: ['1743500000000'], type: 'timestamp' },
    { name: 'eventTime', values: ['"1743500000000"'], type: 'timestamp' },
    { name: 'amount', values: ['1743500000000'], type: 'double' },
    { name: 'x', values: ['"a"', '"1"'], type: 'string' },
    { name: 'x', values: ['1', '"a"'], type: null },
    { name: 'x', values: ['{"a":1}'], type: null },
    { name: 'x', values: ['null', '""'], type: null },
    { name: 'x', values: ['1e309'], type: null },
    { name: 'x', values: ['"\\ud800"'], type: null },
  ])('$name $values: $type', ({ name, values, type }) => expect(typeOf(name, ...values)).toBe(type));
});

test('a share of values may differ, where it is said', () => {
  const facts = censusOf(...Array.from({ length: 99 }, (_, i) => `{"x":${i}}`), '{"x":"n/a"}').fields.get('$.x')!;
  expect([bestType(facts), bestType(facts, 0.95)]).toEqual([null, 'double']);
});

test('nested fields have paths, the last of equal keys counts, what no path can name is counted', () => {
  const census = censusOf('{"a":{"b":1,"b":"x"},"c d":1,"":2,"l":[{"z":1}]}', 'not json');
  expect([...census.fields.keys()]).toEqual(['$.a', '$.a.b', '$.l']);
  expect([...census.fields.get('$.a.b')!.kinds]).toEqual([['text', 1]]);
  expect([census.objects, census.unnamed]).toEqual([2, 2]);
});

test('is bounded whatever it is given', () => {
  const census = new FieldCensus();
  for (let i = 0; i < 3_000; i++) census.add(`{"f${i}":"${'x'.repeat(300)}","same":${i},"deep":${'{"d":'.repeat(50)}1${'}'.repeat(50)}}`);
  expect(census.fields.size).toBe(1_000);
  expect(census.fields.get('$.same')).toMatchObject({ rows: 3_000, hasMoreValues: true, repeats: 0 });
  expect(census.fields.get('$.same')!.values.size).toBe(50);
  expect([...census.fields.keys()].filter((path) => path.startsWith('$.deep'))).toHaveLength(4);
});
