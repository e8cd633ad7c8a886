import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printJson } from '../../shared/delta/json.ts';
import { parseJsonVerbatim } from '../../shared/delta/json-verbatim.ts';

test.each(['1.0', '-0.0', '1e3', '1E+400', '0.10', '123456789012345678901234567890.5', '[1,1.50,{"a":2e0,"__proto__":3.0}]', '"1.0"', 'null', 'true'])('%s is printed as it came', (text) => {
  expect(printJson(parseJsonVerbatim(text))).toBe(text);
});

test('all but the numbers is what it was', () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
    expect(JSON.parse(printJson(parseJsonVerbatim(JSON.stringify(value))))).toEqual(JSON.parse(JSON.stringify(value)));
  }));
});
