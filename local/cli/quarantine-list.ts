import { systemClock } from '../../shared/clock.ts';
import { and } from '../../shared/columnar/predicate.ts';
import { findWhere } from '../../shared/delta/operations/lookup.ts';
import { filterOf, isOpen } from '../../shared/pipeline/quarantine-rows.ts';
import type { Command, Flags, Output } from './command.ts';
import { FILTER_USAGE, filterFrom, filterOptions, openQuarantine } from './quarantine-filter.ts';
import { withReadLake } from './read-lake.ts';
import type { LakeReader } from './read-lake.ts';
import { gridText } from './row-sink.ts';
import { countText, timeText } from './text.ts';

export const quarantineListCommand: Command = {
  name: 'quarantine list',
  usage: `${FILTER_USAGE} [--limit N] [--lake URL] [--json]`,
  summary: 'Count the open rejected records by topic and reason, and show the newest',
  options: { ...filterOptions, limit: { type: 'string' } },
  run: ({ flags, out }) => withReadLake(flags, (reader) => list(reader, flags, out)),
};

const ROWS_SHOWN = 20;

interface Listing {
  readonly open: number;
  readonly groups: readonly { readonly topic: string; readonly reason: string; readonly rows: number; readonly first: string; readonly last: string }[];
  readonly rows: readonly { readonly id: string; readonly incarnation: string; readonly reason: string; readonly detail: string; readonly quarantinedAt: string }[];
}

async function list(reader: LakeReader, flags: Flags, out: Output): Promise<number> {
  const listing = await read(reader, flags);
  const groups = await gridText(['topic', 'reason', 'rows', 'first', 'last'], listing.groups.map((group) => [group.topic, group.reason, countText(group.rows), group.first, group.last]), ['rows']);
  const rows = await gridText(['id', 'reason', 'detail', 'quarantined at'], listing.rows.map((row) => [row.id, row.reason, row.detail, row.quarantinedAt]));
  out.result(listing, () => (listing.open === 0 ? 'No open rows.' : [groups, '', rows].join('\n')));
  if (listing.open > 0) out.note(`${countText(listing.open)} open; "assay quarantine show ID" shows one, "assay quarantine replay --dry-run" judges them again.`);
  return 0;
}

async function read(reader: LakeReader, flags: Flags): Promise<Listing> {
  const { table, settled } = await openQuarantine(reader);
  const limit = flags.integer('limit', ROWS_SHOWN);
  const where = and(isOpen(settled), ...filterOf(filterFrom(flags, systemClock.nowMs())));
  return table.engine.session(async (session) => {
    const found = await findWhere(session, table, table.delta.snapshot, where);
    if (found === null) return { open: 0, groups: [], rows: [] };
    const source = `(${session.sqlOf(found.rows)})`;
    const groups = await session.sql.rows(`SELECT topic, reason, count(*) AS n, epoch_ms(min(quarantined_at)) AS first, epoch_ms(max(quarantined_at)) AS last FROM ${source} GROUP BY topic, reason ORDER BY n DESC, topic, reason`);
    const rows = await session.sql.rows(`SELECT topic, incarnation, "partition", "offset", reason, detail, epoch_ms(quarantined_at) AS at FROM ${source} ORDER BY quarantined_at DESC, topic, incarnation, "partition", "offset" DESC LIMIT ${limit}`);
    return {
      open: groups.reduce((sum, group) => sum + Number(group['n']), 0),
      groups: groups.map((group) => ({ topic: group['topic'] as string, reason: group['reason'] as string, rows: Number(group['n']), first: timeText(Number(group['first']))!, last: timeText(Number(group['last']))! })),
      rows: rows.map((row) => ({ id: idOf(row), incarnation: row['incarnation'] as string, reason: row['reason'] as string, detail: row['detail'] as string, quarantinedAt: timeText(Number(row['at']))! })),
    };
  });
}

/** As `quarantine show` takes it. No topic has a slash in its name. */
export function idOf(row: Readonly<Record<string, unknown>>): string {
  return `${row['topic'] as string}/${row['partition'] as number}/${row['offset'] as bigint}`;
}
