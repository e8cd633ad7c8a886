import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventLog } from '../../local/event-log/event-log.ts';
import { encodedBytes } from '../../local/event-log/record-codec.ts';
import type { NewRecord } from '../../local/event-log/record-codec.ts';
import { ConfigError, TableError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';

const ALL = { recordsMax: 1_000_000, bytesMax: 1 << 24 };
let dir: string;
let log: EventLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-event-log-'));
  log = EventLog.open({ dir });
});

afterEach(() => {
  log.close();
  rmSync(dir, { recursive: true });
});

function text(value: string, timestampMs = 0): NewRecord {
  return { key: null, value: Buffer.from(value), headers: [], timestampMs };
}

function reopen(options: { segmentBytesMax?: number } = {}): void {
  log.close();
  log = EventLog.open({ dir, ...options });
}

function readAll(topic: string, partition: number, limits = ALL): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  const end = log.ends(topic)[partition];
  while (BigInt(records.length) < end) records.push(...log.read(topic, partition, BigInt(records.length), limits));
  return records;
}

function segmentFiles(topic: string, partition: number): string[] {
  const folder = join(dir, 'topics', topic, String(partition));
  return readdirSync(folder).sort().map((name) => join(folder, name));
}

describe('topics', () => {
  test('the id follows from name, seed and salt alone', () => {
    const first = log.createTopic({ name: 'events', partitions: 4, seed: 7 });
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(log.createTopic({ name: 'events', partitions: 4, seed: 7 })).toEqual(first);
    log.deleteTopic('events');
    expect(log.createTopic({ name: 'events', partitions: 4, seed: 7 }).id).toBe(first.id);
    log.deleteTopic('events');
    expect(log.createTopic({ name: 'events', partitions: 4, seed: 7, idSalt: '2' }).id).not.toBe(first.id);
    expect(log.createTopic({ name: 'other', partitions: 4, seed: 7 }).id).not.toBe(first.id);
  });

  test('another description of an existing topic is refused', () => {
    log.createTopic({ name: 'events', partitions: 4, seed: 7 });
    expect(() => log.createTopic({ name: 'events', partitions: 2, seed: 7 })).toThrow(ConfigError);
    expect(() => log.createTopic({ name: 'events', partitions: 4, seed: 8 })).toThrow(ConfigError);
  });

  test.each(['', '.', '..', 'a/b', 'a b', 'ü', 'x'.repeat(250)])('the name %j is refused', (name) => {
    expect(() => log.createTopic({ name, partitions: 1, seed: 1 })).toThrow(ConfigError);
  });

  test('what a killed creation or deletion leaves is cleared away', () => {
    log.createTopic({ name: 'events', partitions: 1, seed: 7 });
    mkdirSync(join(dir, 'topics', 'half'));
    mkdirSync(join(dir, 'topics', '.deleted-x'));
    reopen();
    expect(readdirSync(join(dir, 'topics'))).toEqual(['events']);
  });

  test('a deleted topic takes its records and group offsets with it', () => {
    log.createTopic({ name: 'events', partitions: 1, seed: 7 });
    log.append('events', new Map([[0, [text('a')]]]));
    log.commit('g', [{ topic: 'events', partition: 0, next: 1n }]);
    log.commit('g', [{ topic: 'kept', partition: 0, next: 5n }]);
    log.deleteTopic('events');
    log.createTopic({ name: 'events', partitions: 1, seed: 7 });
    expect(log.ends('events')).toEqual([0n]);
    expect(log.committed('g', 'events').size).toBe(0);
    expect(log.committed('g', 'kept').get(0)).toBe(5n);
  });
});

