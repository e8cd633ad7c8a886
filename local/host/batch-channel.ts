/**
 * The bounded channel between the consumer and the executor (FunctionExecutorBase.cs): one writer, who waits while it is full, and one
 * reader. Once stopped it takes and gives nothing more.
 */
export class BatchChannel<T> {
  readonly #capacity: number;
  readonly #queue: T[] = [];
  #stopped = false;
  #wakeWriter: () => void = () => {};
  #wakeReader: () => void = () => {};

  constructor(capacity: number) {
    this.#capacity = Math.max(1, capacity);
  }

  /** Resolves when the batch is in, or the channel has stopped. */
  async put(batch: T): Promise<void> {
    while (!this.#stopped && this.#queue.length >= this.#capacity) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    if (this.#stopped) return;
    this.#queue.push(batch);
    this.#wakeReader();
  }

  /** The next batch; null once the channel has stopped, also where batches are left in it. */
  async take(): Promise<T | null> {
    while (!this.#stopped && this.#queue.length === 0) await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    if (this.#stopped) return null;
    const batch = this.#queue.shift()!;
    this.#wakeWriter();
    return batch;
  }

  stop(): void {
    this.#stopped = true;
    this.#wakeWriter();
    this.#wakeReader();
  }
}
