import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { Meter, meterDifference } from '../../shared/storage/meter.ts';
import { MeteredStore } from '../../shared/storage/metered-store.ts';
import { OpenLakes } from '../support/lakes.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { event, record } from '../support/test-lake.ts';

/** Ids, types, times and values that compress as real ones do; keys of random age are replaced, so that most files of Silver are touched. */
const lakes = new OpenLakes();
const STORED_BATCHES = 8;
const ROWS = 10_000;
const STORED = STORED_BATCHES * ROWS;
const REPLACED = ROWS / 50;
const START_MS = Date.parse('2025-04-01T17:00:00Z');

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function versionOf(key: number, offset: number): KafkaRecord {
  const bytes = digest(`${key} ${offset}`);
  const id = digest(`key ${key}`).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  const fields = { event_type: ['click', 'view', 'purchase'][bytes[0] % 3], timestamp: new Date(START_MS + offset * 30).toISOString(), value: String(bytes.readUInt16LE(1) / 100) };
  return record(offset, event(id, fields), { timestampMs: START_MS + offset * 30 + 50 });
}

const stored = Array.from({ length: STORED_BATCHES }, (_batch, b) => Array.from({ length: ROWS }, (_row, i) => versionOf(b * ROWS + i, b * ROWS + i)));
/** Every fiftieth replaces a stored key, from the whole of Silver. */
const batch = Array.from({ length: ROWS }, (_row, i) => versionOf(i % 50 === 0 ? (i / 50) * (STORED / REPLACED) + (i % 7) : STORED + i, STORED + i));

interface Written { readonly bytes: number; readonly replaced: number; readonly filesTouched: number }

/** All that refine writes for the batch: data files, vectors, log entries. */
async function refineBatch(before: readonly KafkaRecord[][], properties: Record<string, string> = {}): Promise<Written & { readonly rowBytes: number }> {
  const meter = new Meter();
  const lake = await lakes.open({ store: new MeteredStore({ store: new MemoryStore(), meter, requests: 'per-call' }), checkpointInterval: 1_000n, properties });
  for (const records of before) {
    await lake.ingest(records);
    await lake.refine();
  }
  await lake.ingest(batch);
  const { delta } = await lake.lake.table('silver_events');
  const had = new Map(delta.snapshot.files);
  const read = meter.read();
  await lake.refine();
  const { bytesOut } = meterDifference(meter.read(), read);
  const { files } = delta.snapshot;
  const rows = (each: Iterable<{ deletionVector?: { cardinality: number } | null | undefined }>) => [...each].reduce((sum, file) => sum + (file.deletionVector?.cardinality ?? 0), 0);
  return {
    bytes: bytesOut, replaced: rows(files.values()) - rows(had.values()), filesTouched: [...had].filter(([key]) => !files.has(key)).length,
    rowBytes: [...files].reduce((sum, [key, { size }]) => (had.has(key) ? sum : sum + size), 0),
  };
}

test('a slice of which 2 % replace stored rows writes at most 1.2 times what its own rows are as Parquet', async () => {
  // The same rows into an empty Silver: what they weigh, whatever was there.
  const { rowBytes } = await refineBatch([]);
  const { bytes, replaced, filesTouched } = await refineBatch(stored);
  expect(replaced).toBe(REPLACED);
  // Three event types are three partitions.
  expect(filesTouched).toBe(STORED_BATCHES * 3);
  expect(bytes / rowBytes).toBeGreaterThan(1);
  expect(bytes / rowBytes).toBeLessThanOrEqual(1.2);
});

test('where files are copied the same slice writes most of Silver anew', async () => {
  const { rowBytes } = await refineBatch([]);
  const { bytes, filesTouched } = await refineBatch(stored, { 'delta.enableDeletionVectors': 'false' });
  expect(filesTouched).toBe(STORED_BATCHES * 3);
  expect(bytes / rowBytes).toBeGreaterThan(5);
});
