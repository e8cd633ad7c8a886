import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toJson } from '../../../local/cli/output.ts';
import { cellText, jsonValue } from '../../../local/cli/values.ts';
import type { SqlSource } from '../../../shared/columnar/sql-type.ts';

const printed = (type: SqlSource, value: unknown) => toJson(jsonValue(type, value));

describe('a value by its Delta type', () => {
  test.each<[SqlSource, unknown, string]>([
    ['string', 'päivä "x"\n', '"päivä \\"x\\"\\n"'],
    ['long', 9_223_372_036_854_775_807n, '9223372036854775807'],
    ['long', -9_223_372_036_854_775_808n, '-9223372036854775808'],
    ['integer', -1, '-1'],
    ['double', 0.1, '0.1'],
    ['double', -0, '-0.0'],
    ['double', 5e-324, '5e-324'],
    ['double', Number.NaN, '"NaN"'],
    ['double', Number.NEGATIVE_INFINITY, '"-Infinity"'],
    ['float', Math.fround(0.1), '0.1'],
    ['float', -0, '-0.0'],
    ['float', Math.fround(16_777_217), '16777216'],
    ['float', Math.fround(3.402_823_4e38), '3.4028235e+38'],
    ['decimal(18,3)', '12.340', '"12.340"'],
    ['boolean', false, 'false'],
    ['binary', Buffer.from([0xff, 0xfe]), '"//4="'],
    ['binary', new Uint8Array(), '""'],
    ['timestamp', 0n, '"1970-01-01T00:00:00.000000Z"'],
    ['timestamp', -1n, '"1969-12-31T23:59:59.999999Z"'],
    ['timestamp', 1_743_529_079_123_456n, '"2025-04-01T17:37:59.123456Z"'],
    ['timestamp', -62_135_596_800_000_000n, '"0001-01-01T00:00:00.000000Z"'],
    ['timestamp', 253_402_300_799_999_999n, '"9999-12-31T23:59:59.999999Z"'],
    ['timestamp', 253_402_300_800_000_000n, '"+010000-01-01T00:00:00.000000Z"'],
    ['timestamp', 9_223_372_036_854_775_807n, '"9223372036854775807us"'],
    ['timestamp_ntz', 1n, '"1970-01-01T00:00:00.000001"'],
    ['date', 0, '"1970-01-01"'],
    ['date', -1, '"1969-12-31"'],
    ['date', 2_932_896, '"9999-12-31"'],
    [{ type: 'array', elementType: 'date' }, [0, null], '["1970-01-01",null]'],
    [{ type: 'struct', fields: [{ name: 'key', type: 'string' }, { name: 'value', type: 'binary' }] }, { key: 'k', value: Buffer.from('v') }, '{"key":"k","value":"dg=="}'],
    [{ type: 'map', keyType: 'string', valueType: 'long' }, [{ key: 'a', value: 1n }, { key: '__proto__', value: 2n }], '{"a":1,"__proto__":2}'],
    [{ type: 'map', keyType: 'date', valueType: 'long' }, [{ key: 1, value: null }], '[{"key":"1970-01-02","value":null}]'],
  ])('%j of %s is %s', (type, value, json) => expect(printed(type, value)).toBe(json));

  test('null is null in every type', () => {
    for (const type of ['string', 'timestamp', 'binary', { type: 'array', elementType: 'long' }] as SqlSource[]) expect(printed(type, null)).toBe('null');
  });

  test('a double reads back to the same bits', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => Object.is(JSON.parse(printed('double', value)), value)));
  });

  test('a float reads back to the same bits, in at most nine digits', () => {
    fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = printed('float', value);
      return Object.is(Math.fround(JSON.parse(text) as number), value) && text.replace(/e.*$/, '').replaceAll(/[-.]|^0+/g, '').replace(/^0+/, '').replace(/0+$/, '').length <= 9;
    }));
  });

  test('a timestamp of years 1 to 9999 reads back to the same microsecond', () => {
    fc.assert(fc.property(fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }), (us) => {
      const text = jsonValue('timestamp', us) as string;
      const ms = BigInt(Date.parse(`${text.slice(0, 23)}Z`));
      return text.length === 27 && ms * 1000n + BigInt(text.slice(23, 26)) === us;
    }));
  });

  test('a cell holds text as it is and everything else as its JSON', () => {
    expect(cellText('string', 'a "b"')).toBe('a "b"');
    expect(cellText('double', -0)).toBe('-0.0');
    expect(cellText({ type: 'array', elementType: 'string' }, ['a', null])).toBe('["a",null]');
    expect(cellText('string', null)).toBeNull();
  });
});
