import type { Clock } from '../clock.ts';
import type { Gap } from './bronze-plan.ts';
import type { Lake } from './lake.ts';
import { literal } from '../columnar/duckdb.ts';
import { untilSettled } from './stage.ts';
import { OFFSET_GAPS } from './tables.ts';

/**
 * Lists missing offsets before the Bronze commit that passes them, once each by (topic, incarnation, partition, first_offset).
 * `unread`: nobody has tried to re-read them yet; Bronze is always right, whatever stands here.
 */
export async function recordGaps(gaps: readonly Gap[], lake: Lake, clock: Clock): Promise<void> {
  if (gaps.length === 0) return;
  const table = await lake.table(OFFSET_GAPS);
  await untilSettled(`recording ${gaps.length} offset gaps`, async () => {
    const snapshot = await table.delta.refresh();
    const fresh = await table.scan(snapshot, snapshot.files.values(), async (sql) => {
      const known = await lake.engine.session((session) => session.rows(`SELECT topic, incarnation, partition, first_offset FROM (${sql}) WHERE topic IN (${gaps.map((gap) => literal(gap.topic)).join(', ')})`));
      const names = new Set(known.map((row) => [row['topic'], row['incarnation'], row['partition'], row['first_offset']].join('/')));
      return gaps.filter((gap) => !names.has([gap.topic, gap.incarnation, gap.partition, gap.firstOffset].join('/')));
    });
    if (fresh.length === 0) return true;
    const adds = await lake.engine.session(async (session) => {
      const nowUs = BigInt(clock.nowMs()) * 1000n;
      await session.load('gaps', [
        { name: 'topic', kind: 'text', values: fresh.map((gap) => gap.topic) },
        { name: 'incarnation', kind: 'text', values: fresh.map((gap) => gap.incarnation) },
        { name: 'partition', kind: 'integer', values: fresh.map((gap) => gap.partition) },
        { name: 'first_offset', kind: 'long', values: fresh.map((gap) => gap.firstOffset) },
        { name: 'last_offset', kind: 'long', values: fresh.map((gap) => gap.lastOffset) },
        { name: 'cause', kind: 'text', values: fresh.map(() => 'unread') },
        { name: 'healed', kind: 'boolean', values: fresh.map(() => false) },
        { name: 'seen_at', kind: 'timestamp', values: fresh.map(() => nowUs) },
      ]);
      return table.write(session, 'gaps');
    });
    const outcome = await table.delta.commit(snapshot, { operation: 'MERGE', actions: adds.map((add) => ({ add })), reads: 'table' });
    return outcome.kind === 'committed' ? true : null;
  });
}
