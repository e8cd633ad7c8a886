import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteLines, readBytes } from '../../../local/inputs/bytes.ts';
import { openInput } from '../../../local/inputs/input.ts';
import { NdjsonInput } from '../../../local/inputs/ndjson.ts';
import { partitionOfKey } from '../../../local/producer/partitioner.ts';
import type { SourceEvent } from '../../../local/producer/source.ts';
import { ConfigError } from '../../../shared/errors.ts';

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function all<T>(batches: AsyncIterable<readonly T[]> | Iterable<readonly T[]>): Promise<T[]> {
  const items: T[] = [];
  for await (const batch of batches) items.push(...batch);
  return items;
}

function inputOf(bytes: Buffer, nowMs: () => number = () => 5): NdjsonInput {
  return new NdjsonInput({ open: () => inPieces(bytes, [3, 17]), partitions: 3, nowMs });
}

const NO_COUNTS = [0n, 0n, 0n];

describe('byteLines', () => {
  it('takes any bytes apart at LF and nowhere else, however they arrive', async () => {
    const line = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a)));
    const cases = fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(80), { maxLength: 6 }), async (lines, cuts) => {
      const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
      expect(await all(byteLines(inPieces(bytes, cuts)))).toEqual(lines);
      const last = Buffer.from('end');
      expect(await all(byteLines(inPieces(Buffer.concat([bytes, last]), cuts)))).toEqual([...lines, last]);
    });
    await fc.assert(cases);
  });
});

describe('NdjsonInput', () => {
  const bytes = Buffer.concat([
    Buffer.from('{"event_id":"997","value":"1"}\n\n'),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from('{"event_id":12}\r\n not json \n{"nested":{"event_id":"x"}}\n["event_id"]\n{"event_id":""}\n{"event_id":"é"}'),
  ]);

  it('sends each line as the bytes it is', async () => {
    const events = await all<SourceEvent>(inputOf(bytes).remaining(NO_COUNTS));
    const expected = bytes.toString('latin1').split('\n');
    expect(events.map(({ record }) => record.value!.toString('latin1'))).toEqual(expected);
    expect(events[1].record.value).toEqual(Buffer.alloc(0));
    expect(events[3].record.value!.at(-1)).toBe(0x0d);
    expect(events.every(({ record }) => record.timestampMs === 5 && record.headers.length === 0)).toBe(true);
  });

  it('takes the key from a top-level string and places by it, the rest in turn', async () => {
    const events = await all<SourceEvent>(inputOf(bytes).remaining(NO_COUNTS));
    expect(events.map(({ record }) => record.key?.toString() ?? null)).toEqual(['997', null, null, null, null, null, null, null, 'é']);
    for (const { index, partition, record } of events) expect(partition).toBe(record.key === null ? index % 3 : partitionOfKey(record.key, 3));
  });

  it('asks for the time of each line', async () => {
    let now = 100;
    const events = await all<SourceEvent>(inputOf(bytes, () => now++).remaining(NO_COUNTS));
    expect(events.map(({ record }) => record.timestampMs)).toEqual(events.map((_, i) => 100 + i));
  });

  it('goes on with what each partition lacks', async () => {
    const whole = await all<SourceEvent>(inputOf(bytes).remaining(NO_COUNTS));
    const ends = [0, 1, 2].map((partition) => whole.filter((event) => event.partition === partition).length);
    const held = fc.tuple(...ends.map((end) => fc.nat(end)));
    await fc.assert(fc.asyncProperty(held, async (held) => {
      const seen = [0, 0, 0];
      const lacking = whole.filter((event) => ++seen[event.partition] > held[event.partition]);
      expect(await all(inputOf(bytes).remaining(held.map(BigInt)))).toEqual(lacking);
    }));
  });
});

describe('openInput', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'assay-inputs-'));
    writeFileSync(join(dir, 'lines.ndjson'), '{"event_id":"1"}\n\n');
    writeFileSync(join(dir, 'series.csv'), 'timestamp,value\n2014-02-14 14:30:00,1.732\n');
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('reads a file by its extension', async () => {
    const lines = await all<SourceEvent>(openInput({ path: join(dir, 'lines.ndjson'), partitions: 2, nowMs: () => 1 }).remaining([0n, 0n]));
    expect(lines).toHaveLength(2);
    const rows = await all<SourceEvent>(openInput({ path: join(dir, 'series.csv'), partitions: 2, eventType: 'view', nowMs: () => 1 }).remaining([0n, 0n]));
    expect(rows.map(({ record }) => record.key!.toString())).toEqual(['series-1']);
  });

  it('names a file that is not there', async () => {
    await expect(all(openInput({ path: join(dir, 'absent.ndjson'), partitions: 1, nowMs: () => 1 }).remaining([0n]))).rejects.toThrow(/absent\.ndjson: ENOENT/);
    await expect(readBytes(dir).next()).rejects.toBeInstanceOf(ConfigError);
  });
});
