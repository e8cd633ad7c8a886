import type { Fields } from './forms.ts';
import { payloadText } from './forms.ts';
import type { Reason } from './mix.ts';
import { FUTURE_AFTER_MS } from './mix.ts';
import type { EventRandom } from './random.ts';

/** What a defect may start from: the fields of an event that would have been valid. */
export interface Sound {
  readonly fields: Fields;
  readonly index: number;
  readonly kafkaMs: number;
}

/** JSON text per variant; undefined leaves the field out. */
const ABSENT = [undefined, 'null', '""'];
const INVALID_IDS = ['1.5', '1e3', 'true', '{"id":1}', '["1"]', '"\\ud800"', '"a\\u0000b"', '-0.0'];
const UNKNOWN_TYPES = ['"Click"', '"refund"', '" click"', '"view\\n"', '5', 'false', '{"name":"click"}'];
const INVALID_TIMESTAMPS = [
  '"yesterday"', '"2025-04-01"', '"2025-04-01T17:37:57"', '"2025-02-29T10:00:00Z"', '"2025-04-01T24:00:00Z"', '"2025-04-01T23:59:60Z"',
  '"2025-04-01 17:37:57Z"', '"2025-04-01T17:37:57.1234567890Z"', '"2025-04-01T17:37:57+24:00"', '"0000-01-01T00:00:00Z"',
  '"0001-01-01T00:00:00+01:00"', '1743528000000.5', '"1743528000000 "', 'true', '"２０２５-04-01T17:37:57Z"', '99999999999999999999',
];
const INVALID_VALUES = ['"abc"', '"12,5"', '"0x1F"', '"1e999"', '1e999', '"NaN"', '"+5"', '"5."', '".5"', '"007"', 'true', '[19.84]', '{"amount":5}', '" "'];

/** Each makes a payload whose first reason by semantics.md section 4 is the one it is filed under. */
export const DEFECTS: Readonly<Record<Reason, (sound: Sound, random: EventRandom) => Buffer | null>> = {
  empty_payload: (_, random) => (random.next() < 0.5 ? null : Buffer.alloc(0)),
  not_utf8: ({ fields }, random) => notUtf8(payloadText(fields), random),
  malformed_json: ({ fields }, random) => Buffer.from(malformed(payloadText(fields), random)),
  missing_event_id: ({ fields }, random) => text({ ...fields, id: random.of(ABSENT) }),
  missing_event_type: ({ fields }, random) => text({ ...fields, type: random.of(ABSENT) }),
  missing_timestamp: ({ fields }, random) => text({ ...fields, timestamp: random.of(ABSENT) }),
  missing_value: ({ fields }, random) => text({ ...fields, value: random.of(ABSENT) }),
  invalid_event_id: ({ fields, index }, random) => text({ ...fields, id: random.next() < 0.1 ? `"${String(index).padEnd(1_025, 'x')}"` : random.of(INVALID_IDS) }),
  unknown_event_type: ({ fields }, random) => text({ ...fields, type: random.of(UNKNOWN_TYPES) }),
  invalid_timestamp: ({ fields }, random) => text({ ...fields, timestamp: random.of(INVALID_TIMESTAMPS) }),
  future_timestamp: ({ fields, kafkaMs }, random) => {
    const futureMs = kafkaMs + FUTURE_AFTER_MS + 1 + random.below(30 * 86_400_000);
    return text({ ...fields, timestamp: `"${new Date(futureMs).toISOString()}"` });
  },
  invalid_value: ({ fields }, random) => text({ ...fields, value: random.of(INVALID_VALUES) }),
};

function text(fields: Fields): Buffer {
  return Buffer.from(payloadText(fields));
}

/** Lone continuation, overlong slash, a UTF-16 surrogate in three bytes, bytes that no UTF-8 has, a text cut inside a character. */
const BAD_SEQUENCES = [[0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xff, 0xfe], [0xe2, 0x82]];

function notUtf8(sound: string, random: EventRandom): Buffer {
  const at = sound.length - 2;
  return Buffer.concat([Buffer.from(sound.slice(0, at)), Buffer.from(random.of(BAD_SEQUENCES)), Buffer.from(sound.slice(at))]);
}

const MALFORMED: readonly ((sound: string) => string)[] = [
  (sound) => sound.slice(0, -1),
  (sound) => `\uFEFF${sound}`,
  (sound) => `${sound} x`,
  (sound) => `[${sound}]`,
  (sound) => sound.replaceAll('"', "'"),
  (sound) => `${sound.slice(0, -1)},}`,
  (sound) => `${sound.slice(0, -1)},"x":NaN}`,
  (sound) => `${sound.slice(0, -1)},"x":01}`,
  (sound) => `${sound.slice(0, -1)},"x":"a\tb"}`,
  (sound) => `${sound}${sound}`,
  () => 'null',
  () => ' ',
  () => 'hello',
];

function malformed(sound: string, random: EventRandom): string {
  if (random.next() < 0.02) return nested(sound, 1_001);
  return random.of(MALFORMED)(sound);
}

/** The outermost object is level 1. */
function nested(sound: string, levels: number): string {
  return `${sound.slice(0, -1)},"x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
}
