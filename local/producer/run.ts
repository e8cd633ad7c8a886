import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { EventStream } from './generate.ts';
import type { EventSource, SourceEvent } from './source.ts';
import type { ProducedRecord, ProduceTarget } from './target.ts';

export interface ProduceReport {
  /** Records that the target held before. */
  readonly held: number;
  /** Records appended by this call. */
  readonly appended: number;
  /** What the target says it holds now. */
  readonly bytes: number;
  /** `done`: the source has no more. `bytes`: the target is full. `signal`: asked to stop. */
  readonly ended: 'done' | 'bytes' | 'signal';
}

export type OnProgress = (progress: Omit<ProduceReport, 'ended'>) => void;

export interface ProduceAllOptions {
  readonly source: EventSource;
  readonly target: ProduceTarget;
  readonly batchRecords?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export interface ProducePacedOptions {
  readonly stream: EventStream;
  readonly target: ProduceTarget;
  readonly signal: AbortSignal;
  /** No further step once the target holds this much. */
  readonly bytesMax?: number;
  readonly stepMs?: number;
  readonly clock?: Clock;
  readonly onProgress?: OnProgress;
}

const BATCH_RECORDS = 20_000;
const BYTES_MAX = 2_000_000_000;
const STEP_MS = 100;

/**
 * Appends what the target lacks of the source, as fast as it takes it. Killed at any moment and called again with the same source, it
 * leaves the same records as one call: it goes on from the target's own counts.
 */
export async function produceAll(options: ProduceAllOptions): Promise<ProduceReport> {
  const { source, target, signal, batchRecords = BATCH_RECORDS } = options;
  const counts = await countsFor(source, target);
  const writer = new Writer(target, total(counts), options.onProgress);
  for await (const events of source.remaining(counts)) {
    if (signal?.aborted === true) return writer.report('signal');
    for (const event of events) writer.add(event);
    if (writer.pending >= batchRecords) await writer.flush();
  }
  await writer.flush();
  return writer.report('done');
}

/**
 * Appends the stream at its own rate, in steps: an event is due when as much time has passed since the call as lies between it and the
 * first event that the target never saw. After a pause of the machine it catches up in bounded steps.
 */
export async function producePaced(options: ProducePacedOptions): Promise<ProduceReport> {
  const { stream, target, signal, bytesMax = BYTES_MAX, stepMs = STEP_MS, clock = systemClock } = options;
  const counts = await countsFor(stream, target);
  const writer = new Writer(target, total(counts), options.onProgress);
  const first = stream.heldEnd(counts);
  const startedMs = clock.monotonicMs();
  const events = stream.resume(counts);
  let next = events.next();
  while (next.done !== true) {
    if (signal.aborted) return writer.report('signal');
    if ((await target.bytes()) >= bytesMax) return writer.report('bytes');
    const due = first + ((clock.monotonicMs() - startedMs) * stream.options.ratePerS) / 1_000;
    while (next.done !== true && next.value.index < due && writer.pending < BATCH_RECORDS) {
      writer.add(next.value);
      next = events.next();
    }
    const full = writer.pending === BATCH_RECORDS;
    await writer.flush();
    if (!full) await clock.sleep(stepMs);
  }
  return writer.report('done');
}

async function countsFor(source: EventSource, target: ProduceTarget): Promise<readonly bigint[]> {
  if (source.partitions !== target.partitions) {
    throw new ConfigError(
      'producer/partitions',
      `producing events placed on ${source.partitions} partitions into a target that has ${target.partitions}: the events would land elsewhere. Make the source for ${target.partitions} partitions.`,
      { facts: { source: source.partitions, target: target.partitions } },
    );
  }
  return (await target.counts()) ?? Array.from({ length: target.partitions }, () => 0n);
}

/** Gathers events by partition and appends them together. */
class Writer {
  readonly #target: ProduceTarget;
  readonly #held: number;
  readonly #onProgress: OnProgress | undefined;
  #records = new Map<number, ProducedRecord[]>();
  #appended = 0;
  pending = 0;

  constructor(target: ProduceTarget, held: number, onProgress: OnProgress | undefined) {
    this.#target = target;
    this.#held = held;
    this.#onProgress = onProgress;
  }

  add({ partition, record }: SourceEvent): void {
    const records = this.#records.get(partition);
    if (records === undefined) this.#records.set(partition, [record]);
    else records.push(record);
    this.pending++;
  }

  async flush(): Promise<void> {
    if (this.pending > 0) await this.#target.append(this.#records);
    this.#appended += this.pending;
    this.#records = new Map();
    this.pending = 0;
    this.#onProgress?.({ held: this.#held, appended: this.#appended, bytes: await this.#target.bytes() });
  }

  async report(ended: ProduceReport['ended']): Promise<ProduceReport> {
    return { held: this.#held, appended: this.#appended, bytes: await this.#target.bytes(), ended };
  }
}

function total(counts: readonly bigint[]): number {
  return Number(counts.reduce((sum, count) => sum + count, 0n));
}
