import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRules } from '../../shared/pipeline/judge.ts';
import { eventsPipeline, ordersPipeline, ruleSettings } from '../support/pipelines.ts';
import type { Accepted, RawRow, Rejected, Verdict } from '../../shared/pipeline/verdict.ts';

const judge = compileRules(eventsPipeline(), ruleSettings);
const kafkaTimestampMs = Date.UTC(2025, 3, 1, 17, 38, 0);
const eventUs = BigInt(Date.UTC(2025, 3, 1, 17, 37, 57)) * 1_000n;

const text = (value: string | null): RawRow => ({ topic: 'events', value, valueBytes: null, kafkaTimestampMs });
const bytes = (...valueBytes: number[]): RawRow => ({ topic: 'events', value: null, valueBytes: Uint8Array.from(valueBytes), kafkaTimestampMs });

/** JSON source per field; undefined leaves the field out. */
type Sources = Readonly<Record<string, string | undefined>>;

const VALID: Sources = { event_id: '"997"', event_type: '"click"', timestamp: '"2025-04-01T17:37:57.000Z"', value: '"1984"' };

function event(changed: Sources = {}): string {
  const members = Object.entries({ ...VALID, ...changed }).flatMap(([key, source]) => (source === undefined ? [] : [`${JSON.stringify(key)}:${source}`]));
  return `{${members.join(',')}}`;
}

function accepted(verdict: Verdict): Accepted {
  if (verdict.kind === 'rejected') expect.fail(`${verdict.reason}: ${verdict.detail}`);
  return verdict;
}

function rejected(verdict: Verdict): Rejected {
  expect(verdict.kind).toBe('rejected');
  return verdict as Rejected;
}

const reasonOf = (row: RawRow): string => rejected(judge(row)).reason;
const valuesOf = (changed: Sources): Accepted['values'] => accepted(judge(text(event(changed)))).values;

test('the original sample', () => {
  expect(judge(text('{"event_id":"997","event_type":"click","timestamp":"2025-04-01T17:37:57.000Z","value":"1984"}'))).toEqual({
    kind: 'accepted', values: ['997', 'click', eventUs, 1984], rescued: null, flags: [], duplicateKeys: 0,
  });
});

describe('payloads', () => {
  test.each<[string, RawRow, string]>([
    ['null', text(null), 'empty_payload'],
    ['zero length', text(''), 'empty_payload'],
    ['no bytes', bytes(), 'empty_payload'],
    ['FF FE', bytes(0xff, 0xfe), 'not_utf8'],
    ['overlong', bytes(0xc0, 0x80), 'not_utf8'],
    ['a surrogate in UTF-8', bytes(0xed, 0xa0, 0x80), 'not_utf8'],
    ['a cut character', bytes(0x7b, 0xe2, 0x82), 'not_utf8'],
    ['UTF-16', bytes(...Buffer.from(`\ufeff${event()}`, 'utf16le')), 'not_utf8'],
    ['a blank', text(' '), 'malformed_json'],
    ['not an object', text('[1]'), 'malformed_json'],
    ['null as JSON', text('null'), 'malformed_json'],
    ['byte order mark', text(`\ufeff${event()}`), 'malformed_json'],
    ['byte order mark in bytes', bytes(0xef, 0xbb, 0xbf, ...Buffer.from(event())), 'malformed_json'],
    ['trailing text', text(`${event()}x`), 'malformed_json'],
    ['two objects', text(`${event()}\n${event()}`), 'malformed_json'],
    ['NaN', text(event({ value: 'NaN' })), 'malformed_json'],
    ['single quotes', text(event().replaceAll('"', "'")), 'malformed_json'],
    ['level 1,001', text(event({ extra: `${'['.repeat(1_000)}${']'.repeat(1_000)}` })), 'malformed_json'],
    ['a raw control character', text(event({ event_id: '"a\u0000"' })), 'malformed_json'],
  ])('%s', (_name, row, reason) => {
    expect(reasonOf(row)).toBe(reason);
  });

  test('level 1,000, whitespace and bytes that are UTF-8 are fine', () => {
    accepted(judge(text(event({ extra: `${'['.repeat(999)}${']'.repeat(999)}` }))));
    accepted(judge(text(` \t\r\n${event()}\r`)));
    expect(judge(bytes(...Buffer.from(event({ event_id: '"é€😀"' }))))).toEqual(judge(text(event({ event_id: '"é€😀"' }))));
  });
});

