import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PlannedEvent } from '../../../local/producer/generate.ts';
import { EventStream, generate } from '../../../local/producer/generate.ts';
import type { Kind } from '../../../local/producer/mix.ts';
import { chooseForm, EVENT_TYPES, ID_FORMS, kindTable, LATE_AFTER_MS, MIX, REASONS, SHARE_OF, TIMESTAMP_FORMS, VALUE_FORMS } from '../../../local/producer/mix.ts';
import type { StreamOptions } from '../../../local/producer/timeline.ts';
import { START_MS } from '../../../local/producer/timeline.ts';
import type { NaiveVersion } from '../../support/naive-rules.ts';
import { judgeNaively, winsOver } from '../../support/naive-rules.ts';

const OPTIONS: StreamOptions = { seed: 7, startMs: START_MS, ratePerS: 200, partitions: 4 };
const EVENTS = 60_000;
const events = [...generate(OPTIONS, EVENTS)];

function isReason(kind: Kind): boolean {
  return (REASONS as readonly string[]).includes(kind);
}

function countKinds(of: readonly PlannedEvent[]): Map<Kind, number> {
  const counts = new Map<Kind, number>();
  for (const { kind } of of) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Events as a log would hold them, with what the naive rules say of each. */
function judged(of: readonly PlannedEvent[]) {
  const offsets = new Map<number, number>();
  return of.map((event) => {
    const offset = offsets.get(event.partition) ?? 0;
    offsets.set(event.partition, offset + 1);
    const verdict = judgeNaively(event.record);
    const row: NaiveVersion | null = typeof verdict === 'string' ? null : { ...verdict, timestampMs: event.record.timestampMs, partition: event.partition, offset };
    return { event, row, reason: typeof verdict === 'string' ? verdict : null };
  });
}

interface Seen {
  readonly row: NaiveVersion;
  readonly bytes: string;
}

/** What an event of this kind is to one before it with the same id. */
const FOLLOWS: Partial<Record<Kind, (other: Seen, own: Seen) => boolean>> = {
  resend: (other, own) => other.bytes === own.bytes,
  later_version: (other, own) => other.row.micros < own.row.micros,
  older_version: (other, own) => other.row.micros > own.row.micros,
};

describe('the mix', () => {
  it('plants every reason, 2 % together, and shares that leave most events valid', () => {
    const reasons = REASONS.reduce((sum, reason) => sum + MIX[reason], 0);
    expect(reasons / SHARE_OF).toBe(0.02);
    expect(kindTable()).toHaveLength(SHARE_OF);
    for (const forms of [EVENT_TYPES, TIMESTAMP_FORMS, VALUE_FORMS, ID_FORMS]) {
      expect([...forms].reduce((sum, form) => sum + form.percent, 0)).toBe(100);
    }
  });

  it('names the form of the first and the last draw', () => {
    expect(chooseForm(VALUE_FORMS, 0).name).toBe('text');
    expect(chooseForm(VALUE_FORMS, 0.94)).not.toEqual(chooseForm(VALUE_FORMS, 0.93));
    expect(chooseForm(VALUE_FORMS, 1 - 2 ** -32).name).toBe('padded_text');
  });

  it('comes out of the stream as stated, within five standard deviations', () => {
    const counts = countKinds(events);
    for (const [kind, share] of Object.entries(MIX)) {
      const expected = (EVENTS * share) / SHARE_OF;
      expect(Math.abs((counts.get(kind as Kind) ?? 0) - expected), kind).toBeLessThan(5 * Math.sqrt(expected));
      expect(counts.get(kind as Kind), kind).toBeGreaterThan(0);
    }
  });
});

describe('what is planted', () => {
  const rows = judged(events);

  it('is what independent rules find: each reason as named, all else accepted', () => {
    for (const { event, reason } of rows) expect({ index: event.index, reason }).toEqual({ index: event.index, reason: isReason(event.kind) ? event.kind : null });
  });

  it.each([0.5, 10, 200, 50_000])('is late exactly where it says so, at %d events a second', (ratePerS) => {
    for (const { event, row } of judged([...generate({ ...OPTIONS, ratePerS }, 10_000)])) {
      if (row === null) continue;
      const lateByMs = event.record.timestampMs - Number(row.micros / 1_000n);
      expect(lateByMs > LATE_AFTER_MS, `event ${event.index}, ${event.kind}`).toBe(event.kind === 'late');
    }
  });

  it('follows an earlier event of the same id: the same bytes, later, or earlier', () => {
    const before = new Map<string, Seen[]>();
    for (const { event, row } of rows) {
      if (row === null) continue;
      const same = before.get(row.id) ?? [];
      const bytes = event.record.value!.toString('latin1');
      const follows = FOLLOWS[event.kind];
      if (follows === undefined) expect(same, `event ${event.index}`).toEqual([]);
      else expect(same.some((other) => follows(other, { row, bytes })), `event ${event.index}`).toBe(true);
      before.set(row.id, [...same, { row, bytes }]);
    }
  });

  it('leaves in Silver one row an id, and some rows have moved to another event_type', () => {
    const silver = new Map<string, NaiveVersion>();
    const firstType = new Map<string, string>();
    for (const { row } of rows) {
      if (row === null) continue;
      const stored = silver.get(row.id);
      if (stored === undefined || winsOver(row, stored)) silver.set(row.id, row);
      if (!firstType.has(row.id)) firstType.set(row.id, row.type);
    }
    const counts = countKinds(events);
    const named = (kinds: readonly Kind[]) => kinds.reduce((sum, kind) => sum + (counts.get(kind) ?? 0), 0);
    expect(silver.size).toBe(named(['valid', 'late', 'anomaly', 'extra_fields', 'repeated_field']));
    expect(rows.filter(({ row }) => row !== null).length - silver.size).toBe(named(['resend', 'later_version', 'older_version']));
    expect([...silver.values()].some((row) => row.type !== firstType.get(row.id))).toBe(true);
  });

  it('has the stated medians', () => {
    for (const { name, median } of EVENT_TYPES) {
      const values = rows.flatMap(({ event, row }) => (event.kind === 'valid' && row?.type === name ? [row.value] : [])).sort((a, b) => a - b);
      expect(Math.abs(values[values.length >> 1] / median - 1)).toBeLessThan(0.05);
    }
  });

  it('has anomalies outside what is normal for their type', () => {
    for (const { event, row } of rows) {
      if (event.kind !== 'anomaly') continue;
      const median = EVENT_TYPES.find(({ name }) => name === row!.type)!.median;
      expect(row!.value < 0 || row!.value > median).toBe(true);
    }
  });
});

describe('the records', () => {
  it('bear the id as their key, and the same id always goes to one partition', () => {
    const partitions = new Map<string, number>();
    for (const { event, row } of judged(events)) {
      if (row === null) continue;
      expect(event.record.key!.toString()).toBe(row.id);
      expect(partitions.get(row.id) ?? event.partition).toBe(event.partition);
      partitions.set(row.id, event.partition);
    }
  });

  it('spread over all partitions', () => {
    for (let partition = 0; partition < 4; partition++) {
      expect(Math.abs(events.filter((event) => event.partition === partition).length / EVENTS - 0.25)).toBeLessThan(0.01);
    }
  });

  it('have headers on one in ten, with a null value and a repeated key among them', () => {
    const withHeaders = events.filter(({ record }) => record.headers.length > 0);
    expect(Math.abs(withHeaders.length / EVENTS - 0.1)).toBeLessThan(0.01);
    expect(withHeaders.some(({ record }) => record.headers.some(({ value }) => value === null))).toBe(true);
    expect(new Set(withHeaders.map(({ record }) => record.headers.length))).toEqual(new Set([2, 3]));
  });

  it('have times on the stream\'s own timeline', () => {
    for (const { index, record } of events) {
      const onTime = START_MS + index * 5;
      expect(record.timestampMs - onTime).toBeGreaterThanOrEqual(0);
      expect(record.timestampMs - onTime).toBeLessThan(50);
    }
  });
});

describe('the stream', () => {
  it('is pinned: the same seed makes the same bytes in every release', () => {
    const hash = createHash('sha256');
    for (const { partition, kind, record } of generate(OPTIONS, 5_000)) {
      hash.update(JSON.stringify([partition, kind, record.timestampMs, record.key, record.value, record.headers]));
    }
    expect(hash.digest('hex')).toBe('0870b01d46cd986a4d080c340cc37410bc27185a867c832b42d7a5d50a3dde61');
  });

  it('differs by seed', () => {
    const [other] = generate({ ...OPTIONS, seed: 8 }, 1);
    expect(other.record.value).not.toEqual(events[0].record.value);
  });

  it('makes any event without the ones before it', () => {
    const stream = new EventStream(OPTIONS);
    const index = fc.nat(EVENTS - 1);
    fc.assert(fc.property(index, (index) => {
      expect(stream.eventAt(index)).toEqual(events[index]);
    }), { numRuns: 500 });
  });

  it('goes on with exactly what each partition lacks, whatever each one holds', () => {
    const length = 2_000;
    const all = events.slice(0, length);
    const ends = [0, 1, 2, 3].map((partition) => all.filter((event) => event.partition === partition).length);
    const heldCounts = fc.tuple(...ends.map((end) => fc.oneof(fc.constant(0), fc.constant(end), fc.nat(end))));
    fc.assert(fc.property(heldCounts, (held) => {
      const counts = held.map(BigInt);
      const stream = new EventStream(OPTIONS, length);
      const seen = [0, 0, 0, 0];
      const lacking = all.filter((event) => ++seen[event.partition] > held[event.partition]);
      expect([...stream.remaining(counts)].flat()).toEqual(lacking);
      const lastHeld = all.findLastIndex((event) => !lacking.includes(event));
      expect(stream.heldEnd(counts)).toBe(lastHeld + 1);
    }), { numRuns: 40 });
  });

  it('starts again on a new timeline without touching what came before', () => {
    const restarted = [...generate({ ...OPTIONS, restarts: [{ index: 1_000, startMs: START_MS + 86_400_000 }] }, 1_100)];
    expect(restarted.slice(0, 1_000)).toEqual(events.slice(0, 1_000));
    expect(restarted[1_000].record.timestampMs - events[1_000].record.timestampMs).toBe(86_400_000 - 5_000);
    expect(restarted.map(({ partition }) => partition)).toEqual(events.slice(0, 1_100).map(({ partition }) => partition));
  });

  it('refuses options that make no stream, all at once', () => {
    expect(() => new EventStream({ seed: 1.5, startMs: -1, ratePerS: 0, partitions: 0 })).toThrow(/seed.*startMs.*ratePerS.*partitions/);
  });
});
