import type { Broker, Missing, ReadLimits } from '../sources/broker.ts';
import { inOffsetOrder } from './bronze-plan.ts';
import type { Gap, LanePlan } from './bronze-plan.ts';

/** Records that were not delivered, read from the broker in time for the batch's own commit (semantics.md, section 3). */

/** One Bronze commit brings no more healed rows than this: what is left goes into commits of their own, in offset order. */
export const HEAL_ROWS_MAX = 50_000;
export const HEAL_BYTES_MAX = 32 * 1024 * 1024;
export const HEAL_LIMITS: ReadLimits = { recordsMax: HEAL_ROWS_MAX, bytesMax: HEAL_BYTES_MAX };

/** A gap, as far as it stays one. */
export interface MissingGap extends Gap, Missing {}

export interface Healed {
  /** What the next commit lands: gaps of these are read, or missing for a cause. */
  readonly plans: readonly LanePlan[];
  readonly missing: readonly MissingGap[];
  /** A limit was reached: the rest of the batch needs another plan. */
  readonly more: boolean;
}

/** Reads the gaps of each plan in turn, up to the limits. Failures: those of `Broker.read`. */
export async function heal(plans: readonly LanePlan[], broker: Broker, limits: ReadLimits): Promise<Healed> {
  const healed: LanePlan[] = [];
  const missing: MissingGap[] = [];
  let [recordsMax, bytesMax] = [limits.recordsMax, limits.bytesMax];
  for (const plan of plans) {
    if (plan.gaps.length === 0) {
      healed.push(plan);
      continue;
    }
    if (recordsMax <= 0 || bytesMax <= 0) return { plans: healed, missing, more: true };
    const { topic, topicId, partition, gaps } = plan;
    const read = topicId === null ? lost(gaps) : await broker.read({ topic, topicId, partition }, gaps, { recordsMax, bytesMax });
    const isWhole = read.next > gaps.at(-1)!.lastOffset;
    const records = inOffsetOrder([...read.records, ...plan.records]);
    healed.push(isWhole ? { ...plan, records } : { ...plan, records: records.filter(({ offset }) => offset < read.next), lastOffset: read.next - 1n });
    for (const each of read.missing) missing.push({ ...each, topic, incarnation: plan.incarnation, partition });
    if (!isWhole) return { plans: healed, missing, more: true };
    recordsMax -= read.records.length + read.missing.length;
    bytesMax -= read.bytes;
  }
  return { plans: healed, missing, more: false };
}

/** The topic was deleted and made again. */
function lost(gaps: readonly Gap[]): Awaited<ReturnType<Broker['read']>> {
  return { records: [], bytes: 0, missing: gaps.map(({ firstOffset, lastOffset }) => ({ firstOffset, lastOffset, cause: 'unavailable' })), next: gaps.at(-1)!.lastOffset + 1n };
}
