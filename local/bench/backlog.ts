import type { Flags } from '../cli/command.ts';
import { inChild } from './ingest.ts';
import type { BenchResult } from './result.ts';

/** A Bronze that waited: of small events in commits of 10,000 and of 250,000, and of events with 2 KB more in them. */
const SHAPES = [{ batch: 10_000, padBytes: 0, share: 1 }, { batch: 250_000, padBytes: 0, share: 1 }, { batch: 10_000, padBytes: 2_000, share: 0.1 }];

/** What refine takes to drain a backlog of `--events`, in time and memory, each in a process of its own. */
export async function benchBacklog(flags: Flags, emit: (result: BenchResult) => void): Promise<void> {
  const [events, seed] = [flags.integer('events', 5_000_000), flags.integer('seed', 7)];
  for (const { batch, padBytes, share } of SHAPES) {
    await inChild({ kind: 'fill', batch, rows: Math.ceil(events * share), padBytes, seed }, emit, { kind: 'drain', batch, padBytes });
  }
}
