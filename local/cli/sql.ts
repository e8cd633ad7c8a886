import { ConfigError } from '../../shared/errors.ts';
import type { Lake } from '../../shared/pipeline/lake.ts';
import { withTables } from '../../shared/pipeline/lake-sql.ts';
import type { Command } from './command.ts';
import { withReadLake } from './read-lake.ts';
import { consoleSink, fileSink, formatOfFile, withNewFile } from './row-sink.ts';
import type { Column, RowSink } from './row-sink.ts';
import { confineTo } from './sandbox.ts';
import { plainly, streamSelect } from './select.ts';
import { rowsText } from './text.ts';

export const sqlCommand: Command = {
  name: 'sql',
  usage: '"SELECT …" [--csv | --json] [--out FILE.csv|.ndjson] [--lake URL]',
  wordsMax: Infinity,
  summary: 'Ask one read-only question in DuckDB\'s SQL; every table of the lake is there by its name',
  options: { csv: { type: 'boolean' }, out: { type: 'string' } },
  run: ({ positionals, flags, out }) => {
    const sql = oneText(positionals);
    const path = flags.text('out');
    return withReadLake(flags, async ({ lake, tempDir }) => {
      const names = await existing(lake, tablesIn(sql, lake.names));
      await withTables(lake, names, async (session, paths) => {
        const ask = async (files: readonly string[], sinkFor: (columns: readonly Column[]) => RowSink | Promise<RowSink>) => {
          await confineTo(session, { paths: files, tempDir });
          return plainly(() => streamSelect(session, sql, sinkFor));
        };
        const rows = path === undefined
          ? await ask(paths, (columns) => consoleSink(out, columns, flags.has('csv')))
          : await withNewFile(path, (unfinished) => ask(paths, (columns) => fileSink(unfinished, textFormat(path), columns)));
        out.note(`${rowsText(rows)}${path === undefined ? '' : ` in ${path}`}`);
      });
      return 0;
    });
  },
};

function oneText(positionals: readonly string[]): string {
  if (positionals.length === 1 && positionals[0].trim() !== '') return positionals[0];
  throw new ConfigError('cli/options', `give the question as one argument, in quotes: assay sql "SELECT …"; there are ${positionals.length}`);
}

function textFormat(path: string): 'csv' | 'ndjson' {
  const format = formatOfFile(path);
  if (format !== 'parquet') return format;
  throw new ConfigError('cli/options', `--out ${path}: sql writes .csv and .ndjson; "assay table read NAME --out FILE.parquet" writes Parquet`);
}

/** The names that the text mentions outside of its string literals and comments. One too many only costs an opening. */
export function tablesIn(sql: string, names: readonly string[]): string[] {
  const code = sql.replaceAll(/'(?:[^']|'')*'|--[^\n]*|\/\*[^]*?\*\//g, ' ');
  const words = new Set(Array.from(code.matchAll(/[A-Za-z_]\w*/g), ([word]) => word.toLowerCase()));
  return names.filter((name) => words.has(name.toLowerCase()));
}

/** A name that DuckDB then cannot find reads as a typing mistake; a table that nothing has made yet is no mistake. */
async function existing(lake: Lake, names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map((name) => lake.find(name)));
  const missing = names.filter((_, i) => found[i] === null);
  if (missing.length === 0) return names;
  throw new ConfigError('lake/no-table', `${lake.store.url} has no ${missing.join(', ')} yet: "assay start" or "assay run --events 1000" on this lake makes it`);
}
