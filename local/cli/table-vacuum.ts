import { ConfigError } from '../../shared/errors.ts';
import { vacuum } from '../../shared/delta/operations/vacuum.ts';
import type { VacuumOutcome } from '../../shared/delta/operations/vacuum.ts';
import { consumedOf } from '../../shared/pipeline/consumers.ts';
import type { Command, Flags, Output } from './command.ts';
import { agreed } from './confirm.ts';
import { withNamedTable } from './read-lake.ts';
import type { NamedTable } from './read-lake.ts';
import { countText } from './text.ts';

export const tableVacuumCommand: Command = {
  name: 'table vacuum',
  usage: 'NAME|URL [--retain-hours N [--force]] [--dry-run] [--yes] [--json]',
  wordsMax: 1,
  summary: 'Delete files that no version of the last week needs',
  options: { 'retain-hours': { type: 'string' }, force: { type: 'boolean' }, 'dry-run': { type: 'boolean' }, yes: { type: 'boolean' } },
  run: ({ positionals, flags, out }) => withNamedTable(positionals[0], flags, (named) => run(named, flags, out)),
};

const HOUR_MS = 3_600_000;
const NAMES_SHOWN = 10;

async function run({ table, reader }: NamedTable, flags: Flags, out: Output): Promise<number> {
  const name = table.delta.source.table;
  const [isForced, isDryRun] = [flags.has('force'), flags.has('dry-run')];
  if (isForced && flags.text('retain-hours') === undefined) throw new ConfigError('cli/options', 'table vacuum --force is for a retention below a week: say which, by --retain-hours N');
  const retention = flags.text('retain-hours') === undefined ? {} : { retentionMs: flags.integer('retain-hours', 0) * HOUR_MS };
  const known = reader !== null && reader.lake.names.includes(name);
  const consumed = known ? await consumedOf(name, reader.lake, reader.pipelines.map(({ lake }) => lake)) : null;
  const asked = { does: `table vacuum --force deletes files of ${name} that readers and writers of now may need`, question: `Delete what is older than ${flags.text('retain-hours')} hours?` };
  if (isForced && !isDryRun && !(await agreed(asked, flags))) {
    out.note('Nothing was deleted.');
    return 1;
  }
  const outcome = await vacuum(table, { ...retention, isForced, isDryRun, consumed: consumed && consumed.version });
  if (outcome.heldBack > 0) out.note(`${countText(outcome.heldBack)} more stay: ${consumed?.stage} has read ${name} up to version ${consumed?.version} only.`);
  if (reader === null) out.note('A table that is named by its address has no known consumers: none was asked how far it has read.');
  report(outcome, name, isDryRun, out);
  return 0;
}

function report({ files, bytes, deleted, heldBack, retentionMs }: VacuumOutcome, name: string, isDryRun: boolean, out: Output): void {
  const names = files.slice(0, NAMES_SHOWN).map(({ key }) => key);
  const retentionHours = retentionMs / HOUR_MS;
  out.result({ table: name, dryRun: isDryRun, retentionHours, files: files.length, bytes, deleted, heldBack, first: names }, () => {
    const what = `${countText(files.length)} ${files.length === 1 ? 'file' : 'files'} of ${countText(bytes)} bytes`;
    if (!isDryRun) return `${name}: ${what} that nothing of the last ${retentionHours} hours needs ${files.length === 1 ? 'is' : 'are'} gone`;
    const more = files.length - names.length;
    return [`${name}: ${what} would go, for nothing of the last ${retentionHours} hours needs ${files.length === 1 ? 'it' : 'them'}`, ...names.map((key) => `  ${key}`), ...(more > 0 ? [`  and ${countText(more)} more`] : [])].join('\n');
  });
}
