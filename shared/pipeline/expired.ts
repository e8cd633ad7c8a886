import type { Txn } from '../delta/actions.ts';
import { progressOf } from '../delta/snapshot.ts';
import type { Snapshot } from '../delta/snapshot.ts';

/** What a table's own txns say of rows that expired. Checkpoints keep them; commitInfo dies with the log. */

const BEFORE = 'expired-before';
const ROWS = 'expired-rows';
const UNTIL = 'expired-until';

/** Rows of Bronze with an `ingest_date` (days since 1970) before this one may have expired; null: none has. */
export function expiredBefore(bronze: Snapshot): number | null {
  const day = progressOf(bronze, BEFORE) ?? -1n;
  return day < 0n ? null : Number(day);
}

export function expiredBeforeTxn(bronze: Snapshot, day: number, nowMs: number): Txn {
  return { appId: BEFORE, version: BigInt(Math.max(day, expiredBefore(bronze) ?? -1)), lastUpdated: nowMs };
}

/** Open rows that ever expired from quarantine: a term of the balance. A restore to before the first takes the count to −1. */
export function expiredRows(quarantine: Snapshot): bigint {
  const rows = progressOf(quarantine, ROWS) ?? 0n;
  return rows < 0n ? 0n : rows;
}

/** Whether open rows ever expired from quarantine, though none may be counted any more. */
export function hasExpiredRows(quarantine: Snapshot): boolean {
  return progressOf(quarantine, ROWS) !== null;
}

export function expiredRowsTxn(quarantine: Snapshot, rows: number, nowMs: number): Txn {
  return { appId: ROWS, version: expiredRows(quarantine) + BigInt(rows), lastUpdated: nowMs };
}

/** Rows of quarantine from before this time (in milliseconds) may have expired; null: none has. */
export function expiredUntilMs(quarantine: Snapshot): bigint | null {
  const until = progressOf(quarantine, UNTIL) ?? -1n;
  return until < 0n ? null : until;
}

export function expiredUntilTxn(quarantine: Snapshot, untilMs: bigint, nowMs: number): Txn {
  const before = expiredUntilMs(quarantine) ?? -1n;
  return { appId: UNTIL, version: untilMs > before ? untilMs : before, lastUpdated: nowMs };
}
