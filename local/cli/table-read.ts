import { literal, quote } from '../../shared/columnar/sql-text.ts';
import type { Session } from '../../shared/columnar/duckdb.ts';
import type { AddFile } from '../../shared/delta/actions.ts';
import { withoutPlace } from '../../shared/delta/operations/change-rows.ts';
import { scanLive } from '../../shared/delta/operations/scan.ts';
import { fieldOf } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import { parseStats } from '../../shared/delta/stats.ts';
import { ConfigError } from '../../shared/errors.ts';
import type { Command, Flags, Output } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { consoleSink, fileSink, formatOfFile, withNewFile } from './row-sink.ts';
import type { FileFormat } from './row-sink.ts';
import { confineTo } from './sandbox.ts';
import { plainly, streamSelect } from './select.ts';
import { rowsText } from './text.ts';

export const tableReadCommand: Command = {
  name: 'table read',
  usage: 'NAME|URL [--version N] [--columns a,b] [--where "SQL"] [--order "SQL"] [--limit N] [--csv | --json] [--out FILE.parquet|.csv|.ndjson]',
  wordsMax: 1,
  summary: 'Print the rows of a table, of today or of an older version',
  options: {
    version: { type: 'string' }, columns: { type: 'string' }, where: { type: 'string' }, order: { type: 'string' },
    limit: { type: 'string' }, out: { type: 'string' }, csv: { type: 'boolean' },
  },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => readRows(named, flags, out)),
};

async function readRows({ table, tempDir }: NamedTable, flags: Flags, out: Output): Promise<number> {
  const path = flags.text('out');
  const format = path === undefined ? null : formatOfFile(path);
  const snapshot = await snapshotAsked(table, flags);
  const sql = selectOf(snapshot, flags);
  const files = filesFor(snapshot, flags);
  return table.engine.session(async (relations) => {
    const { sql: session } = relations;
    const scan = withoutPlace(relations, await scanLive(relations, table, snapshot, files));
    await session.run(`CREATE TEMP VIEW "rows" AS ${relations.sqlOf(scan)}`);
    const paths = relations.pathsOf();
    const rows = path === undefined || format === null
      ? await confineTo(session, { paths, tempDir }).then(() => plainly(() => streamSelect(session, sql, (columns) => consoleSink(out, columns, flags.has('csv')))))
      : await withNewFile(path, async (unfinished) => {
        await confineTo(session, { paths: [...paths, unfinished], tempDir });
        return plainly(() => writeFile(session, sql, { path: unfinished, format }));
      });
    out.note(`${rowsText(rows)} of ${table.delta.source.table}, version ${snapshot.version}${path === undefined ? '' : `, in ${path}`}`);
    return 0;
  });
}

export async function snapshotAsked(table: NamedTable['table'], flags: Flags): Promise<Snapshot> {
  const newest = table.delta.snapshot;
  return flags.text('version') === undefined ? newest : table.delta.at(BigInt(flags.integer('version', 0)));
}

function selectOf({ schema }: Snapshot, flags: Flags): string {
  const [columns, where, order] = ['columns', 'where', 'order'].map((name) => flags.text(name));
  const names = columns?.split(',').map((name) => name.trim());
  const list = names === undefined ? '*' : names.map((name) => quote(fieldOf(schema, name).name)).join(', ');
  return [
    `SELECT ${list} FROM "rows"`,
    // The line's end closes a comment in what was typed.
    ...(where === undefined ? [] : [`WHERE (${where}\n)`]),
    ...(order === undefined ? [] : [`ORDER BY ${order}\n`]),
    ...(flags.text('limit') === undefined ? [] : [`LIMIT ${flags.integer('limit', 0)}`]),
  ].join(' ');
}

/** A bare `--limit` needs only the first files; others cost a download each. */
function filesFor(snapshot: Snapshot, flags: Flags): AddFile[] {
  const files = [...snapshot.files.values()];
  if (flags.text('limit') === undefined || flags.text('where') !== undefined || flags.text('order') !== undefined) return files;
  let missing = BigInt(flags.integer('limit', 0));
  return files.filter((add) => {
    if (missing <= 0n) return false;
    missing -= (parseStats(add.stats)?.numRecords ?? 0n) - BigInt(add.deletionVector?.cardinality ?? 0);
    return true;
  });
}

async function writeFile(session: Session, sql: string, { path, format }: { path: string; format: FileFormat }): Promise<number> {
  if (format !== 'parquet') return streamSelect(session, sql, (columns) => fileSink(path, format, columns));
  const columns = await session.columnsOfSelect(sql);
  if (columns.length === 0) throw new ConfigError('cli/options', 'there is no column to write');
  const [result] = await session.rows(`COPY (${sql}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`);
  return Number(result['Count']);
}
