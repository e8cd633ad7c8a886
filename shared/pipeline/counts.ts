import type { Action } from '../delta/actions.ts';
import type { Snapshot } from '../delta/snapshot.ts';
import { progressOf } from '../delta/snapshot.ts';
import { laneName } from './bronze-plan.ts';
import type { Lane } from './bronze-plan.ts';

/** Running totals of refine (`elsewhere`: rows that other pipelines take), kept as txns in its own commits (semantics.md, section 8). */
export const TERMS = ['bronze', 'silver', 'duplicate', 'superseded', 'quarantine', 'elsewhere'] as const;
export type Term = (typeof TERMS)[number];

export type TermCounts = Readonly<Record<Term, bigint>>;

export function countAppId(term: Term, lane: Lane): string {
  return `count/${term}/${laneName(lane)}`;
}

export function parseCountAppId(appId: string): { term: Term; lane: Lane } | null {
  const match = /^count\/([a-z]+)\/([^/]+)\/([^/]+)\/(\d+)$/.exec(appId);
  const term = TERMS.find((name) => name === match?.[1]);
  return match && term ? { term, lane: { topic: match[2], incarnation: match[3], partition: Number(match[4]) } } : null;
}

interface LaneCounts { readonly lane: Lane; readonly counts: Record<Term, number> }

/** What a slice adds to the totals, by topic, incarnation and partition. */
export class Tally {
  readonly #lanes = new Map<string, LaneCounts>();
  #last: LaneCounts | null = null;

  add(term: Term, lane: Lane, count = 1): void {
    this.#entry(lane).counts[term] += count;
  }

  /** Called for every row, mostly with the lane of the row before: that one is found without making a key. */
  #entry(lane: Lane): LaneCounts {
    const { topic, incarnation, partition } = lane;
    const last = this.#last;
    if (last?.lane.partition === partition && last.lane.topic === topic && last.lane.incarnation === incarnation) return last;
    const key = `${partition}/${topic}/${incarnation}`;
    let entry = this.#lanes.get(key);
    if (!entry) {
      entry = { lane: { topic, incarnation, partition }, counts: { bronze: 0, silver: 0, duplicate: 0, superseded: 0, quarantine: 0, elsewhere: 0 } };
      this.#lanes.set(key, entry);
    }
    this.#last = entry;
    return entry;
  }

  total(term: Term): number {
    return [...this.#lanes.values()].reduce((sum, { counts }) => sum + counts[term], 0);
  }

  merge(other: Tally): void {
    for (const { lane, counts } of other.#lanes.values()) for (const term of TERMS) if (counts[term] !== 0) this.add(term, lane, counts[term]);
  }

  /** What became of the rows is as many as were read, whatever was read before: of a source that is read again (`reread.ts`). */
  readAgain(): void {
    for (const { counts } of this.#lanes.values()) counts.bronze = TERMS.reduce((sum, term) => (term === 'bronze' ? sum : sum + counts[term]), 0);
  }

  /** The new totals of every touched lane; all terms, so that an absent one always means an unknown one. */
  txns(snapshot: Snapshot, nowMs: number): Action[] {
    return [...this.#lanes.values()].flatMap(({ lane, counts }) => TERMS.map((term) => {
      const appId = countAppId(term, lane);
      return { txn: { appId, version: (progressOf(snapshot, appId) ?? 0n) + BigInt(counts[term]), lastUpdated: nowMs } };
    }));
  }
}
