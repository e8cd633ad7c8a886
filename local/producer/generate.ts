import type { KafkaHeader } from '../../shared/sources/record.ts';
import { ACCEPTED } from './accepted.ts';
import type { Content } from './content.ts';
import { fieldsOf } from './content.ts';
import { DEFECTS } from './defects.ts';
import { ID_TEXT } from './forms.ts';
import type { Kind, Reason } from './mix.ts';
import { chooseForm, EVENT_TYPES, HEADERS_PERCENT, ID_FORMS, kindTable, SHARE_OF, TIMESTAMP_FORMS, VALUE_FORMS, VALUE_SIGMA } from './mix.ts';
import { partitionOfKey } from './partitioner.ts';
import { EventRandom } from './random.ts';
import type { EventSource, SourceEvent } from './source.ts';
import { alreadyHeld } from './source.ts';
import type { StreamOptions } from './timeline.ts';
import { checkStream, eventTimeMs } from './timeline.ts';

export interface PlannedEvent extends SourceEvent {
  readonly kind: Kind;
}

/** Where event `index` goes, before its payload is made. `base` is the event whose id it bears: itself, or an earlier valid one. */
interface Place {
  readonly kind: Kind;
  readonly base: number;
  readonly key: Buffer | null;
  readonly partition: number;
}

const BATCH_EVENTS = 1_000;
/** Re-sends and versions follow their base within this many events and this much of the stream's time. */
const WINDOW_EVENTS = 2_000;
const WINDOW_S = 60;

/**
 * The stream of a seed. Event i is a function of the options and i alone (versions and re-sends make their base event again), so the
 * stream can be entered anywhere.
 */
export class EventStream implements EventSource {
  readonly options: StreamOptions;
  readonly events: number;
  readonly #kinds: readonly Kind[];
  readonly #random: EventRandom;
  readonly #window: number;

  /** @param events the stream's length; without it the stream does not end. */
  constructor(options: StreamOptions, events = Number.POSITIVE_INFINITY) {
    checkStream(options);
    this.options = options;
    this.events = events;
    this.#kinds = kindTable();
    this.#random = new EventRandom(options.seed);
    this.#window = Math.max(1, Math.min(WINDOW_EVENTS, Math.floor(options.ratePerS * WINDOW_S)));
  }

  get partitions(): number {
    return this.options.partitions;
  }

  *generate(from = 0): Generator<PlannedEvent> {
    for (let index = from; index < this.events; index++) yield this.eventAt(index);
  }

  *remaining(counts: readonly bigint[]): Generator<PlannedEvent[]> {
    let batch: PlannedEvent[] = [];
    for (const event of this.resume(counts)) {
      if (batch.push(event) < BATCH_EVENTS) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /** One by one: exactly the events that a target with `counts[p]` records per partition still lacks, in order. */
  *resume(counts: readonly bigint[]): Generator<PlannedEvent> {
    const held = alreadyHeld(counts);
    let left = counts.reduce((sum, count) => sum + count, 0n);
    let index = 0;
    for (; index < this.events && left > 0n; index++) {
      const place = this.#placeAt(index);
      if (held(place.partition)) left--;
      else yield this.#eventOf(index, place);
    }
    yield* this.generate(index);
  }

  /** Index after the last event that a target with these counts holds. */
  heldEnd(counts: readonly bigint[]): number {
    const held = alreadyHeld(counts);
    let left = counts.reduce((sum, count) => sum + count, 0n);
    let index = 0;
    for (; index < this.events && left > 0n; index++) if (held(this.#placeAt(index).partition)) left--;
    return index;
  }

  eventAt(index: number): PlannedEvent {
    return this.#eventOf(index, this.#placeAt(index));
  }

  /** An event's draws: kind, then its id's form or (for one that follows another) which base, then those of its content. */
  #placeAt(index: number): Place {
    const drawn = this.#kindAt(index);
    const draw = this.#random.next();
    const follows = drawn === 'resend' || drawn === 'later_version' || drawn === 'older_version';
    const base = follows ? this.#baseOf(index, draw) : index;
    const kind = follows && base === index ? 'valid' : drawn;
    const key = this.#keyOf(kind, base, base === index ? draw : this.#idDrawAt(base));
    const partition = key === null ? index % this.partitions : partitionOfKey(key, this.partitions);
    return { kind, base, key, partition };
  }

  #kindAt(index: number): Kind {
    return this.#kinds[this.#random.at(index).below(SHARE_OF)];
  }

  #idDrawAt(index: number): number {
    this.#random.at(index).next();
    return this.#random.next();
  }

  /** An earlier event drawn as valid, inside the window; the event itself where there is none (the stream's first ones). */
  #baseOf(index: number, draw: number): number {
    const first = Math.max(0, index - this.#window);
    let base = index - 1 - Math.floor(draw * (index - first));
    while (base >= first && this.#kindAt(base) !== 'valid') base--;
    return base >= first ? base : index;
  }

  #keyOf(kind: Kind, base: number, idDraw: number): Buffer | null {
    if (KEYLESS.has(kind)) return null;
    if (kind === 'not_utf8') return Buffer.concat([Buffer.from([0xff]), Buffer.from(String(base))]);
    return Buffer.from(ID_TEXT[chooseForm(ID_FORMS, idDraw).name](base));
  }

  #eventOf(index: number, { kind, base, key, partition }: Place): PlannedEvent {
    const content = this.#contentAt(index);
    const value = this.#payload(kind, index, base, content);
    return { index, partition, kind, record: { key, value, headers: headersOf(index, content.headerPercent), timestampMs: content.kafkaMs } };
  }

