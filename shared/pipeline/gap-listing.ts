import type { MissingCause } from '../sources/broker.ts';
import type { Gap } from './bronze-plan.ts';
import { mergeRanges, uncovered } from './offset-ranges.ts';

/** The listing of one partition's gaps, as values (semantics.md, section 3: upserted, each offset once). Pure. */

/** `unread`: listed before anybody could read it again. */
export type GapCause = MissingCause | 'unread';

export interface ListedGap extends Gap {
  readonly cause: GapCause;
  /** Bronze has its offsets by now. */
  readonly healed: boolean;
  /** Microseconds since the epoch: when it was last found missing. */
  readonly seenAtUs: bigint;
}

/** Gaps that are listed now and shall not be, and those to list. Kept rows are in neither. */
export interface Relisting {
  readonly remove: readonly ListedGap[];
  readonly add: readonly ListedGap[];
}

/**
 * What becomes of the listing when `news` (of the same partition, no two overlapping) are known: they take the place of what is listed of their
 * offsets. News that are listed so already change nothing.
 */
export function relist(listed: readonly ListedGap[], news: readonly ListedGap[]): Relisting {
  const fresh = news.flatMap((gap) => {
    const known = listed.filter(({ cause, healed }) => cause === gap.cause && healed === gap.healed);
    return uncovered(gap, mergeRanges(known)).map((range): ListedGap => ({ ...gap, ...range }));
  });
  const taken = mergeRanges(fresh);
  const remove: ListedGap[] = [];
  const left: ListedGap[] = [];
  for (const gap of listed) {
    const pieces = uncovered(gap, taken);
    if (pieces.length === 1 && pieces[0].firstOffset === gap.firstOffset && pieces[0].lastOffset === gap.lastOffset) continue;
    remove.push(gap);
    left.push(...pieces.map((range) => ({ ...gap, ...range })));
  }
  return { remove, add: [...left, ...fresh].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1)) };
}
