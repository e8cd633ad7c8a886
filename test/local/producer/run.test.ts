import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../../local/event-log/event-log.ts';
import { EventStream } from '../../../local/producer/generate.ts';
import { LogTarget } from '../../../local/producer/log-target.ts';
import { produceAll, producePaced } from '../../../local/producer/run.ts';
import { keptStream, liveStream } from '../../../local/producer/stream-file.ts';
import type { RecordsByPartition } from '../../../local/producer/target.ts';
import { START_MS } from '../../../local/producer/timeline.ts';
import type { Clock } from '../../../shared/clock.ts';
import { ConfigError, TransientError } from '../../../shared/errors.ts';

const TOPIC = 'events';
const OPTIONS = { seed: 7, startMs: START_MS, ratePerS: 200, partitions: 4 };
let dir: string;
let log: EventLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-producer-'));
  log = EventLog.open({ dir: join(dir, 'log') });
  log.createTopic({ name: TOPIC, partitions: 4, seed: 7 });
});

afterEach(() => {
  log.close();
  rmSync(dir, { recursive: true });
});

/** Everything in the topic, without the types of its byte arrays. */
function contents(of: EventLog = log): string[][] {
  return of.ends(TOPIC).map((end, partition) => {
    const texts: string[] = [];
    while (BigInt(texts.length) < end) {
      for (const record of of.read(TOPIC, partition, BigInt(texts.length), { recordsMax: 10_000, bytesMax: 1 << 24 })) {
        const bytes = (of: Uint8Array | null) => (of === null ? null : Buffer.from(of).toString('hex'));
        texts.push(JSON.stringify([bytes(record.key), bytes(record.value), record.timestampMs, record.headers.map(({ key, value }) => [key, bytes(value)])]));
      }
    }
    return texts;
  });
}

function expected(stream: EventStream): number[] {
  const counts = [0, 0, 0, 0];
  for (const { partition } of stream.generate()) counts[partition]++;
  return counts;
}

/** Takes a few partitions of an append, then fails: what a kill in the middle of a batch leaves. */
class TornTarget extends LogTarget {
  readonly #partitionsTaken: number;
  #appendsLeft: number;

  constructor(of: EventLog, torn: { appends: number; partitionsTaken: number }) {
    super(of, TOPIC);
    this.#appendsLeft = torn.appends;
    this.#partitionsTaken = torn.partitionsTaken;
  }

