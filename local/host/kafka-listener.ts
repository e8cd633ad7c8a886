import { setImmediate } from 'node:timers/promises';
import { TransientError } from '../../shared/errors.ts';
import type { KafkaOptions } from '../../shared/host-check.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { TopicOffset, TriggerSource } from '../trigger-source.ts';
import { BatchChannel } from './batch-channel.ts';
import type { HostClock } from './host-clock.ts';
import type { WorkerLog } from './loaded-app.ts';

type Batch = readonly KafkaRecord[];

export interface KafkaListenerOptions {
  readonly name: string;
  readonly source: TriggerSource;
  readonly kafka: KafkaOptions;
  /** One execution, the function's own retry policy included; rejects where the batch failed for good. */
  readonly execute: (records: Batch) => Promise<void>;
  /** Called before each execution, in the executor's own code: what it throws is not the function's failure. */
  readonly executorFault?: ((records: Batch) => void) | undefined;
  readonly clock: HostClock;
  readonly log: WorkerLog;
}

const pollFailureDelayMs = 1000;
/** FunctionExecutorBase.CloseAsync waits no longer for the running batch. */
const stopMsMax = 300_000;

/**
 * The Kafka trigger's listener (KafkaListener.cs, FunctionExecutorBase.cs, MultipleItemFunctionExecutor.cs of extension 4.3): batches of
 * all partitions, one invocation at a time. One batch runs, `executorChannelCapacity` are queued, one more is read; then the consumer
 * stands still until there is room. Batches of partitions that were lost meanwhile run all the same. Offsets are stored after success, or as
 * commitOnFailure and maxRetries say.
 */
export class KafkaListener {
  readonly #options: KafkaListenerOptions;
  readonly #channel: BatchChannel<Batch>;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> | null = null;
  /** The host went on without the running batch. */
  #abandoned = false;
  /** Read but not yet committed by a manual run. */
  #pending: Batch = [];

  constructor(options: KafkaListenerOptions) {
    this.#options = options;
    this.#channel = new BatchChannel(options.kafka.executorChannelCapacity);
  }

  start(): void {
    this.#running ??= Promise.all([this.#consume(), this.#execute()]);
  }

  /**
   * Lets the running batch end and store its offsets; what was read after it is not begun and comes again. A batch that does not end within
   * the extension's 300 s is left behind, its offsets unmoved.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#channel.stop();
    if (this.#running === null) return;
    const ended = new AbortController();
    await Promise.race([this.#running, this.#abandon(ended.signal)]);
    ended.abort();
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
    await source.commit(offsetsAfter(records));
    this.#pending = [];
    return records.length;
  }

  async #abandon(ended: AbortSignal): Promise<void> {
    await this.#options.clock.wait(stopMsMax, ended);
    if (ended.aborted) return;
    this.#abandoned = true;
    this.#log('error', `The running batch did not end within ${stopMsMax} ms; the host stops without it, and it comes again.`);
  }

  async #consume(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const records = await this.#poll();
      if (records.length > 0) await this.#channel.put(records);
    }
  }

  /** Never rejects: like the extension, it reports a consume error and goes on trying. */
  async #poll(): Promise<Batch> {
    const { kafka, source, clock } = this.#options;
    const { signal } = this.#stopping;
    try {
      return await source.poll({ recordsMax: kafka.maxBatchSize, windowMs: kafka.subscriberIntervalInSeconds * 1000, signal });
    } catch (error) {
      if (!signal.aborted) this.#log('error', `Consume error: ${String(error)}`);
      await clock.wait(pollFailureDelayMs, signal);
      return [];
    }
  }

  /** An exception of the executor itself is logged and the loop goes on: the next batch's commit then passes the one that was lost. */
  async #execute(): Promise<void> {
    for (let records = await this.#channel.take(); records !== null; records = await this.#channel.take()) {
      try {
        await this.#process(records);
      } catch (error) {
        this.#log('error', `Error in executor reader: ${String(error)}`);
      }
    }
  }

  async #process(records: Batch): Promise<void> {
    const { kafka } = this.#options;
    let succeeded = await this.#succeeds(records);
    for (let retries = 0; !succeeded && !kafka.commitOnFailure; ) {
      if (this.#stopping.signal.aborted) return;
      if (kafka.maxRetries >= 0 && ++retries > kafka.maxRetries) {
        this.#log('error', `${records.length} records failed ${retries} times; maxRetries is used up, their offsets are committed: they are lost to this function.`);
        break;
      }
      this.#log('warning', `${records.length} records failed and are retried in place.`);
      await setImmediate(); // a real host crosses to another process here; without it a failing handler would hold the thread
      succeeded = await this.#succeeds(records);
    }
    if (!this.#abandoned) this.#store(records);
  }

  async #succeeds(records: Batch): Promise<boolean> {
    this.#options.executorFault?.(records);
    return this.#options.execute(records).then(() => true, () => false); // the execution itself has logged its error
  }

  /** Partitions given to other members are refused, and with them what stands after them in the list: their records come again. */
  #store(records: Batch): void {
    try {
      this.#options.source.store(offsetsAfter(records));
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      this.#log('error', `Commit error: ${error.message}`);
    }
  }

  #log(level: 'error' | 'warning', message: string): void {
    this.#options.log(level, `Host.Triggers.Kafka.${this.#options.name}`, message);
  }
}

/** One a partition, that of the batch's last record first, as the executor lists them. */
function offsetsAfter(records: Batch): TopicOffset[] {
  const next = new Map<number, TopicOffset>();
  for (let i = records.length - 1; i >= 0; i--) {
    const { topic, partition, offset } = records[i];
    if (!next.has(partition)) next.set(partition, { topic, partition, next: offset + 1n });
  }
  return [...next.values()];
}
