import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { laneName } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';
import { Tally, countAppId } from './counts.ts';

/** A share of all keys, or of all places: those whose hash is `index` modulo `of`. */
export interface Part {
  readonly index: number;
  readonly of: number;
}

export function isInPart(text: string, { index, of }: Part): boolean {
  return partOf(text, of) === index;
}

export function partOf(text: string, of: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % of;
}

/** Rows that a term gains, by lane. */
export class LaneChange {
  readonly #lanes = new Map<string, { lane: Lane; rows: number }>();

  add({ topic, incarnation, partition }: Lane, rows: number): void {
    const lane = { topic, incarnation, partition };
    const entry = this.#lanes.get(laneName(lane));
    if (entry) entry.rows += rows;
    else this.#lanes.set(laneName(lane), { lane, rows });
  }

  /** What the term gains, the losers lose: superseded first, then duplicates. Only their sum says anything (semantics.md, section 5). */
  tally(term: 'silver' | 'quarantine' | 'elsewhere', snapshot: Snapshot): Tally {
    const tally = new Tally();
    for (const { lane, rows } of this.#lanes.values()) {
      if (rows === 0) continue;
      const superseded = Number(progressOf(snapshot, countAppId('superseded', lane)) ?? 0n);
      const taken = Math.min(rows, superseded);
      tally.add(term, lane, rows);
      tally.add('superseded', lane, -taken);
      tally.add('duplicate', lane, taken - rows);
    }
    return tally;
  }
}
