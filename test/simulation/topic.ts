import type { KafkaRecord } from '../../shared/sources/record.ts';
import { event, record } from '../support/test-lake.ts';
import type { Chance } from './chance.ts';

/** A topic as its producers and its retention left it: which offsets are there, and what they hold. */
export interface Topic {
  readonly name: string;
  /** Log start of each partition. */
  readonly earliest: readonly bigint[];
  /** By partition, in offset order. Offsets that are missing were compacted away, or were transaction markers. */
  readonly records: readonly (readonly KafkaRecord[])[];
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

/** Few keys, so that they meet: in one batch, across batches, across partitions of the topic and of the table. */
export function drawTopic(chance: Chance): Topic {
  const partitions = chance.between(2, 3);
  const records = chance.between(25, 70);
  const keys = chance.between(2, 14);
  const rejectShare = chance.pick([0, 0.1, 0.3]);
  const gapShare = chance.pick([0, 0.05, 0.2]);
  const earliest = Array.from({ length: partitions }, () => BigInt(chance.pick([0, 0, 3, 1_000])));
  const lanes = earliest.map((start) => ({ next: Number(start), records: [] as KafkaRecord[] }));
  for (let i = 0; i < records; i++) {
    const partition = chance.between(0, partitions - 1);
    const lane = lanes[partition];
    if (chance.happens(gapShare)) lane.next += chance.between(1, 3);
    const payload = chance.happens(rejectShare) ? chance.pick(REJECTS) : drawPayload(chance, lanes, keys);
    const timestampMs = chance.happens(0.05) ? -1 : BASE_MS + chance.between(0, 3) * 1_000;
    lane.records.push(record(lane.next++, payload, { partition, timestampMs, ...(chance.happens(0.3) ? { key: `k${chance.between(1, keys)}` } : {}) }));
  }
  return { name: 'events', earliest, records: lanes.map((lane) => lane.records) };
}

function drawPayload(chance: Chance, lanes: readonly { readonly records: readonly KafkaRecord[] }[], keys: number): string | Uint8Array | null {
  const before = chance.pick(lanes).records;
  // A producer's retry: the same bytes again.
  if (before.length > 0 && chance.happens(0.1)) return chance.pick(before).value;
  const fields = { event_type: chance.pick(TYPES), timestamp: chance.pick(TIMES), value: chance.pick(VALUES) };
  const more = chance.happens(0.1) ? { more: { text: 'x', number: chance.between(0, 9) } } : {};
  return event(`k${chance.between(1, keys)}`, { ...fields, ...more });
}
