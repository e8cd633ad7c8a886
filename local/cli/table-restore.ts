import { systemClock } from '../../shared/clock.ts';
import { ConfigError } from '../../shared/errors.ts';
import { restoreLake } from '../../shared/pipeline/restore-lake.ts';
import type { TableRestored } from '../../shared/pipeline/restore-lake.ts';
import { BRONZE, GOLD, SILVER } from '../../shared/pipeline/tables.ts';
import type { Command, Flags, Output } from './command.ts';
import { agreed } from './confirm.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { countText, rowsText } from './text.ts';

export const tableRestoreCommand: Command = {
  name: 'table restore',
  usage: 'NAME --version N [--dry-run] [--yes] [--json]',
  wordsMax: 1,
  summary: 'Make a table like an older version again, as a new version, with its progress and that of its consumers',
  options: { version: { type: 'string' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => run(named, flags, out)),
};

async function run({ table, reader }: NamedTable, flags: Flags, out: Output): Promise<number> {
  if (reader === null) throw new ConfigError('cli/options', 'table restore needs a table of a lake, by its name: the progress of its consumers goes along');
  if (flags.text('version') === undefined) throw new ConfigError('cli/options', 'table restore needs --version N, the version that the table is to be like ("assay table history" shows them)');
  const name = table.delta.source.table;
  const request = { lake: reader.lake, readers: reader.pipelines.map(({ lake }) => lake), table: name, version: BigInt(flags.integer('version', 0)), clock: systemClock };
  const planned = await restoreLake({ ...request, isDryRun: true });
  if (flags.has('dry-run')) return report(planned, name, flags, out);
  if (!flags.has('yes') && !isNothing(planned)) out.note(text(planned, 'would be'));
  // A repeat of a run that was interrupted may find nothing, and still has to tell the workers.
  if (isNothing(planned) || await agreed({ does: `table restore changes ${planned.map((each) => each.table).join(', ')}`, question: `Restore ${name}?` }, flags)) {
    return report(await restoreLake({ ...request, isDryRun: false }), name, flags, out);
  }
  out.note('Nothing was restored.');
  return 1;
}

function report(tables: readonly TableRestored[], name: string, flags: Flags, out: Output): number {
  const isDryRun = flags.has('dry-run');
  out.result({ dryRun: isDryRun, tables }, () => text(tables, isDryRun ? 'would be' : 'is'));
  if (!isNothing(tables)) for (const line of AFTERWARDS[name] ?? []) out.note(line);
  return 0;
}

/** What happens next. */
const AFTERWARDS: Readonly<Record<string, readonly string[]>> = {
  [BRONZE]: ['Offsets above the progress become gaps unless the broker delivers them again: reset the consumer group to it while ingest stands still.'],
  [SILVER]: ['The next refine reads Bronze again from there; score takes what changed to Gold.'],
  [GOLD]: ['The next score reads Silver again from there.'],
};

function isNothing(tables: readonly TableRestored[]): boolean {
  return tables.every((each) => each.filesRestored + each.filesRemoved + (each.rowsRemoved ?? 0) + each.progress.length === 0 && each.committedAs === null);
}

function text(tables: readonly TableRestored[], is: 'is' | 'would be'): string {
  return tables.map((each) => [headOf(each, is), ...progressLines(each)].join('\n')).join('\n');
}

function headOf({ table, likeVersion, committedAs, filesRestored, filesRemoved, rowsRemoved }: TableRestored, is: string): string {
  if (likeVersion === null) return `${table}: ${rowsText(rowsRemoved ?? 0)} of what is no longer true ${is === 'is' ? 'went' : 'would go'}`;
  const as = committedAs === null ? '' : `, as version ${committedAs}`;
  return `${table} ${is} like version ${likeVersion}${as}: ${countText(filesRestored)} ${filesRestored === 1 ? 'file' : 'files'} came back, ${countText(filesRemoved)} went`;
}

function progressLines({ progress }: TableRestored): string[] {
  const width = Math.max(0, ...progress.map(({ appId }) => appId.length));
  return progress.map(({ appId, from, to }) => `  ${appId.padEnd(width)}  ${from ?? 'none'} → ${to}`);
}
