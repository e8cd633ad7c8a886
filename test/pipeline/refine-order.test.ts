import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../shared/columnar/duckdb.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import { judgeNaively, winsOver } from '../support/naive-rules.ts';
import type { NaiveVersion } from '../support/naive-rules.ts';
import { openTestLake, record } from '../support/test-lake.ts';

/** `ASSAY_PROPERTY_RUNS=500` looks longer. */
const RUNS = Number(process.env['ASSAY_PROPERTY_RUNS'] ?? '12');

let engine: Engine;
beforeAll(() => { engine = new Engine({ memoryMb: 512, threads: 2, tempDir: tmpdir() }); });
afterAll(() => engine.close());

const KAFKA_MS = Date.parse('2025-04-01T18:00:00Z');

/** Few keys, times and values, so that versions meet, tie and change partitions. */
const payload = fc.oneof(
  { weight: 8, arbitrary: fc.record({
    event_id: fc.constantFrom<unknown>('a', 'b', 'ab', 1, '1'),
    event_type: fc.constantFrom('click', 'view', 'purchase'),
    timestamp: fc.constantFrom<unknown>('2025-04-01T17:00:00Z', '2025-04-01T17:00:00.000001Z', '2025-04-01T17:30:00+00:30', 1_743_526_800_000, '2025-04-01T16:00:00Z'),
    value: fc.constantFrom<unknown>('1', 2, '3e0'),
    extra: fc.constantFrom(undefined, 1),
  }).map((event) => JSON.stringify(event)) },
  { weight: 2, arbitrary: fc.constantFrom('', '{}', 'x', '{"event_id":"a","event_type":"other","timestamp":0,"value":1}', '\uFEFF{}') },
);

const message = fc.record({ partition: fc.nat(2), value: payload, timestampMs: fc.constantFrom(KAFKA_MS, KAFKA_MS - 1, -1) });

/** Messages in the order of their partitions' offsets. */
function recordsOf(messages: readonly { partition: number; value: string; timestampMs: number }[]): KafkaRecord[] {
  const next = [0, 0, 0];
  return messages.map(({ partition, value, timestampMs }) => record(next[partition]++, value, { partition, timestampMs }));
}

/** The same records as a group would deliver them: each partition in order, partitions in any interleaving, cut anywhere, some twice. */
interface Delivery {
  readonly turns: readonly number[];
  readonly cuts: readonly number[];
  readonly again: boolean;
  readonly sliceRows: number;
  readonly refineAfter: number;
}
const delivery = fc.record<Delivery>({
  turns: fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }), cuts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
  again: fc.boolean(), sliceRows: fc.integer({ min: 1, max: 12 }), refineAfter: fc.integer({ min: 1, max: 4 }),
});

function batchesOf(records: readonly KafkaRecord[], { turns, cuts, again }: Delivery): KafkaRecord[][] {
  const queues = [0, 1, 2].map((partition) => records.filter((each) => each.partition === partition));
  const delivered: KafkaRecord[] = [];
  for (let turn = 0; delivered.length < records.length; turn++) {
    const waiting = queues.filter((queue) => queue.length > 0);
    delivered.push(waiting[turns[turn % turns.length] % waiting.length].shift()!);
  }
  const batches: KafkaRecord[][] = [];
  for (let cut = 0; delivered.length > 0; cut++) batches.push(delivered.splice(0, cuts[cut % cuts.length]));
  return again ? batches.flatMap((batch, i) => [batch, batches[Math.max(0, i - 1)].concat(batch)]) : batches;
}

/** What the tables must hold, by the rules as they are written down. */
function expected(records: readonly KafkaRecord[]) {
  const winners = new Map<string, NaiveVersion>();
  const reasons: string[] = [];
  let lost = 0;
  for (const { value, timestampMs, partition, offset } of records) {
    const verdict = judgeNaively({ value, timestampMs });
    if (typeof verdict === 'string') {
      reasons.push(`${partition}/${offset} ${verdict}`);
      continue;
    }
    const version: NaiveVersion = { ...verdict, timestampMs, partition, offset: Number(offset) };
    const rival = winners.get(version.id);
    if (rival) lost++;
    if (!rival || winsOver(version, rival)) winners.set(version.id, version);
  }
  const silver = [...winners.values()].map(({ id, type, micros, value, partition, offset }) => [id, type, micros, value, partition, BigInt(offset)]);
  return { silver: sorted(silver), quarantine: reasons.toSorted(), lost: BigInt(lost) };
}

function sorted(rows: unknown[][]): unknown[][] {
  return rows.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}

async function refined(records: readonly KafkaRecord[], how: Delivery) {
  const lake = await openTestLake({ engine });
  try {
    for (const [i, batch] of batchesOf(records, how).entries()) {
      await lake.ingest(batch);
      if (i % how.refineAfter === 0) await lake.refine(how.sliceRows);
    }
    while ((await lake.refine(how.sliceRows)).kind === 'committed');
    const silver = await lake.rows('silver_events', 'SELECT event_id, event_type, timestamp AS t, value, "partition" AS p, "offset" AS o FROM rows');
    const quarantine = await lake.rows('quarantine_events', `SELECT format('{}/{} {}', "partition", "offset", reason) AS line FROM rows`);
    const balance = await lake.balance();
    const terms = balance.equations.filter(({ name }) => name === 'refined').map(({ partition }) => partition!.counted);
    return {
      silver: sorted(silver.map((row) => ['event_id', 'event_type', 't', 'value', 'p', 'o'].map((name) => row[name]))),
      quarantine: quarantine.map(({ line }) => line as string).toSorted(),
      lost: terms.reduce((sum, { duplicate, superseded }) => sum + duplicate! + superseded!, 0n),
      verdict: balance.equations.filter(({ verdict }) => verdict !== 'ok').map(({ text }) => text),
    };
  } finally {
    await lake.close();
  }
}

describe('the cut', () => {
  test('however records are delivered, cut and sliced: the same Silver, quarantine and number of losers, as the rules say', async () => {
    await fc.assert(fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 18 }), delivery, async (messages, how) => {
      const records = recordsOf(messages);
      expect(await refined(records, how)).toEqual({ ...expected(records), verdict: [] });
    }), { numRuns: RUNS });
  }, 1_800_000);
});
