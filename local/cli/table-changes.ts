import type { DuckSession } from '../../shared/columnar/duck-relations.ts';
import { CHANGE, FILE } from '../../shared/columnar/relation.ts';
import type { Relation } from '../../shared/columnar/relation.ts';
import { quote } from '../../shared/columnar/sql-text.ts';
import { changedVersion, changesSince, rowMoves } from '../../shared/delta/operations/changes.ts';
import type { ChangedVersion } from '../../shared/delta/operations/changes.ts';
import { scanFiles } from '../../shared/delta/operations/scan.ts';
import type { ScannedFile } from '../../shared/delta/operations/scan.ts';
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
  wordsMax: 1,
  summary: 'Show the rows that versions N to M (both included) changed, netted by key where the key is known',
  options: { from: { type: 'string' }, to: { type: 'string' }, limit: { type: 'string' }, csv: { type: 'boolean' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => printChanges(named, flags, out)),
};

async function printChanges(named: NamedTable, flags: Flags, out: Output): Promise<number> {
  const { table } = named;
  const { from, to } = rangeAsked(named, flags);
  const versions: ChangedVersion[] = [];
  for await (const { version, actions } of table.delta.versions(from, to)) versions.push(changedVersion(version, actions));
  const key = keyOf(named);
  await table.engine.session(async (session) => {
    const rows = key === null ? await rawChanges(session, table, versions) : await netChanges(session, table, { versions, key });
    const changes = await session.query(inWords(session.sqlOf(rows)), [{ name: WORD, type: 'string' }, ...table.delta.snapshot.schema.fields]);
    const limit = flags.text('limit') === undefined ? '' : ` LIMIT ${flags.integer('limit', 0)}`;
    await streamSelect(session.sql, `${session.sqlOf(changes)}${limit}`, (columns) => consoleSink(out, columns, flags.has('csv')));
    out.note(`${table.delta.source.table} versions ${from} to ${to}: ${await countsOf(session, changes)}; ${how(key)}`);
  });
  return 0;
}

function rangeAsked({ table }: NamedTable, flags: Flags): { from: bigint; to: bigint } {
  if (flags.text('from') === undefined) throw new ConfigError('cli/options', 'table changes needs --from N, the first version to look at');
  const newest = table.delta.snapshot.version;
  const from = BigInt(flags.integer('from', 0));
  const to = flags.text('to') === undefined ? newest : BigInt(flags.integer('to', 0));
  if (from > to || to > newest) throw new ConfigError('cli/options', `versions ${from} to ${to} are no range of ${table.delta.source.table}, whose newest version is ${newest}`);
  return { from, to };
}

/** The column that is printed first, in the words that change feeds use. */
const WORD = '_change';

function inWords(sql: string): string {
  const change = quote(CHANGE);
  return `SELECT CASE ${change} WHEN 'added' THEN 'insert' WHEN 'replaced' THEN 'update' WHEN 'removed' THEN 'delete' ELSE ${change} END AS ${WORD}, * EXCLUDE (${change}) FROM (${sql})`;
}

async function netChanges(session: DuckSession, table: NamedTable['table'], { versions, key }: { versions: readonly ChangedVersion[]; key: readonly string[] }): Promise<Relation> {
  const { snapshot } = table.delta;
  const columns = snapshot.schema.fields.map(({ name }) => name);
  const { rows } = await changesSince(session, table, snapshot, { versions, key, columns });
  return session.select(rows, [CHANGE, ...columns]);
}

async function rawChanges(session: DuckSession, table: NamedTable['table'], versions: readonly ChangedVersion[]): Promise<Relation> {
  const moves = await rowMoves(table, versions);
  const columns = table.delta.snapshot.schema.fields.map(({ name }) => name);
  const side = async (files: readonly ScannedFile[], change: string) => {
    const tagged = session.join(await scanFiles(session, table, table.delta.snapshot, files), await tag(session, files.length, change), [FILE]);
    return session.select(tagged, [CHANGE, ...columns]);
  };
  return session.union(await side(moves.added, 'add'), await side(moves.removed, 'remove'));
}

function tag(session: DuckSession, files: number, change: string): Promise<Relation> {
  return session.values([{ name: FILE, kind: 'integer', values: Int32Array.from({ length: files }, (_value, i) => i) }, { name: CHANGE, kind: 'text', constant: change }]);
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

async function countsOf(session: DuckSession, changes: Relation): Promise<string> {
  const { tuples } = await session.coded(session.select(changes, [WORD]), [WORD], 'change');
  const counts = tuples.map(({ values, rows }) => `${countText(rows)} ${String(values[WORD])}`).sort();
  return counts.length === 0 ? 'no row changed' : counts.join(', ');
}

function how(key: readonly string[] | null): string {
  return key === null ? 'raw: rows of added and removed files as they are, an unchanged row that was rewritten stands in both' : `netted by ${key.join(', ')}`;
}
