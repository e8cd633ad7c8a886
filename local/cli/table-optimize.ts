import { ConfigError } from '../../shared/errors.ts';
import { optimizeTable } from '../../shared/delta/operations/optimize-table.ts';
import type { OptimizeOutcome } from '../../shared/delta/operations/optimize-table.ts';
import type { Command, Flags, Output } from './command.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { countText } from './text.ts';

const COLUMNS_MAX = 4;

export const tableOptimizeCommand: Command = {
  name: 'table optimize',
  usage: 'NAME|URL [--zorder-by A,B] [--purge] [--budget-s N] [--dry-run] [--json]',
  summary: 'Merge small files, or put rows in Z-order; rows stay as they are, and a second run finds nothing to do',
  options: { 'zorder-by': { type: 'string' }, purge: { type: 'boolean' }, 'budget-s': { type: 'string' }, 'dry-run': { type: 'boolean' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => run(named, flags, out)),
};

async function run({ table }: NamedTable, flags: Flags, out: Output): Promise<number> {
  const zOrderBy = (flags.text('zorder-by') ?? '').split(',').map((column) => column.trim()).filter((column) => column !== '');
  if (zOrderBy.length > COLUMNS_MAX) throw new ConfigError('cli/options', `--zorder-by names ${zOrderBy.length} columns; Z-order takes ${COLUMNS_MAX} at most`);
  const budgetMs = flags.text('budget-s') === undefined ? undefined : flags.integer('budget-s', 0, 1) * 1000;
  const isDryRun = flags.has('dry-run');
  const outcome = await optimizeTable(table, { zOrderBy, purge: flags.has('purge'), isDryRun, budgetMs });
  report(table.delta.source.table, outcome, isDryRun, out);
  return 0;
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
