/**
 * What the producer plants, as data. Shares are events in 100,000; `valid` is what is left. The reasons of semantics.md section 4
 * are 2 % together.
 */
export const REASONS = [
  'empty_payload', 'not_utf8', 'malformed_json', 'missing_event_id', 'missing_event_type', 'missing_timestamp', 'missing_value',
  'invalid_event_id', 'unknown_event_type', 'invalid_timestamp', 'future_timestamp', 'invalid_value',
] as const;
export type Reason = (typeof REASONS)[number];

export type AcceptedKind =
  | 'valid'
  /** The bytes of an earlier valid event once more. */
  | 'resend'
  /** An earlier event's id with a later timestamp; about one in five changes its event_type. */
  | 'later_version'
  /** An earlier event's id with an earlier timestamp: superseded on arrival. */
  | 'older_version'
  /** Its timestamp is more than LATE_AFTER_MS before the record's. */
  | 'late'
  /** A value 12 to 40 times its normal, or negative. */
  | 'anomaly'
  /** Fields that the pipeline does not name. */
  | 'extra_fields'
  /** event_id stands twice in the payload: the last one counts. */
  | 'repeated_field';
export type Kind = AcceptedKind | Reason;

export const SHARE_OF = 100_000;

export const MIX: Readonly<Record<Exclude<Kind, 'valid'>, number>> = {
  resend: 1_000,
  later_version: 1_000,
  older_version: 300,
  late: 1_000,
  anomaly: 500,
  extra_fields: 1_000,
  repeated_field: 100,
  empty_payload: 200,
  not_utf8: 150,
  malformed_json: 300,
  missing_event_id: 150,
  missing_event_type: 150,
  missing_timestamp: 150,
  missing_value: 150,
  invalid_event_id: 100,
  unknown_event_type: 200,
  invalid_timestamp: 150,
  future_timestamp: 100,
  invalid_value: 200,
};

/** value = exp(ln(median) + 0.5·N(0,1)), rounded to two decimals. */
export const EVENT_TYPES = [
  { name: 'click', median: 50, percent: 50 },
  { name: 'purchase', median: 120, percent: 15 },
  { name: 'view', median: 20, percent: 35 },
] as const;
export const VALUE_SIGMA = 0.5;

/** How an accepted timestamp is written; percent of events. Digits past the millisecond are part of the instant, down to 1 µs. */
export const TIMESTAMP_FORMS = [
  { name: 'millis_z', percent: 86 },
  { name: 'seconds_z', percent: 3 },
  { name: 'micros_z', percent: 1 },
  { name: 'nanos_z', percent: 1 },
  { name: 'comma_z', percent: 1 },
  { name: 'offset_colon', percent: 2 },
  { name: 'offset_compact', percent: 1 },
  { name: 'offset_hours', percent: 1 },
  { name: 'epoch_number', percent: 2 },
  { name: 'epoch_text', percent: 2 },
] as const;
export type TimestampForm = (typeof TIMESTAMP_FORMS)[number]['name'];

export const VALUE_FORMS = [
  { name: 'text', percent: 70 },
  { name: 'number', percent: 24 },
  { name: 'exponent', percent: 3 },
  { name: 'padded_text', percent: 3 },
] as const;
export type ValueForm = (typeof VALUE_FORMS)[number]['name'];

/** Ids of base events. `long_integer` is past 2^53: an id that lost digits would collide with its neighbours. */
export const ID_FORMS = [
  { name: 'digits_text', percent: 84 },
  { name: 'integer', percent: 10 },
  { name: 'long_integer', percent: 3 },
  { name: 'escaped_text', percent: 3 },
] as const;
export type IdForm = (typeof ID_FORMS)[number]['name'];

/** Two headers, or three with one null value and one repeated key. */
export const HEADERS_PERCENT = 10;

/** Semantics.md section 4, as the default settings have them. */
export const LATE_AFTER_MS = 300_000;
export const FUTURE_AFTER_MS = 86_400_000;

/** Names a draw in [0, 1) by the shares of a table whose percents sum to 100. */
export function chooseForm<T extends { readonly percent: number }>(table: readonly T[], draw: number): T {
  let left = draw * 100;
  for (const row of table) {
    left -= row.percent;
    if (left < 0) return row;
  }
  return table.at(-1)!;
}

/** One kind for each of the SHARE_OF values of a draw. */
export function kindTable(): readonly Kind[] {
  const table: Kind[] = [];
  for (const [kind, share] of Object.entries(MIX)) for (let i = 0; i < share; i++) table.push(kind as Kind);
  while (table.length < SHARE_OF) table.push('valid');
  return table;
}
