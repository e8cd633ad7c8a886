/** Payloads that have broken somebody's pipeline, and what semantics.md, section 4, says of each: a reason, or the id and value of an accepted row. */
export interface Horror {
  readonly name: string;
  readonly payload: Uint8Array | null;
  readonly verdict: string | { readonly id: string; readonly value: number };
}

/** JSON source by field; null leaves it out. */
type Sources = Readonly<Record<string, string | null>>;

const VALID: Sources = { event_id: '"a"', event_type: '"click"', timestamp: '"2025-04-01T17:59:00Z"', value: '1' };
const ok = { id: 'a', value: 1 };

export function json(changed: Sources = {}, more = ''): string {
  const members = Object.entries({ ...VALID, ...changed }).flatMap(([key, source]) => (source === null ? [] : [`${JSON.stringify(key)}:${source}`]));
  return `{${members.join(',')}${more}}`;
}

/** The object itself is level 1. */
const nested = (levels: number, open = '[', close = ']') => json({}, `,"x":${open.repeat(levels - 1)}${close.repeat(levels - 1)}`);
const shortened = (source: string) => (source.length <= 30 ? source : `${source.slice(0, 30)}… of ${source.length}`);
const time = (text: string, verdict: Horror['verdict'] = 'invalid_timestamp') => ({ name: `timestamp ${text}`, payload: Buffer.from(json({ timestamp: JSON.stringify(text) })), verdict });
const value = (source: string, verdict: number | string) => ({ name: `value ${shortened(source)}`, payload: Buffer.from(json({ value: source })), verdict: typeof verdict === 'number' ? { ...ok, value: verdict } : verdict });
const id = (source: string, verdict: string | { id: string }) => ({ name: `id ${shortened(source)}`, payload: Buffer.from(json({ event_id: source })), verdict: typeof verdict === 'string' ? verdict : { ...ok, ...verdict } });
const text = (name: string, source: string, verdict: Horror['verdict']) => ({ name, payload: Buffer.from(source), verdict });
const bytes = (name: string, before: string, middle: readonly number[], after: string, verdict: string) => ({ name, payload: Buffer.concat([Buffer.from(before), Buffer.from(middle), Buffer.from(after)]), verdict });

