import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from './atomic-file.ts';

type Stored = Record<string, Record<string, string>>;

/** The committed offsets of consumer groups: one small JSON file a group, `{ topic: { partition: next offset } }`. */
export class GroupOffsets {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  /** Partition → the next offset to read; a partition that was never committed is absent. */
  committed(group: string, topic: string): Map<number, bigint> {
    const offsets = Object.entries(this.#read(this.#path(group))[topic] ?? {});
    return new Map(offsets.map(([partition, next]) => [Number(partition), BigInt(next)]));
  }

  /** Stores all of `offsets` in one step; partitions not named keep theirs. */
  commit(group: string, offsets: readonly { topic: string; partition: number; next: bigint }[]): void {
    const path = this.#path(group);
    const stored = this.#read(path);
    for (const { topic, partition, next } of offsets) stored[topic] = { ...stored[topic], [partition]: next.toString() };
    writeFileAtomic(path, `${JSON.stringify(stored)}\n`);
  }

  /** A deleted topic's offsets go with it, as in Kafka. */
  forget(topic: string): void {
    for (const name of readdirSync(this.#dir)) {
      if (!name.endsWith('.json')) continue;
      const path = join(this.#dir, name);
      const { [topic]: forgotten, ...rest } = this.#read(path);
      if (forgotten !== undefined) writeFileAtomic(path, `${JSON.stringify(rest)}\n`);
    }
  }

  #path(group: string): string {
    return join(this.#dir, `${encodeURIComponent(group)}.json`);
  }

  #read(path: string): Stored {
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Stored) : {};
  }
}