  #contentAt(index: number): Content {
    const random = this.#random.at(index);
    random.next();
    const idForm = chooseForm(ID_FORMS, random.next()).name;
    const headerPercent = random.next() * 100;
    const kafkaMs = eventTimeMs(this.options, index) + random.below(50);
    const timestampForm = chooseForm(TIMESTAMP_FORMS, random.next()).name;
    const eventMs = kafkaMs - random.below(2_000);
    const digits = random.next();
    const type = chooseForm(EVENT_TYPES, random.next());
    const valueForm = chooseForm(VALUE_FORMS, random.next()).name;
    const valueCents = Math.round(100 * Math.exp(Math.log(type.median) + VALUE_SIGMA * random.normal()));
    return { idForm, type: type.name, headerPercent, kafkaMs, eventMs, timestampForm, digits, valueCents, valueForm };
  }

  /** Goes on with the random numbers where the content's ended. */
  #payload(kind: Kind, index: number, base: number, own: Content): Buffer | null {
    if (isReason(kind)) return DEFECTS[kind]({ fields: fieldsOf(own, index), index, kafkaMs: own.kafkaMs }, this.#random);
    const baseContent = base === index ? own : this.#contentAt(base);
    return Buffer.from(ACCEPTED[kind]({ own, base, baseContent }, this.#random));
  }
}

/** The events of a seed from the first on; see `EventStream` for going on in the middle. */
export function generate(options: StreamOptions, events?: number): Generator<PlannedEvent> {
  return new EventStream(options, events).generate();
}

function isReason(kind: Kind): kind is Reason {
  return Object.hasOwn(DEFECTS, kind);
}

/** A source that has no id, or none it can write, sends no key; where the payload's bytes are broken so are the key's. */
const KEYLESS: ReadonlySet<Kind> = new Set<Kind>(['empty_payload', 'malformed_json', 'missing_event_id', 'invalid_event_id']);

const NO_HEADERS: readonly KafkaHeader[] = [];

function headersOf(index: number, percent: number): readonly KafkaHeader[] {
  if (percent >= HEADERS_PERCENT) return NO_HEADERS;
  const headers: KafkaHeader[] = [
    { key: 'source', value: Buffer.from(percent < HEADERS_PERCENT / 3 ? 'app' : 'web') },
    { key: 'trace', value: Buffer.from([index & 0xff, (index >>> 8) & 0xff, 0xff, 0x00]) },
  ];
  return percent < HEADERS_PERCENT / 2 ? headers : [...headers, { key: 'source', value: null }];
}
