import { ConfigError } from '../../shared/errors.ts';
import { optimizeTable } from '../../shared/delta/operations/optimize-table.ts';
import type { OptimizeOutcome } from '../../shared/delta/operations/optimize-table.ts';
import { fieldOf } from '../../shared/delta/schema.ts';
import type { Snapshot } from '../../shared/delta/snapshot.ts';
import type { Command, Flags, Output } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { countText } from './text.ts';

const COLUMNS_MAX = 4;

export const tableOptimizeCommand: Command = {
  name: 'table optimize',
  usage: 'NAME|URL [--zorder-by A,B] [--purge] [--budget-s N] [--dry-run] [--json]',
  wordsMax: 1,
  summary: 'Merge small files, or put rows in Z-order; rows stay as they are, and a second run finds nothing to do',
  options: { 'zorder-by': { type: 'string' }, purge: { type: 'boolean' }, 'budget-s': { type: 'string' }, 'dry-run': { type: 'boolean' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => run(named, flags, out)),
};

async function run({ table }: NamedTable, flags: Flags, out: Output): Promise<number> {
  const zOrderBy = zOrderAsked(table.delta.snapshot, flags.text('zorder-by'));
  const budgetMs = flags.text('budget-s') === undefined ? undefined : flags.integer('budget-s', 0, 1) * 1000;
  const isDryRun = flags.has('dry-run');
  const outcome = await optimizeTable(table, { zOrderBy, purge: flags.has('purge'), isDryRun, budgetMs });
  report(table.delta.source.table, outcome, isDryRun, out);
  return 0;
}

/** None where the option was not given. */
function zOrderAsked({ schema, metaData }: Snapshot, typed: string | undefined): string[] {
  if (typed === undefined) return [];
  const refused = (why: string) => new ConfigError('cli/options', `--zorder-by is "${typed}": ${why}; name one to ${COLUMNS_MAX} columns, as --zorder-by event_id,timestamp`);
  const columns = typed.split(',').map((column) => column.trim());
  if (columns.includes('')) throw refused('a name is empty');
  if (columns.length > COLUMNS_MAX) throw refused(`these are ${columns.length}`);
  if (new Set(columns).size < columns.length) throw refused('a column stands there twice');
  for (const column of columns) {
    if (metaData.partitionColumns.includes(column)) throw refused(`${column} is a partition column, of one value in each file`);
    if (typeof fieldOf(schema, column).type !== 'string') throw refused(`${column} has no order`);
  }
  return columns;
}

function report(table: string, outcome: OptimizeOutcome, isDryRun: boolean, out: Output): void {
  const { bins, removed, added, overtaken, left } = outcome;
  out.result({ table, dryRun: isDryRun, ...outcome }, () => {
    if (bins + overtaken + left === 0) return `${table}: nothing to do`;
    const commits = `${countText(bins)} ${bins === 1 ? 'commit' : 'commits'}`;
    if (isDryRun) return `${table}: ${countText(removed.files)} files of ${countText(removed.bytes)} bytes would be written anew, in ${commits}`;
    return [
      `${table}: ${countText(removed.files)} files of ${countText(removed.bytes)} bytes became ${countText(added.files)} of ${countText(added.bytes)}, in ${commits}`,
      ...(overtaken > 0 ? [`${countText(overtaken)} more met another writer's change and stay as they were; run it again`] : []),
      ...(left > 0 ? [`${countText(left)} more commits are left: out of time; run it again`] : []),
    ].join('\n');
  });
}