describe('missing', () => {
  test.each(['event_id', 'event_type', 'timestamp', 'value'])('%s absent, null or ""', (name) => {
    for (const source of [undefined, 'null', '""']) expect(reasonOf(text(event({ [name]: source })))).toBe(`missing_${name}`);
  });

  test('every missing column comes before any invalid one, in column order', () => {
    expect(reasonOf(text('{}'))).toBe('missing_event_id');
    expect(reasonOf(text(event({ event_id: '1.5', value: 'null' })))).toBe('missing_value');
    expect(reasonOf(text(event({ event_type: '""', value: 'null' })))).toBe('missing_event_type');
  });

  test('a space is there', () => {
    expect(valuesOf({ event_id: '" "' })[0]).toBe(' ');
    expect(reasonOf(text(event({ value: '" "' })))).toBe('invalid_value');
  });
});

describe('event_id', () => {
  const digits = '1234567890'.repeat(4);
  test.each<[string, string]>([
    ['"997"', '997'],
    ['" 9 97\\t"', ' 9 97\t'],
    ['"\\u0061\\ud83d\\ude00"', 'a😀'],
    ['997', '997'],
    ['-0', '-0'],
    ['0', '0'],
    [digits, digits],
    [`-${digits}`, `-${digits}`],
    [`"${'a'.repeat(1_024)}"`, 'a'.repeat(1_024)],
    [`"${'é'.repeat(512)}"`, 'é'.repeat(512)],
    [`"${'😀'.repeat(256)}"`, '😀'.repeat(256)],
    ['"__proto__"', '__proto__'],
  ])('%.40s', (source, id) => {
    expect(valuesOf({ event_id: source })[0]).toBe(id);
  });

  test.each([
    '1.0', '1e3', 'true', '{}', '["997"]', '"a\\u0000"', '"\\ud800"', '"\\udc00a"', '"\\ude00\\ud83d"',
    `"${'a'.repeat(1_025)}"`, `"${'é'.repeat(512)}a"`, `"${'€'.repeat(342)}"`, `"${'😀'.repeat(257)}"`,
  ])('%.40s is invalid', (source) => {
    expect(reasonOf(text(event({ event_id: source })))).toBe('invalid_event_id');
  });
});

describe('event_type', () => {
  test('is exact, whatever the escapes', () => {
    expect(valuesOf({ event_type: '"\\u0063lick"' })[1]).toBe('click');
    expect(valuesOf({ event_type: '"purchase"' })[1]).toBe('purchase');
    expect(valuesOf({ event_type: '"view"' })[1]).toBe('view');
  });

  test.each(['"Click"', '"click "', '"clicks"', '1', 'true', 'false', '{}', '[]', '["click"]', '"\\ud800"', '"constructor"'])('%s is unknown', (source) => {
    expect(reasonOf(text(event({ event_type: source })))).toBe('unknown_event_type');
  });
});

describe('timestamp', () => {
  test.each<[string, bigint]>([
    ['"2025-04-01T17:37:57Z"', eventUs],
    ['"2025-04-01T19:37:57,1234567+02"', eventUs + 123_456n],
    ['"2025\\u002d04-01T17:37:57Z"', eventUs],
    ['1743529077000', eventUs],
    ['"1743529077000"', eventUs],
    ['-1', -1_000n],
  ])('%s', (source, us) => {
    expect(valuesOf({ timestamp: source })[2]).toBe(us);
  });

  test.each(['"2025-04-01"', '"2025-04-01T17:37:57"', '1743529077000.0', '1.743529077e12', '" 1743529077000"', 'true', '{}', '[]', '253402300800000'])('%s is invalid', (source) => {
    expect(reasonOf(text(event({ timestamp: source })))).toBe('invalid_timestamp');
  });

  test('the future begins more than FUTURE_AFTER_MS after the broker, to the microsecond', () => {
    expect(valuesOf({ timestamp: '"2025-04-02T17:38:00.000000Z"' })[2]).toBe(BigInt(kafkaTimestampMs + 86_400_000) * 1_000n);
    expect(reasonOf(text(event({ timestamp: '"2025-04-02T17:38:00.000001Z"' })))).toBe('future_timestamp');
    expect(valuesOf({ timestamp: '"2025-04-02T17:38:00.0000009Z"' })[2]).toBe(BigInt(kafkaTimestampMs + 86_400_000) * 1_000n);
  });

  test('without a broker timestamp nothing is in the future', () => {
    accepted(judge({ ...text(event({ timestamp: '"9999-12-31T23:59:59Z"' })), kafkaTimestampMs: null }));
  });

  test('the limit is the setting', () => {
    const strict = compileRules(eventsPipeline(), { futureAfterMs: 0 });
    expect(rejected(strict(text(event({ timestamp: '"2025-04-01T17:38:00.001Z"' })))).reason).toBe('future_timestamp');
    accepted(strict(text(event({ timestamp: '"2025-04-01T17:38:00Z"' }))));
  });

  test('future_timestamp comes before invalid_value, invalid_timestamp after unknown_event_type', () => {
    expect(reasonOf(text(event({ timestamp: '"2030-01-01T00:00:00Z"', value: '"x"' })))).toBe('future_timestamp');
    expect(reasonOf(text(event({ timestamp: '"x"', value: '"x"' })))).toBe('invalid_timestamp');
    expect(reasonOf(text(event({ event_type: '"x"', timestamp: '"x"' })))).toBe('unknown_event_type');
    expect(reasonOf(text(event({ event_id: '{}', event_type: '"x"' })))).toBe('invalid_event_id');
  });
});

