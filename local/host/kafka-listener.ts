import { setImmediate } from 'node:timers/promises';
import type { KafkaOptions } from '../../shared/host-check.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { TriggerSource } from '../trigger-source.ts';
import type { HostClock } from './host-clock.ts';
import type { WorkerLog } from './loaded-app.ts';

export interface KafkaListenerOptions {
  readonly name: string;
  readonly source: TriggerSource;
  readonly kafka: KafkaOptions;
  /** One execution, the function's own retry policy included; rejects where the batch failed for good. */
  readonly execute: (records: readonly KafkaRecord[]) => Promise<void>;
  readonly clock: HostClock;
  readonly log: WorkerLog;
}

const pollFailureDelayMs = 1000;

/**
 * The Kafka trigger's listener (KafkaListener.cs, MultipleItemFunctionExecutor.cs of extension 4.3.2): batches of all partitions, one
 * invocation at a time while the next batch is read; offsets move after success, or as commitOnFailure and maxRetries say.
 */
export class KafkaListener {
  readonly #options: KafkaListenerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  /** Read but not yet committed by a manual run. */
  #pending: readonly KafkaRecord[] = [];

  constructor(options: KafkaListenerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  /** Lets the running batch end and commit; what was read after it stays uncommitted and comes again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** For a host that doesn't listen: one batch, one execution. Rejects with the handler's error; the batch then comes first next time. */
  async runOnce(windowMs: number): Promise<number> {
    const { kafka, source, execute } = this.#options;
    if (this.#pending.length === 0) {
      this.#pending = await source.poll({ recordsMax: kafka.maxBatchSize, windowMs, signal: this.#stopping.signal });
    }
    const records = this.#pending;
    if (records.length === 0) return 0;
    await execute(records);
    await this.#commit(records);
    this.#pending = [];
    return records.length;
  }

  async #loop(): Promise<void> {
    let next = this.#poll();
    while (!this.#stopping.signal.aborted) {
      const records = await next;
      if (this.#stopping.signal.aborted) break;
      next = this.#poll();
      if (records.length > 0) await this.#process(records);
    }
    await next;
  }

  /** Never rejects: like the extension, it reports a consume error and goes on trying. */
  async #poll(): Promise<readonly KafkaRecord[]> {
    const { kafka, source, clock, log, name } = this.#options;
    const { signal } = this.#stopping;
    try {
      return await source.poll({ recordsMax: kafka.maxBatchSize, windowMs: kafka.subscriberIntervalInSeconds * 1000, signal });
    } catch (error) {
      if (!signal.aborted) log('error', `Host.Triggers.Kafka.${name}`, `Consume error: ${String(error)}`);
      await clock.wait(pollFailureDelayMs, signal);
      return [];
    }
  }

  async #process(records: readonly KafkaRecord[]): Promise<void> {
    const { kafka, log, name } = this.#options;
    const category = `Host.Triggers.Kafka.${name}`;
    let succeeded = await this.#succeeds(records);
    for (let retries = 0; !succeeded && !kafka.commitOnFailure; ) {
      if (this.#stopping.signal.aborted) return;
      if (kafka.maxRetries >= 0 && ++retries > kafka.maxRetries) {
        log('error', category, `${records.length} records failed ${retries} times; maxRetries is used up, their offsets are committed: they are lost to this function.`);
        break;
      }
      log('warning', category, `${records.length} records failed and are retried in place.`);
      await setImmediate(); // a real host crosses to another process here; without it a failing handler would hold the thread
      succeeded = await this.#succeeds(records);
    }
    await this.#commitOrReport(records);
  }

  /** Like the extension's own commits in the background: a failed one is reported, and what it did not store comes again one day. */
  async #commitOrReport(records: readonly KafkaRecord[]): Promise<void> {
    const { log, name } = this.#options;
    try {
      await this.#commit(records);
    } catch (error) {
      log('error', `Host.Triggers.Kafka.${name}`, `Commit error: ${String(error)}`);
    }
  }

  async #succeeds(records: readonly KafkaRecord[]): Promise<boolean> {
    return this.#options.execute(records).then(() => true, () => false); // the execution itself has logged its error
  }

  async #commit(records: readonly KafkaRecord[]): Promise<void> {
    const next = new Map<string, { topic: string; partition: number; next: bigint }>();
    for (const { topic, partition, offset } of records) next.set(`${partition} ${topic}`, { topic, partition, next: offset + 1n });
    await this.#options.source.commit([...next.values()]);
  }
}