export const horrors: readonly Horror[] = [
  { name: 'a tombstone', payload: null, verdict: 'empty_payload' },
  { name: 'no bytes', payload: new Uint8Array(), verdict: 'empty_payload' },
  text('a byte order mark', `\ufeff${json()}`, 'malformed_json'),
  { name: 'UTF-16 with its mark', payload: Buffer.from(`\ufeff${json()}`, 'utf16le'), verdict: 'not_utf8' },
  text('a NUL behind', `${json()}\0`, 'malformed_json'),
  text('a NUL inside a string', json({ x: '"\0"' }), 'malformed_json'),
  text('an escaped NUL in a field of no column', json({ x: '"\\u0000"' }), ok),
  text('an escaped lone surrogate in a field of no column', json({ x: '"\\ud800"' }), ok),
  bytes('a surrogate as bytes (CESU-8)', '{"x":"', [0xed, 0xa0, 0x80], '"}', 'not_utf8'),
  bytes('a surrogate pair as bytes (CESU-8)', '{"x":"', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], '"}', 'not_utf8'),
  bytes('an overlong slash', '{"x":"', [0xc0, 0xaf], '"}', 'not_utf8'),
  bytes('an overlong NUL', '{"x":"', [0xc0, 0x80], '"}', 'not_utf8'),
  bytes('beyond U+10FFFF', '{"x":"', [0xf4, 0x90, 0x80, 0x80], '"}', 'not_utf8'),
  bytes('a cut character', json(), [0xe2, 0x82], '', 'not_utf8'),
  text('duplicate keys: the last wins', json({}, ',"value":2,"event_id":"b"'), { id: 'b', value: 2 }),
  text('a duplicate key whose last is null', json({}, ',"value":null'), 'missing_value'),
  text('a duplicate key by an escape', json({}, ',"v\\u0061lue":3'), { ...ok, value: 3 }),
  text('1,000 levels', nested(1_000), ok),
  text('1,001 levels', nested(1_001), 'malformed_json'),
  text('1,001 levels of objects', nested(1_001, '{"x":', '}').replace('{"x":}', '{"x":1}'), 'malformed_json'),
  text('100,000 levels', nested(100_000), 'malformed_json'),
  text('100,000 open brackets', '['.repeat(100_000), 'malformed_json'),
  text('100,000 brackets inside a string', json({ x: JSON.stringify('['.repeat(100_000)) }), ok),
  text('single quotes', json().replaceAll('"', "'"), 'malformed_json'),
  text('a trailing comma', json().replace('}', ',}'), 'malformed_json'),
  text('trailing text', `${json()} x`, 'malformed_json'),
  text('two objects', `${json()}${json()}`, 'malformed_json'),
  text('a comment', json().replace('{', '{/* */'), 'malformed_json'),
  text('keys without quotes', json().replace('"value"', 'value'), 'malformed_json'),
  text('an array', `[${json()}]`, 'malformed_json'),
  text('JSON in a string', JSON.stringify(json()), 'malformed_json'),
  text('space only', ' \t\r\n', 'malformed_json'),
  text('JSON\'s white space around', ` \t\r\n${json()}\r\n`, ok),
  text('a no-break space before', `\u00a0${json()}`, 'malformed_json'),
  text('U+2028 before', `\u2028${json()}`, 'malformed_json'),
  text('U+2028 inside a string', json({ x: '"\u2028"' }), ok),
  text('a tab inside a string', json({ x: '"\t"' }), 'malformed_json'),
  text('an empty key', json({ '': '1' }), ok),
  text('__proto__', json({}, ',"__proto__":{"event_id":"evil","value":9}'), ok),
  text('__proto__ for what is missing', json({ value: null }, ',"__proto__":{"value":9}'), 'missing_value'),
  text('constructor as a type', json({ event_type: '"constructor"' }), 'unknown_event_type'),
  text('a type with a capital', json({ event_type: '"Click"' }), 'unknown_event_type'),
  text('a megabyte of text', json({ x: JSON.stringify('é'.repeat(500_000)) }), ok),
  text('a megabyte of escapes', json({ x: `"${'\\u00e9'.repeat(170_000)}"` }), ok),
  text('10,000 fields', json({}, Array.from({ length: 10_000 }, (_, i) => `,"f${i}":${i}`).join('')), ok),
  value('NaN', 'malformed_json'), value('Infinity', 'malformed_json'), value('-Infinity', 'malformed_json'), value('"NaN"', 'invalid_value'), value('"Infinity"', 'invalid_value'),
  value('+1', 'malformed_json'), value('01', 'malformed_json'), value('.5', 'malformed_json'), value('5.', 'malformed_json'), value('0x10', 'malformed_json'),
  value('9007199254740993', 9007199254740992), value('1e309', 'invalid_value'), value('"-1e309"', 'invalid_value'), value('1e-400', 0), value('-0', -0), value('"-0"', -0), value('1.7976931348623157e308', Number.MAX_VALUE),
  value('5e-324', 5e-324), value('1.7976931348623159e308', 'invalid_value'), value(`1${'0'.repeat(1_000_000)}`, 'invalid_value'), value(`0.${'1'.repeat(1_000_000)}`, Number(`0.${'1'.repeat(40)}`)), value(`"${'9'.repeat(1_000_000)}"`, 'invalid_value'),
  value('" \\t\\r\\n1 "', 1), value('"\\u00a01"', 'invalid_value'), value('"1,5"', 'invalid_value'), value('"1 2"', 'invalid_value'), value('"٣"', 'invalid_value'), value('""', 'missing_value'), value('" "', 'invalid_value'),
  value('true', 'invalid_value'), value('[1]', 'invalid_value'), value('{}', 'invalid_value'), value('null', 'missing_value'),
  id('9007199254740993', { id: '9007199254740993' }), id('-0', { id: '-0' }), id('1.0', 'invalid_event_id'), id('1e3', 'invalid_event_id'), id('true', 'invalid_event_id'), id('"\\u0000"', 'invalid_event_id'), id('"\\ud800"', 'invalid_event_id'),
  id('"\\ud83d\\ude00"', { id: '😀' }), id('" a "', { id: ' a ' }), id('" "', { id: ' ' }), id('""', 'missing_event_id'), id(JSON.stringify('é'.repeat(512)), { id: 'é'.repeat(512) }), id(JSON.stringify(`a${'é'.repeat(512)}`), 'invalid_event_id'),
  id(JSON.stringify('x'.repeat(1_024)), { id: 'x'.repeat(1_024) }), id(JSON.stringify('x'.repeat(1_025)), 'invalid_event_id'), id('7'.repeat(2_000), { id: '7'.repeat(2_000) }),
  time('2025-02-30T00:00:00Z'), time('2025-02-29T00:00:00Z'), time('2024-02-29T00:00:00Z', ok), time('1900-02-29T00:00:00Z'), time('2000-02-29T00:00:00Z', ok), time('2016-12-31T23:59:60Z'), time('2025-03-31T24:00:00Z'), time('0000-01-01T00:00:00Z'),
  time('0001-01-01T00:00:00Z', ok), time('0001-01-01T00:00:00+00:01'), time('10000-01-01T00:00:00Z'), time('9999-12-31T23:59:59Z', 'future_timestamp'), time('9999-12-31T23:59:59-00:01'), time('2025-04-01T17:59:00+24:00'), time('2025-04-01T17:59:00+23:59', ok),
  time('2025-04-01T17:59:00-00:60'), time('2025-04-01T17:59:00,5Z', ok), time('2025-04-01T17:59:00.123456789Z', ok), time('2025-04-01T17:59:00.1234567890Z'), time('2025-04-01T17:59:00.Z'), time('2025-04-01 17:59:00Z'), time('2025-04-01t17:59:00z'),
  time('2025-04-01T17:59:00'), time('2025-04-01'), time(' 2025-04-01T17:59:00Z'), time('٢٠٢٥-04-01T17:59:00Z'), time('1743530340000', ok), time('+1743530340000'), time('-1', ok), time('-62135596800000', ok), time('-62135596800001'), time('253402300800000'),
  text('a time as decimals', json({ timestamp: '1743530340000.0' }), 'invalid_timestamp'), text('the future', json({ timestamp: '"2025-04-02T18:00:00.001Z"' }), 'future_timestamp'), text('a day ahead is not the future yet', json({ timestamp: '"2025-04-02T18:00:00Z"' }), ok),
];