  override async append(records: RecordsByPartition): Promise<void> {
    if (this.#appendsLeft-- > 0) return super.append(records);
    await super.append(new Map([...records].slice(0, this.#partitionsTaken)));
    throw new TransientError('test/torn', 'appending: torn on purpose.');
  }
}

/** Runs the producer in a child and kills it when that many batches are told; it may be anywhere in the next one. */
async function killedAfter(batches: number, events: number): Promise<void> {
  const script = join(import.meta.dirname, '..', '..', 'support', 'producer-child.ts');
  const child = spawn(process.execPath, [script, join(dir, 'log'), TOPIC, String(events), JSON.stringify(OPTIONS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let told = 0;
  for await (const _ of createInterface({ input: child.stdout })) if (++told === batches) child.kill('SIGKILL');
  await exited;
}

/** Time that passes only by sleeping; aborts at the end. */
function steppedClock(endMs: number, abort: AbortController): Clock {
  let ms = 0;
  return {
    nowMs: () => START_MS + ms,
    monotonicMs: () => ms,
    sleep: async (forMs) => {
      ms += forMs;
      if (ms > endMs) abort.abort();
    },
    random: () => 0.5,
    uuid: () => '00000000-0000-0000-0000-000000000000',
  };
}

describe('produceAll', () => {
  it('appends every event of the stream once, and nothing when called again', async () => {
    const source = new EventStream(OPTIONS, 5_000);
    const target = new LogTarget(log, TOPIC);
    const progress: number[] = [];
    const report = await produceAll({ source, target, batchRecords: 1_000, onProgress: ({ appended }) => progress.push(appended) });
    expect(report).toMatchObject({ held: 0, appended: 5_000, ended: 'done', bytes: log.bytes() });
    expect(progress.at(-1)).toBe(5_000);
    expect(log.ends(TOPIC).map(Number)).toEqual(expected(source));
    expect(await produceAll({ source, target })).toMatchObject({ held: 5_000, appended: 0, ended: 'done' });
  });

  it('lengthens a stream by its next events', async () => {
    const target = new LogTarget(log, TOPIC);
    await produceAll({ source: new EventStream(OPTIONS, 1_500), target });
    await produceAll({ source: new EventStream(OPTIONS, 4_000), target });
    const torn = contents();
    log.deleteTopic(TOPIC);
    log.createTopic({ name: TOPIC, partitions: 4, seed: 7 });
    await produceAll({ source: new EventStream(OPTIONS, 4_000), target });
    expect(contents()).toEqual(torn);
  });

  it.each([0, 1, 2, 3, 4])('leaves the same records after a batch of which %d partitions were written', async (partitionsTaken) => {
    const source = new EventStream(OPTIONS, 6_000);
    await produceAll({ source, target: new LogTarget(log, TOPIC), batchRecords: 1_000 });
    const whole = contents();
    log.deleteTopic(TOPIC);
    log.createTopic({ name: TOPIC, partitions: 4, seed: 7 });
    const torn = new TornTarget(log, { appends: 2, partitionsTaken });
    await expect(produceAll({ source, target: torn, batchRecords: 1_000 })).rejects.toBeInstanceOf(TransientError);
    await produceAll({ source, target: new LogTarget(log, TOPIC) });
    expect(contents()).toEqual(whole);
  });

  it('leaves the same records after any number of SIGKILLs', async () => {
    const events = 40_000;
    log.close();
    for (const batches of [1, 4, 9, 2]) await killedAfter(batches, events);
    log = EventLog.open({ dir: join(dir, 'log') });
    const held = log.ends(TOPIC).reduce((sum, end) => sum + end, 0n);
    expect(held).toBeGreaterThanOrEqual(16_000n);
    await produceAll({ source: new EventStream(OPTIONS, events), target: new LogTarget(log, TOPIC) });
    const afterKills = contents();
    log.deleteTopic(TOPIC);
    log.createTopic({ name: TOPIC, partitions: 4, seed: 7 });
    await produceAll({ source: new EventStream(OPTIONS, events), target: new LogTarget(log, TOPIC) });
    expect(afterKills).toEqual(contents());
  });

  it('stops when asked', async () => {
    const source = new EventStream(OPTIONS);
    const abort = new AbortController();
    const report = await produceAll({ source, target: new LogTarget(log, TOPIC), batchRecords: 1_000, signal: abort.signal, onProgress: () => abort.abort() });
    expect(report).toMatchObject({ appended: 1_000, ended: 'signal' });
  });

  it('refuses a source made for another number of partitions', async () => {
    const source = new EventStream({ ...OPTIONS, partitions: 3 }, 10);
    await expect(produceAll({ source, target: new LogTarget(log, TOPIC) })).rejects.toBeInstanceOf(ConfigError);
  });
});

describe('producePaced', () => {
  it('appends what is due, step by step, until it is stopped', async () => {
    const abort = new AbortController();
    const steps: number[] = [];
    const report = await producePaced({
      stream: new EventStream(OPTIONS),
      target: new LogTarget(log, TOPIC),
      signal: abort.signal,
      clock: steppedClock(1_000, abort),
      onProgress: ({ appended }) => steps.push(appended),
    });
    expect(report).toMatchObject({ appended: 200, ended: 'signal' });
    expect(steps).toEqual([0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200]);
  });

  it('stops at its share of the disk', async () => {
    const abort = new AbortController();
    const report = await producePaced({
      stream: new EventStream(OPTIONS),
      target: new LogTarget(log, TOPIC),
      signal: abort.signal,
      bytesMax: 10_000,
      clock: steppedClock(60_000, abort),
    });
    expect(report.ended).toBe('bytes');
    expect(log.bytes()).toBeGreaterThanOrEqual(10_000);
    expect(log.bytes()).toBeLessThan(20_000);
  });

  it('ends with its stream', async () => {
    const abort = new AbortController();
    const report = await producePaced({
      stream: new EventStream(OPTIONS, 50),
      target: new LogTarget(log, TOPIC),
      signal: abort.signal,
      clock: steppedClock(60_000, abort),
    });
    expect(report).toMatchObject({ appended: 50, ended: 'done' });
  });
});

describe('a kept stream', () => {
  const identity = { seed: 7, ratePerS: 200, partitions: 4 };
  const none = [0n, 0n, 0n, 0n];

  it('goes on live from now after a stop, and a torn step keeps its time', async () => {
    const path = join(dir, 'stream.json');
    const first = liveStream(path, identity, { counts: none, nowMs: 1_000_000 });
    const abort = new AbortController();
    const torn = new TornTarget(log, { appends: 5, partitionsTaken: 2 });
    await expect(producePaced({ stream: first, target: torn, signal: abort.signal, clock: steppedClock(10_000, abort) })).rejects.toBeInstanceOf(TransientError);
    const held = log.ends(TOPIC);
    const second = liveStream(path, identity, { counts: held, nowMs: 9_000_000 });
    const index = first.heldEnd(held);
    expect(second.options.restarts).toEqual([{ index, startMs: 9_000_000 }]);
    const [lacking] = second.remaining(held);
    expect(lacking.some((event) => event.index < index)).toBe(true);
    for (const event of lacking) {
      const onTime = event.index < index ? 1_000_000 + event.index * 5 : 9_000_000 + (event.index - index) * 5;
      expect(event.record.timestampMs - onTime).toBeGreaterThanOrEqual(0);
      expect(event.record.timestampMs - onTime).toBeLessThan(50);
    }
  });

  it('forgets a restart that produced nothing', () => {
    const path = join(dir, 'stream.json');
    liveStream(path, identity, { counts: none, nowMs: 1_000 });
    liveStream(path, identity, { counts: none, nowMs: 2_000 });
    const third = liveStream(path, identity, { counts: none, nowMs: 3_000 });
    expect(third.options.restarts).toEqual([{ index: 0, startMs: 3_000 }]);
  });

  it('is found again, and not continued with another one', () => {
    const path = join(dir, 'stream.json');
    const kept = keptStream(path, OPTIONS, 100);
    expect(keptStream(path, OPTIONS, 100).options).toEqual(kept.options);
    expect(() => keptStream(path, { ...OPTIONS, seed: 8 })).toThrow(/seed 8 \(kept: 7\)/);
    expect(() => liveStream(path, { ...identity, ratePerS: 100 }, { counts: none, nowMs: 1 })).toThrow(ConfigError);
  });
});
