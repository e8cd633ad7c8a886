import type { Content } from './content.ts';
import { fieldsOf } from './content.ts';
import { payloadText } from './forms.ts';
import type { AcceptedKind } from './mix.ts';
import { LATE_AFTER_MS } from './mix.ts';
import type { EventRandom } from './random.ts';

export interface Planned {
  readonly own: Content;
  /** Index and content of the event whose id it bears: its own, or an earlier valid one's. */
  readonly base: number;
  readonly baseContent: Content;
}

/** Apart by more than any form's rounding, so that "later" and "earlier" hold however the timestamps are written. */
const VERSION_APART_MS = 2_000;

/** The payload of each kind that Silver accepts. */
export const ACCEPTED: Readonly<Record<AcceptedKind, (planned: Planned, random: EventRandom) => string>> = {
  valid: ({ own, base }) => payloadText(fieldsOf(own, base)),
  resend: ({ base, baseContent }) => payloadText(fieldsOf(baseContent, base)),
  later_version: ({ own, base, baseContent }, random) => {
    const type = random.next() < 0.3 ? own.type : baseContent.type;
    const eventMs = Math.max(own.eventMs, baseContent.eventMs + VERSION_APART_MS);
    return payloadText(fieldsOf({ ...own, idForm: baseContent.idForm, type, eventMs }, base));
  },
  older_version: ({ own, base, baseContent }, random) => {
    const eventMs = baseContent.eventMs - VERSION_APART_MS - random.below(30_000);
    return payloadText(fieldsOf({ ...own, idForm: baseContent.idForm, type: baseContent.type, eventMs }, base));
  },
  late: ({ own, base }, random) => {
    const eventMs = own.kafkaMs - LATE_AFTER_MS - 1_000 - random.below(7_200_000);
    return payloadText(fieldsOf({ ...own, eventMs }, base));
  },
  anomaly: ({ own, base }, random) => {
    const valueCents = random.next() < 0.8 ? Math.round(own.valueCents * (12 + 28 * random.next())) : -own.valueCents;
    return payloadText(fieldsOf({ ...own, valueCents }, base));
  },
  extra_fields: ({ own, base }, random) => {
    const page = `{"number":${1 + random.below(1e9)}00000000000001,"path":["a","é"]}`;
    return payloadText(fieldsOf(own, base), `,"session":"s-${random.below(1e6)}","page":${page}`);
  },
  repeated_field: ({ own, base }) => payloadText(fieldsOf(own, base)).replace('{', '{"event_id":"not-this-one",'),
};
