import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rowCount } from '../../shared/columnar/load-column.ts';
import { numRecords } from '../../shared/delta/stats.ts';
import { bronzeColumns } from '../../shared/pipeline/bronze-write.ts';
import type { Stretch } from '../../shared/pipeline/bronze-write.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { BRONZE } from '../../shared/pipeline/tables.ts';
import { columnReader } from '../support/memory-load.ts';
import { openTestLake, record } from '../support/test-lake.ts';
import type { TestLake } from '../support/test-lake.ts';

let lake: TestLake;
beforeAll(async () => { lake = await openTestLake(); });
afterAll(() => lake.close());

const NOW_MS = 1_743_508_800_123;
const text = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Semantics 2 by the letter, a record at a time. */
function rowOf({ topic, partition, offset, timestampMs, timestampType, key, value, headers }: KafkaRecord, incarnation: string, asBytes: boolean): Record<string, unknown> {
  const present = value !== null && value.length > 0 ? value : null;
  const isText = present !== null && !asBytes && isUtf8(present);
  return {
    topic, incarnation, partition, offset, timestamp_type: timestampType,
    kafka_timestamp: timestampMs < 0 || timestampMs > Date.UTC(9999, 11, 31, 23, 59, 59, 999) ? null : BigInt(timestampMs) * 1000n,
    key: key !== null && isUtf8(key) ? text(key) : null, key_bytes: key !== null && !isUtf8(key) ? new Uint8Array(key) : null,
    value: isText ? text(present) : null, value_bytes: isText || present === null ? null : new Uint8Array(present),
    headers: headers.length === 0 ? null : headers.map((header) => ({ key: header.key, value: header.value === null ? null : new Uint8Array(header.value) })),
    ingested_at: BigInt(NOW_MS) * 1000n, ingest_date: Math.floor(NOW_MS / 86_400_000),
  };
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 20 }), fc.string({ unit: 'binary', maxLength: 10 }).map((words) => Buffer.from(words)), fc.constant(Buffer.alloc(0)), fc.constant(Buffer.from('\ufeffmark')),
  // Two halves of one character: neither is text, though side by side they would be.
  fc.constantFrom(Buffer.from([0xe2]), Buffer.from([0x98, 0x83])), fc.integer({ min: 100, max: 5000 }).map((size) => Buffer.alloc(size, 'x')));
const fields = fc.record({
  timestampMs: fc.oneof(fc.integer({ min: -5, max: 2 ** 42 }), fc.constantFrom(-1, 0, 253_402_300_799_999, 253_402_300_800_000, 2 ** 52)),
  timestampType: fc.constantFrom('CreateTime', 'LogAppendTime', null), key: fc.option(payload), value: fc.option(payload),
  headers: fc.oneof(fc.constant([]), fc.array(fc.record({ key: fc.string({ maxLength: 4 }), value: fc.option(payload) }), { maxLength: 3 })),
});
const stretches = fc.array(fc.record({ topic: fc.constantFrom('a', 'b'), incarnation: fc.constantFrom('x', 'y'), partition: fc.nat(3), records: fc.array(fields, { minLength: 1, maxLength: 12 }) }), { minLength: 1, maxLength: 4 })
  .map((all) => all.map(({ topic, incarnation, partition, records }): Stretch => ({ topic, incarnation, partition, records: records.map((each, i): KafkaRecord => ({ topic, partition, offset: BigInt(i), ...each })) })));

const recordBytes = ({ key, value, headers }: KafkaRecord) => (key?.length ?? 0) + (value?.length ?? 0) + headers.reduce((sum, header) => sum + header.key.length + (header.value?.length ?? 0), 0);

test('any records become the rows of semantics 2, in order, in files that end with the record that passes the bound', () => {
  fc.assert(fc.property(stretches, fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constant(1e9)), (plans, fileBytesMax) => {
    const pipeline = { ...lake.pipeline, topics: [{ ...lake.pipeline.topics[0], name: 'a' }, { ...lake.pipeline.topics[0], name: 'b', payload: 'bytes' as const }] };
    const sizes: number[] = [];
    let payloadBytes = 0;
    const rows = [...bronzeColumns(plans, { pipeline, nowMs: NOW_MS, fileBytesMax })].flatMap(({ columns, bytes }) => {
      payloadBytes += bytes;
      const readers = columns.map((column) => [column.name, columnReader(column)] as const);
      const count = rowCount(columns);
      sizes.push(count);
      return Array.from({ length: count }, (_row, i) => Object.fromEntries(readers.map(([name, read]) => [name, read(i)])));
    });
    const records = plans.flatMap((plan) => plan.records.map((each) => ({ each, incarnation: plan.incarnation })));
    expect(payloadBytes).toBe(records.reduce((sum, { each }) => sum + recordBytes(each), 0));
    expect(rows).toEqual(records.map(({ each, incarnation }) => rowOf(each, incarnation, each.topic === 'b')));
    let at = 0;
    for (const [i, count] of sizes.entries()) {
      const bytes = records.slice(at, at + count).map(({ each }) => recordBytes(each));
      at += count;
      const [all, last] = [bytes.reduce((sum, size) => sum + size, 0), bytes.at(-1)!];
      if (i < sizes.length - 1) expect(all).toBeGreaterThanOrEqual(fileBytesMax);
      expect(all - last).toBeLessThan(fileBytesMax);
    }
  }), { numRuns: 200 });
});

describe('the lake', () => {
  test('has the same rows, bytes and all', async () => {
    const records = fc.sample(fields, { numRuns: 300, seed: 7 }).map((each, i) => ({ ...record(i, null), ...each }));
    await lake.ingest(records);
    const found = await lake.rows(BRONZE, 'SELECT * EXCLUDE (ingested_at, ingest_date) FROM rows ORDER BY "offset"');
    const incarnation = found[0]['incarnation'] as string;
    const expected = records.map((each) => {
      const { ingested_at: _at, ingest_date: _date, ...row } = rowOf(each, incarnation, false);
      return row;
    });
    expect(found).toEqual(expected);
  });

  test('takes large messages in several files of one commit', async () => {
    const table = await lake.lake.table(BRONZE);
    const { version, files } = await table.delta.refresh();
    const value = Buffer.alloc(1024 * 1024, 'v');
    await lake.ingest(Array.from({ length: 150 }, (_value, i) => ({ ...record(300 + i, null), value })));
    const after = await table.delta.refresh();
    const added = [...after.files.values()].filter((add) => !files.has(add.path));
    expect({ version: after.version, files: added.length, rows: added.map(numRecords) }).toEqual({ version: version + 1n, files: 2, rows: [128n, 22n] });
  });
});
