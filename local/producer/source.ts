import type { ProducedRecord } from './target.ts';

/** One record and where it belongs. `index` counts the events of the source from 0. */
export interface SourceEvent {
  readonly index: number;
  readonly partition: number;
  readonly record: ProducedRecord;
}

/** Events that can be had again, the same and in the same order: a generated stream, a file. */
export interface EventSource {
  readonly partitions: number;
  /** What a target that holds `counts[p]` records per partition still lacks, in order, in batches of any size. */
  remaining(counts: readonly bigint[]): Iterable<readonly SourceEvent[]> | AsyncIterable<readonly SourceEvent[]>;
}

/**
 * Tells the events that a target holds already: asked for every event of the source in order, it says yes for the first `counts[p]` of
 * each partition. A crash between two partitions' writes leaves one ahead; counting per partition needs nothing else to go on.
 */
export function alreadyHeld(counts: readonly bigint[]): (partition: number) => boolean {
  const left = counts.map(Number);
  return (partition) => {
    if (left[partition] <= 0) return false;
    left[partition]--;
    return true;
  };
}
