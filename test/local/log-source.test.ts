import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EventLog } from '../../local/event-log/event-log.ts';
import type { NewRecord } from '../../local/event-log/record-codec.ts';
import { LogSource } from '../../local/log-source.ts';
import { ConfigError, TableError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';

const FAR_MS = 600_000;
const never = new AbortController().signal;
let dir: string;
let log: EventLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-log-source-'));
  log = EventLog.open({ dir });
  log.createTopic({ name: 'events', partitions: 3, seed: 1 });
});

afterEach(() => {
  log.close();
  rmSync(dir, { recursive: true });
});

function append(partition: number, count: number): void {
  const records: NewRecord[] = Array.from({ length: count }, (_, i) => ({ key: null, value: Buffer.from(String(i)), headers: [], timestampMs: i }));
  log.append('events', new Map([[partition, records]]));
}

function source(group = 'g'): LogSource {
  return new LogSource({ log, topic: 'events', group });
}

function nextOffsets(records: readonly KafkaRecord[]): { topic: string; partition: number; next: bigint }[] {
  const next = new Map(records.map((r) => [r.partition, r.offset + 1n]));
  return [...next].map(([partition, offset]) => ({ topic: 'events', partition, next: offset }));
}

test('batches mix partitions, keep the order inside each and give every record once', async () => {
  for (const [partition, count] of [[0, 2300], [1, 700], [2, 10]] as const) append(partition, count);
  const reader = source();
  const batches: KafkaRecord[][] = [];
  for (let left = 3010; left > 0; left -= 1000) batches.push(await reader.poll({ recordsMax: Math.min(left, 1000), windowMs: FAR_MS, signal: never }));
  expect(batches.map((b) => b.length)).toEqual([1000, 1000, 1000, 10]);
  expect(new Set(batches[0].map((r) => r.partition)).size).toBeGreaterThan(1);
  for (const [partition, count] of [[0, 2300], [1, 700], [2, 10]] as const) {
    const offsets = batches.flat().filter((r) => r.partition === partition).map((r) => r.offset);
    expect(offsets).toEqual(Array.from({ length: count }, (_, i) => BigInt(i)));
  }
});

test('goes on after the committed offsets, and redelivers what was not committed', async () => {
  append(0, 10);
  append(1, 10);
  const first = source();
  const batch = await first.poll({ recordsMax: 12, windowMs: FAR_MS, signal: never });
  await first.commit(nextOffsets(batch));
  expect(await first.lag()).toBe(8n);
  await first.poll({ recordsMax: 8, windowMs: FAR_MS, signal: never });
  const rest = await source().poll({ recordsMax: 8, windowMs: FAR_MS, signal: never });
  const seen = new Set([...batch, ...rest].map((r) => `${r.partition}/${r.offset}`));
  expect(seen.size).toBe(20);
  expect(await source('other').lag()).toBe(20n);
});

test('an append wakes a waiting poll', async () => {
  const reader = source();
  const polled = reader.poll({ recordsMax: 2, windowMs: FAR_MS, signal: never });
  append(2, 1);
  append(0, 1);
  expect((await polled).map((r) => r.partition).sort((a, b) => a - b)).toEqual([0, 2]);
});

test('the window ends a poll with what is there, also with nothing', async () => {
  const reader = source();
  expect(await reader.poll({ recordsMax: 5, windowMs: 1, signal: never })).toEqual([]);
  append(1, 2);
  expect(await reader.poll({ recordsMax: 5, windowMs: 1, signal: never })).toHaveLength(2);
});

test('an abort ends a poll', async () => {
  const stop = new AbortController();
  const polled = source().poll({ recordsMax: 5, windowMs: FAR_MS, signal: stop.signal });
  stop.abort();
  expect(await polled).toEqual([]);
});

test('reached() compares with the ends taken at the start', async () => {
  append(0, 3);
  const reader = source();
  const ends = await reader.endOffsets();
  append(0, 1);
  expect(reader.reached(ends)).toBe(false);
  await reader.poll({ recordsMax: 3, windowMs: FAR_MS, signal: never });
  expect(reader.reached(ends)).toBe(true);
  expect(reader.reached(await reader.endOffsets())).toBe(false);
});

test('an unknown topic and offsets past the end are refused', () => {
  expect(() => new LogSource({ log, topic: 'nope', group: 'g' })).toThrow(ConfigError);
  log.commit('g', [{ topic: 'events', partition: 1, next: 1n }]);
  expect(() => source()).toThrow(TableError);
});
