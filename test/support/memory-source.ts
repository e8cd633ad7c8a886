import { TransientError } from '../../shared/errors.ts';
import type { KafkaRecord } from '../../shared/sources/record.ts';
import type { TriggerSource } from '../../local/trigger-source.ts';

/** A consumer group's one topic in memory. Several members may be opened on it; each begins at the committed offsets. */
export class MemoryTopic {
  readonly records: KafkaRecord[] = [];
  /** Every commit, in order: `partition → next offset`. */
  readonly commits: Record<number, bigint>[] = [];
  /** Partitions that the group has given to somebody else. */
  readonly lost = new Set<number>();
  #wakeUp: (() => void)[] = [];

  append(...records: KafkaRecord[]): void {
    this.records.push(...records);
    for (const wake of this.#wakeUp.splice(0)) wake();
  }

  get committed(): Record<number, bigint> {
    return Object.assign({}, ...this.commits) as Record<number, bigint>;
  }

  source(): TriggerSource {
    const isCommitted = ({ partition, offset }: KafkaRecord) => offset < (this.committed[partition] ?? 0n);
    const unread = () => this.records.filter((record) => !isCommitted(record) && !read.has(record));
    const read = new Set<KafkaRecord>();
    const store: TriggerSource['store'] = (offsets) => {
      const lost = offsets.find(({ partition }) => this.lost.has(partition));
      const kept = lost === undefined ? offsets : offsets.slice(0, offsets.indexOf(lost));
      if (kept.length > 0) this.commits.push(Object.fromEntries(kept.map(({ partition, next }) => [partition, next])));
      if (lost !== undefined) throw new TransientError('kafka/partition-lost', `partition ${lost.partition} is not ours`);
    };
    return {
      poll: async ({ recordsMax, windowMs, signal }) => {
        if (unread().length === 0 && windowMs > 0 && !signal.aborted) await this.#appended(signal);
        const records = signal.aborted ? [] : unread().slice(0, recordsMax);
        for (const record of records) read.add(record);
        return records;
      },
      store,
      commit: async (offsets) => store(offsets),
      lag: () => Promise.resolve(BigInt(this.records.filter((record) => !isCommitted(record)).length)),
      close: () => Promise.resolve(),
    };
  }

  #appended(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeUp.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** A plain record; `rest` says what is special about it. */
export function record(partition: number, offset: number, rest: Partial<KafkaRecord> = {}): KafkaRecord {
  const value = Buffer.from(`{"event_id":"${partition}-${offset}"}`);
  return { topic: 'events', partition, offset: BigInt(offset), timestampMs: 1_764_000_000_000 + offset, timestampType: null, key: null, value, headers: [], ...rest };
}
