import type { KafkaRecord } from '../../shared/sources/record.ts';
import { event, record } from '../support/test-lake.ts';
import type { Chance } from './chance.ts';

/** What stands at an offset: a record, or why there is none. */
type Slot = KafkaRecord | 'aborted' | 'transaction_marker' | 'compacted';

/** A partition of one life of a topic, as producers, transactions and compaction left it. Its front expires. */
export class PartitionLog {
  readonly #first: bigint;
  readonly #slots: readonly Slot[];
  /** Log start. */
  start: bigint;

  constructor(first: bigint, slots: readonly Slot[]) {
    [this.#first, this.#slots, this.start] = [first, slots, first];
  }

  static of(first: bigint, records: readonly KafkaRecord[]): PartitionLog {
    const slots: Slot[] = [];
    for (const each of records) {
      while (first + BigInt(slots.length) < each.offset) slots.push('compacted');
      slots.push(each);
    }
    return new PartitionLog(first, slots);
  }

  get first(): bigint {
    return this.#first;
  }

  get end(): bigint {
    return this.#first + BigInt(this.#slots.length);
  }

  /** Also those that have expired. */
  get records(): KafkaRecord[] {
    return this.#slots.filter((slot) => typeof slot !== 'string');
  }

  at(offset: bigint): Slot | null {
    return this.#slots[Number(offset - this.#first)] ?? null;
  }
}

/** From being made to being deleted. */
export interface Life {
  readonly id: string;
  readonly partitions: readonly PartitionLog[];
}

export class Topic {
  readonly name: string;
  readonly lives: readonly Life[];
  #now = 0;

  constructor(name: string, lives: readonly Life[]) {
    [this.name, this.lives] = [name, lives];
  }

  get life(): Life {
    return this.lives[this.#now];
  }

  get isLast(): boolean {
    return this.#now === this.lives.length - 1;
  }

  /** Deleted, and made again at once. */
  recreate(): void {
    this.#now++;
  }

  /** `before-<id>`: the one before that. */
  lifeOf(incarnation: string): Life | null {
    const before = this.lives.findIndex(({ id }) => `before-${id}` === incarnation);
    return this.lives[before - 1] ?? this.lives.find(({ id }) => id === incarnation) ?? null;
  }
}

const BASE_MS = Date.parse('2025-04-01T18:00:00Z');
const TYPES = ['click', 'purchase', 'view'];
/** As text and as epoch milliseconds, before and after each other, some equal, one late. */
const TIMES: readonly (string | number)[] = [
  '2025-04-01T17:59:00.000Z', '2025-04-01T17:59:00Z', '2025-04-01T17:59:00.000001Z', '2025-04-01T19:59:30+02:00', '2025-04-01T17:58:59,999999999Z',
  '2025-04-01T10:00:00Z', BASE_MS - 60_000, String(BASE_MS - 30_000),
];
const VALUES: readonly unknown[] = ['50', 50, ' 7 ', '1e3', -0.5, '0', 1e300];
const REJECTS: readonly (string | Uint8Array | null)[] = [
  null, '', 'bad', '[]', 'null', '{"event_id":"x"', Buffer.from([0xff, 0xfe]), Buffer.from([0x7b, 0xc3, 0x28, 0x7d]), '\ufeff{}', '{}',
  JSON.stringify({ event_id: 'k1' }), event('', {}), event('k1', { event_type: 'Click' }), event('k1', { event_type: null }), event('k1', { timestamp: '2025-04-01' }),
  event('k1', { timestamp: '2025-02-30T00:00:00Z' }), event('k1', { timestamp: '2025-04-03T18:00:00Z' }), event('k1', { value: 'NaN' }), event('k1', { value: '1e999' }),
  event('k1', { value: true }), '{"event_id":1.5,"event_type":"view","timestamp":1,"value":1}', event('k\0', {}),
];

/** Few keys, so that they meet: in one batch, across batches, across partitions of the topic and of the table. `isRecreated`: made again in any case. */
export function drawTopic(chance: Chance, isRecreated = false): Topic {
  const style: Style = {
    partitions: chance.between(2, 3), keys: chance.between(2, 14), rejectShare: chance.pick([0, 0.1, 0.3]), gapShare: chance.pick([0, 0.05, 0.2]),
    transactionShare: chance.pick([0, 0, 0.1]),
  };
  const lives = [drawLife(chance, style, { records: chance.between(25, 70), starts: [0, 0, 3, 1_000] })];
  // Filled again with more: its offsets go on past those that the group has committed.
  if (chance.happens(0.3) || isRecreated) lives.push(drawLife(chance, style, { records: lives[0].partitions.reduce((sum, { records }) => sum + records.length, 0) + chance.between(5, 40), starts: [0] }));
  return new Topic('events', lives);
}

interface Style {
  readonly partitions: number;
  readonly keys: number;
  readonly rejectShare: number;
  readonly gapShare: number;
  readonly transactionShare: number;
}

function drawLife(chance: Chance, style: Style, { records, starts }: { records: number; starts: readonly number[] }): Life {
  const lanes = Array.from({ length: style.partitions }, () => ({ first: BigInt(chance.pick(starts)), slots: [] as Slot[], records: [] as KafkaRecord[] }));
  for (let i = 0; i < records; i++) {
    const partition = chance.between(0, style.partitions - 1);
    const { first, slots, records: before } = lanes[partition];
    if (chance.happens(style.gapShare)) slots.push(...Array<Slot>(chance.between(1, 3)).fill('compacted'));
    if (chance.happens(style.transactionShare)) slots.push(...Array<Slot>(chance.between(0, 3)).fill('aborted'), 'transaction_marker');
    const payload = chance.happens(style.rejectShare) ? chance.pick(REJECTS) : drawPayload(chance, lanes, style.keys);
    const timestampMs = chance.happens(0.05) ? -1 : BASE_MS + chance.between(0, 3) * 1_000;
    const made = record(Number(first) + slots.length, payload, { partition, timestampMs, ...(chance.happens(0.3) ? { key: `k${chance.between(1, style.keys)}` } : {}) });
    slots.push(made);
    before.push(made);
  }
  return { id: chance.uuid(), partitions: lanes.map(({ first, slots }) => new PartitionLog(first, slots)) };
}

function drawPayload(chance: Chance, lanes: readonly { readonly records: readonly KafkaRecord[] }[], keys: number): string | Uint8Array | null {
  const before = chance.pick(lanes).records;
  // A producer's retry: the same bytes again.
  if (before.length > 0 && chance.happens(0.1)) return chance.pick(before).value;
  const fields = { event_type: chance.pick(TYPES), timestamp: chance.pick(TIMES), value: chance.pick(VALUES) };
  const more = chance.happens(0.1) ? { more: { text: 'x', number: chance.between(0, 9) } } : {};
  return event(`k${chance.between(1, keys)}`, { ...fields, ...more });
}
