import { TransientError } from '../../shared/errors.ts';

/** `next` is the offset after the last processed one. */
export interface StoredOffset {
  readonly partition: number;
  readonly next: bigint;
}

/**
 * A group member's offset store (librdkafka's, with enable.auto.offset.store off): what was processed and is to be committed, by partition.
 * Only the partitions of the present assignment are taken; what was stored of an earlier one is void, because their new owners went on
 * from what was committed. Nothing moves backwards.
 */
export class OffsetStore {
  #owned: ReadonlySet<number> = new Set();
  readonly #stored = new Map<number, bigint>();
  /** Null: the group has not been asked since the assignment. */
  #committed: Map<number, bigint> | null = null;

  /** A new assignment; none where the member has lost its partitions. */
  assign(partitions: Iterable<number>): void {
    this.#owned = new Set(partitions);
    this.#stored.clear();
    this.#committed = null;
  }

  owns(partition: number): boolean {
    return this.#owned.has(partition);
  }

  get knowsCommitted(): boolean {
    return this.#committed !== null;
  }

  /** What the group has committed; asked after the assignment. */
  setCommitted(committed: ReadonlyMap<number, bigint>): void {
    this.#committed = new Map(committed);
  }

  /** @throws {TransientError} the partition is not this member's (StoreOffset: "Erroneous state"). */
  store({ partition, next }: StoredOffset): void {
    if (!this.owns(partition)) {
      const message = `storing offset ${next} of partition ${partition}: the group has given the partition away; its owner reads on from what was committed, so what this batch wrote comes again there.`;
      throw new TransientError('kafka/partition-lost', message, { facts: { partition, next } });
    }
    this.#stored.set(partition, next);
  }

  /** What is stored and not committed; nothing before it is known what is committed. */
  due(): StoredOffset[] {
    const committed = this.#committed;
    if (committed === null) return [];
    return [...this.#stored].filter(([partition, next]) => next > (committed.get(partition) ?? -1n)).map(([partition, next]) => ({ partition, next }));
  }

  get isPending(): boolean {
    return this.#stored.size > 0 && (this.#committed === null || this.due().length > 0);
  }

  /** The broker has taken them. Those of an assignment that ended meanwhile are passed over. */
  acknowledge(offsets: readonly StoredOffset[]): void {
    for (const { partition, next } of offsets) if (this.owns(partition)) this.#committed?.set(partition, next);
  }
}