describe('append and read', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b));
  const nullable = fc.option(bytes, { nil: null });
  const record: fc.Arbitrary<NewRecord> = fc.record({
    key: nullable,
    value: nullable,
    headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 8 }), value: nullable }), { maxLength: 3 }),
    timestampMs: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  });

  test('gives back any keys, values and headers; null and empty stay apart', () => {
    let round = 0;
    fc.assert(
      fc.property(fc.array(fc.array(record, { maxLength: 30 }), { maxLength: 5 }), fc.integer({ min: 1, max: 2000 }), (appends, segmentBytesMax) => {
        reopen({ segmentBytesMax });
        const topic = `t${round++}`;
        log.createTopic({ name: topic, partitions: 1, seed: 1 });
        for (const records of appends) log.append(topic, new Map([[0, records]]));
        reopen({ segmentBytesMax });
        const expected = appends.flat().map((r, i) => ({ ...r, topic, partition: 0, offset: BigInt(i), timestampType: 'CreateTime' }));
        expect(readAll(topic, 0)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('reads from every offset, in every order, over many segments, before and after opening again', () => {
    reopen({ segmentBytesMax: 20_000 });
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    const count = 3000;
    for (let i = 0; i < count; i += 100) {
      log.append('events', new Map([[0, Array.from({ length: 100 }, (_, j) => text(`v${i + j}`.padEnd(10 + ((i + j) % 50))))]]));
    }
    expect(segmentFiles('events', 0).length).toBeGreaterThan(3);
    for (const opened of [false, true]) {
      if (opened) reopen({ segmentBytesMax: 20_000 });
      // 1999 has no factor in common with 3000: each offset once, far apart from the one before.
      for (let n = 0, i = 0; n < count; n++, i = (i + 1999) % count) {
        const [first, second] = log.read('events', 0, BigInt(i), { recordsMax: 2, bytesMax: 64 });
        expect(first.offset).toBe(BigInt(i));
        expect(Buffer.from(first.value!).toString().trim()).toBe(`v${i}`);
        if (second !== undefined) expect(second.offset).toBe(BigInt(i + 1));
      }
    }
    expect(log.read('events', 0, BigInt(count), ALL)).toEqual([]);
  });

  test('a record larger than bytesMax still comes, alone', () => {
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    log.append('events', new Map([[0, [text('x'.repeat(100_000)), text('y')]]]));
    const records = log.read('events', 0, 0n, { recordsMax: 10, bytesMax: 100 });
    expect(records.map((r) => r.value!.length)).toEqual([100_000]);
  });

  test('partitions have their own offsets and bytes() is the files’ size', () => {
    log.createTopic({ name: 'events', partitions: 3, seed: 1 });
    log.append('events', new Map([[0, [text('a'), text('b')]], [2, [text('c')]]]));
    expect(log.ends('events')).toEqual([2n, 0n, 1n]);
    expect(log.bytes()).toBe(3 * encodedBytes(text('a')));
  });

  test('finds the first record at or after a time', () => {
    reopen({ segmentBytesMax: 2000 });
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    for (let i = 0; i < 200; i++) log.append('events', new Map([[0, [text('v', i * 10)]]]));
    expect(log.offsetAtTime('events', 0, 0)).toEqual({ offset: 0n, timestampMs: 0 });
    expect(log.offsetAtTime('events', 0, 1555)).toEqual({ offset: 156n, timestampMs: 1560 });
    expect(log.offsetAtTime('events', 0, 1991)).toBeNull();
  });
});

describe('after a kill', () => {
  test('a file cut at any byte of its last record keeps all others and goes on', () => {
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    const last: NewRecord = { key: Buffer.from('k'), value: Buffer.from('last'), headers: [{ key: 'h', value: Buffer.from('x') }], timestampMs: 5 };
    log.append('events', new Map([[0, [text('a'), text('b'), last]]]));
    const [path] = segmentFiles('events', 0);
    const whole = readFileSync(path);
    const lastBytes = encodedBytes(last);
    for (let kept = 0; kept < lastBytes; kept++) {
      log.close();
      writeFileSync(path, whole);
      truncateSync(path, whole.length - lastBytes + kept);
      log = EventLog.open({ dir });
      expect(log.bytesCut()).toBe(kept);
      expect(log.ends('events')).toEqual([2n]);
      log.append('events', new Map([[0, [text('c')]]]));
      reopen();
      expect(readAll('events', 0).map((r) => Buffer.from(r.value!).toString())).toEqual(['a', 'b', 'c']);
    }
  });

  test('a last record with a wrong checksum is cut; damage before it is refused', () => {
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    log.append('events', new Map([[0, [text('a'), text('b')]]]));
    log.close();
    const [path] = segmentFiles('events', 0);
    const whole = readFileSync(path);
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 1] ^= 1;
    writeFileSync(path, flipped);
    log = EventLog.open({ dir });
    expect(log.ends('events')).toEqual([1n]);
    log.close();
    const damaged = Buffer.from(whole);
    damaged[20] ^= 1;
    writeFileSync(path, damaged);
    expect(() => EventLog.open({ dir })).toThrow(TableError);
    writeFileSync(path, whole);
    log = EventLog.open({ dir });
    expect(log.ends('events')).toEqual([2n]);
  });

  test('damage in a file that is no longer written is found when it is read', () => {
    reopen({ segmentBytesMax: 1 });
    log.createTopic({ name: 'events', partitions: 1, seed: 1 });
    for (const value of ['a', 'b', 'c']) log.append('events', new Map([[0, [text(value)]]]));
    const [first] = segmentFiles('events', 0);
    log.close();
    const bytes = readFileSync(first);
    bytes[bytes.length - 5] ^= 1;
    writeFileSync(first, bytes);
    log = EventLog.open({ dir });
    expect(() => log.read('events', 0, 0n, ALL)).toThrow(TableError);
    expect(log.read('events', 0, 1n, ALL)).toHaveLength(1);
  });

  test('SIGKILL while appending never loses an acknowledged append', async () => {
    for (let round = 0; round < 3; round++) {
      const folder = join(dir, `kill-${round}`);
      const acknowledged = await appendUntilKilled(folder, 40 + round * 37);
      const killed = EventLog.open({ dir: folder });
      try {
        const ends = killed.ends('events');
        for (const partition of [0, 1]) {
          expect(ends[partition]).toBeGreaterThanOrEqual(acknowledged);
          let next = 0n;
          while (next < ends[partition]) {
            for (const record of killed.read('events', partition, next, ALL)) {
              expect(Buffer.from(record.value!).toString()).toBe(`${partition}-${next}-${'x'.repeat(300)}`);
              next += 1n;
            }
          }
        }
      } finally {
        killed.close();
      }
    }
  });
});

/** A child appends blocks of 10 records to two partitions and writes its count after each; it is killed after `acksMin` of them. */
async function appendUntilKilled(folder: string, acksMin: number): Promise<bigint> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../support/event-log-appender.ts'), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output.split('\n').length > acksMin) child.kill('SIGKILL');
  }
  await exited;
  const lines = output.split('\n').slice(0, -1);
  return BigInt(lines.at(-1) ?? 0);
}

describe('group offsets', () => {
  test('survive opening again and merge by partition', () => {
    log.commit('g 1/ü', [{ topic: 'events', partition: 0, next: 10n }, { topic: 'events', partition: 1, next: 9_007_199_254_740_993n }]);
    log.commit('g 1/ü', [{ topic: 'events', partition: 0, next: 11n }, { topic: 'other', partition: 0, next: 1n }]);
    reopen();
    expect(log.committed('g 1/ü', 'events')).toEqual(new Map([[0, 11n], [1, 9_007_199_254_740_993n]]));
    expect(log.committed('g', 'events').size).toBe(0);
  });
});

describe('the lock', () => {
  test('a second opening is refused with the holder named', () => {
    expect(() => EventLog.open({ dir })).toThrow(ConfigError);
    expect(() => EventLog.open({ dir })).toThrow(String(process.pid));
  });

  test('a living process of another pid is respected, a dead one’s lock taken over', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../support/event-log-appender.ts'), join(dir, 'held')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(() => EventLog.open({ dir: join(dir, 'held') })).toThrow(String(child.pid));
    child.stdout.resume();
    child.kill('SIGKILL');
    await closed;
    EventLog.open({ dir: join(dir, 'held') }).close();
  });

  test('a lock left by an earlier process of this pid is taken over', () => {
    const left = join(dir, 'left');
    mkdirSync(left);
    writeFileSync(join(left, 'lock'), `${process.pid} 1`);
    EventLog.open({ dir: left }).close();
    expect(readdirSync(left).filter((name) => name.startsWith('lock'))).toEqual([]);
  });
});
