import { quote } from '../../shared/columnar/sql-text.ts';
import type { Session } from '../../shared/columnar/duckdb.ts';
import { fileKey } from '../../shared/delta/actions.ts';
import type { AddFile, RemoveFile } from '../../shared/delta/actions.ts';
import { ConfigError } from '../../shared/errors.ts';
import { BRONZE, GOLD, OFFSET_GAPS, QUARANTINE, SILVER, SOURCE_COLUMNS } from '../../shared/pipeline/tables.ts';
import type { Command, Flags, Output } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { consoleSink } from './row-sink.ts';
import { streamSelect } from './select.ts';
import { countText } from './text.ts';

export const tableChangesCommand: Command = {
  name: 'table changes',
  usage: 'NAME|URL --from N [--to M] [--limit N] [--csv | --json]',
  summary: 'Show the rows that versions N to M (both included) changed, netted by key where the key is known',
  options: { from: { type: 'string' }, to: { type: 'string' }, limit: { type: 'string' }, csv: { type: 'boolean' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => printChanges(named, flags, out)),
};

async function printChanges(named: NamedTable, flags: Flags, out: Output): Promise<number> {
  const { table } = named;
  const files = await filesOf(named, flags);
  const key = keyOf(named);
  await table.scan(table.delta.snapshot, files.adds, (added) => table.scan(table.delta.snapshot, files.removes, (removed) => table.engine.session(async (session) => {
    await session.run(`CREATE TEMP VIEW added AS SELECT * EXCLUDE (_file) FROM (${added})`);
    await session.run(`CREATE TEMP VIEW removed AS SELECT * EXCLUDE (_file) FROM (${removed})`);
    if (key === null) await session.run(`CREATE TEMP VIEW changes AS SELECT 'add' AS _change, * FROM added UNION ALL SELECT 'remove' AS _change, * FROM removed`);
    else await netByKey(session, key, identityOf(named, key));
    const limit = flags.text('limit') === undefined ? '' : ` LIMIT ${flags.integer('limit', 0)}`;
    await streamSelect(session, `SELECT * FROM changes${limit}`, (columns) => consoleSink(out, columns, flags.has('csv')));
    out.note(`${table.delta.source.table} versions ${files.from} to ${files.to}: ${files.adds.length} files added, ${files.removes.length} removed; ${await countsOf(session)}; ${how(key)}`);
  })));
  return 0;
}

interface ChangedFiles {
  readonly from: bigint;
  readonly to: bigint;
  readonly adds: readonly AddFile[];
  readonly removes: readonly RemoveFile[];
}

/** Data-changing ones only; a file that comes and goes inside the range is neither. */
async function filesOf({ table }: NamedTable, flags: Flags): Promise<ChangedFiles> {
  if (flags.text('from') === undefined) throw new ConfigError('cli/options', 'table changes needs --from N, the first version to look at');
  const newest = table.delta.snapshot.version;
  const from = BigInt(flags.integer('from', 0));
  const to = flags.text('to') === undefined ? newest : BigInt(flags.integer('to', 0));
  if (from > to || to > newest) throw new ConfigError('cli/options', `versions ${from} to ${to} are no range of ${table.delta.source.table}, whose newest version is ${newest}`);
  const adds = new Map<string, AddFile>();
  const removes = new Map<string, RemoveFile>();
  for await (const { actions } of table.delta.versions(from, to)) {
    for (const { remove } of actions) if (remove?.dataChange && !adds.delete(fileKey(remove))) removes.set(fileKey(remove), remove);
    for (const { add } of actions) if (add?.dataChange) adds.set(fileKey(add), add);
  }
  return { from, to, adds: [...adds.values()], removes: [...removes.values()] };
}

/** The unique columns of our tables; null: not known, or none. */
function keyOf({ table, reader }: NamedTable): readonly string[] | null {
  if (reader === null) return null;
  switch (table.delta.source.table) {
    case SILVER: case GOLD: return reader.pipeline.key;
    case BRONZE: case QUARANTINE: return SOURCE_COLUMNS;
    case OFFSET_GAPS: return ['topic', 'incarnation', 'partition', 'first_offset'];
    default: return null;
  }
}

/** What tells that a row is still the same (semantics.md, section 6): in Silver its key, source record and rules; elsewhere all of it. */
function identityOf({ table }: NamedTable, key: readonly string[]): readonly string[] {
  const { source, snapshot } = table.delta;
  return source.table === SILVER ? [...new Set([...key, ...SOURCE_COLUMNS, 'rules_hash'])] : snapshot.schema.fields.map(({ name }) => name);
}

/** A rewrite that returns a row unchanged is no change: each add counts a row once, each remove takes it away once. */
async function netByKey(session: Session, key: readonly string[], identity: readonly string[]): Promise<void> {
  const list = identity.map(quote).join(', ');
  const sameRow = (row: string) => identity.map((name) => `net.${quote(name)} IS NOT DISTINCT FROM ${row}.${quote(name)}`).join(' AND ');
  const sameKey = (row: string) => key.map((name) => `net.${quote(name)} IS NOT DISTINCT FROM ${row}.${quote(name)}`).join(' AND ');
  const one = `DISTINCT ON (${key.map(quote).join(', ')})`;
  await session.run(`CREATE TEMP TABLE net AS SELECT ${list}, sum(_sign)::BIGINT AS _net FROM (
    SELECT ${list}, 1 AS _sign FROM added UNION ALL SELECT ${list}, -1 AS _sign FROM removed) GROUP BY ALL HAVING sum(_sign) <> 0`);
  await session.run(`CREATE TEMP TABLE changes AS
    SELECT ${one} CASE WHEN EXISTS (SELECT 1 FROM net WHERE _net < 0 AND ${sameKey('a')}) THEN 'update' ELSE 'insert' END AS _change, a.*
    FROM added a WHERE EXISTS (SELECT 1 FROM net WHERE _net > 0 AND ${sameRow('a')})
    UNION ALL
    SELECT ${one} 'delete' AS _change, r.*
    FROM removed r WHERE EXISTS (SELECT 1 FROM net WHERE _net < 0 AND ${sameRow('r')}) AND NOT EXISTS (SELECT 1 FROM net WHERE _net > 0 AND ${sameKey('r')})`);
}

async function countsOf(session: Session): Promise<string> {
  const rows = await session.rows('SELECT _change, count(*) AS n FROM changes GROUP BY ALL ORDER BY ALL');
  return rows.length === 0 ? 'no row changed' : rows.map((row) => `${countText(row['n'] as bigint)} ${row['_change'] as string}`).join(', ');
}

function how(key: readonly string[] | null): string {
  return key === null ? 'raw: rows of added and removed files as they are, an unchanged row that was rewritten stands in both' : `netted by ${key.join(', ')}`;
}
