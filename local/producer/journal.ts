import { existsSync, readFileSync } from 'node:fs';
import { TableError } from '../../shared/errors.ts';
import { writeFileAtomic } from '../event-log/atomic-file.ts';
import type { ProduceTarget } from './target.ts';

/** A stretch of the log that one source filled: per partition from (inclusive) to (exclusive); `to` is null while it is being filled. */
interface Stretch {
  readonly source: string;
  readonly from: readonly string[];
  readonly to: readonly string[] | null;
}

/**
 * Who wrote which records of a log, kept beside it. A source goes on after what it wrote itself, and only after that: another source's
 * records, before or in between, do not count for it.
 */
export class ProduceJournal {
  readonly #path: string;
  #stretches: readonly Stretch[];

  /** @throws {TableError} the file is not a journal. */
  constructor(path: string) {
    this.#path = path;
    this.#stretches = existsSync(path) ? parseJournal(readFileSync(path, 'utf8'), path) : [];
  }

  /** Before `source` appends to a log that ends at `ends`: the records per partition that it has written so far. */
  begin(source: string, ends: readonly bigint[]): bigint[] {
    const last = this.#stretches.at(-1);
    // A stretch that was never closed ended where the log ends: its source was killed, or it is ours and goes on.
    const closed = last !== undefined && last.to === null ? [...this.#stretches.slice(0, -1), { ...last, to: ends.map(String) }] : this.#stretches;
    const held = closed.filter((stretch) => stretch.source === source).reduce(
      (sums, { from, to }) => sums.map((sum, partition) => sum + BigInt(to![partition]) - BigInt(from[partition])), ends.map(() => 0n));
    this.#save([...closed.filter(({ from, to }) => String(from) !== String(to)), { source, from: ends.map(String), to: null }]);
    return held;
  }

  /** After the source's last append. */
  end(ends: readonly bigint[]): void {
    this.#save(this.#stretches.map((stretch) => (stretch.to === null ? { ...stretch, to: ends.map(String) } : stretch)));
  }

  #save(stretches: readonly Stretch[]): void {
    this.#stretches = stretches;
    writeFileAtomic(this.#path, `${JSON.stringify(stretches)}\n`);
  }
}

/** The target as its source sees it: holding only what that source wrote. */
export function asHolding(target: ProduceTarget, held: readonly bigint[]): ProduceTarget {
  return {
    partitions: target.partitions,
    append: (records) => target.append(records),
    counts: () => Promise.resolve(held),
    bytes: () => target.bytes(),
    close: () => target.close(),
  };
}

function parseJournal(text: string, path: string): Stretch[] {
  const parsed: unknown = JSON.parse(text);
  if (Array.isArray(parsed)) return parsed as Stretch[];
  throw new TableError('producer/journal', `${path} is no list of stretches: it tells which source wrote which records; remove the log (assay reset) and produce again`);
}