describe('value', () => {
  test.each<[string, number]>([
    ['1984', 1984], ['"1984"', 1984], ['" \\t\\r\\n-1.5e3\\n"', -1500], ['-0', -0], ['"-0"', -0], ['1e-400', 0], ['9007199254740993', 9007199254740992], ['"\\u0031"', 1],
  ])('%s', (source, number) => {
    expect(valuesOf({ value: source })[3]).toBe(number);
  });

  test.each(['"abc"', '"01"', '"1,5"', '"0x10"', '"NaN"', '"Infinity"', '1e309', '"-1e309"', 'true', '[]', '{"n":1}', '"\\u00a01"', '"٣"', '"1 2"'])('%s is invalid', (source) => {
    expect(reasonOf(text(event({ value: source })))).toBe('invalid_value');
  });
});

describe('details', () => {
  test.each<[string, string]>([
    [event().slice(0, -1), 'the text ends too early at character 93'],
    [event({ value: undefined }), 'absent'],
    [event({ value: 'null' }), 'present as null'],
    [event({ event_type: '"Click"' }), '"Click" is not one of click, purchase, view'],
    [event({ event_type: '"Click"' }).replace('Click', '\u0007'), 'unexpected U+0007 at character 33'],
  ])('%s', (payload, detail) => {
    expect(rejected(judge(text(payload))).detail).toBe(detail);
  });

  test('are never longer than 200 characters nor half a character', () => {
    for (const before of ['', 'a']) for (const length of [30, 5_000]) {
      const { detail } = rejected(judge(text(event({ event_type: `"${before}${'😀'.repeat(length)}"` }))));
      expect(detail.length).toBeLessThanOrEqual(200);
      expect(detail.isWellFormed()).toBe(true);
    }
  });
});

describe('properties', () => {
  const reasons = /^(empty_payload|not_utf8|malformed_json|(missing|invalid)_(event_id|timestamp|value)|missing_event_type|unknown_event_type|future_timestamp)$/u;
  const source = fc.oneof(fc.json(), fc.constantFrom(...Object.values(VALID)), fc.constantFrom('1e309', '"\\ud800"', '-', ''));
  const eventLike = fc.record({ event_id: source, event_type: source, timestamp: source, value: source }, { requiredKeys: [] }).map(event);
  const payload = fc.oneof(fc.uint8Array(), fc.oneof(eventLike, fc.json(), fc.string({ unit: 'binary' })).map((printed) => new Uint8Array(Buffer.from(printed))));
  const broker = fc.option(fc.integer({ min: 0, max: 2 ** 45 }));

  test('judging is total: any bytes get a verdict, with a reason of the list', () => {
    fc.assert(fc.property(payload, broker, (valueBytes, kafka) => {
      const verdict = judge({ topic: 'events', value: null, valueBytes, kafkaTimestampMs: kafka });
      if (verdict.kind === 'accepted') expect(verdict.values).toHaveLength(4);
      else expect(verdict.reason).toMatch(reasons);
    }), { numRuns: 5_000 });
  });

  test('a pipeline of other columns is as total', () => {
    const orders = compileRules({ ...ordersPipeline(), rules: ordersPipeline().rules.filter(({ action }) => action !== 'fail') }, ruleSettings);
    fc.assert(fc.property(payload, broker, (valueBytes, kafka) => {
      expect(['accepted', 'rejected']).toContain(orders({ topic: 'orders.eu', value: null, valueBytes, kafkaTimestampMs: kafka }).kind);
    }), { numRuns: 2_000 });
  });

  test('text and its bytes get the same verdict', () => {
    fc.assert(fc.property(eventLike, (printed) => {
      expect(judge(bytes(...Buffer.from(printed)))).toEqual(judge(text(printed)));
    }));
  });

  test('the order of fields and the space between them decide nothing', () => {
    fc.assert(fc.property(fc.shuffledSubarray(Object.keys(VALID), { minLength: 4 }), fc.constantFrom('', ' ', '\r\n\t'), (keys, space) => {
      const members = keys.map((key) => `${space}"${key}"${space}:${space}${VALID[key]}${space}`);
      expect(judge(text(`{${members.join(',')}}`))).toEqual(judge(text(event())));
    }));
  });
});
