import type { EventLog } from '../event-log/event-log.ts';
import type { ProduceTarget, RecordsByPartition } from './target.ts';

/** A topic of the embedded event log. The log belongs to the caller: closing this leaves it open. */
export class LogTarget implements ProduceTarget {
  readonly #log: EventLog;
  readonly #topic: string;

  /** @param topic exists. */
  constructor(log: EventLog, topic: string) {
    this.#log = log;
    this.#topic = topic;
  }

  get partitions(): number {
    return this.#log.ends(this.#topic).length;
  }

  async append(records: RecordsByPartition): Promise<void> {
    this.#log.append(this.#topic, records);
  }

  async counts(): Promise<readonly bigint[]> {
    return this.#log.ends(this.#topic);
  }

  async bytes(): Promise<number> {
    return this.#log.bytes();
  }

  async close(): Promise<void> {}
}
